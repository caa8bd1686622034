"""What `ab` says of two versions: verdicts, what a reader must know with them, and the exit code."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, stdev
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.ab import acceptance, decide, repeat
from rnn_vs_attn.ab.failures import Untimed
from rnn_vs_attn.ab.options import SUITE, AbOptions
from rnn_vs_attn.ab.prelude import Prelude
from rnn_vs_attn.ab.runner import Pairs
from rnn_vs_attn.ab.stages import NAME
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, Sides
from rnn_vs_attn.compare import report, verdicts
from rnn_vs_attn.compare.preliminary import Unfinished
from rnn_vs_attn.compare.report import Report, could_see
from rnn_vs_attn.compare.sentences import Margins
from rnn_vs_attn.compare.verdicts import Comparison
from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.machine import environment
from rnn_vs_attn.machine.anonymity import without_names
from rnn_vs_attn.records.strict_json import parsed
from rnn_vs_attn.run.cases import AxisValues, cases_of
from rnn_vs_attn.suites.case import Case, axes_of


def nothing_to_compare(both: Sides, anonymous: bool) -> Report:
    """What is said of two versions that hold the same files."""
    lead = (
        f"Nothing to compare: {both.baseline.label} and {both.candidate.label} hold the same files; --aa measures this "
        "machine."
    )
    facts = {"sides": described(both, anonymous)}
    return Report(NAME, [], both.told, verdicts.NO_VERDICT, facts, lead=lead)


@dataclass(frozen=True)
class Ending:
    """How a sitting ended. go_on: the command that goes on, "" where nothing is left; code: of an interruption."""

    go_on: str = ""
    code: int | None = None


def nothing_measured(axes: AxisValues, options: AbOptions, ending: Ending) -> Report:
    """What is said where a call was interrupted before it had begun a pair: the first one, without a folder yet, or the
    next one of a run that goes on.
    """
    known = Untimed(verdicts.UNSURE, f"preliminary: interrupted before the {'next' if ending.go_on else 'first'} pair")
    rows = [row for case in cases_of(SUITE, axes) for row in decide.untimed(SUITE, case, options.passes, known)]
    found = [dataclasses.replace(row, undecidable=True) for row in rows]
    lead = "Interrupted before the first pair: nothing was measured, and nothing is kept that could go on."
    if ending.go_on:
        lead = "Interrupted before the next pair: what was measured earlier is kept."
    unfinished = Unfinished("", ending.go_on)
    return Report("ab, interrupted", found, [], ending.code or 0, lead=lead, unfinished=unfinished)


def shown_again(path: Path) -> Report:
    """What a run that is complete has said. UserError where its verdicts.json cannot be read."""
    from pydantic import TypeAdapter

    file = path / "verdicts.json"
    try:
        stored = parsed(file.read_bytes())
        found = TypeAdapter(list[Comparison]).validate_python(stored.pop("comparisons"))
        method = [str(line) for line in stored.pop("method", [])]
        notes = [line for line in map(str, stored.pop("notes")) if line not in method]
        title, repeat = str(stored.pop("title")), str(stored.pop("repeat", ""))
        lead, code = "\n".join(map(str, stored.pop("summary"))), int(stored.pop("exit_code"))
        if any(c.verdict not in verdicts.VERDICTS for c in found):
            raise ValueError("it has a verdict that there is not")
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}; start a run of its own") from None
    except KeyError:
        raise UserError(f"{file} is of a version that said less; read {path / 'table.md'}") from None
    except (TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{file} is damaged: {first_line(error)}; start a run of its own") from None
    return Report(title, found, notes, code, stored, lead=lead, method=method, repeat=repeat)


def report_of(
    both: Sides, prelude: Prelude, pairs: Pairs, options: AbOptions, words: Sequence[str], ending: Ending
) -> Report:
    """words: that were typed when the run was begun."""
    gated = not any((options.baseline_python, options.candidate_python))
    found = [*decide.judge(pairs, gated, interrupted=ending.code is not None), *prelude.exact]
    for case, known in prelude.untimed.items():
        found += decide.untimed(SUITE, case, pairs.passes, known)
    calibrations = decide.calibrations(pairs)
    method = [*_method(pairs, found), *_said_of_equality(prelude), report.geometric_mean(found)]
    said = "" if ending.code is None else _how_far(pairs)
    return Report(
        _title(both, options) + ", preliminary" * bool(said),
        found,
        [*_notes(both, prelude, pairs, calibrations, gated), *acceptance.notes(pairs.limits.accepted, found)],
        _code(found, options) if ending.code is None else ending.code,
        _facts(both, prelude, pairs, options, calibrations),
        margins=Margins(pairs.limits.margin, pairs.limits.margin, pairs.limits.margin),
        method=[line for line in method if line],
        repeat=repeat.command(words, both, (options.baseline, options.candidate), os.environ),
        same_code=options.aa,
        unfinished=Unfinished(said, ending.go_on) if ending.go_on else None,
    )


def _code(found: Sequence[Comparison], options: AbOptions) -> int:
    code = verdicts.exit_code(found, options.strict, new_counts=True)
    if options.aa and code == verdicts.NO_SLOWER and any(c.verdict == verdicts.FASTER for c in found):
        return verdicts.SLOWER_FOUND
    return code


def _facts(
    both: Sides, prelude: Prelude, pairs: Pairs, options: AbOptions, calibrations: Sequence[decide.Calibration]
) -> dict[str, Any]:
    """What the JSON document has beside the verdicts."""
    return {
        "sides": described(both, options.anonymous),
        "environment": _environment(prelude, options.anonymous),
        "margin": pairs.limits.margin,
        "own_margins": [dataclasses.asdict(entry) for entry in pairs.limits.margins],
        "accepted": [dataclasses.asdict(entry) for entry in pairs.limits.accepted],
        "stages": [{"stage": s.number, "pairs": s.pairs, "planned": s.wanted} for s in pairs.stages],
        "flagged": [axes_of(cell.case) | {"pass": cell.name, "as": way} for cell, way in pairs.flagged.items()],
        "calibration": [dataclasses.asdict(c) for c in calibrations],
        "outcomes": [{"axes": axes_of(case)} | found.document() for case, found in prelude.outcomes.items()],
        "folder": pairs.folder.path.name if options.anonymous else str(pairs.folder.path),
    }


def _how_far(pairs: Pairs) -> str:
    """How an interrupted call is told of: `Interrupted after 5 of 8 pairs`."""
    first, second = pairs.stages
    if not first.pairs:
        return f"Interrupted before the first of {first.wanted} pairs was whole"
    if first.pairs < first.wanted:
        return f"Interrupted after {first.pairs} of {first.wanted} pairs"
    if pairs.flagged and second.pairs < second.wanted:
        return f"Interrupted after {first.pairs} pairs and {second.pairs} of {second.wanted} fresh ones"
    return "Interrupted after the last pair"


def _title(both: Sides, options: AbOptions) -> str:
    if options.aa:
        return "ab --aa, the same code twice"
    return f"ab, {both.candidate.label} against {both.baseline.label}"


def _notes(
    both: Sides, prelude: Prelude, pairs: Pairs, calibrations: Sequence[decide.Calibration], gated: bool
) -> list[str]:
    failed = {case.model for case in pairs.failures}  # whose rows say why
    not_exact = {model: why for model, why in prelude.not_exact.items() if model not in failed}
    told = [
        *both.told,
        *said_of_outcomes(prelude, pairs.failures),
        *(f"what has no noise is not compared of {model}, {why}" for model, why in not_exact.items()),
        *said_of_models(pairs),
        *environment.said_of_quota(environment.processors()),
    ]
    if pairs.peak_unknown:
        told.append(
            f"the machine's own peak could not be read in all pairs ({pairs.peak_unknown}), so whether it changed is "
            "known from the others only"
        )
    changed = [c for c in calibrations if c.moved]
    if changed and not gated:
        told.append(
            f"{changed[0].name} is {changed[0].ratio:.3f} times the baseline's: part of what these environments are, "
            "so no verdict hangs on it"
        )
    differing = _environment(prelude, anonymous=True)["differing"]
    if differing:
        told.append(f"the environments differ in {', '.join(differing)}")
    return told


def _method(pairs: Pairs, found: Sequence[Comparison]) -> list[str]:
    """How the verdicts came about, as far as there are such."""
    first, second = pairs.stages
    margin, told = units.percent(pairs.limits.margin), []
    if any(c.limit is not None for c in found):
        margin += " (or a row's own limit)"
    if pairs.flagged:
        decided = "decided" if second.pairs == second.wanted else "to be decided"
        told.append(
            f"slower, faster: beyond {margin} with Holm's correction over {len(pairs.flagged)} flagged of "
            f"{len(first.observed)} timed passes, {decided} on {second.wanted} fresh pairs of processes"
        )
    if first.observed:
        told.append(
            f"same: the 90% interval is inside {margin}; the interval shown is at 95%, over the pairs of the stage "
            "that is named"
        )
    if any(could_see(c) for c in found):
        told.append("could see: the smallest slowdown that is found four times in five, by the scatter of these pairs")
    return [*told, *_said_of_spread(pairs), *_said_of_sittings(pairs)]


def _said_of_sittings(pairs: Pairs) -> list[str]:
    """That a run was gone on with, where it was."""
    taken = [str(number) for number in pairs.journal.sittings.values()]
    if len(taken) < 2:
        return []
    parts = f"{', '.join(taken[:-1])} and {taken[-1]}"
    return [f"resumed: its pairs are of {len(taken)} sittings, {parts}; both processes of a pair ran in the same one"]


def said_of_outcomes(prelude: Prelude, failed: Collection[Case] = ()) -> list[str]:
    """Of each model the first case that is timed though it differs, or fails on both sides."""
    known, told = prelude.outcomes, []
    differ = [case for case in prelude.differ if case not in prelude.untimed and case not in failed]
    for model in dict.fromkeys(case.model for case in differ):
        case = next(case for case in differ if case.model == model)
        told.append(f"NOT EQUAL, {model} at seq_len {case.seq_len}: {known[case].said}")
    fail = {case: found.fails for case, found in known.items() if found.fails}
    by_model = {case.model: text for case, text in reversed(fail.items())}
    return [*told, *(f"{model} fails alike on both sides: {text}" for model, text in by_model.items())]


def _said_of_equality(prelude: Prelude) -> list[str]:
    """That all outputs agree, where they do."""
    known = [found for case, found in prelude.outcomes.items() if case not in prelude.untimed]
    if not known or any(found.differs for found in known):
        return []
    worst = max(found.max_error for found in known)
    how = "bit for bit" if all(found.equal for found in known) else f"up to rounding ({worst:.1g} of the largest value)"
    return [f"outputs and gradients on the same weights and inputs: equal {how}"]


def said_of_models(pairs: Pairs) -> list[str]:
    """What the rows of a model warn of, once each, with the side where it is true of one only."""
    return [
        f"{model}, {next(iter(found))}: {text}" if len(found) == 1 else f"{model}: {text}"
        for (model, text), found in pairs.noted.items()
    ]


def _said_of_spread(pairs: Pairs) -> list[str]:
    """How far pairs scatter, for the middle cell: what this machine is like."""
    spreads = [stdev(d) for cell in pairs.stages[0].observed if len(d := pairs.stages[0].differences(cell)) > 1]
    if not spreads:
        return []
    return [
        f"standard deviation between pairs: {units.percent(median(spreads))} in the middle timed pass, "
        f"{units.percent(max(spreads))} in the worst"
    ]


def _environment(prelude: Prelude, anonymous: bool) -> dict[str, Any]:
    """Both sides' facts, the hard keys in which they differ, and a fingerprint of those in which they agree."""
    described = {side: environment.describe(facts, anonymous) for side, facts in prelude.facts.items()}
    hard = {side: environment.hard_keys(facts) for side, facts in described.items()}
    differing = [key for key in hard[BASELINE] if hard[BASELINE][key] != hard[CANDIDATE][key]]
    shared = {key: value for key, value in hard[BASELINE].items() if key not in differing}
    return {
        "baseline": described[BASELINE],
        "candidate": described[CANDIDATE],
        "differing": differing,
        "fingerprint": environment.digest(shared),
    }


def described(both: Sides, anonymous: bool) -> dict[str, Any]:
    return {
        side.name: {
            "label": without_names(side.label) if anonymous else side.label,
            "python": Path(side.python).name if anonymous else side.python,
            "commit": side.version.commit if side.version else None,
            "tree": side.version.tree if side.version else None,
        }
        for side in both
    }
