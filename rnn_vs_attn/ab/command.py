"""`ab`: two versions measured in turn in one sitting, from the command's options to its verdicts and exit code."""

from __future__ import annotations

import dataclasses
import json
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rnn_vs_attn import units
from rnn_vs_attn.ab import adapters, bisect, resuming, versions
from rnn_vs_attn.ab.checkouts import Repository
from rnn_vs_attn.ab.interruption import end_at_the_next
from rnn_vs_attn.ab.options import SUITE, AbOptions
from rnn_vs_attn.ab.prelude import Prelude, look_again, look_at
from rnn_vs_attn.ab.progress import PairsShown
from rnn_vs_attn.ab.report import (
    Ending,
    described,
    nothing_measured,
    nothing_to_compare,
    report_of,
    said_of_outcomes,
    shown_again,
)
from rnn_vs_attn.ab.restoring import restore
from rnn_vs_attn.ab.resuming import Stored
from rnn_vs_attn.ab.runner import Pairs
from rnn_vs_attn.ab.samples import checked_samples
from rnn_vs_attn.ab.stages import NAME
from rnn_vs_attn.ab.versions import CANDIDATE, SetUpFails, Sides
from rnn_vs_attn.compare.publishing import publish
from rnn_vs_attn.compare.report import Report, document
from rnn_vs_attn.compare.summary import markdown
from rnn_vs_attn.errors import Interrupted, UserError
from rnn_vs_attn.machine import environment, fitness
from rnn_vs_attn.machine.anonymity import without_names
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import USER
from rnn_vs_attn.records.folder import RunFolder, check_folder, new_folder
from rnn_vs_attn.records.head import begun, finished
from rnn_vs_attn.records.types import Run
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.run import anonymous
from rnn_vs_attn.run.cases import AxisValues, check, option_name
from rnn_vs_attn.run.resuming import head_of
from rnn_vs_attn.text.streams import say


def run(axes: AxisValues, options: AbOptions) -> int:
    """The whole command; its exit code."""
    started = time.monotonic()
    check(SUITE, axes, options.force)
    _ = options.limits  # refused before anything is started
    repository = Repository(Path.cwd()) if options.baseline else None
    if repository is not None:
        axes = axes | {"model": adapters.located(axes["model"], repository.root)}
    if options.anonymous:
        axes = axes | {"model": anonymous.checked(axes["model"])}
    if options.output is not None:
        check_folder(options.output)
    if options.bisect:
        options = bisect.checked(options)
    try:
        both = _sides(axes, options, repository)
    except SetUpFails as failed:
        return bisect.skip(failed, options)
    except Interrupted as stop:
        return _stopped_early(axes, options, stop)
    with both:
        both.debug = options.debug
        both.notes += options.said
        if both.same_tree:
            return _publish(nothing_to_compare(both, options.anonymous), options, same_files=True)
        try:
            prelude = look_at(both, axes, options)
        except Interrupted as stop:
            return _stopped_early(axes, options, stop)
        folder, head = _folder(options), _head(both, prelude, options)
        folder.write_run(head)
        pairs = _pairs(both, prelude, options, folder)
        return _Sitting(both, prelude, pairs, options, head, started).run()


def resume(given: AbOptions, names: Sequence[str]) -> int:
    """Go on with the run in `given.resume`, under its own settings; the exit code. names: of what was typed."""
    started, path = time.monotonic(), given.resume
    assert path is not None
    if head_of(NAME, path).status == "complete":
        return _publish(shown_again(path), given)
    stored = resuming.read(path, given, names)
    folder = RunFolder.reopen(path, stored.options.anonymous)
    try:
        return _resume(stored, folder, started)
    finally:
        folder.close()


def _resume(stored: Stored, folder: RunFolder, started: float) -> int:
    options, axes = stored.options, stored.prelude.axes
    go_on = _go_on(stored.path, options)
    try:
        both = resuming.sides_again(stored)
    except Interrupted as stop:
        return _stopped_early(axes, options, stop, go_on)
    with both:
        both.debug = options.debug
        both.notes += options.said
        try:
            prelude = look_again(both, stored.prelude, options)
        except Interrupted as stop:
            return _stopped_early(axes, options, stop, go_on)
        resuming.check_alike(stored, prelude)
        pairs = _pairs(both, prelude, options, folder)
        restore(pairs, checked_samples(stored.path, options, prelude.timed))  # nobody else writes them now
        return _Sitting(both, prelude, pairs, options, stored.head, started).run()


def _stopped_early(axes: AxisValues, options: AbOptions, stop: Interrupted, go_on: str = "") -> int:
    """What is said where no pair was begun."""
    end_at_the_next(stop.exit_code)
    return _publish(nothing_measured(axes, options, Ending(go_on, stop.exit_code)), options)


def _go_on(path: Path, options: AbOptions) -> str:
    """The command that goes on; the folder is not named where nothing of this machine is."""
    return f"rnn-vs-attn ab --resume {'FOLDER' if options.anonymous else shlex.quote(str(path))}"


def _publish(report: Report, options: AbOptions, same_files: bool = False) -> int:
    report = _of(report, options)
    if options.bisect:
        return bisect.publish(report, options, same_files)
    publish(report, options.markdown, options.junit, options.as_json)
    return report.code


