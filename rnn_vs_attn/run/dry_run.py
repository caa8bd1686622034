"""What a run would measure, and about how long that takes."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rnn_vs_attn import units
from rnn_vs_attn.limits import LOOKS
from rnn_vs_attn.run.options import WHOLE, Part
from rnn_vs_attn.run.output import said_of_trainings
from rnn_vs_attn.run.pace import together
from rnn_vs_attn.run.planned import Planned
from rnn_vs_attn.run.schedule import After, said_of_left_out
from rnn_vs_attn.suites.case import Case, axes_of
from rnn_vs_attn.text.streams import show


def tell(planned: Planned, as_json: bool, part: Part = WHOLE) -> None:
    """Print the cases and their seconds, and give `part` what all of them take."""
    suite, cases, limits, schedule = planned.suite, planned.cases, planned.limits, planned.schedule
    now = time.monotonic()
    surplus = schedule.surplus(0, now, cases, suite.rounds.kept)
    kept = [case for case in cases if case not in surplus]
    counted = [case for case in kept if suite.only_counts(case)]
    timed = [case for case in kept if case not in counted]
    schedule.begin(0, now, timed, After(pending=kept) if suite.rounds.afterwards else After())
    seconds = schedule.seconds(now, timed)
    a_round = sum(seconds.values())
    if planned.lanes is not None:
        a_round = together(seconds.values(), planned.lanes.number)
    rounds = [limits.rounds] if limits.rounds is not None else [LOOKS[0], LOOKS[-1]]
    all_rounds = [schedule.total(now, count, timed, counted) for count in rounds]
    totals = [min(total, limits.max_seconds) for total in all_rounds]
    if planned.seconds is not None:
        totals = [min(planned.seconds, limits.max_seconds)]
    part.take_estimate((totals[0], totals[-1]))
    if as_json:
        listed = [axes_of(c) | {"seconds_a_round": seconds.get(c), "left_out": c in surplus} for c in cases]
        document = {"cases": listed, "seconds_a_round": a_round, "seconds": totals}
        built_as = [{"model": model, "text": text} for model, text in planned.built_as]
        part.take_document(document | {"built_as": built_as})
        return
    for case in timed:
        _tell_case(case, units.duration(seconds[case]) if case in planned.looked else "unknown")
    for model, text in planned.built_as:
        show(f"{model}: {text}")
    if surplus:
        show(said_of_left_out(surplus, limits.to_ask(schedule.needed(0, now, cases)), cases))
    if counted:
        print(f"{units.counted(len(counted), 'count')} beside them")
    if planned.lanes is not None:
        print(said_of_trainings(planned))
    _tell_total(timed, a_round, totals)


def _tell_case(case: Case, about: str) -> None:
    where = case.dtype, case.device, f"threads {case.threads}"
    show(case.label, f"seq_len {case.seq_len}", *where, f"about {about} a round")


def _tell_total(timed: Sequence[Case], a_round: float, totals: Sequence[float]) -> None:
    total = " to ".join(dict.fromkeys(units.duration(s) for s in totals))
    cases = units.counted(len(timed), "case")
    print(f"{cases}, about {units.duration(a_round)} a round, {total} in all (--max-seconds bounds it)")
