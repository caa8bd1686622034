"""What `lm` reads out of its trainings: the best learning rates, and how far models see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.records.query import Group, derived, measured
from rnn_vs_attn.records.types import AxisValue, Metric, Record
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites import learning_rates
from rnn_vs_attn.suites.lm import recl
from rnn_vs_attn.suites.lm.case import LmCase
from rnn_vs_attn.suites.lm.outcomes import Outcome, first_bits, outcomes
from rnn_vs_attn.suites.lm.verdicts import distant

PARTS = (0.1, 0.5, 1.0)  # of the targets: those of which the baseline loses most

RECL = Metric("recl", "1", "none", title="tokens beyond which more gain nothing, beside the other models (Dai et al.)")
GAIN = Metric("context_gain", "1", "none", scale="difference", title="bits a byte less, from one context to another")
METRICS = (RECL, GAIN, VERDICT)


def of_round(number: int, cases: Sequence[LmCase], records: Sequence[Record]) -> list[LmCase]:
    """All cases in the first round; in later ones each model's best learning rate by the first."""
    return learning_rates.best(number, cases, partial(_merit, records))


def _merit(records: Sequence[Record], axes: Mapping[str, AxisValue]) -> tuple[float] | None:
    bits = first_bits(records, axes)
    return None if bits is None else (-bits,)


# What is derived


def derive(records: Sequence[Record]) -> list[Record]:
    """Gains from context, and effective lengths of context."""
    return list(_derived(records)) if records else []


def _derived(records: Sequence[Record]) -> Iterator[Record]:
    found, suite = outcomes(records), records[0].suite
    for context in distant(records, found):
        axes = {**context.outcome.axes, "from": context.shorter, "to": context.longer}
        yield derived(GAIN, suite, axes, context.gains, intervals.estimate(context.gains))
    yield from _effective(records, found, suite)


def _effective(records: Sequence[Record], found: Sequence[Outcome], suite: str) -> Iterator[Record]:
    """recl of each group of models that were tested with the same contexts, of each seed that all of them have."""
    groups: dict[Group, list[Outcome]] = {}
    for outcome in found:
        groups.setdefault(outcome.group, []).append(outcome)
    for rivals in groups.values():
        group = _alike({outcome.model: _losses(records, outcome) for outcome in rivals})
        seeds = set.intersection(*map(set, group.values())) if len(group) > 1 else set()
        for part in PARTS if seeds else ():
            lengths = [recl.recl({name: of[seed] for name, of in group.items()}, part) for seed in sorted(seeds)]
            for outcome in rivals:
                values = [float(of_seed[outcome.model]) for of_seed in lengths if outcome.model in of_seed]
                if values:
                    axes: dict[str, Any] = {**outcome.axes, "part": part}
                    yield derived(RECL, suite, axes, list(values), intervals.estimate(values))


Tested = dict[int, dict[int, list[float]]]  # of each seed: nats of the same targets, by the tokens before them


def _alike(group: Mapping[str, Tested]) -> dict[str, Tested]:
    """The models, and their seeds, that were tested with every context that any of them was; {} of a single context."""
    contexts = {context for seeds in group.values() for nats in seeds.values() for context in nats}
    if len(contexts) < 2:
        return {}
    whole = {
        name: {seed: nats for seed, nats in seeds.items() if nats.keys() == contexts} for name, seeds in group.items()
    }
    return {name: seeds for name, seeds in whole.items() if seeds}


def _losses(records: Sequence[Record], outcome: Outcome) -> Tested:
    """By the seeds that a model has."""
    found: Tested = {}
    for record in measured(records, "bits_at_context", **outcome.at_best):
        for seed in outcome.seeds:
            nats = record.details.get(f"nats_{seed}")
            if nats is not None:
                found.setdefault(seed, {})[int(record.axes["context"] or 0)] = nats
    return found
