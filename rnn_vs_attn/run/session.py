"""A command that runs a suite: from its options to what stands in the folder and on the terminal."""

from __future__ import annotations

import dataclasses
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.errors import CaseFault, DoesNotStart, UserError
from rnn_vs_attn.limits import LOOKS, Budget, Limits
from rnn_vs_attn.machine import environment, fitness, processors
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.records.types import Record, Run
from rnn_vs_attn.run import cases as sweeps
from rnn_vs_attn.run.estimates import estimates
from rnn_vs_attn.run.runner import Sweep, now
from rnn_vs_attn.run.schedule import After, Costs, Look, Schedule, left_out_words
from rnn_vs_attn.suites.suite import Case, Suite, axes_of, untaken
from rnn_vs_attn.text import safe as safe_text
from rnn_vs_attn.text.streams import print_json, say, show

DONE, WRONG_CALL, UNFINISHED_CASES, INTERRUPTED, TERMINATED = 0, 2, 4, 130, 143
WIDE = 165  # columns of a terminal that shows every column of a table
_BUDGET = Budget()


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code


def start(suite: Suite, options: dict[str, Any]) -> int:
    begun = time.monotonic()
    axes = sweeps.parse(suite, options)
    sweeps.check(suite, axes, options["force"])
    limits = _limits(options)
    if not suite.precise and limits.rounds is None:
        limits = dataclasses.replace(limits, rounds=LOOKS[0])
    if options["output"] is not None and not options["dry_run"]:
        check_folder(options["output"])
    with _Workers(suite, options["debug"], axes["threads"]) as workers:
        return _start(suite, axes, limits, workers, options, begun)


def _start(
    suite: Suite, axes: sweeps.Axes, limits: Limits, workers: _Workers, options: dict[str, Any], begun: float
) -> int:
    facts = _probe(suite, axes, limits, workers)
    if suite.check:
        suite.check(axes)
    cases = sweeps.cases(suite, axes)
    looked = estimates(workers.asked, suite, cases, limits)
    schedule = workers.schedule(looked, limits, begun)
    if not options.get("after_others"):
        _check_starts(suite, cases, limits, workers, schedule)
    if options["dry_run"]:
        return _dry_run(suite, cases, looked, limits, schedule, options)
    folder = RunFolder.create(options["output"]) if options["output"] else new_folder(suite.name)
    head = Run(
        suite=suite.name,
        command=["rnn-vs-attn", *command_line(options["anonymous"])],
        settings={"axes": axes, "limits": dataclasses.asdict(limits), "inputs": suite.inputs},
        environment=environment.describe(facts, options["anonymous"]),
        started=now(),
        finished=None,
        status="interrupted",
    )
    return _run(suite, cases, limits, folder, head, workers, options, looked, begun)


def _check_starts(suite: Suite, cases: Sequence[Case], limits: Limits, workers: _Workers, schedule: Schedule) -> None:
    """UserError where the processes of all rounds take all the time to start; that of the first one stands ready.

    One round is measured however long it takes, and so is what comes after other runs of the same command.
    """
    now, rounds = time.monotonic(), limits.wanted_rounds
    over = (rounds - 1) * workers.start_up >= limits.max_seconds if suite.timed else now >= schedule.ends
    if rounds == 1 or not over:
        return
    what = f"the processes of {rounds} rounds have started ({units.duration(workers.start_up)} each)"
    least = limits.to_ask(schedule.needed(0, now, schedule.fewest(cases, suite.kept)))
    raise UserError(
        f"--max-seconds {limits.asked_seconds:g} is over before {what if suite.timed else 'anything is measured'}; "
        f"give --max-seconds {least} or more"
    )


def resume(suite: Suite, options: dict[str, Any]) -> int:
    from rnn_vs_attn.run import resuming

    begun = time.monotonic()
    path = options["resume"]
    stored = resuming.read(suite, path)
    head, cases, limits, lines = stored.head, stored.cases, stored.limits, stored.lines
    if options["retry"] and any(line.status != "ok" for line in lines):
        head = dataclasses.replace(head, status="interrupted", finished=None)
    looked: dict[Case, Look] = {}
    with _Workers(suite, options["debug"], stored.axes["threads"]) as workers:
        if head.status != "complete":
            facts = _probe(suite, dict(stored.axes), limits, workers)
            here = environment.hard_keys(environment.describe(facts, anonymous=False))
            if here != environment.hard_keys(head.environment):
                raise UserError(
                    f"{path} was begun on another machine or with other software; start a run of its own here"
                )
            looked = estimates(workers.asked, suite, cases, limits)
        return _run(suite, cases, limits, RunFolder.reopen(path), head, workers, options, looked, begun, lines)


