"""What `variants transformer-xl` found: how far it sees, and what evaluation and training cost beside other ways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED, Claim
from rnn_vs_attn.records.query import Group, measured, without
from rnn_vs_attn.records.types import Axes, Record
from rnn_vs_attn.report.curves import interval
from rnn_vs_attn.suites.columns import ratio
from rnn_vs_attn.suites.deciding import decided, of_above_one, of_below_one, to_decide
from rnn_vs_attn.suites.variants.claims import of_host, published, settings
from rnn_vs_attn.suites.variants.transformer_xl.analysis import PUBLISHED, TABLE_9
from rnn_vs_attn.suites.variants.transformer_xl.case import MEMORY, TOKEN

_METHODS = {  # what is said of the memory, what the other method is, and why it is so
    "window-1": (
        "Transformer-XL evaluates tokens faster than a window that is computed anew for each token",
        "Such a window",
        "",
    ),
    "cache-segment": (
        "Transformer-XL evaluates tokens faster than a model with a key-value cache",
        "A cache that is read a segment at a time",
        "a memory's keys and values are computed again for every segment",
    ),
    "cache": (
        "Transformer-XL evaluates tokens faster than a key-value cache that takes one at a time",
        "Such a cache, as generation has it,",
        "",
    ),
    "window-half": (
        "Transformer-XL evaluates tokens faster than a window that moves by half of its length",
        "Such a window",
        "its tokens see from half of its length to all of it",
    ),
}


def claims(records: Sequence[Record]) -> list[Claim]:
    """How far it sees, what evaluation takes, what training takes, then counts."""
    return [
        *_receptive_fields(records),
        *_evaluation(records),
        *_training(records),
        *published(records, PUBLISHED, "Transformer-XL"),
    ]


def _receptive_fields(records: Sequence[Record]) -> Iterator[Claim]:
    """One a number of layers: it does not hang on the attention length."""
    found = measured(records, "receptive_field")
    without_memory = {r.axes["num_layers"]: r.median for r in found if not r.axes["memory_len"]}
    seen = {r.axes["num_layers"]: r for r in found if r.axes["memory_len"] and r.axes["num_layers"] in without_memory}
    for layers, record in seen.items():
        segment, memory_len = int(record.axes["position"] or 0) + 1, record.axes["memory_len"]
        reach, alone = record.median or 0.0, without_memory[layers] or 0.0
        small = f"With {layers} layers, segments of {segment} tokens and a memory of {memory_len}"
        figure = f"{small}, an output depends on tokens up to {reach:.0f} back; without a memory, {alone:.0f}"
        why = "measured at a segment's end, on a small model, by changing each token"
        verdict = HOLDS if reach >= segment else FAILS
        text = "Transformer-XL sees further than its segment"
        yield Claim("sees-further", text, verdict, figure, why, {"num_layers": layers})


def _evaluation(records: Sequence[Record]) -> Iterator[Claim]:
    """A claim a method and setting, over all attention lengths."""
    found = measured(records, "ratio", of="token_time")
    for method, (text, other, why) in _METHODS.items():
        groups: dict[Group, list[Record]] = {}
        for record in (r for r in found if r.axes["method"] == method):
            groups.setdefault(without(record.axes, "seq_len"), []).append(record)
        for group, mine in groups.items():
            mine.sort(key=lambda r: int(r.axes["seq_len"] or 0))
            verdict, decides = decided(mine, of_above_one)
            figure = f"{other} takes {_ends(mine, decides)}{_apart(dict(group), list(groups))}"
            told = [to_decide(decides.estimate)] if verdict == UNDECIDED else []
            told += [*filter(None, [why]), *(_table_9(mine) if method == "window-1" else [])]
            told += filter(None, [of_host(records, TOKEN, dict(group), method=(method, MEMORY))])
            axes = settings(dict(group), "method", "segment_len")
            yield Claim("evaluates-faster", text, verdict, figure, "; ".join(told), axes)


def _ends(mine: Sequence[Record], decides: Record) -> str:
    """The first and the last length, and the one that decides where it is another."""
    shown = [r for number, r in enumerate(mine) if number in (0, len(mine) - 1) or r is decides]
    first, *others = (f"{interval(r, ratio)} times" for r in shown)
    at, *further = (f"{r.axes['seq_len']:,}" for r in shown)
    more = (f", {each} at {length}" for each, length in zip(others, further, strict=True))
    return f"{first} as long at attention length {at}" + "".join(more)


def _apart(axes: Axes, groups: Sequence[Group]) -> str:
    """ " (d_model 64)": what tells a group from others."""
    told = [f"{name} {value}" for name, value in axes.items() if len({dict(group)[name] for group in groups}) > 1]
    return f" ({', '.join(told)})" if told else ""


def _table_9(mine: Sequence[Record]) -> Iterator[str]:
    """The paper's figures at the ends."""
    known = [TABLE_9[int(r.axes["seq_len"] or 0)] for r in mine if r.axes["seq_len"] in TABLE_9]
    if known:
        yield f"the paper's Table 9 has {' and '.join(f'{each:,}' for each in dict.fromkeys((known[0], known[-1])))}"


def _training(records: Sequence[Record]) -> Iterator[Claim]:
    """A claim a setting, over all lengths that were trained on."""
    groups: dict[Group, list[Record]] = {}
    for record in measured(records, "ratio", of="peak_memory"):
        groups.setdefault(without(record.axes, "seq_len", "memory_len"), []).append(record)
    for group, mine in groups.items():
        mine.sort(key=lambda r: int(r.axes["seq_len"] or 0))
        verdict, decides = decided(mine, of_below_one)
        length, memory_len = (int(decides.axes[name] or 0) for name in ("seq_len", "memory_len"))
        halves = f"A segment of {length - memory_len} after a memory of {memory_len}"
        taken = f"takes {interval(decides, ratio)} of what one segment of {length} takes"
        figure = f"{halves} {taken}{_apart(dict(group), list(groups))}"
        reasons = {HOLDS: "no gradient goes through a memory", UNDECIDED: to_decide(decides.estimate)}
        text = "Transformer-XL trains in less memory than one long segment takes"
        yield Claim(
            "saves-memory", text, verdict, figure, reasons.get(verdict, ""), settings(dict(group), "segment_len")
        )
