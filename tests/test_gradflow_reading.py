"""What `gradflow` reads out of norms: laws with known answers, and noise that must give none."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from fakes import of_rounds

from rnn_vs_attn.plots import as_text
from rnn_vs_attn.records import Record
from rnn_vs_attn.suites import gradflow_figures, gradflow_words
from rnn_vs_attn.suites.gradflow import GRADFLOW, GradflowCase
from rnn_vs_attn.suites.gradflow_reading import Curve, curve_of, derive, verdict
from rnn_vs_attn.suites.suite import axes_of

DISTANCES = [1, 2, 4, 8, 16, 32, 64, 127]


def record(
    model: str, metric: str, values: Sequence[float | None], added: Mapping[str, Any] | None = None, **case: Any
) -> Record:
    axes = axes_of(GradflowCase(model=model, seq_len=128, device="cpu", threads=1, **case)) | dict(added or {})
    return of_rounds(GRADFLOW.metric(metric, axes), axes, dict(enumerate(values)))


def norms(
    model: str, law: Callable[[float], float], rounds: int = 6, distances: Sequence[int] = DISTANCES, **case: Any
) -> list[Record]:
    """log10 of the norm at each distance, a little apart between rounds."""
    return [
        record(model, "gradient_norm_log10", [law(k) + 0.01 * r for r in range(rounds)], {"distance": k}, **case)
        for k in (0, *distances)
    ]


def read(records: Sequence[Record]) -> dict[str, Record]:
    return {made.metric: made for made in derive(records)}


def exponential(factor: float) -> Callable[[float], float]:
    return lambda k: k * math.log10(factor)


def power(exponent: float) -> Callable[[float], float]:
    return lambda k: exponent * math.log10(max(k, 1))


# Laws


def test_an_exponential_decay_is_vanishing_with_its_factor_and_half_life() -> None:
    found = read(norms("lstm", exponential(0.9)))
    assert found["verdict"].text == "vanishing"
    assert found["decay"].median == pytest.approx(0.9, abs=1e-12)
    assert found["half_life"].median == pytest.approx(math.log(0.5) / math.log(0.9), abs=1e-9)
    assert "power_exponent" not in found


def test_what_is_far_beyond_any_float_is_read_all_the_same() -> None:
    found = read(norms("rnn", exponential(1e-300)))
    assert found["verdict"].text == "vanishing"
    assert found["half_life"].median == pytest.approx(math.log10(2) / 300)


def test_growth_is_exploding_and_has_no_half_life() -> None:
    found = read(norms("rnn", exponential(1.1)))
    assert found["verdict"].text == "exploding"
    assert found["decay"].median == pytest.approx(1.1)
    assert "half_life" not in found


def test_a_power_law_is_polynomial_with_its_exponent() -> None:
    found = read(norms("lstm", power(-0.5)))
    assert found["verdict"].text == "polynomial"
    assert found["power_exponent"].median == pytest.approx(-0.5, abs=1e-12)
    assert "half_life" not in found


def test_a_constant_is_flat() -> None:
    assert read(norms("attention", lambda k: -3.0))["verdict"].text == "flat"


def test_less_than_a_factor_of_2_over_all_distances_is_flat() -> None:
    assert read(norms("attention", lambda k: -0.28 * k / 127))["verdict"].text == "flat"
    assert read(norms("attention", lambda k: -0.9 * k / 127))["verdict"].text == "vanishing"


def test_one_distance_makes_no_law() -> None:
    found = read(norms("attention", lambda k: -2.0 if k == 127 else -3.0))["verdict"]
    assert found.text == "undecided"
    assert found.details["reason"] == "exploding over all distances, but not at the same rate over those up to 16"


@pytest.mark.parametrize(
    ("records", "said"),
    [
        (norms("lstm", exponential(0.9), rounds=5), "5 of the 6 rounds"),
        (norms("lstm", exponential(0.9), distances=[1, 2, 4, 7]), "fewer than 5 distances"),
    ],
)
def test_too_little_is_undecided(records: list[Record], said: str) -> None:
    found = read(records)
    assert found["verdict"].text == "undecided"
    assert said in found["verdict"].details["reason"]
    assert found["decay"].median == pytest.approx(0.9)


def test_two_layers_of_attention_do_not_explode() -> None:
    """Norms of `attention --num-layers 2 --seq-len 256`: later inputs are in fewer of the averages."""
    seen = dict(zip([0, *DISTANCES[:-1], 128, 255], [2.0, 2.1, 2.2, 2.3, 2.6, 3.7, 6.3, 13, 30, 260], strict=True))
    found = read(norms("attention", lambda k: math.log10(seen[int(k)]) - 5, distances=list(seen)[1:]))["verdict"]
    assert found.text == "undecided"
    assert "exploding fits best, but" in found.details["reason"]


def test_zeros_are_said_and_make_no_law() -> None:
    zeros = [record("mine:Window", "gradient_norm_log10", [None] * 6, {"distance": k}) for k in (64, 127)]
    records = [*norms("mine:Window", lambda k: -1.0, distances=DISTANCES[:-2]), *(replace(z, zero=True) for z in zeros)]
    found = read(records)["verdict"]
    assert found.text == "undecided"
    assert found.details["reason"] == "exactly 0, or absent, in some rounds from distance 64 on; flat up to there"


def test_rounds_of_different_laws_are_undecided() -> None:
    laws = [exponential(0.9), power(-1.0)] * 3
    rounds = [[law(k) for k in DISTANCES] for law in laws]
    assert verdict(Curve([float(k) for k in DISTANCES], rounds))[0] == "undecided"


@pytest.mark.parametrize("scale", [0.3, 3.0])
def test_noise_is_no_law(scale: float) -> None:
    """Over 200 draws; a verdict other than flat or undecided is a false one."""
    found = []
    for seed in range(200):
        draw = random.Random(seed)
        rounds = [[draw.gauss(0, scale) for _ in DISTANCES] for _ in range(6)]
        found.append(verdict(Curve([float(k) for k in DISTANCES], rounds))[0])
    assert sum(word not in ("undecided", "flat") for word in found) <= 2


def test_a_noisy_decay_is_still_found() -> None:
    for seed in range(50):
        draw = random.Random(seed)
        rounds = [[exponential(0.9)(k) + draw.gauss(0, 0.1) for k in DISTANCES] for _ in range(6)]
        assert verdict(Curve([float(k) for k in DISTANCES], rounds)) == ("vanishing", "")


def test_distances_that_a_round_lacks_are_left_out() -> None:
    records = norms("lstm", exponential(0.9))
    torn = record("lstm", "gradient_norm_log10", [-1.0, None, -1.0, -1.0, -1.0, -1.0], {"distance": 100})
    curve = curve_of([*records[1:], torn])
    assert curve.distances == DISTANCES
    assert len(curve.rounds) == 6


def test_a_half_life_over_rounds_of_which_one_grows_is_that_of_the_others() -> None:
    """Nine rounds, so that the interval leaves the outermost out."""
    rounds = [exponential(0.9)] * 8 + [exponential(1.01)]
    records = [
        record("lstm", "gradient_norm_log10", [law(k) for law in rounds], {"distance": k}) for k in (0, *DISTANCES)
    ]
    found = read(records)
    assert found["verdict"].text == "vanishing"
    assert found["half_life"].samples[-1] is None
    assert found["half_life"].high == pytest.approx(6.5788, abs=1e-3)


def test_cases_are_read_apart() -> None:
    records = [*norms("lstm", exponential(0.9)), *norms("lstm", power(-0.5), init="chrono")]
    words = {made.axes["init"]: made.text for made in derive(records) if made.metric == "verdict"}
    assert words == {"default": "vanishing", "chrono": "polynomial"}


# Words


def said(records: Sequence[Record], *extra: Record) -> str:
    return "\n".join(gradflow_words.remarks([*records, *derive(records), *extra]))


@pytest.mark.parametrize(
    ("model", "law", "claim"),
    [
        ("lstm", exponential(0.9), 'Claim "gradients through lstm vanish": holds (vanishing, times 0.9000'),
        ("lstm", power(-0.5), 'Claim "gradients through lstm vanish": does not hold here (polynomial, distance^-0.500'),
        ("rnn", exponential(1.1), 'Claim "gradients through rnn vanish": does not hold here (exploding'),
        ("attention", lambda k: -3.0, 'Claim "attention reaches every distance alike": holds (flat'),
        ("attention", exponential(0.9), 'Claim "attention reaches every distance alike": does not hold here'),
    ],
)
def test_the_lessons_claims(model: str, law: Callable[[float], float], claim: str) -> None:
    assert claim in said(norms(model, law))


def test_an_undecided_claim_says_why() -> None:
    assert "undecided (5 of the 6 rounds" in said(norms("lstm", exponential(0.9), rounds=5))


def test_up_to_where_recurrence_passes_on_more_than_attention() -> None:
    records = [*norms("lstm", exponential(0.5)), *norms("attention", lambda k: -3.0)]
    assert "lstm passes on more gradient than attention up to distance 8, and less from 16 on." in said(records)


def test_where_float32_would_have_nothing_left() -> None:
    assert "exactly 0 (below 1.4e-45): lstm from distance 127 on." in said(norms("lstm", exponential(0.3)))
    assert "float32" not in said(norms("lstm", exponential(0.9)))


@pytest.mark.parametrize(
    ("largest", "text"),
    [
        ([0.9] * 6, "0.900 [0.900, 0.900], is below 1, which is sufficient for vanishing"),
        ([1.1] * 6, "is above 1, so the condition that is sufficient for vanishing does not apply"),
        ([0.9, 1.1] * 3, "is not clearly on either side of 1"),
    ],
)
def test_pascanus_conditions(largest: list[float], text: str) -> None:
    spectrum = [record("rnn", "spectral_radius", [0.6] * 6), record("rnn", "largest_singular_value", largest)]
    assert text in said(norms("rnn", exponential(0.5)), *spectrum)


def test_the_identity_path_is_shown_apart() -> None:
    beside = record("lstm", "beside_identity_log10", [-1.0] * 6, block=True)
    assert "a norm of exactly 1 at distance 0, where everything else carries 1.0e-01" in said(
        norms("lstm", exponential(0.9), block=True), beside
    )


def test_nothing_measured_is_nothing_said() -> None:
    assert gradflow_words.remarks([]) == []


@pytest.mark.parametrize(
    ("values", "text"), [([9.0] * 6, "9 [9, 9]"), ([127.0] * 6, "≥ 127 [≥ 127, ≥ 127]"), ([9.0], "9")]
)
def test_a_reach_to_the_last_distance_may_be_longer(values: list[float], text: str) -> None:
    assert gradflow_words.reach(record("lstm", "reach", values)) == text


def test_cells_of_norms() -> None:
    deep = record("lstm", "gradient_norm_log10", [-890.3] * 6, {"distance": 127})
    assert gradflow_words.norm(deep, narrow=False) == "5.0e-891 [5.0e-891, 5.0e-891]"
    assert gradflow_words.norm(deep, narrow=True) == "5.0e-891"


# Figures


def test_a_figure_begins_at_distance_1_and_says_where_float32_ends() -> None:
    (figure,) = gradflow_figures.figures([*norms("lstm", exponential(0.3)), *norms("attention", lambda k: -3.0)])
    assert [line.label for line in figure.series] == ["lstm", "attention"]
    assert figure.series[0].x == DISTANCES
    assert [level.label for level in figure.levels] == ["below: 0 in float32"]
    assert figure.limits()[0] > -50
    (figure,) = gradflow_figures.figures(norms("lstm", exponential(0.9)))
    assert figure.levels == []


def test_no_norms_no_figure() -> None:
    assert gradflow_figures.figures([]) == []
    assert gradflow_figures.chart([]) is None


def test_a_terminal_sees_both_curves() -> None:
    figure = gradflow_figures.chart([*norms("lstm", exponential(0.3)), *norms("attention", lambda k: -3.0)])
    assert figure is not None
    drawn = as_text(figure, 60)
    assert drawn[-1].split() == ["o", "lstm", "x", "attention"]
    rows = [line.partition("|")[2] for line in drawn if "|" in line]
    assert sum("x" in row for row in rows) == 1
    assert [row.find("o") for row in rows if "o" in row] == sorted(row.find("o") for row in rows if "o" in row)
    assert max(map(len, drawn)) <= 60
    assert drawn[-2].split() == ["1", "distance", "(tokens)", "127"]