class _Workers:
    """The processes of one command: one that is asked about the machine, and one for each round.

    The first two start together, so that torch is loaded for the first round while the other is asked. Where nothing
    is timed, all goes on in the one that was asked.
    """

    def __init__(self, suite: Suite, debug: bool, threads: Sequence[int]) -> None:
        self.start_up = 0.0
        self._variables = processors.one_each(threads)
        self._timed = suite.timed
        self._debug = debug
        self._asked: Any = None
        self._spare: Any = None

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in (self._asked, self._spare):
            if worker is not None and worker.alive:
                worker.close()

    def asked(self) -> Any:
        """The one that is asked; another where a user's module has ended it."""
        if self._asked is None:
            self._asked = self._new(wait=False)
            if self._timed:
                self._spare = self._new(wait=False)
            try:
                self._asked.wait_until_ready()
            except DoesNotStart:  # once more: something may have killed it
                self._asked = self._new()
            self.start_up = self._asked.start_up
        elif not self._asked.alive:
            self._asked = self._new()
        return self._asked

    def ask_twice(self, do: str, limits: Limits, **fields: Any) -> dict[str, Any]:
        """The answer to what has nothing to do with a user's module: once more where something killed the process."""
        answer: dict[str, Any]
        try:
            answer = self.asked().ask(do, limits.timeout, **fields)
            return answer
        except CaseFault as fault:
            if fault.status == "timeout":
                raise _not_asked(f"{fault.reason}; give a longer --timeout") from None
        try:
            answer = self.asked().ask(do, limits.timeout, **fields)
            return answer
        except CaseFault as fault:
            raise _not_asked(f"{fault.reason}, twice; --debug shows more") from None

    def _new(self, wait: bool = True) -> Any:
        from rnn_vs_attn.worker.client import ChildWorker

        return ChildWorker(self._debug, wait=wait, variables=self._variables)

    def next(self) -> Any:
        """One for a round, fresh where times are taken."""
        asked, spare = self._asked, self._spare
        self._asked = self._spare = None
        if not self._timed and asked is not None and asked.alive:
            return asked
        if asked is not None and asked.alive:
            asked.close()
        if spare is None:
            return self._new()
        spare.wait_until_ready()
        return spare

    def schedule(self, looked: Mapping[Case, Look], limits: Limits, begun: float) -> Schedule:
        """The time of a run of which nothing is measured yet."""
        costs = Costs({case: look.cost for case, look in looked.items()})
        start_up = self.start_up if self._timed else 0.0
        return Schedule(costs, limits.wanted_rounds, begun, limits.max_seconds, start_up)


def _not_asked(reason: str) -> UserError:
    return UserError(f"this machine could not be asked what it is: {reason}")


def _run(
    suite: Suite,
    cases: Sequence[Case],
    limits: Limits,
    folder: RunFolder,
    head: Run,
    workers: _Workers,
    options: dict[str, Any],
    looked: Mapping[Case, Look],
    begun: float,
    lines: Sequence[Any] = (),
) -> int:
    """Measure, show, write; whatever ends the run, what is done is kept and shown."""
    from rnn_vs_attn.run.progress import Shown

    err = console(stderr=True)
    quiet = options["quiet"]
    sweep = Sweep(
        suite,
        cases,
        limits,
        folder,
        head,
        workers.next,
        lines=lines,
        looked=looked,
        start_up=workers.start_up,
        begun=begun,
        retry=options["retry"],
    )
    show_first = _first_table(suite, limits, err, sweep.rounds, options)
    code = DONE
    if head.status != "complete":
        folder.write_run(head)
        if not quiet:
            _announce(suite, cases, limits, folder, head, err)
        try:
            with Shown(err, limits, 2 if suite.afterwards else 1, show_first) as shown:
                if not quiet:
                    sweep.progress = shown
                sweep.run()
        except Interrupted as stop:
            code = stop.exit_code
    run = sweep.result()
    if head.status != "complete":
        _write_outputs(suite, run, folder, limits)
    folder.close()
    _show(suite, run, folder.path, limits, options)
    if not quiet:
        state = "Interrupted; go on with" if code else "Written to"
        way = f"rnn-vs-attn {suite.command} --resume {folder.path}" if code else str(folder.path)
        say(f"{state} {way}")
    if code:
        return code
    return UNFINISHED_CASES if any(record.status != "ok" for record in run.records) else DONE


