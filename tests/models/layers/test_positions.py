"""Positions against their equations, transformers' rotations and the paper's slopes; their tables."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.layers import positions
from rnn_vs_attn.models.layers.attention import Attention
from rnn_vs_attn.models.layers.positions import Alibi, Rotary, positions_of_kind, rotations, slopes
from rnn_vs_attn.models.mixer import Stack
from rnn_vs_attn.suites import layer_passes
from rnn_vs_attn.suites.case import Case

F64 = torch.float64


def rotated_by_hand(heads: Tensor, begin: int = 0) -> Tensor:
    """Equation 34 of RoFormer, a pair of features at a time."""
    found, dim = torch.empty_like(heads), heads.shape[-1]
    for t in range(heads.shape[1]):
        for i in range(dim // 2):
            angle = (begin + t) * 10000 ** (-2 * i / dim)
            even, odd = heads[:, t, :, 2 * i], heads[:, t, :, 2 * i + 1]
            found[:, t, :, 2 * i] = even * math.cos(angle) - odd * math.sin(angle)
            found[:, t, :, 2 * i + 1] = even * math.sin(angle) + odd * math.cos(angle)
    return found


@pytest.mark.parametrize("begin", [0, 5, 40])
def test_a_rotation_is_that_of_the_paper(begin: int) -> None:
    heads = torch.randn(2, 9, 3, 8, dtype=F64)
    found = Rotary(8).rotated(heads, begin)
    torch.testing.assert_close(found, rotated_by_hand(heads, begin), rtol=0, atol=1e-12)
    torch.testing.assert_close(found.norm(dim=-1), heads.norm(dim=-1), rtol=1e-12, atol=0)


def test_rotated_scores_depend_on_the_distance_alone() -> None:
    """The same query and key 7 apart, wherever they stand."""
    rotary, q, k = Rotary(16), torch.randn(1, 1, 1, 16, dtype=F64), torch.randn(1, 1, 1, 16, dtype=F64)
    scores = [float((rotary.rotated(q, t + 7) * rotary.rotated(k, t)).sum()) for t in (0, 1, 30, 999)]
    others = [float((rotary.rotated(q, t + 8) * rotary.rotated(k, t)).sum()) for t in (0, 999)]
    assert max(scores) - min(scores) < 1e-11
    assert abs(others[0] - others[1]) < 1e-11
    assert abs(scores[0] - others[0]) > 1e-3


@pytest.mark.long
def test_rotations_are_those_of_transformers_llama_with_features_in_another_order() -> None:
    """Llama's pair is i and i + E / 2, that of the paper 2 i and 2 i + 1."""
    llama = pytest.importorskip("transformers.models.llama.modeling_llama")
    heads = torch.randn(2, 11, 3, 8, dtype=F64)
    angles = torch.cat([rotations(8, 11).angle()] * 2, -1).unsqueeze(0)
    exact = torch.arange(11, dtype=F64)[:, None] * 10000 ** (-torch.arange(0, 8, 2, dtype=F64) / 8)
    torch.testing.assert_close(rotations(8, 11), torch.polar(torch.ones_like(exact), exact))
    halves = torch.cat([heads[..., 0::2], heads[..., 1::2]], -1).transpose(1, 2)
    theirs, _ = llama.apply_rotary_pos_emb(halves, halves, angles.cos(), angles.sin())
    mine = Rotary(8).rotated(heads)
    mine = torch.cat([mine[..., 0::2], mine[..., 1::2]], -1).transpose(1, 2)
    torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bits_are_turned_in_thirty_two(dtype: torch.dtype) -> None:
    heads = torch.randn(1, 50, 2, 8).to(dtype)
    found = Rotary(8).rotated(heads)
    assert found.dtype == dtype
    assert torch.equal(found, Rotary(8).rotated(heads.float()).to(dtype))


def test_a_head_of_odd_width_has_no_pairs() -> None:
    with pytest.raises(ValueError, match="a head of 5 has one left over"):
        Rotary(5)
    with pytest.raises(ValueError, match="'rotery' is none of none, rotary, alibi"):
        positions_of_kind("rotery", 2, 4)


