"""The proof that two versions differ: from which files each side's process took its modules.

The worst mistake of a comparison is to time the same code twice, because an installed copy hides a worktree. So each
side's process says from which files its modules came, and a run that cannot prove that they are its own is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rnn_vs_attn.ab import adapters
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, SIDES, Side, Sides
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.protocol import FindOrigin, Origin


@dataclass(frozen=True)
class Presence:
    """On which sides a model is there, and why it is not or does not import where it is not. files: where it is."""

    reasons: dict[str, str]
    broken: dict[str, CaseFault]
    files: dict[str, str] = field(default_factory=dict)


def prove(
    sides: Sides, workers: dict[str, ChildWorker], models: Sequence[str], timeout: float, called: bool = False
) -> dict[str, Presence]:
    """Which models are there on which side. UserError where a module of a side is not its own, or both are the same.

    called: the models were called, so what they import in a call is there too.
    """
    found = {}
    origins: dict[str, dict[str, Origin]] = {name: {} for name in SIDES}
    for model in models:
        reasons, broken, files = {}, {}, {}
        for side in sides:
            try:
                question = FindOrigin(model, outside(sides), str(side.worktree) if side.worktree else None)
                origin = sides.awake(workers, side.name).ask(question, timeout)
            except UserError as error:
                broken[side.name] = CaseFault("failed", _with_what_lacks(sides, str(error)))
                continue
            except CaseFault as fault:
                broken[side.name] = fault
                continue
            origins[side.name][model] = origin
            if origin.file is None:
                reasons[side.name] = _with_what_lacks(sides, origin.reason)
            elif model in sides.adapters:
                _check_adapter(sides, side, model, origin, called)
            else:
                _check_own(side, model, origin.file, origin.strays)
            if origin.file is not None:
                files[side.name] = origin.file
        if len(reasons) == len(SIDES):
            raise UserError(f"model {model!r} exists on neither side: {reasons[CANDIDATE]}; check the path")
        if len(broken) == len(SIDES):
            raise UserError(f"neither side can be compared: {broken[CANDIDATE].reason}")
        found[model] = Presence(reasons, broken, files)
    if sides.repository is None:
        _check_different(sides, origins)
    return found


def _with_what_lacks(sides: Sides, reason: str) -> str:
    """Why a model is not there or does not import, and what the checkouts lack, which may be the cause."""
    return "; ".join([reason, *(sides.repository.lacking.said if sides.repository else [])])


def outside(sides: Sides) -> str | None:
    """The folder of which no checkout may import anything: the repository itself."""
    return str(sides.repository.root) if sides.repository else None


def _check_adapter(sides: Sides, side: Side, model: str, origin: Origin, called: bool) -> None:
    assert origin.file is not None
    _check_own(side, model, None, [file for file in origin.strays if file != origin.file])
    taken = adapters.taken(origin.taken, origin.file)
    if called and not taken:
        raise adapters.refused(model)
    sides.adapters[model] = taken


def _check_own(side: Side, model: str, file: str | None, strays: Sequence[str]) -> None:
    if side.worktree is None:
        return
    way = (
        "an installed copy hides the checkout: give --setup 'pip install -e .', a path relative to the repository, "
        "or run where the package is importable"
    )
    if file is not None and not side.owns(file):
        raise UserError(f"the {side.name} of {model!r} would be {file} and not the file of {side.label}; {way}")
    if strays:
        raise UserError(f"{model!r} of the {side.name} imports {strays[0]}, which is not of {side.label}; {way}")


def _check_different(sides: Sides, origins: dict[str, dict[str, Origin]]) -> None:
    """UserError where two interpreters that should differ would run the same files."""
    if sides.baseline.label == sides.candidate.label == "the same code":
        return
    shared = origins[BASELINE].keys() & origins[CANDIDATE].keys()
    if shared and all(origins[BASELINE][model] == origins[CANDIDATE][model] for model in shared):
        raise UserError(
            f"{sides.baseline.python} and {sides.candidate.python} run the same torch and the same files; name two "
            "environments that differ, or use --aa to measure this machine"
        )
