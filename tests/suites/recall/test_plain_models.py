"""What `recall` measures of a training against the same models and the same loop written out here, in float64.

Of the program only what it keeps is read, weights at the beginning and at the end, and what it says of them; and what
examples have as inputs. Layers are equations of their papers, answers follow from the definitions of tasks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites.recall import measure
from rnn_vs_attn.suites.recall.case import RecallCase, complete
from rnn_vs_attn.tasks.drawing.batches import TEST, TRAIN, Batch, draw
from rnn_vs_attn.tasks.registry import find

STEPS, RATE, WARM_UP, SEED, EXAMPLES = 20, 3e-2, 2, 1, 256
LENGTH, BATCH, WIDTH, HEADS, BLOCKS = 16, 8, 8, 2, 2
Weights = dict[str, Tensor]


# Layers, (B, L, D) -> (B, L, D)


def attention(w: Weights, x: Tensor, rotary: bool) -> Tensor:
    """Vaswani et al. 2017, equation 1."""
    batch, length, width = x.shape
    q, k, v = (x @ w["in_proj.weight"].T + w["in_proj.bias"]).view(batch, length, 3, HEADS, -1).unbind(2)
    if rotary:
        q, k = turned(q), turned(k)
    scores = torch.einsum("bqhe,bkhe->bhqk", q, k) / math.sqrt(width / HEADS)
    future = torch.ones(length, length).triu(1).bool()
    mixed = torch.einsum("bhqk,bkhe->bqhe", scores.masked_fill(future, -math.inf).softmax(-1), v)
    return mixed.flatten(2) @ w["out_proj.weight"].T + w["out_proj.bias"]


def turned(heads: Tensor) -> Tensor:
    """Su et al. 2021, equation 34: features 2 i and 2 i + 1 of a head turn by t / 10000^(2 i / E)."""
    found = torch.empty_like(heads)
    places = torch.arange(heads.shape[1], dtype=heads.dtype)
    for i in range(heads.shape[-1] // 2):
        angle = (places / 10000 ** (2 * i / heads.shape[-1])).view(-1, 1)
        one, other = heads[..., 2 * i], heads[..., 2 * i + 1]
        found[..., 2 * i] = one * angle.cos() - other * angle.sin()
        found[..., 2 * i + 1] = one * angle.sin() + other * angle.cos()
    return found


def lstm(w: Weights, x: Tensor) -> Tensor:
    """Gers et al. 2000: c = f c + i g, h = o tanh c; rows of torch's matrices are i, f, g and o."""
    h = c = x.new_zeros(len(x), x.shape[2])
    found = []
    for x_t in x.unbind(1):
        said = x_t @ w["weight_ih_l0"].T + w["bias_ih_l0"] + h @ w["weight_hh_l0"].T + w["bias_hh_l0"]
        i, f, g, o = said.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        found.append(h)
    return torch.stack(found, 1)


def gru(w: Weights, x: Tensor) -> Tensor:
    """Cho et al. 2014: h = (1 - z) n + z h; the reset gate is applied after the product, rows are r, z and n."""
    h = x.new_zeros(len(x), x.shape[2])
    found = []
    for x_t in x.unbind(1):
        of_x = (x_t @ w["weight_ih_l0"].T + w["bias_ih_l0"]).chunk(3, dim=1)
        of_h = (h @ w["weight_hh_l0"].T + w["bias_hh_l0"]).chunk(3, dim=1)
        r, z = (of_x[0] + of_h[0]).sigmoid(), (of_x[1] + of_h[1]).sigmoid()
        h = (1 - z) * (of_x[2] + r * of_h[2]).tanh() + z * h
        found.append(h)
    return torch.stack(found, 1)


def mingru(w: Weights, x: Tensor) -> Tensor:
    """Feng et al. 2024, section 3.1.2: h = (1 - z) h + z n, rows of the matrix are n and z."""
    candidate, gate = (x @ w["in_proj.weight"].T + w["in_proj.bias"]).chunk(2, dim=2)
    h, found = x.new_zeros(len(x), x.shape[2]), []
    for n, z in zip(candidate.unbind(1), gate.sigmoid().unbind(1), strict=True):
        h = (1 - z) * h + z * n
        found.append(h)
    return torch.stack(found, 1)


# The model


def below(weights: Weights, prefix: str) -> Weights:
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}


def normed(x: Tensor, w: Weights) -> Tensor:
    """Ba et al. 2016, equation 4."""
    away = x - x.mean(-1, keepdim=True)
    return away / (away.square().mean(-1, keepdim=True) + 1e-5).sqrt() * w["weight"] + w["bias"]


