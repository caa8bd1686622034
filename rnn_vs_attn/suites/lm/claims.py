"""What `lm` found, as claims: what fine-tuning won, whose loss is lower, who makes use of distant context."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn.records.claims import UNDECIDED, Claim
from rnn_vs_attn.records.types import AxisValue, Record
from rnn_vs_attn.suites.lm.outcomes import BITS, Outcome, model_of, named, outcomes, scores
from rnn_vs_attn.suites.lm.verdicts import (
    MARGIN,
    TIME,
    Distant,
    Duel,
    Lowered,
    distant,
    duels,
    fine_tuned,
    of_memory,
    without_rivals,
)
from rnn_vs_attn.suites.training_words import of_seeds, without_end
from rnn_vs_attn.units import duration

BEFORE, PAIRS_OF_BYTES = "itself before", "pairs of bytes"  # beside what a model's loss is lower


def claims(records: Sequence[Record]) -> list[Claim]:
    """What was trained for first: fine-tuning, then memory and gpt beside the others, then distant context."""
    found = outcomes(records)
    seen = sorted(distant(records, found), key=lambda context: (context.blind, not context.outcome.axes["memory_len"]))
    lost = without_end(records, BITS, [outcome.axes for outcome in found])
    return [
        *(_of_lost(dict(axes), reason) for axes, reason in lost.items()),
        *(_of_fine_tuned(found, tuned) for tuned in fine_tuned(found)),
        *(claim for both in duels(found) for claim in _of_rivals(found, both)),
        *(_of_model_alone(found, alone) for alone in without_rivals(records, found)),
        *(_of_context(found, context) for context in seen),
    ]


def _of_fine_tuned(found: Sequence[Outcome], tuned: Lowered) -> Claim:
    axes, percent = tuned.outcome.axes, 100 * tuned.taken_off
    change = f"takes {percent:.1f}% off" if percent >= 0 else f"adds {-percent:.1f}%"
    return Claim(
        "fine-tuning",
        f"Fine-tuning lowers the loss of {named(found, tuned.outcome)} ({axes['init_from']})",
        tuned.verdict,
        f"{tuned.base:.3f} bits a byte before, {scores(tuned.outcome.bits)} after; the median {change}",
        tuned.lacking if tuned.verdict == UNDECIDED else "a seed is another order of the text, from the same weights",
        {**axes, "beside": BEFORE},
    )


def _of_rivals(found: Sequence[Outcome], both: tuple[Duel, Duel]) -> Iterator[Claim]:
    """At equal time and at equal tokens: one claim where both have the same verdict, and lack the same."""
    by_time, by_tokens = both
    together = by_time.verdict == by_tokens.verdict
    if by_time.verdict == UNDECIDED:
        together &= by_time.lacking == by_tokens.lacking
    for judged in [[by_time, by_tokens]] if together else [[by_time], [by_tokens]]:
        yield _of_duels(found, judged)


def _of_duels(found: Sequence[Outcome], judged: Sequence[Duel]) -> Claim:
    ours, theirs, verdict = judged[0].ours, judged[0].theirs, judged[0].verdict
    us, them = named(found, ours), named(found, theirs)
    if of_memory(ours, theirs):
        key, said, two = "memory", f"The memory of {us} lowers its loss", "with it and without"
    else:
        key, said, two = "lower loss", f"{us} has a lower loss than {them}", "in that order"
    return Claim(
        key,
        f"{said} at equal {' and '.join(duel.of for duel in judged)}",
        verdict,
        f"Bits a byte {two}: {'; '.join(map(_lost, judged))}",
        judged[0].lacking if verdict == UNDECIDED else "",
        {**ours.axes, "beside": theirs.model, "equal": " and ".join(duel.of for duel in judged)},
    )


def _lost(duel: Duel) -> str:
    """What each seed of both lost by then."""
    amount = duration(duel.amount) if duel.of == TIME else f"{duel.amount:,.0f} tokens"
    return f"{scores(duel.bits(duel.ours))} and {scores(duel.bits(duel.theirs))} after {amount}"


def _of_model_alone(found: Sequence[Outcome], alone: Lowered) -> Claim:
    return Claim(
        "lower loss",
        f"{named(found, alone.outcome)} has a lower loss than counted pairs of bytes",
        alone.verdict,
        f"{scores(alone.outcome.bits)} bits a byte, the pairs {alone.base:.3f}",
        alone.lacking if alone.verdict == UNDECIDED else "",
        {**alone.outcome.axes, "beside": PAIRS_OF_BYTES},
    )


def _of_lost(axes: dict[str, AxisValue], reason: str) -> Claim:
    """Of a model of which no training came to its end."""
    text = f"{model_of(axes)} learns the text"
    return Claim("learns", text, UNDECIDED, "No training of it came to its end", reason, axes)


def _of_context(found: Sequence[Outcome], context: Distant) -> Claim:
    gains = of_seeds(context.gains, "{:z.3f}".format)  # z: no -0.000
    figure = f"{context.longer} tokens in place of {context.shorter} take {gains} bits a byte off"
    least = f"a verdict asks for {MARGIN:.0%} of its loss, {MARGIN * max(context.bits):.3f}"
    return Claim(
        "context",
        f"{named(found, context.outcome)} makes use of more than {context.shorter} tokens of context",
        context.verdict,
        "It sees no further than its segment" if context.blind else figure,
        "" if context.blind else context.lacking if context.verdict == UNDECIDED else least,
        {**context.outcome.axes, "from": context.shorter, "to": context.longer},
    )
