"""What is asked of both versions before the first timing: what they are, whether they differ, what they compute."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rnn_vs_attn.ab import decide, versions
from rnn_vs_attn.ab.options import SUITE
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, Presence, Sides
from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.compare.outcome import Outcome
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import PairLimits, Turn
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import USER
from rnn_vs_attn.run import cases
from rnn_vs_attn.run.cases import AxisValues
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.pool import devices, end
from rnn_vs_attn.worker.protocol import About, Check, CompareOutcome, Measure, ReadEnvironment, Request

Reply = TypeVar("Reply")


@dataclass
class Prelude:
    """What is known of both sides before the first timing.

    outcomes: of each case how far its outputs are apart; not_exact: of each model, why what has no noise is not known.
    """

    facts: dict[str, dict[str, Any]]
    axes: AxisValues
    presence: dict[str, Presence]
    outcomes: dict[Case, Outcome] = field(default_factory=dict)
    exact: list[verdicts.Comparison] = field(default_factory=list)
    not_exact: dict[str, str] = field(default_factory=dict)

    @property
    def differ(self) -> list[Case]:
        """Cases whose outputs are further apart than rounding, or could not be compared."""
        return [case for case, found in self.outcomes.items() if found.differs]


def look_at(both: Sides, axes: AxisValues, limits: PairLimits) -> Prelude:
    """Ask both sides what they are, prove that they differ, compare what they compute and what has no noise."""
    workers = both.start()
    try:
        told = versions.at_once({name: _asking(workers[name], ReadEnvironment(), limits) for name in workers})
        facts = {name: answer.facts for name, answer in told.items()}
        axes = axes | {"device": _devices(workers, axes, limits)}
        SUITE.axes.check(axes)
        presence = versions.prove(both, workers, axes["model"], limits.timeout)
        prelude = Prelude(facts, axes, presence)
        _check_modules(both, workers, prelude, limits)
        with tempfile.TemporaryDirectory(prefix="rnn-vs-attn-") as home:
            for name, found in presence.items():
                if not found.on_both:
                    continue
                for case in cases.cases_of(SUITE, axes | {"model": [name]}):
                    prelude.outcomes[case] = _outcome(both, workers, case, limits, Path(home) / "outcome.pt")
                    try:
                        prelude.exact += _exact(both, workers, case, limits)
                    except (CaseFault, UserError) as error:
                        prelude.not_exact.setdefault(name, f"at seq_len {case.seq_len}: {error}")
                if both.repository is not None:  # again, for what is imported when a module is called
                    versions.prove(both, workers, [name], limits.timeout)
        return prelude
    finally:
        end(*workers.values())


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


def _check_modules(both: Sides, workers: dict[str, ChildWorker], prelude: Prelude, limits: PairLimits) -> None:
    """Build and call the user's modules at their least shape. UserError where one fits on neither side."""
    for name, presence in prelude.presence.items():
        if not presence.on_both or find(name).family != USER:
            continue
        for case in cases.least_cases(SUITE, prelude.axes, model=[name]):
            request = Check(About.of(SUITE, case, limits.max_memory))
            for side in both:
                try:
                    both.awake(workers, side.name).ask(request, limits.timeout)
                except UserError as error:
                    presence.broken[side.name] = str(error)
                except CaseFault as fault:  # a crash or the like is recorded by its case
                    if fault.status == "failed":
                        presence.broken[side.name] = f"model {name!r} cannot be measured: {fault.reason}"
        if len(presence.broken) == 2:
            raise UserError(presence.broken[CANDIDATE])


def _outcome(both: Sides, workers: dict[str, ChildWorker], case: Case, limits: PairLimits, path: Path) -> Outcome:
    """How far the candidate's output and gradients are from the baseline's, on the baseline's weights and input."""
    plain = dataclasses.replace(case, compile=False, cuda_graphs=False)  # type: ignore[call-arg]
    about, faults, answer = About.of(SUITE, plain, limits.max_memory), dict[str, str](), Outcome()
    for side in (BASELINE, CANDIDATE):
        request = CompareOutcome(about, seed=0, path=str(path), compare=side == CANDIDATE and not faults)
        try:
            answer = both.awake(workers, side).ask(request, limits.timeout)
        except (CaseFault, UserError) as error:
            faults[side] = str(error)
    if len(faults) == 2 and faults[BASELINE] == faults[CANDIDATE]:
        return Outcome(fails=faults[BASELINE])
    return Outcome("; ".join(f"{side}: {text}" for side, text in faults.items())) if faults else answer


def _exact(both: Sides, workers: dict[str, ChildWorker], case: Case, limits: PairLimits) -> list[verdicts.Comparison]:
    """What has no noise, on both sides at once. CaseFault or UserError where one of them cannot."""
    request = Measure(About.of(SUITE, case, limits.max_memory), Turn())
    awake = {name: both.awake(workers, name) for name in (BASELINE, CANDIDATE)}
    found = versions.at_once({name: _asking(worker, request, limits) for name, worker in awake.items()})
    return decide.exact(SUITE, case, {name: answer.samples for name, answer in found.items()}, limits.margin)
