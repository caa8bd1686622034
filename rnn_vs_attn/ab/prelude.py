"""What is asked of both versions before the first timing: what they are, whether they differ, what they compute."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rnn_vs_attn.ab import decide, versions
from rnn_vs_attn.ab.failures import Untimed
from rnn_vs_attn.ab.options import SUITE, AbOptions
from rnn_vs_attn.ab.outcomes import Outcomes
from rnn_vs_attn.ab.presence import Models
from rnn_vs_attn.ab.proof import Presence, prove
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, Sides
from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.compare.outcome import Outcome
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import PairLimits, Turn
from rnn_vs_attn.run import cases
from rnn_vs_attn.run.cases import AxisValues
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.pool import devices, end
from rnn_vs_attn.worker.protocol import About, Measure, ReadEnvironment, Request

Reply = TypeVar("Reply")


@dataclass
class Prelude:
    """What is known of both sides before the first timing.

    untimed: cases whose verdict is known already; outcomes: of each case that both sides have, how far they are apart;
    not_exact: of each model, why what has no noise is not known. code: of each side whose files are in no repository,
    and each model, the hash of the model's file.
    """

    facts: dict[str, dict[str, Any]]
    axes: AxisValues
    untimed: dict[Case, Untimed] = field(default_factory=dict)
    outcomes: dict[Case, Outcome] = field(default_factory=dict)
    exact: list[verdicts.Comparison] = field(default_factory=list)
    not_exact: dict[str, str] = field(default_factory=dict)
    code: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def differ(self) -> list[Case]:
        """Cases whose outputs are further apart than rounding, or could not be compared."""
        return [case for case, found in self.outcomes.items() if found.differs]

    @property
    def timed(self) -> list[Case]:
        """Cases that pairs are to be taken of."""
        return [case for case in cases.cases_of(SUITE, self.axes) if case not in self.untimed]


def look_at(both: Sides, axes: AxisValues, options: AbOptions) -> Prelude:
    """Ask both sides what they are, prove that they differ, compare what they compute and what has no noise."""
    workers, limits = both.start(), options.limits
    try:
        facts = _facts(workers, limits)
        axes = axes | {"device": _devices(workers, axes, limits)}
        SUITE.axes.check(axes)
        presence = prove(both, workers, axes["model"], limits.timeout)
        prelude = Prelude(facts, axes, code=_code(both, presence))
        absent = Models(both, workers, axes, limits).untimed(presence)
        outcomes = Outcomes(both, workers, limits, tuple(options.passes), options.require_equal)
        for name in axes["model"]:
            for case in cases.cases_of(SUITE, axes | {"model": [name]}):
                if case in absent:
                    prelude.untimed[case] = absent[case]
                else:
                    _look_at_case(prelude, outcomes, case)
            is_timed = any(case.model == name for case in prelude.timed)
            if is_timed and both.repository is not None:  # again, for what is imported in a call
                prove(both, workers, [name], limits.timeout, called=True)
        return prelude
    finally:
        end(*workers.values())


def look_again(both: Sides, known: Prelude, options: AbOptions) -> Prelude:
    """The prelude of an earlier sitting with this one's facts and code. UserError where a model is there no more."""
    workers, limits = both.start(), options.limits
    try:
        facts = _facts(workers, limits)
        timed = list(dict.fromkeys(case.model for case in known.timed))
        presence = prove(both, workers, timed, limits.timeout)
    finally:
        end(*workers.values())
    gone = [(name, side, found.reasons[side]) for name, found in presence.items() for side in found.reasons]
    for name, side, reason in gone:
        raise UserError(f"model {name!r} is not in the {side} any more: {reason}; start a run of its own")
    return replace(known, facts=facts, code=_code(both, presence))


def _facts(workers: Mapping[str, ChildWorker], limits: PairLimits) -> dict[str, dict[str, Any]]:
    """What torch says of the machine on each side."""
    told = versions.at_once({name: _asking(workers[name], ReadEnvironment(), limits) for name in workers})
    return {name: answer.facts for name, answer in told.items()}


def _code(both: Sides, presence: Mapping[str, Presence]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for side in both:
        files = {name: Path(there.files[side.name]) for name, there in presence.items() if side.name in there.files}
        if side.version is not None:  # its tree says what its files are, but for those that are in no commit
            files = {name: file for name, file in files.items() if name in both.adapters}
        if files or side.version is None:
            found[side.name] = {
                name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items() if file.is_file()
            }
    return found


def _look_at_case(prelude: Prelude, outcomes: Outcomes, case: Case) -> None:
    prelude.outcomes[case], untimed = outcomes.of(case)
    if untimed is not None:
        prelude.untimed[case] = untimed
        return
    if case in outcomes.hung:
        prelude.not_exact.setdefault(case.model, f"at seq_len {case.seq_len}: {outcomes.hung[case]}")
        return
    try:
        prelude.exact += _exact(outcomes.both, outcomes.workers, case, outcomes.limits)
    except (CaseFault, UserError) as error:
        prelude.not_exact.setdefault(case.model, f"at seq_len {case.seq_len}: {error}")


def _asking(worker: ChildWorker, request: Request[Reply], limits: PairLimits) -> Callable[[], Reply]:
    return partial(worker.ask, request, limits.timeout)


def _devices(workers: Mapping[str, ChildWorker], axes: AxisValues, limits: PairLimits) -> list[str]:
    """The devices that the names stand for on both sides. UserError where they differ."""
    resolved = {}
    for side, worker in workers.items():
        ask = partial(worker.ask, timeout=limits.timeout)
        resolved[side] = devices(axes["device"], axes["dtype"], ask)
    if resolved[BASELINE] != resolved[CANDIDATE]:
        raise UserError(
            f"--device {','.join(axes['device'])} is {resolved[BASELINE]} for the baseline and {resolved[CANDIDATE]} "
            "for the candidate; name one that both have, such as --device cpu"
        )
    return resolved[BASELINE]


def _exact(both: Sides, workers: dict[str, ChildWorker], case: Case, limits: PairLimits) -> list[verdicts.Comparison]:
    """What has no noise, on both sides at once. CaseFault or UserError where one of them cannot."""
    request = Measure(About.of(SUITE, case, limits.max_memory), Turn())
    awake = {name: both.awake(workers, name) for name in (BASELINE, CANDIDATE)}
    found = versions.at_once({name: _asking(worker, request, limits) for name, worker in awake.items()})
    return decide.exact(SUITE, case, {name: answer.samples for name, answer in found.items()}, limits)