def _first_table(
    suite: Suite, limits: Limits, err: Any, done: int, options: dict[str, Any]
) -> Callable[[Sequence[Record]], None]:
    """Shows all cases after the first round, on standard error, where later rounds will sharpen them."""

    def show(records: Sequence[Record]) -> None:
        if suite.timed and done == 0 and not options["as_json"] and limits.rounds != 1:
            err.print("First table, after one round; no intervals yet:")
            _print_tables(suite, records, limits, err)

    return show


def _announce(suite: Suite, cases: Sequence[Case], limits: Limits, folder: RunFolder, head: Run, err: Any) -> None:
    devices = ", ".join(sorted({case.device for case in cases}))
    rounds = limits.rounds or f"{LOOKS[0]} to {LOOKS[-1]}"
    bound = f"at most about {units.duration(limits.max_seconds)}"
    counted = sum(map(suite.only_counts, cases))
    what = f"{len(cases) - counted} cases" + (f" and {counted} counts" if counted else "")
    text = f"{suite.name}: {what} on {devices}, {rounds} round{'s' * (rounds != 1)}, {bound}"
    err.print(f"{text}; into {folder.path}", soft_wrap=True)
    found = fitness.findings(head.environment, max(case.threads for case in cases))
    for line in environment.said_of_quota(head.environment):
        err.print(f"note: {line}", soft_wrap=True)
    if found and suite.timed:
        err.print(f"note: {found[0].text}; {found[0].remedy}", soft_wrap=True)


def _write_outputs(suite: Suite, run: Run, folder: RunFolder, limits: Limits) -> None:
    from rnn_vs_attn.report import plots, tables

    shown = [*run.records, *suite.expand(run.records)]
    case_axes = [field.name for field in dataclasses.fields(suite.case)]
    folder.write("table.csv", tables.to_csv(shown, case_axes))
    remarks = "".join(f"- {safe_text.markdown(line)}\n" for line in _remarks(suite, run))
    every = [table.markdown() for table in _tables(suite, run.records, limits)]
    summary = [table.markdown() for table in _summary(suite, run.records)]
    folder.write("table.md", "\n".join([*summary, remarks, *every] if summary else [*every, remarks]))
    try:
        plots.save(suite.figures(run.records), folder.path / "plots")
    except ImportError as error:
        say(f"note: no plots: {error}; pip install matplotlib")
    except OSError as error:
        raise UserError(f"cannot write {folder.path / 'plots'}: {error.strerror}; the records are kept") from None


def _remarks(suite: Suite, run: Run) -> list[str]:
    """What is said in words under a run's tables."""
    of_quota = environment.said_of_quota(run.environment)
    return [*of_quota, *suite.remarks(run.records), *_said_of_left_out(suite, run.records)]


def _show(suite: Suite, run: Run, path: Path, limits: Limits, options: dict[str, Any]) -> None:
    if options["as_json"]:
        head = {k: v for k, v in dataclasses.asdict(run).items() if k != "records"}
        records = [dataclasses.asdict(record) for record in run.records]
        derived = [dataclasses.asdict(record) for record in suite.expand(run.records)]
        document = {"run": head, "folder": str(path), "records": records, "derived": derived}
        take = options.get("take_document", print_json)
        take(document | {"remarks": _remarks(suite, run)})
        return
    from rnn_vs_attn.report import plots

    out = console()
    _print_tables(suite, run.records, limits, out)
    chart = suite.chart(run.records) if out.is_terminal else None
    if chart is not None:
        for line in plots.as_text(chart, min(out.width, 100)):
            out.print(line)
    for line in _remarks(suite, run):
        out.print(line, soft_wrap=not out.is_terminal)


