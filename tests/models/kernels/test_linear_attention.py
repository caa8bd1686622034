"""The chunked kernel against its loop and against masked scores, with all gradients, and its rounding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scans import gradients
from torch import Tensor

from rnn_vs_attn.models.kernels.linear_attention import Read, chunked, sequential

DECAYS = ["none", "mixed", "all", "nothing"]


def given(length: int, decay: str, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    """q, k, v of 2 sequences and 3 heads, a state before them, and logarithms of decays: a quarter of the mixed ones
    keep nothing, a quarter all.
    """
    generator = torch.Generator().manual_seed(length)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    made = {"q": drawn(2, length, 3, 4), "k": drawn(2, length, 3, 4), "v": drawn(2, length, 3, 5)}
    made |= {"matrix": drawn(2, 3, 4, 5), "normaliser": drawn(2, 3, 4)}
    logs = -drawn(2, length, 3).square()
    kind = torch.randint(4, logs.shape, generator=generator)
    mixed = logs.masked_fill(kind == 0, 0.0).masked_fill(kind == 1, -1e5)
    decays = {"mixed": mixed, "all": torch.zeros_like(logs), "nothing": torch.full_like(logs, -1e5)}
    if decay != "none":
        made["log_decay"] = decays[decay]
    return {name: tensor.to(dtype) for name, tensor in made.items()}


def all_of(run: Any, tensors: dict[str, Tensor], **options: Any) -> tuple[Tensor, ...]:
    """What is read, the state after, and the gradients of all that is given."""

    def read(*values: Tensor) -> Tensor:
        found: Read = run(**{"log_decay": None} | dict(zip(tensors, values, strict=True)) | options)
        kept = (found.values, found.matrix, found.weights, found.normaliser)
        return torch.cat([t.flatten() for t in kept if t is not None])

    return gradients(read, tuple(tensors.values()))


def by_scores(q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor) -> tuple[Tensor, Tensor]:
    """By their quadratic form, one product of decays after another: sum over j <= i of (g_(j+1) ... g_i) (q_i k_j) v_j,
    and the same of 1 in place of v_j.
    """
    length, decay = q.shape[1], log_decay.exp()
    kept = torch.zeros(*decay.movedim(1, -1).shape, length, dtype=q.dtype)
    for i in range(length):
        for j in range(i + 1):
            kept[..., i, j] = decay[:, j + 1 : i + 1].prod(1)
    scores = torch.einsum("bihe,bjhe->bhij", q, k) * kept
    return torch.einsum("bhij,bjhf->bihf", scores, v), scores.sum(-1).movedim(-1, 1)


@pytest.mark.parametrize("length", [1, 7, 16, 33])
def test_what_is_read_is_by_masked_scores(length: int) -> None:
    made = given(length, "mixed")
    q, k, v, log_decay = (made[name] for name in ("q", "k", "v", "log_decay"))
    nothing = torch.zeros_like(made["matrix"]), torch.zeros_like(made["normaliser"])
    for form in (chunked, sequential):
        found = form(q, k, v, log_decay, *nothing, **({"chunk": 8} if form is chunked else {}))
        values, weights = by_scores(q, k, v, log_decay)
        torch.testing.assert_close(found.values, values, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(found.weights, weights, rtol=1e-12, atol=1e-12)


@pytest.mark.long
@pytest.mark.parametrize("length", [1, 5, 8, 9, 16, 24, 43])
@pytest.mark.parametrize("decay", DECAYS)
def test_chunks_equal_the_loop_with_all_gradients(length: int, decay: str) -> None:
    """At lengths that are multiples of the chunk and that are not."""
    made = given(length, decay)
    for name in ("normaliser", "nothing"):
        tensors = {key: t for key, t in made.items() if name != "nothing" or key != "normaliser"}
        found, expected = all_of(chunked, tensors, chunk=8), all_of(sequential, tensors)
        for mine, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.long
@pytest.mark.parametrize("decay", DECAYS)
def test_many_chunks_equal_the_loop(decay: str) -> None:
    """So many that chunks are scanned in chunks themselves."""
    made = given(301, decay)
    found, expected = all_of(chunked, made, chunk=8), all_of(sequential, made)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)


def test_decays_that_all_sequences_share_are_those_of_each() -> None:
    made = given(20, "mixed")
    made["log_decay"] = made["log_decay"][:1]
    each = made | {"log_decay": made["log_decay"].expand(2, -1, -1)}
    shared, own = all_of(chunked, made, chunk=8), all_of(sequential, each)
    for name, mine, theirs in zip(("read", *made), shared, own, strict=True):
        expected = theirs.sum(0, keepdim=True) if name == "log_decay" else theirs
        torch.testing.assert_close(mine, expected, rtol=1e-10, atol=1e-10)


def test_two_calls_with_the_state_handed_over_are_one() -> None:
    made = given(43, "mixed")
    whole = chunked(**made, chunk=8)
    first, second = (
        {name: t[:, part] if name in ("q", "k", "v", "log_decay") else t for name, t in made.items()}
        for part in (slice(19), slice(19, None))
    )
    before = chunked(**first, chunk=8)
    after = chunked(**second | {"matrix": before.matrix, "normaliser": before.normaliser}, chunk=8)
    torch.testing.assert_close(torch.cat([before.values, after.values], 1), whole.values, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(torch.cat([before.weights, after.weights], 1), whole.weights, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(after.matrix, whole.matrix, rtol=1e-12, atol=1e-12)


@pytest.mark.long
@pytest.mark.parametrize("length", [64, 1000, 2048])
@pytest.mark.parametrize("decay", ["none", "mixed", "all"])
def test_float32_is_within_its_rounding(length: int, decay: str) -> None:
    """Against float64 on the same numbers, by the kernel that equals the loop. A value is a sum of E products for each
    of L positions, each with an error of 2^-24 of its size, and added in less than L + 2 E steps; so is a gradient.
    Sizes are those of the sums of absolute values.
    """
    made = given(length, decay, torch.float32)
    exact = {name: tensor.double() for name, tensor in made.items()}
    found, expected = all_of(chunked, made), all_of(chunked, exact)
    sizes = all_of(chunked, {n: t if n == "log_decay" else t.abs() for n, t in exact.items()})
    tolerance = (length + 16) * 2.0**-24
    for mine, theirs, size in zip(found, expected, sizes, strict=True):
        assert float((mine - theirs).abs().max()) <= tolerance * float(size.abs().max())


def test_close_decays_after_many_that_forget_keep_their_digits() -> None:
    """A difference of sums in float32 would lose them: 40 decays of e^-1000 sum up to where float32 has 1 / 256."""
    made = given(60, "all", torch.float32)
    made["log_decay"][:, :40] = -1000.0
    made["log_decay"][:, 40:] = -0.01
    exact = {name: tensor.double() for name, tensor in made.items()}
    found, expected = all_of(chunked, made), all_of(sequential, exact)
    assert float((found[0] - expected[0]).abs().max() / expected[0].abs().max()) < 60 * 2.0**-24
