"""What `variants albert` found: what sharing and factorised embeddings save, and what they do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn.records.claims import HOLDS, UNDECIDED, Claim
from rnn_vs_attn.records.query import Group, measured, without
from rnn_vs_attn.records.types import AxisValue, Record
from rnn_vs_attn.report.curves import interval
from rnn_vs_attn.suites import columns
from rnn_vs_attn.suites.deciding import of_below_one, to_decide
from rnn_vs_attn.suites.variants.albert.analysis import PUBLISHED, bert_of
from rnn_vs_attn.suites.variants.claims import of_host, published, settings
from rnn_vs_attn.suites.variants.remarks import where

_PARAMS, _FLOPS = ("num_params", None), ("flops_per_token", None)
_TRAIN, _FORWARD, _MEMORY = ("train_time", None), ("forward_time", None), ("peak_memory", "train")
_OLD = {_TRAIN: ("train_call_time", None), _FORWARD: ("forward_call_time", None)}  # of runs of schema 1
_TRAINING = "training"
_PASSES = ("train", "forward")
_FASTER = {"albert-base": "1.19", "albert-large": "1.7"}  # than BERT of its size: Lan et al. 2020, table 2
_Ratios = dict[tuple[AxisValue, AxisValue], Record]


def claims(records: Sequence[Record]) -> list[Claim]:
    """What all sizes of one kind found before the next: ALBERT, sharing alone, factorised embeddings alone, counts."""
    found = measured(records, "ratio")
    counts = {r.axes.get("size"): r.median or 0.0 for r in measured(records, "num_params")}
    groups: dict[Group, _Ratios] = {}
    for record in found:
        mine = groups.setdefault(without(record.axes, "of", "pass"), {})
        mine[(record.axes["of"], record.axes.get("pass"))] = record
    kinds: dict[str, list[Claim]] = {"": [], "+shared": [], "+factorised": []}
    for group, mine in groups.items():
        size = str(dict(group)["size"])
        kind = next((ending for ending in kinds if ending and size.endswith(ending)), "")
        both = size, bert_of(size)
        by_host = next(filter(None, (of_host(records, name, dict(group), size=both) for name in _PASSES)), "")
        kinds[kind] += _of_size(size, kind, mine, where(dict(group), found), counts.get(bert_of(size), 0.0), by_host)
    return [*(claim for each in kinds.values() for claim in each), *published(records, PUBLISHED, "ALBERT")]


def _of_size(size: str, kind: str, mine: _Ratios, at: str, params: float, by_host: str) -> Iterator[Claim]:
    """The claims of one size. at: the settings that tell it from others; params: BERT's; by_host: what is said of
    times that are the host's.
    """
    bert = bert_of(size)
    if kind == "+shared":
        name = f"Sharing weights between all layers ({size})"
    else:
        name = size if not kind else f"Factorising embeddings ({size})"
    who = f"{size}{at}"
    if _PARAMS in mine:
        text = f"{name} has fewer parameters than {bert}" if not kind else f"{name} saves parameters"
        figure = f"{who} has {_value(mine[_PARAMS])} of {bert}'s {params / 1e6:.1f} M"
        yield _claim("fewer-parameters", text, mine[_PARAMS], figure, "")
    if kind == "+shared" and _FLOPS in mine:
        times = [f"{_value(r)} of its {what} time" for r, what in _times(mine)]
        figure = f"{who} takes {_value(mine[_FLOPS])} of {bert}'s FLOPs" + "".join(f", {each}" for each in times)
        why = "every layer is computed, whether its weights are shared or not"
        why = "; ".join(filter(None, (why, by_host * bool(times))))
        yield _claim("saves-computation", f"{name} saves computation", mine[_FLOPS], figure, why)
    elif not kind and any(what == _TRAINING for _, what in _times(mine)):
        (train, what), *others = _times(mine)
        figure = f"{who} takes {_value(train)} of {bert}'s {what} time"
        figure += "".join(f" and {_value(r)} of its {which} time" for r, which in others)
        known = [f"it has {_value(mine[_FLOPS])} of its FLOPs"] if _FLOPS in mine else []
        if size in _FASTER:
            known.append(f"the paper's trained {_FASTER[size]} times as fast, on many TPUs")
        told = "; ".join(filter(None, (*known, by_host)))
        yield _claim("trains-faster", f"{size} trains faster than {bert}", train, figure, told)
    if _MEMORY in mine:
        figure = f"{who} takes {_value(mine[_MEMORY])} of {bert}'s in a training pass"
        saves = not kind and of_below_one(mine[_MEMORY]) == HOLDS
        why = "gradients of shared weights are stored once" * saves
        text = f"{size} trains in less memory than {bert}" if not kind else f"{name} saves memory of training"
        yield _claim("less-memory", text, mine[_MEMORY], figure, why)


def _times(mine: _Ratios) -> list[tuple[Record, str]]:
    """Ratios of times, of training first, and what they are called."""
    found = [(mine.get(of) or mine.get(_OLD[of]), what) for of, what in ((_TRAIN, _TRAINING), (_FORWARD, "forward"))]
    return [(record, what) for record, what in found if record is not None]


def _claim(key: str, text: str, ratio: Record, figure: str, why: str) -> Claim:
    """A claim that holds where a ratio is below 1."""
    verdict = of_below_one(ratio)
    told = [to_decide(ratio.estimate)] if verdict == UNDECIDED else []
    return Claim(key, text, verdict, figure, "; ".join([*told, *filter(None, [why])]), settings(ratio.axes, "size"))


def _value(record: Record) -> str:
    """A ratio with its interval; what is exact needs none."""
    exact = record.axes["of"] in ("num_params", "flops_per_token")
    return columns.factor(record.median or 0.0) if exact else interval(record, columns.ratio)