def _said_of_left_out(suite: Suite, records: Sequence[Record]) -> list[str]:
    """Which cases there was no time for."""
    found = [record for record in records if "needed_seconds" in record.details]
    if not found:
        return []
    fields: list[dict[str, Any]] = [
        {field.name: record.axes[field.name] for field in dataclasses.fields(suite.case)} for record in found
    ]
    cases = [suite.case(**given) for given in fields]
    needed = max(int(record.details["needed_seconds"]) for record in found)
    return [left_out_words(list(dict.fromkeys(cases)), needed)]


def _tables(suite: Suite, records: Sequence[Record], limits: Limits, width: float = math.inf) -> list[Any]:
    """The suite's table with a row a case, and its tables with a column a case; shorter where width is too little."""
    from rnn_vs_attn.report import layout, tables

    case_axes = [field.name for field in dataclasses.fields(suite.case)]
    shown = [*records, *suite.expand(records)]
    heads = {"row_axes": suite.row_axes, "implied": (*suite.implied, *untaken(records))}
    found = [tables.build(shown, case_axes, suite.columns, limits.precision, width < WIDE, **heads)]
    for pivot in suite.pivots:
        whole = tables.build_pivot(shown, case_axes, pivot)
        if whole.rows:
            fits = layout.width_of(whole) <= width
            found.append(whole if fits else tables.build_pivot(shown, case_axes, pivot, narrow=True))
    return found


def _print_tables(suite: Suite, records: Sequence[Record], limits: Limits, out: Any) -> None:
    from rnn_vs_attn.report.terminal import print_table

    width = out.width if out.is_terminal else math.inf
    shown = _tables(suite, records, limits, width) if suite.summary is None else _summary(suite, records)
    for table in shown:
        print_table(table, out)


def _summary(suite: Suite, records: Sequence[Record]) -> list[Any]:
    """The tables that a suite shows in place of the one of all cases."""
    return suite.summary(records) if suite.summary is not None else []


def publish(report: Any, options: dict[str, Any]) -> None:
    """Verdicts to the terminal or as JSON, to the files asked for, and to GitHub where it runs there."""
    from rnn_vs_attn.compare import report as verdict_report
    from rnn_vs_attn.report.terminal import print_table

    for line in verdict_report.publish(report, options["markdown"], options["junit"]):
        print(line, file=sys.stderr)  # a command to GitHub, which is meant
    if options["as_json"]:
        print_json(verdict_report.document(report))
        return
    print_table(verdict_report.table(report), console())


def _limits(options: dict[str, Any]) -> Limits:
    try:
        precision = units.parse_fraction(options["precision"])
    except ValueError:
        precision = 0.0
    if not 0 < precision < 10:
        raise UserError(f"--precision {options['precision']!r} is not a positive percentage such as 5%")
    scale = options["warm_up"] / _BUDGET.warm_up
    budget = Budget(
        warm_up=options["warm_up"],
        max_warm_up=_BUDGET.max_warm_up * scale,
        block=options["block_seconds"],
        min_blocks=options["min_blocks"],
        case=options["case_seconds"],
    )
    return Limits(
        options["rounds"],
        precision,
        options["max_seconds"],
        options["timeout"],
        memory(options["max_memory"]),
        options["seed"],
        budget,
        options.get("given"),
        options.get("shared_by", 1),
    )


def memory(text: str | None) -> int | None:
    """--max-memory in bytes."""
    try:
        return None if text is None else units.parse_size(text)
    except ValueError:
        raise UserError(f"--max-memory {text!r} is not a size such as 8GiB or 512MiB") from None