def test_slopes_are_those_of_the_paper() -> None:
    """Section 3: 8 heads have 1/2 to 1/256, 16 have 2^-0.5 to 2^-8; of 12 the code takes 8 and four of those of 16."""
    assert slopes(8) == [2.0**-i for i in range(1, 9)]
    assert slopes(16) == pytest.approx([2 ** (-i / 2) for i in range(1, 17)])
    assert slopes(12) == pytest.approx([2.0**-i for i in range(1, 9)] + [2 ** (-i / 2) for i in (1, 3, 5, 7)])
    assert slopes(1) == [2.0**-8]
    assert slopes(3) == pytest.approx([2.0**-4, 2.0**-8, 2.0**-2])
    assert all(len(slopes(n)) == n for n in range(1, 40))


@pytest.mark.parametrize(("num_queries", "num_keys"), [(1, 1), (7, 7), (1, 9), (3, 10)])
@pytest.mark.parametrize("causal", [True, False])
def test_a_bias_is_the_slope_times_the_distance(num_queries: int, num_keys: int, causal: bool) -> None:
    bias = Alibi(3).bias(num_queries, num_keys, torch.empty(1, dtype=F64), causal).flip(1)
    assert bias.shape == (3, num_queries, num_keys)
    for head, slope in enumerate(slopes(3)):
        for i in range(num_queries):
            for j in range(num_keys):
                distance = num_keys - num_queries + i - j
                expected = -math.inf if causal and distance < 0 else -slope * abs(distance)
                assert float(bias[head, i, j]) == pytest.approx(expected, rel=1e-12)


def test_the_bias_of_a_long_sequence_is_a_line_in_memory() -> None:
    bias = Alibi(4).bias(512, 512, torch.empty(1), causal=True)
    assert bias.untyped_storage().nbytes() == 4 * (2 * 512 + 1) * 4


# Tables


def layers(kind: str) -> Stack:
    return Stack(*(Attention(8, 2, positions=kind) for _ in range(2)))


def held(module: Stack) -> list[Tensor]:
    return [table for layer in module for table in layer.positions.tables.values()]


@pytest.mark.parametrize("kind", ["rotary", "alibi"])
def test_tables_are_made_once_are_no_weights_and_go_with_their_layers(kind: str) -> None:
    before = len(positions._made)
    module, x = layers(kind), torch.randn(2, 20, 8)
    names = [*module.state_dict(), *dict(module.named_buffers()), *dict(module.named_parameters())]
    module(x)
    tables = held(module)
    assert len({t.data_ptr() for t in tables}) == 1 < len(tables)
    module(x[:, :7])
    module(x[:, :17])
    assert [t.data_ptr() for t in held(module)] == [t.data_ptr() for t in tables]
    assert [*module.state_dict(), *dict(module.named_buffers()), *dict(module.named_parameters())] == names
    assert not any(t.requires_grad for t in tables)
    del module, tables
    assert len(positions._made) == before


@pytest.mark.parametrize("kind", ["rotary", "alibi"])
def test_tables_are_made_before_the_first_call_of_a_layer_that_is_measured(kind: str) -> None:
    module = layers(kind)
    x = layer_passes.made(lambda: (module, Shape(2, 20, 8)), Case("attention", 20, device="cpu"), 0).x
    tables = [t.data_ptr() for t in held(module)]
    module(x)
    assert tables == [t.data_ptr() for t in held(module)] != []


@pytest.mark.parametrize("kind", ["rotary", "alibi"])
def test_a_module_of_another_format_has_tables_of_its_digits(kind: str) -> None:
    """A table of 32 bits in a layer of 64 would have lost half of them."""
    module, x = layers(kind), torch.randn(2, 20, 8)
    module(x)
    late = copy.deepcopy(module).double()
    early = layers(kind).double()
    early.load_state_dict(late.state_dict())
    assert torch.equal(late(x.double()), early(x.double()))


def test_a_table_made_for_inference_serves_training() -> None:
    module, x = layers("rotary"), torch.randn(2, 20, 8)
    with torch.inference_mode():
        module(x)
    module(x).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())
