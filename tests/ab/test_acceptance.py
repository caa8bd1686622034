"""Own margins and accepted slowdowns: which case they mean, what they change, and what is said of them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from fakes import FakeCase
from planted_pairs import Laboratory, slower
from pydantic import TypeAdapter
from verdict_rows import row

from rnn_vs_attn.ab import acceptance, decide
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE
from rnn_vs_attn.compare.verdicts import ACCEPTED, BROKEN, FAILED, FASTER, SAME, SLOWER, UNSURE
from rnn_vs_attn.limits import Acceptance, OwnMargin, PairLimits, means, nearest
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.suite import BENCH

DAY, WHY = "2026-12-31", "the gate is worth it"


def accepted(at_most: float | None = None, ran_out: bool = False, **of: list[Any]) -> Acceptance:
    return Acceptance(of or {"model": ["lstm"]}, DAY, WHY, at_most, ran_out)


# Which case is meant

AXES = {"model": "m:Mixer", "seq_len": 512, "causal": True}


@pytest.mark.parametrize(
    ("of", "so"),
    [
        ({}, True),
        ({"model": ["m:Mixer"]}, True),
        ({"model": ["m:Other", "m:Mixer"], "seq_len": [128, 512], "metric": ["train_time"]}, True),
        ({"model": ["m:Mix"]}, False),
        ({"seq_len": [128]}, False),
        ({"metric": ["forward_time"]}, False),
        ({"window": [64]}, False),
    ],
)
def test_every_field_that_is_named_must_match(of: dict[str, list[Any]], so: bool) -> None:
    assert means(of, "train_time", AXES) is so


def test_a_model_without_arguments_is_meant_with_any() -> None:
    axes = {**AXES, "model": "m:Mixer(expand=2)"}
    assert means({"model": ["m:Mixer"]}, "train_time", axes)
    assert means({"model": ["m:Mixer(expand=2)"]}, "train_time", axes)
    assert not means({"model": ["m:Mixer(expand=3)"]}, "train_time", axes)


def test_the_entry_that_names_most_fields_holds_and_of_equals_the_last() -> None:
    wide, narrow = OwnMargin({"model": ["m:Mixer"]}, 0.1), OwnMargin({"model": ["m:Mixer"], "seq_len": [512]}, 0.2)
    last = OwnMargin({"seq_len": [512]}, 0.3)
    assert nearest([narrow, wide, last], "train_time", AXES) == narrow
    assert nearest([wide, last], "train_time", AXES) == last
    assert nearest([last, wide], "train_time", AXES) == wide
    assert nearest([], "train_time", AXES) is None


def test_a_case_without_a_margin_of_its_own_has_that_of_the_call() -> None:
    limits = PairLimits(margin=0.03, margins=(OwnMargin({"seq_len": [512]}, 0.05),))
    assert limits.margin_of("train_time", AXES) == 0.05
    assert limits.margin_of("train_time", {**AXES, "seq_len": 128}) == 0.03


def test_what_ran_out_holds_only_where_nothing_else_does() -> None:
    old, new = accepted(ran_out=True, model=["m:Mixer"], seq_len=[512]), accepted(model=["m:Mixer"])
    assert PairLimits(accepted=(old, new)).acceptance("train_time", AXES) == new
    assert PairLimits(accepted=(old,)).acceptance("train_time", AXES) == old


def test_limits_are_the_same_when_they_come_back_from_a_file() -> None:
    """As they stand in run.json."""
    limits = PairLimits(
        margins=(OwnMargin({"seq_len": [512], "causal": [True]}, 0.05),),
        accepted=(accepted(0.2), accepted(ran_out=True)),
    )
    assert TypeAdapter(PairLimits).validate_json(json.dumps(dataclasses.asdict(limits))) == limits


# Timed passes


@pytest.mark.long
def test_a_case_is_judged_by_its_own_margin_and_the_others_by_that_of_the_call(laboratory: Laboratory) -> None:
    laboratory.seconds = lambda side, model, name, pair: slower(model, 1.10)(side, model, name, pair)
    found = laboratory.judged("lstm", "gru", margins=(OwnMargin({"model": ["lstm"]}, 0.25),))
    assert (found["lstm"].verdict, found["lstm"].limit) == (SAME, 0.25)
    assert (found["gru"].verdict, found["gru"].limit) == (SLOWER, None)
    assert found["lstm"].detectable is not None
    assert found["lstm"].detectable > 0.25  # what could be seen is beyond what is allowed


@pytest.mark.long
def test_a_margin_of_its_own_can_be_narrower(laboratory: Laboratory) -> None:
    laboratory.seconds = slower("lstm", 1.05)
    row = laboratory.judged("lstm", margin=0.10, margins=(OwnMargin({"metric": ["forward_time"]}, 0.02),))["lstm"]
    assert (row.verdict, row.limit) == (SLOWER, 0.02)


@pytest.mark.long
def test_an_accepted_slowdown_is_measured_again_and_shown(laboratory: Laboratory) -> None:
    laboratory.seconds = slower("lstm", 1.10)
    row = laboratory.judged("lstm", "gru", accepted=(accepted(),))["lstm"]
    assert (row.verdict, row.stage, row.values) == (ACCEPTED, 2, 20)
    assert row.reason == "accepted until 2026-12-31: the gate is worth it"
    assert row.details["accepted"] == {"until": DAY, "why": WHY, "at_most": None}
    assert row.centre == pytest.approx(1.10, rel=0.01)


@pytest.mark.long
@pytest.mark.parametrize(("at_most", "verdict", "limit"), [(0.20, ACCEPTED, None), (0.05, SLOWER, 0.05)])
def test_no_more_than_what_was_accepted(
    laboratory: Laboratory, at_most: float, verdict: str, limit: float | None
) -> None:
    laboratory.seconds = slower("lstm", 1.10)
    row = laboratory.judged("lstm", accepted=(accepted(at_most),))["lstm"]
    assert (row.verdict, row.limit) == (verdict, limit)


@pytest.mark.long
def test_what_is_within_the_plain_margin_is_the_same_whatever_is_accepted(laboratory: Laboratory) -> None:
    row = laboratory.judged("lstm", accepted=(accepted(0.5),))["lstm"]
    assert (row.verdict, row.reason) == (SAME, "")


@pytest.mark.long
def test_what_ran_out_is_slower_again(laboratory: Laboratory) -> None:
    laboratory.seconds = slower("lstm", 1.10)
    row = laboratory.judged("lstm", accepted=(accepted(ran_out=True),))["lstm"]
    assert (row.verdict, row.reason) == (SLOWER, "its acceptance ran out on 2026-12-31")


@pytest.mark.long
def test_what_is_accepted_takes_no_power_from_the_others(laboratory: Laboratory) -> None:
    """Six passes are flagged, and four of them can never be red: two share the error rate."""
    laboratory.seconds = lambda side, model, name, pair: slower(model, 1.5)(side, model, name, pair)
    of = {"model": ["gru", "rnn"]}
    found = laboratory.judged("lstm", "gru", "rnn", confirm=7, accepted=(accepted(**of),))
    assert (found["lstm"].verdict, found["lstm"].p) == (
        SLOWER,
        pytest.approx(2 * 2**-7),
    )
    assert (found["gru"].verdict, found["gru"].p) == (ACCEPTED, pytest.approx(6 * 2**-7))


@pytest.mark.long
def test_on_cuda_more_than_was_accepted_must_show_in_clock_cycles(laboratory: Laboratory) -> None:
    laboratory.seconds = slower("lstm", 1.30)
    clocks = {BASELINE: 1500.0, CANDIDATE: 1250.0}  # 1.30 in seconds, 1.08 in cycles
    laboratory.clock_mhz = lambda side: clocks[side]
    case = FakeCase(model="lstm", device="cuda:0", threads=1)
    row = laboratory.judged(cases=[case], accepted=(accepted(0.20),))["lstm"]
    assert row.verdict == ACCEPTED


# What has no noise


def saved(before: float, after: float, limits: PairLimits, name: str = "saved_bytes") -> Any:
    case = BenchCase(model="lstm", device="cpu", threads=1)
    sides = {BASELINE: [Sample(name, before)], CANDIDATE: [Sample(name, after)]}
    (found,) = decide.exact(BENCH, case, sides, limits)
    return found


@pytest.mark.parametrize(
    ("limits", "verdict", "limit"),
    [
        ({}, SLOWER, None),
        ({"margins": (OwnMargin({"metric": ["saved_bytes"]}, 0.2),)}, SAME, 0.2),
        ({"margins": (OwnMargin({"metric": ["saved_bytes"]}, 0.05),)}, SLOWER, 0.05),
        ({"accepted": (accepted(),)}, ACCEPTED, None),
        ({"accepted": (accepted(0.10),)}, ACCEPTED, None),  # up to it, itself included
        ({"accepted": (accepted(0.09),)}, SLOWER, 0.09),
        ({"accepted": (accepted(ran_out=True),)}, SLOWER, None),
        ({"accepted": (accepted(model=["gru"]),)}, SLOWER, None),
    ],
)
def test_growth_counts_at_once_but_for_what_is_allowed(
    limits: dict[str, Any], verdict: str, limit: float | None
) -> None:
    found = saved(1000, 1100, PairLimits(**limits))
    assert (found.verdict, found.limit) == (verdict, limit)


def test_growth_from_nothing_is_more_than_any_part() -> None:
    assert saved(0, 8, PairLimits(accepted=(accepted(9.0),))).verdict == SLOWER
    assert saved(0, 8, PairLimits(accepted=(accepted(),))).verdict == ACCEPTED


# What is said


@pytest.mark.parametrize("verdict", [BROKEN, FAILED, FASTER, SAME, UNSURE])
def test_nothing_but_a_slowdown_is_accepted(verdict: str) -> None:
    limits = PairLimits(accepted=(accepted(),))
    assert acceptance.applied(row(verdict), limits, beyond=True).verdict == verdict


def test_what_nothing_needs_any_more_and_what_ran_out_is_said() -> None:
    needed, unneeded, unmeasured = accepted(model=["a"]), accepted(model=["b"]), accepted(model=["c"])
    found = [row(ACCEPTED, "a"), row(SAME, "b"), row(FASTER, "b"), row(SLOWER, "d"), row(UNSURE, "e")]
    ran_out, unsure = accepted(ran_out=True, model=["d"]), accepted(model=["e"])
    assert acceptance.notes([needed, unneeded, unmeasured, ran_out, unsure], found) == [
        "the accepted slowdown of model b (the gate is worth it) is not needed here: nothing of it is slower; if no "
        "other call needs it, remove it",
        "the accepted slowdown of model d (the gate is worth it) ran out on 2026-12-31, so it counts again",
    ]
