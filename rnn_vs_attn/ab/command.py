"""`ab`: two versions measured in turn in one sitting, from the command's options to its verdicts and exit code."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence

from rnn_vs_attn import units
from rnn_vs_attn.ab import bisect, versions
from rnn_vs_attn.ab.options import SUITE, AbOptions
from rnn_vs_attn.ab.prelude import Prelude, look_at
from rnn_vs_attn.ab.progress import PairsShown
from rnn_vs_attn.ab.report import described, nothing_to_compare, report_of, said_of_outcomes
from rnn_vs_attn.ab.runner import Pairs
from rnn_vs_attn.ab.stages import NAME
from rnn_vs_attn.ab.versions import CANDIDATE, SetUpFails, Sides
from rnn_vs_attn.compare.publishing import publish
from rnn_vs_attn.compare.report import Report, document
from rnn_vs_attn.compare.summary import markdown
from rnn_vs_attn.errors import Interrupted, UserError
from rnn_vs_attn.machine import environment, fitness
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import USER
from rnn_vs_attn.records.folder import RunFolder, check_folder, new_folder
from rnn_vs_attn.records.head import begun, finished
from rnn_vs_attn.records.types import Run
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.run.cases import AxisValues, check, option_name
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.text.streams import say


def run(axes: AxisValues, options: AbOptions) -> int:
    """The whole command; its exit code."""
    started = time.monotonic()
    check(SUITE, axes, options.force)
    _ = options.limits  # refused before anything is started
    if options.output is not None:
        check_folder(options.output, resumable=False)
    if options.bisect:
        options = bisect.checked(options)
    try:
        sides = _sides(axes, options)
    except SetUpFails as failed:
        return bisect.skip(failed, options)
    with sides as both:
        both.debug = options.debug
        both.notes += options.said
        if both.same_tree:
            return _publish(nothing_to_compare(both, options.anonymous), options, same_files=True)
        return _compare(both, look_at(both, axes, options), options, started)


def _publish(report: Report, options: AbOptions, same_files: bool = False) -> int:
    if options.bisect:
        return bisect.publish(report, options, same_files)
    publish(report, options.markdown, options.junit, options.as_json)
    return report.code


def _sides(axes: AxisValues, options: AbOptions) -> Sides:
    """What is compared, and that only one way of naming it is used."""
    baseline, candidate = options.baseline, options.candidate
    pythons = options.baseline_python, options.candidate_python
    ways = [bool(baseline), any(pythons), options.aa]
    if sum(ways) != 1:
        raise UserError(
            "name what to compare in one way: a git reference (rnn-vs-attn ab main), two environments "
            "(--baseline-python, --candidate-python), or --aa for the same code twice"
        )
    if not baseline:
        for name in ("setup", "require_clean"):
            if getattr(options, name):
                raise UserError(f"{option_name(name)} is for git references; leave it out")
        return versions.alike() if options.aa else versions.of_interpreters(*pythons)
    built_in = [name for name in axes["model"] if find(name).family != USER]
    if built_in:
        raise UserError(
            f"{built_in[0]!r} is built into this program, so two git references run the same code; name a layer of the "
            "repository, or compare environments with --baseline-python and --candidate-python"
        )
    return versions.of_references(baseline, candidate, options.setup, options.require_clean, options.debug)


def _compare(both: Sides, prelude: Prelude, options: AbOptions, started: float) -> int:
    """Measure both and say what came of it; the exit code."""
    folder = _folder(options)
    head = _head(both, prelude, options)
    folder.write_run(head)
    pairs = Pairs(SUITE, prelude.timed, options.passes, options.limits, folder, both.start, environment.cores())
    try:
        _measure(both, prelude, pairs, options)
    except Interrupted as stop:
        folder.close()
        say(f"Interrupted before any verdict; the samples so far are in {folder.path}")
        return stop.exit_code
    report = report_of(both, prelude, pairs, options)
    report.facts["seconds"] = round(time.monotonic() - started, 1)
    _write(folder, report, finished(head))
    code = _publish(report, options)
    if not options.quiet:
        say(f"Written to {folder.path}")
    return code


def _folder(options: AbOptions) -> RunFolder:
    if options.output:
        return RunFolder.create(options.output, resumable=False)
    folder = new_folder(NAME, resumable=False)
    folder.write(".gitignore", "*\n")  # it may stand in the user's repository, and is no change of it
    return folder


def _measure(both: Sides, prelude: Prelude, pairs: Pairs, options: AbOptions) -> None:
    err = Terminal(stderr=True)
    if not options.quiet:
        _announce(both, prelude, pairs.cases, options, pairs.folder, err)
    with PairsShown(err) as shown:
        if not options.quiet:
            pairs.progress = shown
        pairs.run()


def _head(both: Sides, prelude: Prelude, options: AbOptions) -> Run:
    settings = {
        "axes": prelude.axes,
        "passes": list(options.passes),
        "limits": dataclasses.asdict(options.limits),
        "sides": described(both, options.anonymous),
        "inputs": SUITE.analysis.inputs,
    }
    return begun(NAME, settings, prelude.facts[CANDIDATE], options.anonymous)


def _announce(
    both: Sides,
    prelude: Prelude,
    cases: Sequence[Case],
    options: AbOptions,
    folder: RunFolder,
    err: Terminal,
) -> None:
    timed = len(cases) * len(options.passes)
    text = (
        f"ab: {both.candidate.label} against {both.baseline.label}; {len(cases)} cases, {timed} "
        f"timed passes, {options.screen} pairs of processes, then {options.confirm} fresh ones of what is flagged; at "
        f"most about {units.duration(options.max_seconds)}; into {folder.path}"
    )
    err.print(text, soft_wrap=True)
    for line in [*both.notes, *(line for line in said_of_outcomes(prelude) if line.startswith("NOT EQUAL"))]:
        err.print(f"note: {line}", soft_wrap=True)
    described = environment.describe(prelude.facts[CANDIDATE], anonymous=False)
    for line in environment.said_of_quota(described):
        err.print(f"note: {line}", soft_wrap=True)
    found = fitness.findings(described, max((case.threads for case in cases), default=1))
    for finding in found[:1]:
        err.print(f"note: {finding.text}; {finding.remedy}", soft_wrap=True)


def _write(folder: RunFolder, report: Report, head: Run) -> None:
    folder.write("verdicts.json", json.dumps(document(report), allow_nan=False, indent=2) + "\n")
    folder.write("table.md", markdown(report, most=None))
    folder.write_run(head)
    folder.close()
