"""What `gradflow` says in words of curves with known answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from planted_gradflow import exponential, norms, record, said

from rnn_vs_attn.suites.gradflow import remarks
from rnn_vs_attn.suites.gradflow.analysis import derive


def test_an_initialisation_is_defined_once_and_the_default_not() -> None:
    cases = [norms("lstm", exponential(0.9), init=init) for init in ("default", "chrono:64", "chrono:128")]
    text = said([r for case in cases for r in case])
    assert text.startswith("init chrono: forget bias log U(1, T_max - 1), input bias its negative (Tallec")
    assert text.count("init chrono: ") == 1
    assert "init default: " not in text
    assert "init orthogonal: " not in text


def test_that_these_are_initial_weights_is_the_last_word() -> None:
    assert said(norms("lstm", exponential(0.9))).splitlines()[-1] == (
        "These are weights at initialisation; training moves them, and these curves say nothing of that."
    )


def test_what_trained_weights_are_is_the_last_word_where_there_are_only_such() -> None:
    text = said([*norms("initial:lstm@copy", lambda k: -k), *norms("trained:lstm@copy", lambda k: 40.0 - k)])
    assert "weights at initialisation" not in text
    assert text.splitlines()[-1].endswith("or another example where there is one seed.")


@pytest.mark.parametrize(
    ("largest", "text"),
    [
        ([0.9] * 6, "0.900 [0.900, 0.900], is below 1, which is sufficient for vanishing"),
        ([1.1] * 6, "is above 1, so the condition that is sufficient for vanishing does not apply"),
        ([0.9, 1.1] * 3, "is not clearly on either side of 1"),
        ([1.0 + 2e-16] * 6, "is 1, so neither the condition that is sufficient for vanishing nor the one that is"),
    ],
)
def test_pascanus_conditions(largest: list[float], text: str) -> None:
    spectrum = [record("rnn", "spectral_radius", [0.6] * 6), record("rnn", "largest_singular_value", largest)]
    found = said(norms("rnn", exponential(0.5)), *spectrum)
    assert text in found
    assert "; the spectral radius, 0.600 [0.600, 0.600], decides for a linear recurrence only." in found


def test_each_spectrum_is_held_against_its_own_case() -> None:
    spectrum = [
        record("rnn", metric, [value] * 6, num_layers=layers)
        for layers, value in ((1, 0.5), (2, 2.0))
        for metric in ("spectral_radius", "largest_singular_value")
    ]
    text = said([*norms("rnn", exponential(0.5)), *norms("rnn", exponential(0.9), num_layers=2)], *spectrum)
    assert "for rnn (num_layers 1): the largest singular value, 0.500 [0.500, 0.500], is below 1" in text
    assert "for rnn (num_layers 2): the largest singular value, 2.00 [2.00, 2.00], is above 1" in text


def test_a_spectrum_without_its_norm_says_nothing_of_pascanu() -> None:
    """A sample that was edited away; it was a fault of the program."""
    spectrum = [record("rnn", "spectral_radius", [0.6] * 6), record("rnn", "largest_singular_value", [None] * 6)]
    assert "Pascanu" not in said(norms("rnn", exponential(0.5)), *spectrum)


def test_the_identity_path_is_shown_apart() -> None:
    beside = record("lstm", "beside_identity_log10", [-1.0] * 6, block=True)
    assert "a norm of exactly 1 at distance 0, where everything else carries 1.0e-01" in said(
        norms("lstm", exponential(0.9), block=True), beside
    )


def test_nothing_measured_is_nothing_said() -> None:
    failed = replace(record("lstm", "gradient_norm_log10", [None]), status="failed", error="no")
    assert remarks.remarks([]) == []
    assert remarks.remarks([failed, *derive([failed])]) == []
