"""What `scaling` says in words beside its claims: the rule that decides them, the kernels, whose times they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.scaling import launches, rules
from rnn_vs_attn.suites.scaling.case import LAYER
from rnn_vs_attn.suites.scaling.choosing import models_of, size

_COLUMNS = (
    "Of peak is training FLOP/s at the longest n as a part of this machine's fastest matrix product; where those "
    "differ, FLOPs and time cross at different n. Amdahl's serial fraction takes three numbers of threads or more."
)


def remarks(records: Sequence[Record]) -> list[str]:
    """The rule, then what ran."""
    return [rules.RULE, _COLUMNS, *_kernels(records), *launches.remarks(records)] if models_of(records) else []


def _kernels(records: Sequence[Record]) -> Iterator[str]:
    """Which kernels ran, as FLOPs say nothing of how fast they are."""
    parts = []
    for model in models_of(records):
        flops = measured(records, "flops", model=model, part=LAYER, **{"pass": "forward"})
        last = max(flops, key=lambda r: (size(r, "seq_len"), size(r, "d_model")), default=None)
        if last is not None and last.details.get("kernels"):
            parts.append(f"{model} {' + '.join(last.details['kernels'])}")
    if parts:
        yield f"Kernels that ran forward: {'; '.join(parts)}."
