"""What the pages say of how much of everything a run takes, and from when on, is what the program has."""

from __future__ import annotations

import re

import pytest
from paths import ROOT

from rnn_vs_attn import limits
from rnn_vs_attn.ab import blocks, power
from rnn_vs_attn.cli.compare import CompareOptions
from rnn_vs_attn.cli.history import HistoryOptions
from rnn_vs_attn.compare import machines, runs, verdicts
from rnn_vs_attn.history.series import ALPHA
from rnn_vs_attn.limits import Budget, Limits, PairLimits
from rnn_vs_attn.measure.gradient import chunks, leaks, norms, rounding, way
from rnn_vs_attn.measure.timing import decoding
from rnn_vs_attn.models.kernels import linear
from rnn_vs_attn.run import schedule
from rnn_vs_attn.run.options import GroupOptions
from rnn_vs_attn.stats import change_points, intervals
from rnn_vs_attn.suites.decode import measure as decode
from rnn_vs_attn.suites.gradflow import analysis
from rnn_vs_attn.suites.gradflow.case import GradflowCase
from rnn_vs_attn.suites.scaling import case as scaling
from rnn_vs_attn.suites.scaling import exponents, measure

WORDS = {3: "three", 8: "eight", 0.9: "nine tenths", 0.8: "four times in five", 5: "a fifth"}
MARGIN, PAIRS, BUDGET = PairLimits().margin, PairLimits(), Budget()
LEAST_CHANGE = CompareOptions([]).margin + runs._ONE_SIDED * 2**0.5 * machines.DEFAULT_SPREAD

SAID = {
    "history.md": [
        f"**{change_points.LEAST} runs on each side at least**",
        f"with {2 * change_points.LEAST - 1} runs nothing is marked",
        f"one that changes alone needs {change_points.values_needed(24, ALPHA)} runs",
        f"by the false discovery rate, at {100 * ALPHA:g} %",
        f"moved by less than `--margin` ({100 * HistoryOptions([]).margin:g} %)",
    ],
    "method.md": [
        f"(each at least {1e3 * BUDGET.block:g} ms, as many",
        f"The {100 * intervals.LEVEL:g} % **interval**",
        "It is looked at after {}, {} and {} rounds only.".format(*limits.LOOKS),
        f"Below {intervals.MIN_ROUNDS} rounds there is none.",
        f"`--max-seconds` (default {Limits().max_seconds:g})",
        f"(before the first round {WORDS[schedule.MOST_LEFT_OUT]} of the cases at most",
    ],
    "decode.md": [
        f"the first {WORDS[limits.UNTIMED_STEPS]} after a context are not",
        f"At least {decoding.LEAST_STEPS} steps and {limits.ENOUGH:g} s of them are timed",
        f"after {limits.MOST_STEPS} in a row it begins again",
        f"its steps are held against its forward over {decode.CHECKED} tokens",
        f"Large products of up to {linear.FEW_ROWS} rows",
    ],
    "gradflow.md": [
        f"in chunks of {chunks.CHUNK} tokens",
        f"(below 1e{norms.CARRIED:g})",
        f"it changes by more than 1 in {1 / rounding.SURE:,.0f} where input and parameters change by 1 in 1e13",
        f"gradients over {way.TRIED} tokens",
        f"(beyond {2 * leaks.SEGMENTS * leaks.SCALES[0].size:,.0f} tokens those of {WORDS[leaks.SEGMENTS]} stretches",
        f"must explain {100 * analysis._ALIKE[0][1]:g} % (a power law {100 * analysis._ALIKE[1][1]:g} %)",
        f"a change beyond a factor of {10**analysis.BAND:g} over",
        f"(of {GradflowCase.probes} by 4 % at most)",
    ],
    "scaling.md": [
        f"over the {WORDS[exponents.OCTAVES]} upper octaves",
        f"the term has {WORDS[exponents.DOMINANT]} of the FLOPs",
        f"differ by more than {exponents.BENT:g} and noise",
        f"and at {scaling.CHAIN_LENGTHS[0]} to {scaling.CHAIN_LENGTHS[-1]:,}.",
        f"a kernel of at most {scaling.FEW} (",
        f"some {measure.ROUTE_RUNS:,} small operations allow, or {measure.OPEN_RUNS:,} while it is open",
        f"of {measure._FAR:,} positions",
    ],
    "variants.md": [f"within the {GroupOptions().max_seconds:g} seconds of its `--max-seconds`"],
    "ab.md": [
        f"Before each block (of calls below {1e3 * blocks._UNDISTURBED:g} ms)",
        f"{PAIRS.screen} pairs for all cases",
        f"(tail at most {verdicts.SCREEN:.2f}".replace("0.", "."),
        f"again on {PAIRS.confirm} fresh pairs",
        f"*against the margin* ({100 * MARGIN:g} %) at {verdicts.ALPHA:.2f} with Holm's".replace("0.", "."),
        f"the {100 * verdicts.SAME_LEVEL:g} % interval lies inside the margin",
        f"would find {WORDS[power.POWER]}",
    ],
    "compare.md": [
        f"widened by {runs._ONE_SIDED} √2 times that spread: {100 * machines.DEFAULT_SPREAD:g} % unless",
        f"finds no change of a time below {100 * LEAST_CHANGE:.0f} %",
    ],
    "README.md": [f"more than `--margin`, {100 * MARGIN:g} % unless you say otherwise"],
    "accuracy.md": [f"`ab` with its default margin of {100 * MARGIN:g} %"],
}


def page(name: str) -> str:
    text = (ROOT / ("" if name == "README.md" else "docs") / name).read_text()
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("name", SAID)
def test_a_page_says_what_the_program_has(name: str) -> None:
    text = page(name)
    assert [said for said in SAID[name] if said not in text] == []
