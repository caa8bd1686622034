"""What `decode` reads out of its numbers: where a bounded state becomes cheaper."""

from __future__ import annotations

import pytest
from planted_decode import at, records_of

from rnn_vs_attn.suites.decode.analysis import derive, expand


def test_the_context_from_which_a_bounded_state_is_cheaper() -> None:
    """GPT's step takes n microseconds, the LSTM's 300: equal at 300; 100 bytes a token against 700: equal at 7."""
    found = {str(r.axes["of"]): r for r in derive(records_of(lambda n: n * 1e-6, 300e-6))}
    assert found["step_time"].median == pytest.approx(300, rel=1e-6)
    assert found["step_time"].low == pytest.approx(300, rel=1e-6)
    assert found["step_time"].details["faster_beyond"] == "lstm-lm"
    assert found["state_size"].median == 7
    assert found["step_time"].axes["model"] == "lstm-lm"


def test_a_state_that_grows_unevenly_has_no_crossing() -> None:
    records = records_of(lambda n: n * 1e-6, 300e-6)
    uneven = [r for r in records if not (r.metric == "state_size" and r.axes["model"] == "gpt")]
    uneven += [at("state_size", "gpt", n, [float(n * n)]) for n in (64, 256, 1024)]
    assert [r.axes["of"] for r in derive(uneven)] == ["step_time"]


def test_batches_and_lengths_of_their_own_are_not_mixed() -> None:
    records = [*records_of(lambda n: n * 1e-6, 300e-6), at("step_time", "gpt", 64, [1.0], batch_size=8)]
    assert len(derive(records)) == 2


def test_tokens_a_second_are_those_of_the_whole_batch() -> None:
    (found,) = expand([at("step_time", "gpt", 64, [0.002], batch_size=8)])
    assert found.median == pytest.approx(4000)
