"""Transformer-XL against what its memory must and must not do, and against its last public implementation."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from paths import ROOT, TESTS
from torch import Tensor

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.transformer_xl import TransformerXL
from rnn_vs_attn.models.shapes import TransformerXLShape

PROGRAM = ROOT / "benchmarks/peers/transformer_xl_oracle.py"


def _load(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


oracle = _load(PROGRAM)
SMALL = TransformerXLShape(3, 16, 2, 8, 32, 29, (), 1, 6, 6)
ADAPTIVE = dataclasses.replace(SMALL, vocab_size=60, cutoffs=(10, 25), div_val=2)
SHAPES = {
    "plain": SMALL,
    "clusters of one width": dataclasses.replace(SMALL, vocab_size=60, cutoffs=(10, 25)),
    "clusters of several widths": ADAPTIVE,
    "untied": dataclasses.replace(ADAPTIVE, tied=False, untied_biases=True),
    "odd": TransformerXLShape(2, 10, 1, 7, 12, 29, (), 1, 5, 5),
}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


def model_of(shape: TransformerXLShape, seed: int = 0) -> TransformerXL:
    """In float64, with weights large enough that a wrong one shows."""
    torch.manual_seed(seed)
    made = TransformerXL(shape).double().eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made


def ids(shape: TransformerXLShape, length: int, batch_size: int = 2) -> Tensor:
    return torch.randint(shape.vocab_size, (batch_size, length), generator=torch.Generator().manual_seed(length))


# Memory


@each_shape
def test_two_segments_with_memory_are_one_long_segment_where_the_memory_covers_it(shape: TransformerXLShape) -> None:
    shape = dataclasses.replace(shape, evaluation_memory_len=9)
    model, tokens = model_of(shape), ids(shape, 16)
    with torch.no_grad():
        whole, _ = model(tokens)
        first, memory = model(tokens[:, :9])
        second, memory = model(tokens[:, 9:], memory)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-10, atol=1e-10)
    assert {m.shape[1] for m in memory} == {9}


def test_steps_are_the_whole_where_the_memory_covers_it() -> None:
    shape = dataclasses.replace(SMALL, evaluation_memory_len=20)
    model, tokens = model_of(shape), ids(shape, 12)
    with torch.no_grad():
        whole, _ = model(tokens)
        state, found = model.initial_state(2), []
        for t in range(12):
            y, state = model.step(tokens[:, t], state)
            found.append(y)
    torch.testing.assert_close(torch.stack(found, 1), whole, rtol=1e-10, atol=1e-10)


@pytest.mark.long
@pytest.mark.parametrize("memory_len", [0, 1, 5, 20])
def test_steps_after_a_context_are_those_with_the_memory_of_hidden_states(memory_len: int) -> None:
    """Keys and values kept in place of hidden states, over several times the memory's length."""
    shape = dataclasses.replace(SMALL, evaluation_memory_len=memory_len)
    model, tokens = model_of(shape), ids(shape, 40)
    with torch.no_grad():
        state, memory, context = model.initial_state(2), None, max(memory_len, 1)
        y, state = model.advance(tokens[:, :context], state)
        expected, memory = model(tokens[:, :context])
        torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)
        for t in range(context, 40):
            y, state = model.step(tokens[:, t], state)
            expected, memory = model(tokens[:, t : t + 1], memory)
            torch.testing.assert_close(y, expected[:, 0], rtol=1e-10, atol=1e-10)
    assert {layer.cache.length for layer in state} == {memory_len}
    assert all(layer.cache.keys.shape[2] <= max(16, 8 * memory_len) for layer in state)


