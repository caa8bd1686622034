"""What `ab` says of two versions: verdicts, what a reader must know with them, and the exit code."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from statistics import median, stdev
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.ab import acceptance, decide, repeat
from rnn_vs_attn.ab.options import SUITE, AbOptions
from rnn_vs_attn.ab.prelude import Prelude
from rnn_vs_attn.ab.runner import Pairs
from rnn_vs_attn.ab.stages import NAME
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, Sides
from rnn_vs_attn.compare import report, verdicts
from rnn_vs_attn.compare.report import Report, could_see
from rnn_vs_attn.compare.sentences import Margins
from rnn_vs_attn.compare.verdicts import Comparison
from rnn_vs_attn.machine import environment
from rnn_vs_attn.records.head import command_line
from rnn_vs_attn.suites.case import Case, axes_of


def nothing_to_compare(both: Sides, anonymous: bool) -> Report:
    """What is said of two versions that hold the same files."""
    lead = (
        f"Nothing to compare: {both.baseline.label} and {both.candidate.label} hold the same files; --aa measures this "
        "machine."
    )
    facts = {"sides": described(both, anonymous)}
    return Report(NAME, [], both.notes, verdicts.NO_VERDICT, facts, lead=lead)


def report_of(both: Sides, prelude: Prelude, pairs: Pairs, options: AbOptions) -> Report:
    gated = not any((options.baseline_python, options.candidate_python))
    found = [*decide.judge(pairs, gated), *prelude.exact]
    for case, known in prelude.untimed.items():
        found += decide.untimed(SUITE, case, pairs.passes, known)
    code = verdicts.exit_code(found, options.strict, new_counts=True)
    if options.aa and code == verdicts.NO_SLOWER and any(c.verdict == verdicts.FASTER for c in found):
        code = verdicts.SLOWER_FOUND
    calibrations = decide.calibrations(pairs)
    method = [*_method(pairs, found), *_said_of_equality(prelude), report.geometric_mean(found)]
    facts = {
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
    return Report(
        _title(both, options),
        found,
        [*_notes(both, prelude, pairs, calibrations, gated), *acceptance.notes(pairs.limits.accepted, found)],
        code,
        facts,
        margins=Margins(pairs.limits.margin, pairs.limits.margin, pairs.limits.margin),
        method=[line for line in method if line],
        repeat=repeat.command(command_line(options.anonymous), both, (options.baseline, options.candidate), os.environ),
        same_code=options.aa,
    )


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
        *both.notes,
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
        told.append(
            f"slower, faster: beyond {margin} with Holm's correction over {len(pairs.flagged)} flagged of "
            f"{len(first.observed)} timed passes, decided on {second.pairs} fresh pairs of processes"
        )
    if first.observed:
        told.append(
            f"same: the 90% interval is inside {margin}; the interval shown is at 95%, over the pairs of the stage "
            "that is named"
        )
    if any(could_see(c) for c in found):
        told.append("could see: the smallest slowdown that is found four times in five, by the scatter of these pairs")
    return [*told, *_said_of_spread(pairs)]


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
            "label": side.label,
            "python": Path(side.python).name if anonymous else side.python,
            "commit": side.version.commit if side.version else None,
            "tree": side.version.tree if side.version else None,
        }
        for side in both
    }
