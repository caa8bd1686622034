"""Which claims of Table 1 hold, by planted exponents and times."""

from __future__ import annotations

from planted_scaling import GRID, LSTM, timed, verdict

from rnn_vs_attn.suites.scaling import remarks
from rnn_vs_attn.suites.scaling.analysis import derive


def test_another_exponent_does_not_hold_here_and_noise_is_undecided() -> None:
    other = derive(timed(lambda m, n, d, t: 1e-9 * n**1.5 * d**2, LSTM, *GRID))
    assert verdict(other, "lstm", "exponent of seq_len") == "does not hold here"
    noisy = derive(timed(lambda m, n, d, t: 1e-9 * n * d**2, LSTM, *GRID, noise=0.8))
    assert verdict(noisy, "lstm", "exponent of seq_len") == "undecided"


def test_a_single_length_or_width_is_undecided_and_says_what_to_give() -> None:
    records = timed(lambda m, n, d, t: 1e-9 * n * d**2, LSTM, [512], [64])
    found = [*records, *derive(records)]
    assert verdict(found, "lstm", "exponent of seq_len") == "undecided"
    lines = remarks.remarks(found)
    assert any("undecided" in line and "give --seq-len 512:2048" in line for line in lines)
    assert any("undecided" in line and "give --d-model 64:256" in line for line in lines)