def test_a_long_context_is_taken_in_by_segments_of_the_memory() -> None:
    model, tokens = model_of(dataclasses.replace(SMALL, evaluation_memory_len=4)), ids(SMALL, 14)
    with torch.no_grad():
        found, _ = model.advance(tokens, model.initial_state(2))
        last, _ = model.advance(tokens, model.initial_state(2), last_only=True)
        memory, pieces = None, []
        for segment in tokens.split(4, dim=1):
            piece, memory = model(segment, memory)
            pieces.append(piece)
    torch.testing.assert_close(found, torch.cat(pieces, 1), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(last, found[:, -1:], rtol=1e-10, atol=1e-10)


def test_no_gradient_goes_through_the_memory() -> None:
    model = model_of(SMALL).train()
    earlier = model.embedding(ids(SMALL, 6)).detach().requires_grad_()
    _, memory = model(ids(SMALL, 6))
    assert not any(m.requires_grad for m in memory)
    memory = [m.requires_grad_() for m in memory]
    out, after = model(ids(SMALL, 4), memory)
    (gradient,) = torch.autograd.grad(out.sum(), [earlier], allow_unused=True)
    assert gradient is None
    assert not any(m.requires_grad for m in after)


def test_gradients_of_the_first_segment_are_exactly_zero_in_the_second() -> None:
    model = model_of(SMALL).train()
    tokens = ids(SMALL, 12)
    kept: list[Tensor] = []
    model.embedding.register_forward_hook(lambda module, given, out: kept.append(out))
    for out in (model.embedding(tokens[:, :1]),):
        assert out.requires_grad
    kept.clear()
    _, memory = model(tokens[:, :6])
    loss = model(tokens[:, 6:], memory)[0].pow(2).sum()
    gradients = torch.autograd.grad(loss, kept, allow_unused=True)
    assert gradients[0] is None
    assert gradients[1] is not None
    assert gradients[1].abs().sum() > 0


@pytest.mark.slow
@pytest.mark.parametrize(("layers", "memory_len", "segment"), [(1, 4, 4), (2, 3, 3), (3, 4, 4), (2, 8, 4)])
def test_the_reach_is_position_plus_layers_times_memory(layers: int, memory_len: int, segment: int) -> None:
    """Section 3.2. Where the segment divides the memory: else a state in it has seen more of its own segment."""
    shape = TransformerXLShape(layers, 16, 2, 8, 32, 29, (), 1, memory_len, memory_len)
    model = model_of(shape)
    tokens = ids(shape, 8 * segment, 1)

    def last(changed: int | None) -> Tensor:
        given = tokens.clone()
        if changed is not None:
            given[0, changed] = (given[0, changed] + 1) % shape.vocab_size
        memory = None
        for piece in given.split(segment, dim=1):
            out, memory = model(piece, memory)
        return out

    with torch.no_grad():
        plain = last(None)
        for position in range(segment):
            changed = [(last(p) - plain)[0, position].abs().max() > 0 for p in range(tokens.shape[1])]
            here = tokens.shape[1] - segment + position
            reach = max(here - p for p, moved in enumerate(changed) if moved)
            assert reach == position + layers * memory_len


def test_training_and_evaluation_have_a_memory_length_each() -> None:
    model = model_of(dataclasses.replace(SMALL, memory_len=3, evaluation_memory_len=5))
    assert {m.shape[1] for m in model(ids(SMALL, 9))[1]} == {5}
    assert {m.shape[1] for m in model.train()(ids(SMALL, 9))[1]} == {3}


def test_without_memory_no_position_sees_the_future() -> None:
    model, tokens = model_of(SMALL), ids(SMALL, 10, 1)
    changed = tokens.clone()
    changed[0, 6] = (changed[0, 6] + 1) % SMALL.vocab_size
    with torch.no_grad():
        moved = (model(tokens)[0] - model(changed)[0]).abs().amax(-1)[0] > 0
    assert moved.tolist() == [False] * 6 + [True] * 4


# Input and output


@each_shape
def test_probabilities_add_up_to_one(shape: TransformerXLShape) -> None:
    with torch.no_grad():
        found, _ = model_of(shape)(ids(shape, 5))
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(2, 5).double())
    assert found.shape == (2, 5, shape.vocab_size)