def margin(text: str) -> float:
    """--margin as a part of 1."""
    try:
        value = units.parse_fraction(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1:
        raise UserError(f"--margin {text!r} is not a percentage from 0% to 99%, such as 3%")
    return value


def _probe(suite: Suite, axes: sweeps.Axes, limits: Limits, workers: _Workers) -> dict[str, Any]:
    """What torch says of this machine; resolves device `auto` in `axes`. UserError for what the user can mend.

    A module that crashes or hangs here is left to its own case, which records it.
    """
    facts = workers.ask_twice("environment", limits)
    pairs = [(name, dtype) for name in axes["device"] for dtype in axes["dtype"]]
    resolved = [workers.ask_twice("device", limits, name=n, dtype=dtype)["device"] for n, dtype in pairs]
    axes["device"] = list(dict.fromkeys(resolved))
    for case in _users_modules(suite, axes):
        fields = {"suite": suite.name, "case": axes_of(case), "max_memory": limits.max_memory}
        try:
            workers.asked().ask("check", limits.timeout, **fields)
        except CaseFault as fault:
            if fault.status == "failed" and len(axes["model"]) == 1:
                raise UserError(f"model {case.model!r} cannot be measured: {fault.reason}") from None
    return facts


def _users_modules(suite: Suite, axes: sweeps.Axes) -> list[Case]:
    """One case of each of the user's own modules and each width, at the shortest length."""
    names = [name for name in axes["model"] if find(name).family == "user"]
    few = {name: values[:1] for name, values in axes.items()}
    few |= {"model": names, "d_model": axes["d_model"], "seq_len": [min(axes["seq_len"])]}
    return [case for case in sweeps.cases(suite, few) if not suite.only_counts(case)]


def check_folder(path: Path, resumable: bool = True) -> None:
    """UserError where a run cannot be written to `path`; nothing stays behind."""
    created = not path.exists()
    folder = RunFolder.create(path, resumable)
    folder.close()
    for name in ("samples.jsonl", "records.jsonl"):
        (path / name).unlink()
    if created:
        path.rmdir()


def new_folder(name: str, resumable: bool = True) -> RunFolder:
    """A folder of this moment's own under `results`."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    first = base = Path("results") / f"{stamp}-{name}"
    for number in range(2, 100):
        if not base.exists():
            break
        base = first.with_name(f"{first.name}-{number}")
    return RunFolder.create(base, resumable)


def command_line(anonymous: bool) -> list[str]:
    """The words typed; without folders where anonymous."""
    return [Path(w).name if anonymous and os.sep in w and not w.startswith("-") else w for w in sys.argv[1:]]


def console(stderr: bool = False) -> Any:
    """The one that all of rich prints to."""
    from rnn_vs_attn.report.terminal import Terminal

    return Terminal(stderr)


# Estimates


def _dry_run(
    suite: Suite,
    cases: Sequence[Case],
    looked: Mapping[Case, Look],
    limits: Limits,
    schedule: Schedule,
    options: dict[str, Any],
) -> int:
    """What would be measured, and about how long that takes."""
    now = time.monotonic()
    surplus = schedule.surplus(0, now, cases, suite.kept)
    kept = [case for case in cases if case not in surplus]
    counted = [case for case in kept if suite.only_counts(case)]
    timed = [case for case in kept if case not in counted]
    schedule.begin(0, now, timed, After(pending=kept) if suite.afterwards else After())
    seconds = schedule.seconds(now, timed)
    rounds = [limits.rounds] if limits.rounds is not None else [LOOKS[0], LOOKS[-1]]
    totals = [min(schedule.total(now, count, timed, counted), limits.max_seconds) for count in rounds]
    if options["as_json"]:
        listed = [axes_of(c) | {"seconds_a_round": seconds.get(c), "left_out": c in surplus} for c in cases]
        print_json({"cases": listed, "seconds_a_round": sum(seconds.values()), "seconds": totals})
        return DONE
    for case in timed:
        about = units.duration(seconds[case]) if case in looked else "unknown"
        where = case.dtype, case.device, f"threads {case.threads}"
        show(case.label, f"seq_len {case.seq_len}", *where, f"about {about} a round")
    if surplus:
        show(left_out_words(surplus, limits.to_ask(schedule.needed(0, now, cases))))
    if counted:
        print(f"{len(counted)} counts beside them")
    total = " to ".join(dict.fromkeys(units.duration(s) for s in totals))
    a_round = units.duration(sum(seconds.values()))
    print(f"{len(timed)} cases, about {a_round} a round, {total} in all (--max-seconds bounds it)")
    return DONE
