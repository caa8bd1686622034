"""Transformer-XL beside the straightforward form of its attention, which holds both terms of the scores, same weights.

python benchmarks/peers/relative_attention.py [--alternations 11] [--seq-len 512] [--memory-len 512] [--quick]

Ours adds the shifted term of positions to a fused kernel as its mask; the other form multiplies both terms out, adds
them, masks, takes the softmax and multiplies with the values, one einsum each. Forward of a whole model with a memory,
alternately in one process; then the peak memory of each above its start. Targets: the upper end of the ratio of times,
and the ratio of peaks, at most 1.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from alternating import ratio_of_calls
from reporting import Figure, at_most, parsed, parser, report

from rnn_vs_attn.machine.environment import usable_cores
from rnn_vs_attn.measure import memory
from rnn_vs_attn.models.language.transformer_xl import TransformerXL
from rnn_vs_attn.models.layers.relative_attention import RelativeAttention
from rnn_vs_attn.models.shapes import TransformerXLShape
from rnn_vs_attn.stats import intervals


def shifted(scores: Tensor) -> Tensor:
    """Appendix B: (..., L, K), columns the distances K - 1 to 0 -> columns the keys, by a copy."""
    *lead, length, keys = scores.shape
    padded = torch.cat([scores.new_zeros(*lead, length, 1), scores], dim=-1)
    return padded.view(*lead, keys + 1, length)[..., 1:, :].reshape(*lead, length, keys)


class BothTerms(RelativeAttention):
    """The same attention with every term of the scores in memory."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor, r: Tensor) -> Tensor:
        u_bias, v_bias = (bias[:, None, :] for bias in self.biases)
        by_content = torch.einsum("bhie,bhje->bhij", q + u_bias, k)
        by_position = shifted(torch.einsum("bhie,hje->bhij", q + v_bias, r.flip(1)))
        scores = (by_content + by_position) / math.sqrt(self.head_dim)
        length, keys = scores.shape[-2:]
        future = torch.ones(length, keys, dtype=torch.bool, device=q.device).triu(keys - length + 1)
        weights = scores.masked_fill(future, -math.inf).softmax(-1)
        return torch.einsum("bhij,bhje->bhie", weights, v)


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--alternations", type=int, default=11)
    options.add_argument("--seq-len", type=int, default=512)
    options.add_argument("--memory-len", type=int, default=512)
    options.add_argument("--batch-size", type=int, default=4)
    given = parsed(options, alternations=intervals.MIN_ROUNDS, seq_len=128, memory_len=128)
    torch.set_num_threads(usable_cores())
    torch.manual_seed(0)
    details: list[dict[str, object]] = []
    report(figures(given, details), details, given)


@torch.no_grad()
def figures(given: argparse.Namespace, details: list[dict[str, object]]) -> Iterator[Figure]:
    kept = given.memory_len
    shape = TransformerXLShape(4, 256, 4, 64, 1024, 256, (), memory_len=kept, evaluation_memory_len=kept)
    ours, other = TransformerXL(shape).eval(), TransformerXL(shape).eval()
    other.load_state_dict(ours.state_dict())
    for layer in other.layers:
        layer.attention.__class__ = BothTerms
    tokens = torch.randint(shape.vocab_size, (given.batch_size, given.seq_len))
    earlier = torch.randint(shape.vocab_size, (given.batch_size, max(kept, 1)))
    _, held = ours(earlier)
    sides = [lambda model=model: model(tokens, held)[0] for model in (ours, other)]
    torch.testing.assert_close(sides[0](), sides[1](), rtol=1e-4, atol=1e-4)
    where = f"seq_len {given.seq_len}, memory {kept}"
    peaks = [memory.peaks([side], torch.device("cpu"))[0] for side in sides]
    ratio = ratio_of_calls(sides[0], sides[1], given.alternations)
    details += [vars(ratio), {"peaks in bytes": peaks}]
    yield Figure(f"peak memory, {where}: ours / both terms", peaks[0] / peaks[1], "< 1", peaks[0] < peaks[1])
    yield at_most(f"forward with memory, {where}: ours / both terms", ratio, 1)


if __name__ == "__main__":
    main()
