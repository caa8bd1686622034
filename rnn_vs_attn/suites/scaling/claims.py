"""What `scaling` found of the lesson's claims and of the cells of Table 1, in the order that a reader asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.models.registry import recorded
from rnn_vs_attn.models.spec import LINEAR_RECURRENCE, RECURRENT, SELF_ATTENTION
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED, Claim
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.curves import interval
from rnn_vs_attn.stats import growth
from rnn_vs_attn.suites.deciding import to_decide
from rnn_vs_attn.suites.scaling import crossing_claims, exponent_claims, rules
from rnn_vs_attn.suites.scaling.case import LAYER
from rnn_vs_attn.suites.scaling.choosing import models_of, size
from rnn_vs_attn.suites.scaling.laws import grows, law_of, open_because
from rnn_vs_attn.suites.scaling.speed_ups import SERIAL_FRACTION, most_threads

_OWN = ""  # the layer type of a user's own module, and of a pattern
_LESSON = (  # of the first model of each type, what a reader sees first
    ("sequential", RECURRENT),
    ("sequential", LINEAR_RECURRENCE),
    ("parallel", _OWN),
    ("parallel", SELF_ATTENTION),
    ("gains-nothing-from-threads", RECURRENT),
    ("gains-from-threads", _OWN),
    ("gains-from-threads", SELF_ATTENTION),
    ("time-over-n", SELF_ATTENTION),
    ("cheaper-below-d-train", _OWN),
    ("cheaper-below-d-train", RECURRENT),
    ("path", _OWN),
    ("path", SELF_ATTENTION),
)
_PATHS = {
    growth.CONSTANT: "does not grow with their distance",
    growth.LOGARITHMIC: "grows as the logarithm of their distance",
    growth.LINEAR: "grows with their distance",
}


def claims(records: Sequence[Record]) -> list[Claim]:
    """The lesson's first, of one model each; then all others, model by model in the order of the table's rows."""
    models = models_of(records)
    every = [claim for model in models for claim in _of_model(records, model)]
    firsts = {recorded(model).layer_type: model for model in reversed(models)}

    def rank(claim: Claim) -> int:
        model = str(claim.axes["model"])
        name = (claim.key, recorded(model).layer_type)
        return _LESSON.index(name) if name in _LESSON and firsts[name[1]] == model else len(_LESSON)

    return sorted(every, key=rank)


def _of_model(records: Sequence[Record], model: str) -> Iterator[Claim]:
    mine = [r for r in records if r.axes.get("model") == model]
    row = rules.row_of(recorded(model).layer_type)
    yield from _chain(mine, model, row)
    yield from _path(mine, model, row)
    if row is not None:
        yield from exponent_claims.claims(mine, model, row)
    yield from _threads(mine, model)
    yield from crossing_claims.claims(mine, model)


# Chains of operations and paths between positions


def _chain(mine: Sequence[Record], model: str, row: rules.Row | None) -> Iterator[Claim]:
    law, counted = law_of(mine, "sequential_operations"), _counted(mine, "sequential_operations")
    if row is None and not counted:
        return
    found = None if law is None else law.text
    kind = recorded(model).layer_type
    if kind in (RECURRENT, LINEAR_RECURRENCE):
        key, text = "sequential", f"A recurrence such as {model} cannot be computed in parallel over the sequence"
        verdict = _of_law(growth.LINEAR, found)
    elif row is None:
        key, text, verdict = "parallel", f"{model} can be computed in parallel over the sequence", _of_own(found)
    else:
        key, text = "parallel", f"{model} computes all positions of a sequence at once"
        verdict = _of_law(row.sequential_law, found)
    what = "Its longest chain of operations, each waiting for the one before,"
    figure = "" if law is None else f"{what} {_growth(law)}"
    yield Claim(key, text, verdict, *_told(figure, counted, law, row.sequential if row else "", row), {"model": model})


def _path(mine: Sequence[Record], model: str, row: rules.Row | None) -> Iterator[Claim]:
    law, counted = law_of(mine, "path_length"), _counted(mine, "path_length")
    if row is None and not counted:
        return
    claimed = growth.CONSTANT if row is None else row.path_law
    verdict = _of_law(claimed, None if law is None else law.text)
    what = "The shortest route from the first token to the last"
    figure = "" if law is None else f"{what} {_growth(law)}{_stack(law)}"
    text = f"In {model} the path between distant tokens {_PATHS[claimed]}"
    yield Claim("path", text, verdict, *_told(figure, counted, law, row.path if row else "", row), {"model": model})


def _counted(mine: Sequence[Record], metric: str) -> list[Record]:
    return [r for r in mine if r.metric == metric]


def _of_law(claimed: str, found: str | None) -> str:
    return rules.of_law(claimed, None if found == UNDECIDED else found)


def _of_own(found: str | None) -> str:
    """Whether a chain is short enough for many positions at once: constant, or as log n."""
    if found is None or found == UNDECIDED:
        return UNDECIDED
    return FAILS if found == growth.LINEAR else HOLDS


def _told(
    figure: str, counted: Sequence[Record], law: Record | None, cell: str, row: rules.Row | None
) -> tuple[str, str]:
    """The figure, and what stands behind it: the table's cell; of what is undecided the reason."""
    if law is None:
        said = (text for r in counted for text in (*r.warnings, r.error) if text)
        return "It was not counted", next(said, "--max-seconds gives it time").removesuffix(".")
    if law.text == UNDECIDED:
        return figure, open_because(law)
    return figure, rules.beside(row, cell)


