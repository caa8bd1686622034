"""What fused attention is given begins where a GPU's kernels may read it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from registry_models import LANGUAGE_SHAPE, layer, of_tokens
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.models.build import call
from rnn_vs_attn.models.costs import ALIBI, NO_POSITIONS, Shape
from rnn_vs_attn.models.kernels import masks
from rnn_vs_attn.models.mixer import advance, initial_state
from rnn_vs_attn.models.registry import find

SHAPE = Shape(2, 32, 32, 4, 2, window=8)
MASKED = [
    ("attention", ALIBI),
    ("attention-gqa", ALIBI),
    ("attention-local", NO_POSITIONS),
    ("attention-local", ALIBI),
    ("attention-relative", NO_POSITIONS),
]
EACH = pytest.mark.parametrize(("name", "positions"), MASKED)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Tensor, ...]]:
    """Queries, keys, values and mask, where there is one, of every call of fused attention."""
    seen: list[tuple[Tensor, ...]] = []
    attend = F.scaled_dot_product_attention

    def noted(q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None, *args: Any, **named: Any) -> Tensor:
        mask = () if attn_mask is None or type(attn_mask) is not Tensor else (attn_mask.detach(),)
        seen.append((q.detach(), k.detach(), v.detach(), *mask))
        return attend(q, k, v, attn_mask, *args, **named)

    monkeypatch.setattr(F, "scaled_dot_product_attention", noted)
    return seen


@pytest.fixture
def _as_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "reads_16_bytes", lambda t: True)


def model(name: str, positions: str) -> tuple[nn.Module, Tensor]:
    module, x = layer(find(name), dataclasses.replace(SHAPE, positions=positions))
    return module.float(), x.float()


def passes(module: nn.Module, x: Tensor) -> Iterator[Tensor]:
    """Outputs (B, L, D) of inference, of training, and of decoding in parts and by single tokens."""
    with torch.no_grad():
        yield call(module, x)
        state, found = initial_state(module, len(x)), []
        for part in x.split((16, 8, 1, 1, 6), dim=1):
            y, state = advance(module, part, state)
            found.append(y)
        yield torch.cat(found, dim=1)
    yield call(module, x)


def unreadable(given: list[tuple[Tensor, ...]]) -> list[Tensor]:
    """Those whose addresses 16 does not divide, or whose numbers do not stand one after another."""
    return [t for each in given for t in each if t.data_ptr() % 16 or t.stride(-1) != 1]


@EACH
@pytest.mark.usefixtures("_as_on_cuda")
def test_everything_begins_at_16_bytes(name: str, positions: str, given: list[tuple[Tensor, ...]]) -> None:
    module, x = model(name, positions)
    for _ in passes(module, x):
        pass
    assert any(len(each) == 4 for each in given)
    assert unreadable(given) == []


@pytest.mark.usefixtures("_as_on_cuda")
def test_transformer_xl_begins_at_16_bytes(given: list[tuple[Tensor, ...]]) -> None:
    shape = dataclasses.replace(LANGUAGE_SHAPE, d_model=32, memory_len=24, context_len=48)
    module, ids = of_tokens(find("transformer-xl"), shape)
    module = module.float()
    with torch.no_grad():
        _, memory = module(ids[:, :24])
        module(ids[:, 24:], memory)
        _, state = module.advance(ids[:, :40], module.initial_state(2))
        module.step(ids[:, 40], state)
    assert all(len(each) == 4 for each in given)
    assert unreadable(given) == []


def test_a_shifted_view_is_what_would_have_been_read_in_between(given: list[tuple[Tensor, ...]]) -> None:
    """On a CPU, where every address can be read, it is still handed on without a copy."""
    module, x = model("attention-relative", NO_POSITIONS)
    with torch.no_grad():
        call(module, x)
    assert [t.data_ptr() % 16 for t in unreadable(given)] == [4 * (32 - 1) % 16] * 2


@EACH
def test_a_mask_of_its_own_changes_no_output(name: str, positions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = model(name, positions)
    before = list(passes(module, x))
    monkeypatch.setattr(masks, "reads_16_bytes", lambda t: True)
    for y, expected in zip(passes(module, x), before, strict=True):
        torch.testing.assert_close(y, expected, rtol=0, atol=1e-6)


@pytest.mark.usefixtures("_as_on_cuda")
def test_rows_of_a_mask_of_its_own_begin_at_8_numbers() -> None:
    """So that torch makes no second copy of it."""
    line = torch.arange(20.0).view(1, -1)
    mask = masks.aligned(line[:, 3:].unfold(-1, 13, 1))
    assert torch.equal(mask, torch.stack([torch.arange(i, i + 13.0) for i in range(3, 8)]).unsqueeze(0))
    assert mask.stride() == (5 * 16, 16, 1)


@pytest.mark.cuda
@EACH
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 5e-2)])
def test_masked_attention_on_cuda_is_that_of_the_cpu(
    name: str, positions: str, dtype: torch.dtype, tolerance: float
) -> None:
    """At a length at which all strides are multiples of 8 numbers, and at one at which they are not."""
    module, x = layer(find(name), dataclasses.replace(SHAPE, positions=positions))
    on_cuda = copy.deepcopy(module).to("cuda", dtype)
    for y, expected in zip(passes(on_cuda, x.to("cuda", dtype)), passes(module, x), strict=True):
        assert (y.double().cpu() - expected).abs().max() < tolerance * expected.abs().max()
    odd = x[:, :-1]
    with torch.no_grad():
        y, expected = call(on_cuda, odd.to("cuda", dtype)), call(module, odd)
    assert (y.double().cpu() - expected).abs().max() < tolerance * expected.abs().max()