def test_a_token_of_a_tail_has_the_probability_of_its_cluster_times_its_own_in_it() -> None:
    model = model_of(ADAPTIVE)
    hidden = torch.randn(3, 16).double()
    found = model.output(hidden).exp()
    rows, projections = model.embedding.rows, model.embedding.projections
    output = model.output
    first = hidden @ output.own_projections[0]
    head = torch.cat([first @ rows[0].T + output.bias[:10], first @ output.gates.T + output.gate_bias], -1).softmax(-1)
    tail = ((hidden @ projections[2]) @ rows[2].T + output.bias[25:]).softmax(-1)
    torch.testing.assert_close(found[:, 25:], head[:, 11:12] * tail)
    torch.testing.assert_close(found[:, :10], head[:, :10])


def test_embeddings_of_every_cluster_are_projected_and_scaled() -> None:
    model = model_of(ADAPTIVE)
    tokens = torch.tensor([[0, 9, 10, 24, 25, 59]])
    found = model.embedding(tokens)
    for position, token in enumerate(tokens[0].tolist()):
        cluster = 0 if token < 10 else 1 if token < 25 else 2
        start = (0, 10, 25)[cluster]
        expected = model.embedding.projections[cluster] @ model.embedding.rows[cluster][token - start] * 4
        torch.testing.assert_close(found[0, position], expected)


# Bad input


def test_what_does_not_fit_is_one_sentence() -> None:
    model = model_of(SMALL)
    _, memory = model(ids(SMALL, 6))
    with pytest.raises(UserError, match="token id 29 is out of range"):
        model(torch.full((2, 3), 29))
    with pytest.raises(UserError, match="this memory is of 2 sequences, and the batch has 1"):
        model(ids(SMALL, 3, 1), memory)
    with pytest.raises(UserError, match="a memory has 3 tensors of one shape; this has 2"):
        model(ids(SMALL, 3), memory[:2])
    with pytest.raises(UserError, match="this memory has 7 positions; memory_len is 6"):
        model(ids(SMALL, 3), [torch.zeros(2, 7, 16).double()] * 3)


# The last public implementation that still runs


ORACLE = json.loads((TESTS / "data/transformer_xl.json").read_text())


@pytest.mark.parametrize("name", ORACLE)
def test_log_probabilities_are_those_of_transformers(name: str) -> None:
    """Kept by benchmarks/peers/transformer_xl_oracle.py; three segments with memory.

    transformers begins with a memory of zeros, which is attended to; the authors' code, and ours, with none.
    """
    kept = ORACLE[name]
    fields = kept["shape"] | {"cutoffs": tuple(kept["shape"]["cutoffs"])}
    shape = TransformerXLShape(**fields, memory_len=kept["memory_len"], evaluation_memory_len=kept["memory_len"])
    model = TransformerXL(shape).double().eval()
    fill(model, shape)
    memory = [torch.zeros(2, shape.memory_len, shape.d_model).double()] * shape.num_layers
    with torch.no_grad():
        for segment, expected in enumerate(kept["log_probabilities"]):
            given = torch.tensor(oracle.tokens(segment, len(expected[0]), shape.vocab_size))
            found, memory = model(given, memory)
            torch.testing.assert_close(found, torch.tensor(expected).double(), rtol=2e-5, atol=2e-5)


def fill(model: TransformerXL, shape: TransformerXLShape) -> None:
    """The values that the oracle had; clusters of one width are one tensor there, biases of several are several."""
    sizes = [number for number, _ in shape.clusters]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            values = oracle.sines(name, parameter.numel())
            if name == "output.bias":
                whole = [sum(sizes)] if shape.div_val == 1 else sizes
                values = [v for i, number in enumerate(whole) for v in oracle.sines(f"output.bias.{i}", number)]
            if name.startswith("embedding.rows.") and shape.div_val == 1:
                start = sum(sizes[: int(name[-1])]) * shape.d_model
                every = oracle.sines("embedding.rows.0", sum(sizes) * shape.d_model)
                values = every[start : start + parameter.numel()]
            parameter.copy_(torch.tensor(values, dtype=torch.float64).view(parameter.shape))