def _of(report: Report, options: AbOptions) -> Report:
    """The report as it is told to others."""
    return without_names(report) if options.anonymous else report


def _sides(axes: AxisValues, options: AbOptions, repository: Repository | None) -> Sides:
    """What is compared, and that only one way of naming it is used. repository: of git references."""
    baseline, candidate = options.baseline, options.candidate
    pythons = options.baseline_python, options.candidate_python
    ways = [bool(baseline), any(pythons), options.aa]
    if sum(ways) != 1:
        raise UserError(
            "name what to compare in one way: a git reference (rnn-vs-attn ab main), two environments "
            "(--baseline-python, --candidate-python), or --aa for the same code twice"
        )
    if not baseline or repository is None:
        for name in ("setup", "reuse_setup", "require_clean"):
            if getattr(options, name):
                raise UserError(f"{option_name(name)} is for git references; leave it out")
        return versions.alike() if options.aa else versions.of_interpreters(*pythons)
    built_in = [name for name in axes["model"] if find(name).family != USER]
    if built_in:
        raise UserError(
            f"{built_in[0]!r} is built into this program, so two git references run the same code; name a layer of the "
            "repository, or compare environments with --baseline-python and --candidate-python"
        )
    if options.reuse_setup and not options.setup:
        raise UserError("--reuse-setup keeps what --setup installs; give that too, such as --setup 'pip install -e .'")
    written = resuming.written(repository.root, options)
    clean, models = options.require_clean, axes["model"]
    return versions.of_references(repository, baseline, candidate, options.set_up, clean, models, written)


def _folder(options: AbOptions) -> RunFolder:
    if options.output:
        return RunFolder.create(options.output, options.anonymous)
    folder = new_folder(NAME, options.anonymous)
    folder.write(".gitignore", "*\n")  # it may stand in the user's repository, and is no change of it
    return folder


def _pairs(both: Sides, prelude: Prelude, options: AbOptions, folder: RunFolder) -> Pairs:
    return Pairs(SUITE, prelude.timed, options.passes, options.limits, folder, both.start, environment.cores())


@dataclass(frozen=True)
class _Sitting:
    """One call that takes pairs, from the first that is wanted to what is said in the end. started: by its clock."""

    both: Sides
    prelude: Prelude
    pairs: Pairs
    options: AbOptions
    head: Run
    started: float

    def run(self) -> int:
        """Measure both and say what came of it; the exit code."""
        try:
            whole = self._measure()
        except Interrupted as stop:
            end_at_the_next(stop.exit_code)
            return self._interrupted(stop.exit_code)
        return self._end(Ending() if whole else Ending(_go_on(self.pairs.folder.path, self.options)))

    def _interrupted(self, code: int) -> int:
        """The exit code, whatever keeps what is known from being written."""
        try:
            return self._end(Ending(_go_on(self.pairs.folder.path, self.options), code))
        except UserError as error:
            say(f"error: {error}")
            return code

    def _end(self, ending: Ending) -> int:
        folder, options = self.pairs.folder, self.options
        report = report_of(self.both, self.prelude, self.pairs, options, self.head.command[1:], ending)
        report.facts["seconds"] = round(time.monotonic() - self.started, 1)
        report = _of(report, options)
        _write(folder, report, self.head if ending.go_on else finished(self.head))
        code = _publish(report, options)
        if not options.quiet:
            state = "Interrupted" if ending.code else "Out of time"
            say(f"{state}; go on with {ending.go_on}" if ending.go_on else f"Written to {folder.path}")
        return code

    def _measure(self) -> bool:
        err = Terminal(stderr=True)
        if not self.options.quiet:
            _announce(self.both, self.prelude, self.pairs, self.options, err)
        with PairsShown(err) as shown:
            if not self.options.quiet:
                self.pairs.progress = shown
            return self.pairs.run()


def _head(both: Sides, prelude: Prelude, options: AbOptions) -> Run:
    settings = {
        "axes": prelude.axes,
        "passes": list(options.passes),
        "limits": dataclasses.asdict(options.limits),
        "sides": described(both, options.anonymous),
        "inputs": SUITE.analysis.inputs,
    } | resuming.settings_of(both, prelude, options)
    return begun(NAME, settings, prelude.facts[CANDIDATE], options.anonymous)


def _announce(both: Sides, prelude: Prelude, pairs: Pairs, options: AbOptions, err: Terminal) -> None:
    cases, taken = pairs.cases, sum(stage.pairs for stage in pairs.stages)
    timed = len(cases) * len(options.passes)
    text = (
        f"ab: {both.candidate.label} against {both.baseline.label}; {units.counted(len(cases), 'case')}, {timed} "
        f"timed passes, {options.screen} pairs of processes, then {options.confirm} fresh ones of what is flagged; "
        f"{f'{taken} pairs are taken; ' * bool(taken)}at most about {units.duration(options.max_seconds)}; into "
        f"{pairs.folder.path}"
    )
    err.print(text, soft_wrap=True)
    for line in [*both.told, *(line for line in said_of_outcomes(prelude) if line.startswith("NOT EQUAL"))]:
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
