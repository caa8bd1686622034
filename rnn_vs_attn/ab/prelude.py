"""What is asked of both versions before the first timing: what they are, whether they differ, what they compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from rnn_vs_attn.ab import decide, versions
from rnn_vs_attn.ab.failures import Untimed
from rnn_vs_attn.ab.options import SUITE, AbOptions
from rnn_vs_attn.ab.outcomes import Outcomes
from rnn_vs_attn.ab.presence import Models
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
    not_exact: of each model, why what has no noise is not known.
    """

    facts: dict[str, dict[str, Any]]
    axes: AxisValues
    untimed: dict[Case, Untimed] = field(default_factory=dict)
    outcomes: dict[Case, Outcome] = field(default_factory=dict)
    exact: list[verdicts.Comparison] = field(default_factory=list)
    not_exact: dict[str, str] = field(default_factory=dict)

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
        told = versions.at_once({name: _asking(workers[name], ReadEnvironment(), limits) for name in workers})
        facts = {name: answer.facts for name, answer in told.items()}
        axes = axes | {"device": _devices(workers, axes, limits)}
        SUITE.axes.check(axes)
        prelude = Prelude(facts, axes)
        presence = versions.prove(both, workers, axes["model"], limits.timeout)
        absent = Models(both, workers, axes, limits).untimed(presence)
        outcomes = Outcomes(both, workers, limits, tuple(options.passes), options.require_equal)
        for name in axes["model"]:
            for case in cases.cases_of(SUITE, axes | {"model": [name]}):
                if name in absent:
                    prelude.untimed[case] = absent[name]
                else:
                    _look_at_case(prelude, outcomes, case)
            if name not in absent and both.repository is not None:  # again, for what is imported in a call
                versions.prove(both, workers, [name], limits.timeout)
        return prelude
    finally:
        end(*workers.values())


def _look_at_case(prelude: Prelude, outcomes: Outcomes, case: Case) -> None:
    prelude.outcomes[case], untimed = outcomes.of(case)
    if untimed is not None:
        prelude.untimed[case] = untimed
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
