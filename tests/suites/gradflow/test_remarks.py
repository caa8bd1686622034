"""What `gradflow` says in words of curves with known answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from planted_gradflow import DISTANCES, exponential, norms, nothing, power, record, said

from rnn_vs_attn.suites.gradflow import remarks
from rnn_vs_attn.suites.gradflow.analysis import derive


@pytest.mark.parametrize(
    ("model", "law", "claim"),
    [
        ("lstm", exponential(0.9), "holds (vanishing, times 0.9000 [0.9000, 0.9000] a token)."),
        ("lstm", power(-0.5), "does not hold here (polynomial, distance^-0.500 [-0.500, -0.500])."),
        ("lstm", exponential(1.1), "does not hold here (exploding, times 1.100 [1.100, 1.100] a token)."),
        ("lstm", lambda k: -3.0, "does not hold here (flat: no trend, and a scatter below a factor of 2)."),
        ("attention", lambda k: -3.0, "holds (flat: no trend, and a scatter below a factor of 2)."),
        ("attention", exponential(0.9), "does not hold here (vanishing, times 0.9000 [0.9000, 0.9000] a token)."),
        ("attention", power(-1.0), "does not hold here (polynomial, distance^-1.00 [-1.00, -1.00])."),
        ("attention", exponential(1.1), "does not hold here (exploding, times 1.100 [1.100, 1.100] a token)."),
    ],
)
def test_the_lessons_claims(model: str, law: Callable[[float], float], claim: str) -> None:
    name = {"lstm": "gradients through lstm vanish", "attention": "attention reaches every distance alike"}[model]
    assert said(norms(model, law)).splitlines()[0] == f'Claim "{name}": {claim}'


@pytest.mark.parametrize("model", ["rnn", "gru", "lstm", "lstm-cell"])
def test_the_claim_on_recurrence_is_made_for_every_recurrent_model(model: str) -> None:
    assert f'Claim "gradients through {model} vanish": holds' in said(norms(model, exponential(0.9)))


def test_the_claim_on_attention_is_made_for_both_attentions() -> None:
    assert 'Claim "attention-naive reaches every distance alike": holds' in said(norms("attention-naive", lambda k: 0))


@pytest.mark.parametrize("model", ["lstm", "attention"])
def test_an_undecided_claim_says_why(model: str) -> None:
    line = said(norms(model, exponential(0.9), rounds=5)).splitlines()[0]
    assert line.endswith(": undecided (5 of the 6 rounds that an interval needs).")


def test_a_model_of_the_users_own_makes_no_claim_and_is_explained_where_undecided() -> None:
    own = said(norms("flows:Own", exponential(0.9), rounds=5))
    assert own.splitlines()[0] == "flows:Own: undecided; 5 of the 6 rounds that an interval needs."
    assert "Claim" not in own
    assert "flows:Own" not in said(norms("flows:Own", exponential(0.9)))


def test_where_nothing_arrives_at_all_that_is_said() -> None:
    assert said([nothing("flows:Own", k) for k in DISTANCES]).splitlines()[0] == (
        "flows:Own: undecided; exactly 0, or absent, in some rounds from distance 1 on."
    )


def test_what_tells_two_cases_apart_stands_by_their_names() -> None:
    text = said([*norms("lstm", exponential(0.9)), *norms("lstm", power(-0.5), init="chrono:64")])
    assert 'Claim "gradients through lstm (init default) vanish": holds' in text
    assert 'Claim "gradients through lstm (init chrono:64) vanish": does not hold here' in text


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


def test_how_training_moved_a_model_is_said_at_the_largest_distance() -> None:
    """In every round by 10^40 at distance 127; where a norm is 0 there is no factor, and the one before it is taken."""
    before, after = norms("initial:lstm@copy", lambda k: -k), norms("trained:lstm@copy", lambda k: 40.0 - k)
    text = said([*before, *after])
    line = "Training multiplied the gradient norm of trained:lstm@copy at distance 127 by 1.0e+40 [1.0e+40, 1.0e+40]."
    assert line in text.splitlines()
    assert "Claim" not in text
    assert "weights at initialisation" not in text
    assert text.splitlines()[-1].endswith("or another example where there is one seed.")
    shorter = [r for r in after if r.axes["distance"] != 127]
    assert "at distance 64 by 1.0e+40" in said([*before, *shorter, nothing("trained:lstm@copy", 127)])
    assert "Training multiplied" not in said(before)
    few = said([*norms("initial:gru@copy", lambda k: -k, rounds=3), *norms("trained:gru@copy", lambda k: -k, rounds=3)])
    assert "trained:gru@copy at distance 127 by 1.0e+00." in few


def test_up_to_where_recurrence_passes_on_more_than_attention() -> None:
    records = [*norms("lstm", exponential(0.5)), *norms("attention", lambda k: -3.0)]
    assert "lstm passes on more gradient than attention up to distance 8, and less from 16 on." in said(records)


@pytest.mark.parametrize("level", [-30.0, 5.0])
def test_a_recurrence_on_one_side_of_attention_everywhere_overtakes_nothing(level: float) -> None:
    records = [*norms("lstm", exponential(0.9)), *norms("attention", lambda k: level)]
    assert "passes on more gradient" not in said(records)


def test_a_distance_at_which_the_two_are_undecided_is_on_neither_side() -> None:
    attention = [r for r in norms("attention", lambda k: -3.0) if r.axes["distance"] not in (8, 16)]
    near = [record("attention", "gradient_norm_log10", [-1.0, -8.0] * 3, {"distance": k}) for k in (8, 16)]
    assert "up to distance 4, and less from 32 on." in said([*norms("lstm", exponential(0.5)), *attention, *near])


def test_less_is_said_from_where_it_stays_less() -> None:
    attention = norms("attention", lambda k: 5.0 if k == 4 else -3.0)
    assert "up to distance 8, and less from 16 on." in said([*norms("lstm", exponential(0.5)), *attention])


def test_a_recurrence_is_compared_with_attention_of_the_same_settings() -> None:
    lstm = norms("lstm", exponential(0.5), init="chrono", num_layers=2)
    attention = [*norms("attention", lambda k: -3.0, num_layers=2), *norms("attention", lambda k: -30.0)]
    line = "lstm (num_layers 2, init chrono) passes on more gradient than attention up to distance 8, and less from 16"
    assert line in said([*attention, *lstm])
    assert "passes on more" not in said([*norms("attention", lambda k: -3.0), *lstm])


def test_only_a_recurrence_overtakes_attention() -> None:
    records = [*norms("attention-naive", exponential(0.5)), *norms("attention", lambda k: -3.0)]
    assert "passes on more" not in said([*records, *norms("flows:Own", exponential(0.5))])


def test_where_float32_would_have_nothing_left() -> None:
    assert "exactly 0 (below 1.4e-45): lstm from distance 127 on." in said(norms("lstm", exponential(0.3)))
    assert "float32" not in said(norms("lstm", exponential(0.9)))


def test_all_cases_that_float32_would_lose_are_in_one_line() -> None:
    text = said([*norms("lstm", exponential(0.3)), *norms("rnn", exponential(0.1)), *norms("gru", exponential(0.9))])
    assert "exactly 0 (below 1.4e-45): lstm from distance 127 on; rnn from distance 64 on." in text


def test_what_the_token_itself_passes_on_does_not_vanish() -> None:
    itself = record("lstm", "gradient_norm_log10", [-50.0] * 6, {"distance": 0})
    assert "float32" not in said([itself, *norms("lstm", exponential(0.9))[1:]])


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
