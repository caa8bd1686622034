"""What `decode` says in words."""

from __future__ import annotations

from planted_decode import records_of

from rnn_vs_attn.suites.decode import remarks
from rnn_vs_attn.suites.decode.analysis import derive


def test_without_a_crossing_the_side_is_said() -> None:
    records = records_of(lambda n: 1e-3, 5e-3)
    said = remarks.remarks([*records, *derive(records)])
    assert "Time a token, lstm-lm and gpt: lstm-lm is slower at every context from 64 to 1024." in said
    assert "State, lstm-lm and gpt: beyond a context of 7.00 lstm-lm carries less (exact)." in said
    assert (
        said[-1] == "What is carried from token to token: gpt 100 B more a token; lstm-lm 700 B whatever the context."
    )
