"""What is asked of both versions before the first timing: what they are, whether they differ, what they compute."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rnn_vs_attn.ab import decide as judging
from rnn_vs_attn.ab import versions as sides
from rnn_vs_attn.ab.options import SUITE
from rnn_vs_attn.ab.runner import PairLimits
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, Presence, Sides
from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.run import cases as sweeps
from rnn_vs_attn.run.cases import AxisValues
from rnn_vs_attn.suites.suite import Case, axes_of
from rnn_vs_attn.worker.client import ChildWorker


@dataclass
class Prelude:
    """What is known of both sides before the first timing.

    outcomes: of each case how far its outputs are apart; not_exact: of each model, why what has no noise is not known.
    """

    facts: dict[str, dict[str, Any]]
    axes: AxisValues
    presence: dict[str, Presence]
    outcomes: dict[Case, dict[str, Any]] = field(default_factory=dict)
    exact: list[verdicts.Comparison] = field(default_factory=list)
    not_exact: dict[str, str] = field(default_factory=dict)

    @property
    def differ(self) -> list[Case]:
        """Cases whose outputs are further apart than rounding, or could not be compared."""
        return [case for case, found in self.outcomes.items() if found["error"] or not found["rounding"]]


def look_at(both: Sides, axes: AxisValues, limits: PairLimits) -> Prelude:
    """Ask both sides what they are, prove that they differ, compare what they compute and what has no noise."""
    workers = both.start()
    try:
        facts = sides.at_once({name: _asking(workers[name], "environment", limits) for name in workers})
        axes = axes | {"device": _devices(workers, axes, limits)}
        if SUITE.check:
            SUITE.check(axes)
        presence = sides.prove(both, workers, axes["model"], limits.timeout)
        prelude = Prelude(facts, axes, presence)
        _check_modules(both, workers, prelude, limits)
        with tempfile.TemporaryDirectory(prefix="rnn-vs-attn-") as home:
            for name, found in presence.items():
                if not found.on_both:
                    continue
                for case in sweeps.cases(SUITE, axes | {"model": [name]}):
                    prelude.outcomes[case] = _outcome(both, workers, case, limits, Path(home) / "outcome.pt")
                    try:
                        prelude.exact += _exact(both, workers, case, limits)
                    except (CaseFault, UserError) as error:
                        prelude.not_exact.setdefault(name, f"at seq_len {case.seq_len}: {error}")
                if both.repository is not None:  # again, for what is imported when a module is called
                    sides.prove(both, workers, [name], limits.timeout)
        return prelude
    finally:
        for worker in workers.values():
            if worker.alive:
                worker.close()


def _asking(worker: ChildWorker, do: str, limits: PairLimits, **fields: Any) -> Any:
    return lambda: worker.ask(do, limits.timeout, **fields)


def _devices(workers: Mapping[str, ChildWorker], axes: AxisValues, limits: PairLimits) -> list[str]:
    """The devices that the names stand for on both sides. UserError where they differ."""
    resolved = {}
    for side, worker in workers.items():
        asked = [(name, dtype) for name in axes["device"] for dtype in axes["dtype"]]
        found = [worker.ask("device", limits.timeout, name=n, dtype=dtype)["device"] for n, dtype in asked]
        resolved[side] = list(dict.fromkeys(found))
    if resolved[BASELINE] != resolved[CANDIDATE]:
        raise UserError(
            f"--device {','.join(axes['device'])} is {resolved[BASELINE]} for the baseline and {resolved[CANDIDATE]} "
            "for the candidate; name one that both have, such as --device cpu"
        )
    return resolved[BASELINE]


def _check_modules(both: Sides, workers: dict[str, ChildWorker], prelude: Prelude, limits: PairLimits) -> None:
    """Build and call the user's modules at their least shape. UserError where one fits on neither side."""
    for name, presence in prelude.presence.items():
        if not presence.on_both or find(name).family != "user":
            continue
        few = {axis: values[:1] for axis, values in prelude.axes.items()}
        few |= {"model": [name], "seq_len": [min(prelude.axes["seq_len"])]}
        for case in sweeps.cases(SUITE, few):
            for side in both:
                fields = {"suite": SUITE.name, "case": axes_of(case), "max_memory": limits.max_memory}
                try:
                    both.awake(workers, side.name).ask("check", limits.timeout, **fields)
                except UserError as error:
                    presence.broken[side.name] = str(error)
                except CaseFault as fault:  # a crash or the like is recorded by its case
                    if fault.status == "failed":
                        presence.broken[side.name] = f"model {name!r} cannot be measured: {fault.reason}"
        if len(presence.broken) == 2:
            raise UserError(presence.broken[CANDIDATE])


ALIKE: dict[str, Any] = {"error": "", "max_error": 0.0, "where": "", "equal": True, "rounding": True}


def _outcome(
    both: Sides, workers: dict[str, ChildWorker], case: Case, limits: PairLimits, path: Path
) -> dict[str, Any]:
    """How far the candidate's output and gradients are from the baseline's, on the baseline's weights and input."""
    plain = dataclasses.replace(case, compile=False, cuda_graphs=False)  # type: ignore[call-arg]
    fields = {"suite": SUITE.name, "case": axes_of(plain), "seed": 0, "max_memory": limits.max_memory}
    faults: dict[str, str] = {}
    answer: dict[str, Any] = {}
    for side in (BASELINE, CANDIDATE):
        try:
            worker, compare = both.awake(workers, side), side == CANDIDATE and not faults
            answer = worker.ask("outcome", limits.timeout, path=str(path), compare=compare, **fields)
        except (CaseFault, UserError) as error:
            faults[side] = str(error)
    if len(faults) == 2 and faults[BASELINE] == faults[CANDIDATE]:
        return ALIKE | {"fails": faults[BASELINE]}
    return {"error": "; ".join(f"{side}: {text}" for side, text in faults.items())} if faults else answer


def _exact(both: Sides, workers: dict[str, ChildWorker], case: Case, limits: PairLimits) -> list[verdicts.Comparison]:
    """What has no noise, on both sides at once. CaseFault or UserError where one of them cannot."""
    fields = {"suite": SUITE.name, "case": axes_of(case), "turn": asdict(Turn()), "max_memory": limits.max_memory}
    awake = {name: both.awake(workers, name) for name in (BASELINE, CANDIDATE)}
    found = sides.at_once({name: _asking(w, "measure", limits, **fields) for name, w in awake.items()})
    return judging.exact(SUITE, case, {name: answer["samples"] for name, answer in found.items()}, limits.margin)
