"""What `lm` says beside its claims, and the tables with a row for each model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from rnn_vs_attn import units
from rnn_vs_attn.records.query import measured, record_at
from rnn_vs_attn.records.types import Axes, Record
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.suites.learning_rates import RATE
from rnn_vs_attn.suites.lm.outcomes import BITS, Outcome, by_seed, model_of, named, outcomes, scores
from rnn_vs_attn.suites.lm.verdicts import RULE
from rnn_vs_attn.suites.training_words import endless

_LINE = 60  # characters of what a model writes
_SHOWN = (
    "bits/byte: what a byte of the held-out text costs, of every seed, or of six and more the median with its 95% "
    "interval; rate: the best learning rate of the first seed; s, tokens/s: beside other trainings"
)
_CONTEXT = (
    "the same tokens, predicted after up to so many before them, median of the seeds; recl: tokens beyond which more "
    "gain less than 1% of perplexity beside the best of all models (Dai et al. 2019)"
)


def summary(records: Sequence[Record]) -> list[Table]:
    """A row for each model, at its best learning rate; then how far each of them sees, and what it writes."""
    found = outcomes(records)
    if not found:
        return []
    header = ["model", "rate", "bits/byte", "steps", "s", "tokens", "tokens/s"]
    rows = [_row(records, found, outcome) for outcome in found]
    tables = [Table(_caption(found), header, rows, [_SHOWN], grouped=False, heads=1)]
    return [*tables, *_of_contexts(records, found), *_written(records, found)]


def _caption(found: Sequence[Outcome]) -> str:
    seeds, axes = max(len(outcome.bits) for outcome in found), found[0].axes
    each = f"{axes['seconds_per_model']} s each" if axes["seconds_per_model"] else f"{axes['steps']} steps each"
    size = ", ".join(f"{name} {_all_of(found, name)}" for name in ("num_layers", "d_model", "match"))
    begun = f", from {axes['init_from']}" if axes.get("init_from") else ""
    return f"lm: {axes['text']}, {axes['tokenizer']}{begun}, {units.counted(seeds, 'seed')}, {each}, {size}"


def _all_of(found: Sequence[Outcome], name: str) -> str:
    """The values of an axis."""
    return " or ".join(dict.fromkeys(str(outcome.axes[name]) for outcome in found))


def _row(records: Sequence[Record], found: Sequence[Outcome], outcome: Outcome) -> list[str]:
    speeds = by_seed(records, "tokens_per_second", outcome).values()
    return [
        named(found, outcome),
        f"{outcome.rate:g}",
        scores(outcome.bits),
        f"{outcome.axes['steps']}",
        f"{outcome.seconds:.1f}",
        f"{outcome.tokens:,.0f}",
        f"{median(speeds):,.0f}" if speeds else "–",
    ]


def _of_contexts(records: Sequence[Record], found: Sequence[Outcome]) -> Iterator[Table]:
    """bits a byte after each context."""
    tested = measured(records, "bits_at_context")
    contexts = sorted({int(record.axes["context"] or 0) for record in tested})
    if len(contexts) < 2:
        return
    rows = []
    for outcome in found:
        cells = [by_seed(records, "bits_at_context", outcome, context=n).values() for n in contexts]
        told = [f"{median(cell):.3f}" if cell else "–" for cell in cells]
        rows.append([named(found, outcome), *told, _recl(records, outcome)])
    header = ["model", *(f"{context} tokens" for context in contexts), "recl"]
    yield Table("bits/byte by the tokens before a target", header, rows, [_CONTEXT], grouped=False, heads=1)


def _recl(records: Sequence[Record], outcome: Outcome) -> str:
    record = record_at(records, "recl", {**outcome.axes, "part": 1.0})
    return f"{record.median:.0f}" if record is not None and record.median is not None else "–"


def _written(records: Sequence[Record], found: Sequence[Outcome]) -> Iterator[Table]:
    """The beginning of what each model writes."""
    after: dict[str, list[list[str]]] = {}
    for outcome in found:
        record = record_at(records, "written", outcome.at_best)
        if record is not None:
            prompt = _one_line(str(record.details.get("prompt", "")))
            after.setdefault(prompt, []).append([named(found, outcome), _one_line(record.text)])
    for prompt, rows in after.items():
        caption = f'what they write after "{prompt}", a piece of the held-out text'
        yield Table(caption, ["model", "text"], rows, [], grouped=False, heads=1)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_LINE]


# Words


def remarks(records: Sequence[Record]) -> list[str]:
    """What the text was, what a reader must know of the trainings, and the rule of the verdicts."""
    found = outcomes(records)
    unfinished = list(endless(records, BITS, _label))
    return [*_of_text(records), *_at_edges(found), *unfinished, RULE] if found else unfinished


def _label(axes: Axes) -> str:
    return f"{model_of(axes)} {axes[RATE]:g}"


def _of_text(records: Sequence[Record]) -> Iterator[str]:
    """Which text it was, and what its held-out part costs without a network."""
    for text in dict.fromkeys(str(r.axes["text"]) for r in records if r.metric == "baseline_bits"):
        of_it = {str(r.axes["method"]): r for r in measured(records, "baseline_bits", text=text)}
        if not of_it:
            continue
        about = next(iter(of_it.values())).details
        costs = ", ".join(f"{name} {record.median:.3f}" for name, record in of_it.items())
        left_out = f", {units.counted(about['left_out'], 'file')} left out as no text" if about["left_out"] else ""
        yield (
            f"Text: {about['name']}, {about['size']:,} bytes, sha256 {about['sha256'][:12]}{left_out}; its last tenth "
            f"is held out. Without a network that costs, in bits a byte: {costs} (bigram: pairs of bytes, counted)."
        )


def _at_edges(found: Sequence[Outcome]) -> Iterator[str]:
    at_edges = [outcome for outcome in found if outcome.at_edge]
    if at_edges:
        of_each = ", ".join(f"{named(found, outcome)} {outcome.rate:g}" for outcome in at_edges)
        yield f"Best at an end of the learning rates, so that others may be better: {of_each} (--learning-rate)."
