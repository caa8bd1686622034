"""What `variants gpt` says in words beside its claims: which sizes are only counted."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.variants.remarks import only_counted


def remarks(records: Sequence[Record]) -> list[str]:
    """Sizes that have counts and no times."""
    return list(only_counted(records))