def outputs(weights: Weights, case: RecallCase, inputs: Tensor) -> Tensor:
    """Ids (B, L) or numbers (B, L, 2) -> (B, L, O): embedding, pre-norm blocks, a last norm, the head."""
    layers: dict[str, Callable[[Weights, Tensor], Tensor]] = {
        "attention": lambda w, x: attention(w, x, case.positions == "rotary"),
        "lstm": lambda w, x: lstm(below(w, "recurrence."), x),
        "gru": lambda w, x: gru(below(w, "recurrence."), x),
        "mingru": mingru,
    }
    if "embedding.bias" in weights:
        x = inputs.double() @ weights["embedding.weight"].T + weights["embedding.bias"]
    else:
        x = weights["embedding.weight"][inputs]
    if "positions" in weights:
        x = x + weights["positions"][: inputs.shape[1]]
    for i in range(BLOCKS):
        w = below(weights, f"blocks.{i}.")
        x = x + layers[case.model](below(w, "mixer."), normed(x, below(w, "mixer_norm.")))
        if case.mlp:
            inner = normed(x, below(w, "mlp.0.")) @ w["mlp.1.weight"].T + w["mlp.1.bias"]
            gelu = inner * (1 + torch.erf(inner / math.sqrt(2))) / 2  # Hendrycks and Gimpel 2016
            x = x + gelu @ w["mlp.3.weight"].T + w["mlp.3.bias"]
    return normed(x, below(weights, "norm.")) @ weights["head.weight"].T + weights["head.bias"]


# What is asked, in plain Python from what is read


def asked(task: str, row: list[Any], num_pairs: int) -> dict[int, float]:
    """By position the answer of one example."""
    if task == "parity":
        return {i: sum(row[: i + 1]) % 2 for i in range(len(row))}
    if task == "adding":
        return {len(row) - 1: sum(number for number, mark in row if mark)}
    value_of = dict(zip(row[0 : 2 * num_pairs : 2], row[1 : 2 * num_pairs : 2], strict=True))
    return {i: value_of[row[i]] for i in range(2 * num_pairs, len(row)) if row[i]}


@dataclass
class Tally:
    """Of all answers: the sum of losses, those that are right, and those of which rounding decides."""

    answers: int = 0
    loss: float = 0.0
    right: int = 0
    close: int = 0

    def add(self, said: list[float], answer: float) -> None:
        self.answers += 1
        if len(said) == 1:
            self.loss += (said[0] - answer) ** 2
            return
        self.loss += math.log(sum(math.exp(each) for each in said)) - said[int(answer)]
        others = max(each for i, each in enumerate(said) if i != answer)
        self.right += said[int(answer)] > others
        self.close += abs(said[int(answer)] - others) < 1e-5


def tally(weights: Weights, case: RecallCase, length: int) -> Tally:
    """Over the held-out examples of a length."""
    spec = find(case.task)
    inputs = draw(spec, spec.at(case.sizes, length), SEED, TEST, 0, EXAMPLES).inputs
    found = Tally()
    for row, said in zip(inputs.tolist(), outputs(weights, case, inputs).tolist(), strict=True):
        for place, answer in asked(case.task, row, case.sizes.num_pairs).items():
            found.add(said[place], answer)
    return found


# A training of the program


def case_of(model: str, task: str, **fields: Any) -> RecallCase:
    shape = {"seq_len": LENGTH, "batch_size": BATCH, "d_model": WIDTH, "num_heads": HEADS, "num_layers": BLOCKS}
    plan = {"steps": STEPS, "learning_rate": RATE, "device": "cpu", "threads": 1, "match": "none"}
    sizes = {"num_pairs": 2, "vocab_size": 12} if task == "mqar" else {}
    return complete(RecallCase(model=model, task=task, test_seq_len="16,32", **shape, **plan, **sizes, **fields))


CASES = {
    "attention": case_of("attention", "mqar"),
    "attention-learned": case_of("attention", "parity", positions="none", mlp=2),
    "lstm": case_of("lstm", "parity"),
    "gru": case_of("gru", "adding", mlp=2),
    "mingru": case_of("mingru", "mqar", token_positions="learned"),
}
EACH = pytest.mark.parametrize("name", CASES)


