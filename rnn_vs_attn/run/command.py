"""A command that runs a suite: from its options to what stands in the folder, and its exit code."""

from __future__ import annotations

import dataclasses
import math
import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.errors import DONE, UNFINISHED_CASES, CaseFault, Interrupted, UserError
from rnn_vs_attn.limits import LOOKS, Limits
from rnn_vs_attn.machine import environment
from rnn_vs_attn.machine.anonymity import without_names
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.records.folder import RunFolder, check_folder, new_folder
from rnn_vs_attn.records.head import begun
from rnn_vs_attn.records.states import TABLE
from rnn_vs_attn.records.types import Run
from rnn_vs_attn.report import tables
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.run import dry_run, output, pace, resuming
from rnn_vs_attn.run.cases import AxisValues, cases_of, check, least_cases
from rnn_vs_attn.run.estimates import estimates
from rnn_vs_attn.run.given import NOTHING, Given
from rnn_vs_attn.run.journal import Journal
from rnn_vs_attn.run.options import WHOLE, Part, RunOptions
from rnn_vs_attn.run.planned import Planned
from rnn_vs_attn.run.runner import Runner
from rnn_vs_attn.run.schedule import Schedule, plans_of
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.text.streams import say
from rnn_vs_attn.worker.lanes import Lanes
from rnn_vs_attn.worker.pool import Workers, devices
from rnn_vs_attn.worker.protocol import About, Check, ReadEnvironment

_ROOM, _ROOM_TO_BEGIN = 1.5, 60.0  # of trainings that were given no end: times what they take, and seconds beside it


def start(
    suite: Suite,
    axes: AxisValues,
    options: RunOptions,
    part: Part = WHOLE,
    plain: bool = False,
    given: Given = NOTHING,
) -> int:
    """Measure the product of all axes, or list it; the exit code. plain: whether no models were typed."""
    started = time.monotonic()
    check(suite, axes, options.force)
    tables.chosen(suite.view.columns, options.columns)
    limits = part.of(options.limits)
    if not suite.precise and limits.rounds is None:
        limits = dataclasses.replace(limits, rounds=LOOKS[0])
    if options.output is not None and not options.dry_run:
        check_folder(options.output)
    at_once = _at_once(suite, axes, given)
    with Workers(suite.timed, options.debug, axes["threads"], axes["model"], at_once, given.variables) as workers:
        facts, built_as = _probe(suite, axes, limits, workers)
        suite.axes.check(axes)
        given.check_memory(axes, limits.max_memory)
        number = _at_once(suite, axes, given)
        planned = _planned(suite, axes, cases_of(suite, axes, plain), limits, workers, number, started, options.quiet)
        planned = replace(planned, built_as=without_names(built_as) if options.anonymous else built_as)
        if not part.after_others:
            _check_starts(planned, workers.start_up)
        if options.dry_run:
            dry_run.tell(planned, options.as_json, part)
            return DONE
        folder = _new_folder(suite, options)
        settings = resuming.settings_of(suite, axes, planned.limits, plain, planned.cases)
        settings |= given.settings(options.anonymous)
        if given.text is not None:
            given.text.put_tokenizer(folder)
        head = begun(suite.name, settings, facts, options.anonymous)
        return _run(planned, folder, head, workers, options, part)


def _new_folder(suite: Suite, options: RunOptions) -> RunFolder:
    if options.output:
        return RunFolder.create(options.output, options.anonymous)
    return new_folder(suite.name, options.anonymous)


def _at_once(suite: Suite, axes: AxisValues, given: Given) -> int:
    """How many cases are worked on at the same time."""
    if suite.rounds.trains is None:
        return 1
    return pace.at_once(axes["threads"], axes["device"], given.bytes_of_training(axes) or pace.OF_A_WORKER)


