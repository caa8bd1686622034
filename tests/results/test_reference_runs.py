"""What has no noise in the stored runs of `bench` and `scaling`, against formulas that are written here."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from paths import REFERENCE
from scans import scan_chain

from rnn_vs_attn.records.folder import read_run, read_samples
from rnn_vs_attn.records.types import Axes

GATES = {"rnn": 1, "gru": 3, "lstm": 4, "lstm-cell": 4}
ATTENTION = ("attention", "attention-naive", "attention-local")
FLOAT32 = 4  # bytes


def at(axes: Axes) -> tuple[str, int, int, int]:
    """model, B, L and D; both runs have one layer and float32."""
    assert (axes["num_layers"], axes["dtype"], axes["causal"]) == (1, "float32", True)
    sizes = [axes[name] for name in ("batch_size", "seq_len", "d_model")]
    batch, length, width = (size for size in sizes if isinstance(size, int))
    return str(axes["model"]), batch, length, width


def keys_of_each_query(axes: Axes) -> list[int]:
    """How many keys each position is multiplied with, by the definition of its model."""
    model, _, length, _ = at(axes)
    if model == "attention-naive":
        return [length] * length  # the lesson's form masks after it has multiplied
    furthest = length
    if model == "attention-local":
        assert isinstance(axes["window"], int)
        furthest = axes["window"]
    return [min(position, furthest) for position in range(1, length + 1)]


def forward_flops(axes: Axes) -> int:
    """A multiply-add is two."""
    model, batch, length, width = at(axes)
    if model in ATTENTION:
        scores_and_values = 2 * 2 * width * sum(keys_of_each_query(axes))
        projections = 0 if axes.get("part") == "mixing" else 4 * 2 * length * width**2  # Q, K, V, output
        return batch * (projections + scores_and_values)
    inputs = {"mingru": 2, "conv": 4} | {name: 2 * gates for name, gates in GATES.items()}  # D x D matrices a token
    if model == "conv":
        assert axes["kernel_size"] == inputs["conv"]
    return batch * length * inputs[model] * 2 * width**2


def flops(axes: Axes) -> int:
    """Training has two products more for each of the forward pass; nobody asks for the gradient of a first state."""
    model, batch, _, width = at(axes)
    if axes["pass"] == "forward":
        return forward_flops(axes)
    return 3 * forward_flops(axes) - batch * 2 * GATES.get(model, 0) * width**2


def projection_flops(axes: Axes) -> int:
    """Of products with weights: all but those of activations with each other."""
    model, batch, length, width = at(axes)
    assert axes["pass"] == "forward"
    if model not in ATTENTION:
        return forward_flops(axes)
    return 0 if axes["part"] == "mixing" else 8 * batch * length * width**2


def num_params(axes: Axes) -> int:
    """Matrices and biases; torch's recurrent modules have two biases a gate."""
    model, _, _, width = at(axes)
    if model in GATES:
        return GATES[model] * (2 * width**2 + 2 * width)
    matrices, biases = {"conv": (4, 1), "mingru": (2, 2)}.get(model, (4, 4))
    return matrices * width**2 + biases * width


def state_size(axes: Axes) -> int:
    """h, and c of an LSTM; keys and values of every token."""
    model, batch, length, width = at(axes)
    vectors = {"rnn": 1, "gru": 1, "lstm": 2, "lstm-cell": 2}.get(model, 2 * length)
    return FLOAT32 * batch * vectors * width


FORMULAS: dict[str, Callable[[Axes], int]] = {
    "flops": flops,
    "num_params": num_params,
    "state_size": state_size,
    "projection_flops": projection_flops,
}


@pytest.mark.long
@pytest.mark.parametrize(
    ("run", "metric", "number"),
    [
        ("full/bench", "flops", 60),
        ("full/bench", "num_params", 30),
        ("full/bench", "state_size", 30),
        ("full/scaling", "flops", 182),
        ("full/scaling", "num_params", 75),
        ("full/scaling", "projection_flops", 91),
    ],
)
def test_exact_values_are_those_of_a_formula(run: str, metric: str, number: int) -> None:
    records = [r for r in read_run(REFERENCE / run).records if r.metric == metric]
    assert len(records) == number
    wrong = {str(r.axes): (r.median, FORMULAS[metric](r.axes)) for r in records if r.median != FORMULAS[metric](r.axes)}
    assert wrong == {}
    lines = [line for line in read_samples(REFERENCE / run) if line.metric == metric]
    assert len(lines) >= number
    assert [line for line in lines if line.value != FORMULAS[metric](line.axes)] == []


# Operations of `scaling`, by the definitions of its layers: what waits for what, and how far it is from end to end

CHAINS: dict[str, Callable[[int], int]] = {
    "attention": lambda n: 3,  # Q, K and V at once; attention; the output
    "lstm": lambda n: 7 * n + 1,  # all inputs at once; product, sum, gate, product, sum, tanh, product
    "conv": lambda n: 2,  # the padding, the convolution
    "attention-local": lambda n: 9,
    "mingru": lambda n: 3 + scan_chain(n),
}
ROUTES: dict[str, Callable[[int], int]] = {
    "attention": lambda n: 1,
    "lstm": lambda n: n,
    "conv": lambda n: next(layers for layers in range(99) if 4**layers >= n),
    "attention-local": lambda n: -((n - 1) // -3),  # a window of 4 is 3 back
    "mingru": lambda n: n,
}


@pytest.mark.long
@pytest.mark.parametrize(
    ("metric", "formulas", "number"), [("sequential_operations", CHAINS, 40), ("path_length", ROUTES, 51)]
)
def test_chains_and_routes_are_those_of_a_formula(
    metric: str, formulas: dict[str, Callable[[int], int]], number: int
) -> None:
    records = [r for r in read_run(REFERENCE / "full/scaling").records if r.metric == metric]
    assert len(records) == number
    for record in records:
        model, length = str(record.axes["model"]), record.axes["seq_len"]
        assert isinstance(length, int)
        assert record.median == formulas[model](length), (model, length)


@pytest.mark.long
def test_where_n_meets_d_in_flops_is_where_the_formulas_do() -> None:
    records = [r for r in read_run(REFERENCE / "full/scaling").records if r.metric == "flop_crossing"]
    assert len(records) == 24
    for record in records:
        first = next(n for n in range(1, 5000) if more_flops(record.axes, n))
        assert record.median == first, record.axes


def more_flops(axes: Axes, length: int) -> bool:
    """Whether attention has more of them than the model at these axes, at another length."""
    other = {**axes, "seq_len": length}
    return flops({**other, "model": "attention"}) > flops(other)


@pytest.mark.long
@pytest.mark.parametrize("run", ["full/bench", "full/decode", "full/scaling"])
def test_what_is_read_out_of_times_has_axes_that_the_times_have(run: str) -> None:
    """Of a stored line, before axes are added that its suite got later."""
    lines = (REFERENCE / run / "records.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    of_times = {name for r in records if r["metric"].endswith("_time") for name in r["axes"]}
    crossings = [r for r in records if r["metric"] == "crossing"]
    assert crossings
    read = {"of", "seq_len_from", "seq_len_to"}
    assert {name for r in crossings for name in r["axes"]} - read <= of_times