@dataclass(frozen=True)
class Kept:
    """What a training began with, what it ended with, in float64, and what was measured of it."""

    case: RecallCase
    begun: Weights
    ended: Weights
    samples: list[Sample]

    def value(self, metric: str, **at: int) -> float | None:
        (found,) = [each.value for each in self.samples if each.metric == metric and dict(each.axes) == at]
        return found


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Kept]:
    """By name, each trained once."""

    @cache
    def trained(name: str) -> Kept:
        case, folder = CASES[name], tmp_path_factory.mktemp("run") / "trained" / name
        begun = measure.begun(case, measure.shape_of(case), SEED).model.state_dict()
        samples = [each for each in measure.train(case, SEED, folder) if isinstance(each, Sample)]
        ended = load_file(weights_in(folder))
        return Kept(case, doubled(begun), doubled(below(ended, "model.")), samples)

    return trained


def weights_in(folder: Path) -> Path:
    return folder / json.loads((folder / "checkpoint.json").read_text())["weights"]


def doubled(weights: Weights) -> Weights:
    return {name: tensor.detach().double() for name, tensor in weights.items()}


# Tests


@pytest.mark.long
@EACH
def test_accuracy_and_loss_are_those_of_the_plain_model_with_the_kept_weights(
    name: str, kept: Callable[[str], Kept]
) -> None:
    one = kept(name)
    assert one.value("num_params") == sum(tensor.numel() for tensor in one.ended.values())
    for length in (16, 32):
        accuracy, loss = (one.value(f"{metric}_at_length", length=length) for metric in ("accuracy", "loss"))
        if length > len(one.ended.get("positions", range(length))):
            assert accuracy is loss is None
            continue
        found = tally(one.ended, one.case, length)
        assert loss == pytest.approx(found.loss / found.answers, rel=1e-5)
        if one.case.task == "adding":
            assert accuracy is None
            continue
        assert accuracy is not None
        assert abs(accuracy * found.answers - found.right) <= found.close < found.answers / 100
        assert found.answers == EXAMPLES * (2 if one.case.task == "mqar" else length)
    assert one.value("accuracy") == one.value("accuracy_at_length", length=LENGTH)
    assert one.value("loss") == one.value("loss_at_length", length=LENGTH)


def losses(weights: Weights, case: RecallCase, batch: Batch) -> Iterator[Tensor]:
    """Of each answer of a batch."""
    rows = batch.inputs.tolist()
    for row, said in zip(rows, outputs(weights, case, batch.inputs), strict=True):
        for place, answer in asked(case.task, row, case.sizes.num_pairs).items():
            if len(said[place]) == 1:
                yield (said[place, 0] - answer) ** 2
            else:
                yield -F.log_softmax(said[place], 0)[int(answer)]


def plain_training(one: Kept) -> tuple[dict[int, Weights], list[float]]:
    """Weights after each step, and the norm of each gradient: AdamW as documented, from where the program began."""
    case, spec = one.case, find(one.case.task)
    weights = {name: tensor.clone().requires_grad_() for name, tensor in one.begun.items()}
    matrices = [tensor for tensor in weights.values() if tensor.ndim >= 2]
    vectors = [tensor for tensor in weights.values() if tensor.ndim < 2]
    decayed = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(decayed, lr=0.0, betas=(0.9, 0.999), eps=1e-8, foreach=False)
    after, norms = {0: one.begun}, []
    for step in range(STEPS):
        done = (step - WARM_UP) / (STEPS - WARM_UP)
        rate = RATE * ((step + 1) / WARM_UP if step < WARM_UP else (1 + math.cos(math.pi * done)) / 2)
        optimiser.zero_grad()
        torch.stack(list(losses(weights, case, draw(spec, case.sizes, SEED, TRAIN, step, BATCH)))).mean().backward()
        gradients = [tensor.grad for tensor in weights.values() if tensor.grad is not None]
        norms.append(math.sqrt(sum(gradient.square().sum().item() for gradient in gradients)))
        for gradient in gradients:
            gradient *= min(1.0, 1.0 / norms[-1])
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        after[step + 1] = doubled({name: tensor.clone() for name, tensor in weights.items()})
    return after, norms


@pytest.mark.long
@EACH
def test_the_curve_is_that_of_the_plain_loop(name: str, kept: Callable[[str], Kept]) -> None:
    one = kept(name)
    after, norms = plain_training(one)
    assert (max(norms) > 1) == (one.case.task != "parity")  # whose gradients are short enough not to be clipped
    for step in (0, 1, 2, 5, 10, STEPS):
        found = tally(after[step], one.case, LENGTH)
        assert one.value("curve_loss", step=step) == pytest.approx(found.loss / found.answers, rel=1e-5)
        accuracy = one.value("curve_accuracy", step=step)
        assert (accuracy is None) == (one.case.task == "adding")
        if accuracy is not None:
            assert abs(accuracy * found.answers - found.right) <= found.close < found.answers / 100