def _planned(
    suite: Suite,
    axes: AxisValues,
    cases: Sequence[Case],
    limits: Limits,
    workers: Workers,
    at_once: int,
    started: float,
    quiet: bool,
) -> Planned:
    """The cases, by a look at each; resolves in `axes` how many steps trainings have."""
    if suite.rounds.trains is None:
        looked = estimates(workers.asked, suite, cases, limits)
        return Planned(suite, cases, limits, looked, Schedule.of(looked, limits, started, workers.start_up))
    lanes = _lanes(cases, limits, workers, at_once)
    if not quiet:
        number = units.counted(len(suite.rounds.trains.kinds(cases)), "training")
        say(f"{suite.name}: first some steps of {number}, to see how fast they go")
    try:
        found = pace.paced(suite, cases, lanes, limits, started + limits.max_seconds)
    except BaseException:
        lanes.end()
        raise
    for name in suite.rounds.trains.paced:
        axes[name] = [getattr(found.cases[0], name)]
    limits = _bounded(limits, found.seconds)
    schedule = Schedule.of(found.looked, limits, started, workers.start_up)
    return Planned(suite, found.cases, limits, found.looked, schedule, lanes=lanes, seconds=found.seconds)


def _bounded(limits: Limits, seconds: float) -> Limits:
    """Limits with an end: where none was given, half as long again as trainings are thought to take."""
    if math.isfinite(limits.max_seconds):
        return limits
    return replace(limits, max_seconds=float(math.ceil(_ROOM * seconds + _ROOM_TO_BEGIN)))


def _lanes(cases: Sequence[Case], limits: Limits, workers: Workers, at_once: int) -> Lanes:
    return Lanes(workers.next, min(len(cases), at_once), limits.timeout)


def _check_starts(planned: Planned, start_up: float) -> None:
    """UserError where the processes of all rounds take all the time to start; that of the first one stands ready.

    One round is measured however long it takes, and so is what comes after other runs of the same command.
    """
    suite, limits, schedule = planned.suite, planned.limits, planned.schedule
    now, rounds = time.monotonic(), limits.wanted_rounds
    over = (rounds - 1) * start_up >= limits.max_seconds if suite.timed else now >= schedule.ends
    if rounds == 1 or not over:
        return
    what = f"the processes of {rounds} rounds have started ({units.duration(start_up)} each)"
    least = limits.to_ask(schedule.needed(0, now, schedule.fewest(planned.cases, suite.rounds.kept)))
    raise UserError(
        f"--max-seconds {limits.asked_seconds:g} is over before {what if suite.timed else 'anything is measured'}; "
        f"give --max-seconds {least} or more"
    )


def resume(suite: Suite, options: RunOptions, part: Part = WHOLE) -> int:
    """Go on with the run in `options.resume`, under its own settings; the exit code.

    Where it is one of several that share their time, it has what `options` give it of that.
    """
    started, path = time.monotonic(), options.resume
    assert path is not None
    stored = resuming.read(suite, path, options.retry)
    if stored.over:
        return _tell(suite, stored.head, path, stored.limits, options, part)
    head, limits, lines = stored.head, part.resumed(stored.limits, options.max_seconds), stored.lines
    if options.retry and any(line.status != "ok" for line in lines):
        head = dataclasses.replace(head, status="interrupted", finished=None)
    schedule = Schedule.of({}, limits, started, 0.0)
    planned = Planned(suite, stored.cases, limits, {}, schedule, lines)
    at_once = _at_once(suite, stored.axes, stored.given)
    with Workers(
        suite.timed, options.debug, stored.axes["threads"], stored.axes["model"], at_once, stored.given.variables
    ) as workers:
        if head.status != "complete":
            facts, _ = _probe(suite, dict(stored.axes), limits, workers)
            here = environment.hard_keys(environment.describe(facts, anonymous=False))
            if here != environment.hard_keys(head.environment):
                raise UserError(
                    f"{path} was begun on another machine or with other software; start a run of its own here"
                )
            if suite.rounds.trains is None:
                planned = _planned(suite, stored.axes, stored.cases, limits, workers, at_once, started, options.quiet)
            else:  # as many steps as it was begun with
                planned = replace(planned, lanes=_lanes(stored.cases, limits, workers, at_once))
            planned = replace(planned, lines=lines)
        folder = RunFolder.reopen(path, environment.is_anonymous(head.environment))
        return _run(planned, folder, head, workers, options, part)


# The machine


