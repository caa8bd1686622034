"""What `variants gpt` reads out of its records: how time and memory grow with the number of parameters."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_vs_attn.models.shapes import GPT_SIZES
from rnn_vs_attn.records.query import derived, measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.curves import by_round
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites import sizes
from rnn_vs_attn.suites.metrics import EXPONENT
from rnn_vs_attn.suites.ratios import decoded_tokens
from rnn_vs_attn.suites.variants.gpt.case import GPTCase

GROWING = ("flops_per_token", "forward_time", "train_time", "prefill_time", "step_time", "peak_memory")

# Names in openai/gpt-2's README, which say that the counts first given (117M, 345M) were wrong
PUBLISHED = {"gpt2": 124e6, "gpt2-medium": 355e6, "gpt2-large": 774e6, "gpt2-xl": 1.5e9}


def derive(records: Sequence[Record]) -> list[Record]:
    """The published sizes that were not measured, counted; growth with the number of parameters."""
    others = sizes.counted(records, GPTCase, GPT_SIZES)
    return [*others, *exponents(records)]


def exponents(records: Sequence[Record]) -> list[Record]:
    """b of each growing metric over the measured sizes, formed within rounds; none with fewer than two sizes."""
    params = sizes.num_params(records)
    found = []
    for metric in GROWING:
        for group, curve in sizes.curves(measured(records, metric), params).items():
            x = [params[record.axes["size"]] for record in curve]
            rounds = by_round(curve)
            if len(set(x)) < 2 or not rounds or min(map(min, rounds)) <= 0:
                continue
            values = intervals.exponents(x, rounds)
            ends = {"size_from": curve[0].axes["size"], "size_to": curve[-1].axes["size"]}
            axes = dict(group) | {"of": metric} | ends
            estimate = intervals.estimate(values, exact=curve[0].exact)
            found.append(derived(EXPONENT, curve[0].suite, axes, list(values), estimate))
    return found


def expand(records: Sequence[Record]) -> list[Record]:
    """tokens/s of decoding; the published counts."""
    return [*sizes.published(records, PUBLISHED), *decoded_tokens(measured(records, "step_time"))]
