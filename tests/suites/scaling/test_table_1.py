"""Every row of Table 1 has a model."""

from __future__ import annotations

from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import CONVOLUTIONAL, LINEAR_RECURRENCE, RECURRENT, RESTRICTED, SELF_ATTENTION
from rnn_vs_attn.suites.scaling import rules


def test_every_row_of_the_table_has_a_model() -> None:
    types = {find(name).layer_type for name in ("attention", "lstm", "conv", "attention-local", "mingru")}
    assert types == {SELF_ATTENTION, RECURRENT, CONVOLUTIONAL, RESTRICTED, LINEAR_RECURRENCE}
    assert [row.layer_type for row in rules.ROWS][-1] == LINEAR_RECURRENCE