def _probe(
    suite: Suite, axes: AxisValues, limits: Limits, workers: Workers
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """What torch says of this machine, and models of the user's with how they are built where that has to be said, and
    whether weights to begin from can be used; resolves device `auto` in `axes`. UserError for what the user can mend.

    A module that crashes or hangs here is left to its own case, which records it.
    """
    facts = workers.ask_twice(ReadEnvironment(), limits.timeout).facts
    ask = partial(workers.ask_twice, timeout=limits.timeout)
    axes["device"] = devices(axes["device"], axes["dtype"], ask)
    built: list[tuple[str, str]] = []
    for case in _users_modules(suite, axes):
        try:
            told = workers.asked().ask(Check(About.of(suite, case, limits.max_memory)), limits.timeout)
            built += [(case.model, text) for text in told.warnings]
        except CaseFault as fault:
            if fault.status == "failed" and len(axes["model"]) == 1:
                raise UserError(f"model {case.model!r} cannot be measured: {fault.reason}") from None
    return facts, built


def _users_modules(suite: Suite, axes: AxisValues) -> list[Case]:
    """One case of each of the user's own modules, or weights, and each width, at the shortest length."""
    begun_from = any(axes.get("init_from", []))
    names = [name for name in axes["model"] if begun_from or find(name).takes_arguments]
    least = least_cases(suite, axes, model=names, d_model=axes["d_model"])
    return [case for case in least if not suite.only_counts(case)]


# The run


def _run(
    planned: Planned, folder: RunFolder, head: Run, workers: Workers, options: RunOptions, part: Part = WHOLE
) -> int:
    """Measure, show, write; whatever ends the run, what is done is kept and shown."""
    suite, limits, goes_on = planned.suite, planned.limits, head.status != "complete"
    journal = Journal(suite, planned.cases, folder, planned.lines, over=not goes_on)
    plans = plans_of(planned.looked)
    runner = Runner(journal, limits, head, planned.schedule, workers.next, plans, options.retry, planned.lanes)
    code = _measure(planned, runner, folder, options, part) if goes_on else DONE
    run = runner.result()
    if goes_on or not (folder.path / TABLE).exists():
        code = _write(suite, run, folder, limits) or code
    folder.close()
    return _tell(suite, run, folder.path, limits, options, part, code)


def _write(suite: Suite, run: Run, folder: RunFolder, limits: Limits) -> int:
    """Tables and plots into the folder, all of them; the exit code of an interruption, DONE without one."""
    try:
        output.write(suite, run, folder, limits)
    except Interrupted as stop:  # a second one does not come
        output.write(suite, run, folder, limits)
        return stop.exit_code
    return DONE


def _tell(
    suite: Suite, run: Run, path: Path, limits: Limits, options: RunOptions, part: Part = WHOLE, code: int = DONE
) -> int:
    """Show a run that has ended, or was interrupted with the exit code given; the exit code."""
    if options.as_json:
        part.take_document(output.document(suite, run, run.place(path)))
    else:
        output.show(suite, run, limits, options.columns)
    if part.tells_where and not options.quiet:
        say(_where(suite, run, path, code))
    if code:
        return code
    unfinished = run.status != "complete" or any(record.status != "ok" for record in run.records)
    return UNFINISHED_CASES if unfinished else DONE


def _where(suite: Suite, run: Run, path: Path, code: int) -> str:
    """Where everything is, or how to go on."""
    if run.status == "complete":
        return f"Written to {path}: table.md has every column and remark"
    why = "Interrupted" if code else "Out of time"
    return f"{why}; go on with rnn-vs-attn {suite.command} --resume {shlex.quote(str(path))}"


def _measure(planned: Planned, runner: Runner, folder: RunFolder, options: RunOptions, part: Part) -> int:
    """All rounds that there is time for; the exit code of an interruption, DONE without one."""
    from rnn_vs_attn.run.progress import shown_of

    suite, limits, err = planned.suite, planned.limits, Terminal(stderr=True)
    show_first = output.first_table(suite, limits, err, runner.rounds == 0 and not options.as_json, options.columns)
    folder.write_run(runner.head)
    (folder.path / TABLE).unlink(missing_ok=True)  # of what was there before
    if not options.quiet:
        output.announce(planned, folder.path, runner.head, err, machine=not part.after_others)
    try:
        if options.quiet:
            runner.run()
            return DONE
        with shown_of(planned, err, show_first) as shown:
            runner.progress = shown
            runner.run()
    except Interrupted as stop:
        return stop.exit_code
    return DONE