def _growth(law: Record) -> str:
    """ "grows as n: 113 operations at n = 16, 14,337 at n = 2048"; what does not grow is said once."""
    counts, lengths = law.details["counts"], law.details["lengths"]
    first = ("at least " if law.details.get("at_least") else "") + units.counted(counts[0], "operation")
    if counts[0] == counts[-1] and law.text != UNDECIDED:
        return f"has {first} at every n from {lengths[0]} to {lengths[-1]} tokens"
    ends = f"{first} at n = {lengths[0]} tokens, {counts[-1]:,} at n = {lengths[-1]}"
    return f"has {ends}" if law.text == UNDECIDED else f"{grows(law.text)}: {ends}"


def _stack(law: Record) -> str:
    """Through how many layers a path goes that one layer does not span."""
    reaches = [name for name in ("kernel_size", "window") if name in recorded(str(law.axes["model"])).traits.takes]
    counts = law.details["counts"]
    if counts[-1] == counts[0] or not reaches:
        return ""
    given = " and ".join(f"{name} {law.axes[name]}" for name in reaches)
    return f", through as many layers as it takes with {given}"


# Threads


def _threads(mine: Sequence[Record], model: str) -> Iterator[Claim]:
    gained = most_threads(mine, "train_time")
    if gained is None:
        return
    sequential = recorded(model).layer_type == RECURRENT
    key, word = ("gains-nothing-from-threads", "gains nothing") if sequential else ("gains-from-threads", "gains")
    verdict = rules.of_gain(not sequential, gained.estimate)
    fewest = min(size(r, "threads") for r in measured(mine, "train_time", part=LAYER))
    at = f"at n = {gained.axes['seq_len']} tokens and width d = {gained.axes['d_model']}"
    figure = f"On {gained.axes['threads']} threads it trains {interval(gained)} times as fast as on {fewest}, {at}"
    why = [_serial(mine)]
    if verdict == UNDECIDED:
        limit = "" if gained.low is None else f"a gain is more than {rules.GAIN:g} times, which the interval holds; "
        why.append(f"{limit}{to_decide(gained.estimate)}")
    elif sequential and verdict == FAILS:
        why.append("its steps wait for each other, but threads share the products within a step")
    yield Claim(
        key, f"{model} {word} from more threads", verdict, figure, "; ".join(filter(None, why)), {"model": model}
    )


def _serial(mine: Sequence[Record]) -> str:
    found = [r for r in mine if r.metric == SERIAL_FRACTION.name and r.axes["of"] == "train_time"]
    known = next((r for r in found if r.median is not None), None)
    if known is None or known.median is None:
        return ""
    low, high = (round(known.median if end is None else end, 2) for end in (known.low, known.high))
    if high < 0 or low > 1:
        return f"that is not as Amdahl's law has it, whose serial part would be {interval(known)}"
    return f"by Amdahl's law {interval(known)} of it is serial"
