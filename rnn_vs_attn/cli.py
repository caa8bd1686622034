"""The commands: parse, call, print, exit. The one place that catches UserError."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from rnn_vs_attn import __version__, environment, sweeps, units
from rnn_vs_attn.budget import LOOKS, Budget, Limits
from rnn_vs_attn.errors import CaseFault, UserError, first_line
from rnn_vs_attn.models import BASELINE, MODELS, ModelSpec, find, plug_ins
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.records import Record, Run, RunFolder, read_head, read_samples
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.suite import Case, Suite, axes_of

DONE, WRONG_CALL, UNFINISHED_CASES, INTERRUPTED, TERMINATED = 0, 2, 4, 130, 143
EXIT_CODES = (
    "Exit codes: 0 done, 2 a wrong call or an input that cannot be used, 4 the run finished but some cases did not, "
    "130 interrupted, 143 terminated."
)

app = typer.Typer(
    name="rnn-vs-attn",
    help="What recurrence costs, what attention costs, and how that changes with length, on this machine.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code


def main() -> NoReturn:
    """Run the command line; every way out has an exit code and at most one sentence."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    debug = "--debug" in sys.argv
    try:
        code = app(standalone_mode=False)
        _exit(code if isinstance(code, int) else DONE)
    except UserError as error:
        _fail(str(error), debug)
    except Interrupted as stop:
        _exit(stop.exit_code)
    except BrokenPipeError:
        _exit(DONE)
    except Exception as error:
        if not hasattr(error, "format_message"):  # typer's own errors have it, whichever Click typer carries
            _fail(f"this is a fault of rnn-vs-attn: {first_line(error)}; --debug shows where, please report it", debug)
        _fail(f"{error.format_message().rstrip('.')}; rnn-vs-attn --help lists what is allowed", debug)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """The first signal ends the run in order; later ones do not disturb that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Interrupted(INTERRUPTED if number == signal.SIGINT else TERMINATED)


def _fail(sentence: str, debug: bool) -> NoReturn:
    if debug:
        import traceback

        traceback.print_exc()
    print(f"error: {sentence}", file=sys.stderr)
    _exit(WRONG_CALL)


def _exit(code: int) -> NoReturn:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)


def _version(value: bool) -> None:
    if value:
        print(f"rnn-vs-attn {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Options before a command."""


# Commands that run a suite: their options are the fields of its case and these

_DEFAULTS, _BUDGET = Limits(), Budget()
_RUN = "How long, how precise"
_OUT = "Where to"
RUN_OPTIONS: dict[str, tuple[Any, Any]] = {
    "rounds": (int | None, typer.Option(None, help="Rounds, each a fresh process; below 6 there are no intervals.", show_default="6, 9 or 12, by --precision", min=1, rich_help_panel=_RUN)),
    "precision": (str, typer.Option("5%", help="Stop when half of every time's 95 % interval is within this part of its median.", rich_help_panel=_RUN)),
    "max_seconds": (float, typer.Option(_DEFAULTS.max_seconds, help="Start no further case after this.", min=0, rich_help_panel=_RUN)),
    "timeout": (float, typer.Option(_DEFAULTS.timeout, help="Seconds that one case may take in a round.", min=0.001, rich_help_panel=_RUN)),
    "max_memory": (str | None, typer.Option(None, help="Memory a case may take, such as 8GiB.", show_default="what is available", rich_help_panel=_RUN)),
    "warm_up": (float, typer.Option(_BUDGET.warm_up, help=f"Seconds of warm-up of a model in a round, until settled, at most {_BUDGET.max_warm_up / _BUDGET.warm_up:g} times that.", min=0.001, rich_help_panel=_RUN)),
    "block_seconds": (float, typer.Option(_BUDGET.block, help="Least length of a timed block.", min=0.0001, rich_help_panel=_RUN)),
    "min_blocks": (int, typer.Option(_BUDGET.min_blocks, help="Least number of blocks a pass, case and round (one where a call takes 2 s).", min=1, rich_help_panel=_RUN)),
    "case_seconds": (float, typer.Option(_BUDGET.case, help="Blocks are added until a pass of a case has had this.", min=0, rich_help_panel=_RUN)),
    "seed": (int, typer.Option(0, help="Seed of the order of cases; round r has weights and data of seed r.", rich_help_panel=_RUN)),
    "force": (bool, typer.Option(False, "--force", help="Allow more threads than usable cores.", rich_help_panel=_RUN)),
    "output": (Path | None, typer.Option(None, help="Folder of this run.", show_default="results/<UTC time>-<suite>", rich_help_panel=_OUT)),
    "resume": (Path | None, typer.Option(None, help="Go on with an interrupted run, with its own settings and no other option.", rich_help_panel=_OUT)),
    "dry_run": (bool, typer.Option(False, "--dry-run", help="List the cases and about how long they take.", rich_help_panel=_OUT)),
    "as_json": (bool, typer.Option(False, "--json", help="One JSON document on standard output.", rich_help_panel=_OUT)),
    "quiet": (bool, typer.Option(False, "--quiet", help="No progress and no notes on standard error.", rich_help_panel=_OUT)),
    "anonymous": (bool, typer.Option(False, "--anonymous", help="Leave host, user, paths and variables out of the run.", rich_help_panel=_OUT)),
    "debug": (bool, typer.Option(False, "--debug", help="Show stack traces and what the measuring process prints.", rich_help_panel=_OUT)),
}  # fmt: skip


def _suite_command(suite: Suite) -> Callable[..., int]:
    """The command of a suite, its parameters made from the fields of its case."""

    def command(ctx: typer.Context, **options: Any) -> int:
        if options["resume"] is not None:
            given = [n for n in options if n not in ("resume", "as_json", "quiet", "debug") and _typed(ctx, n)]
            if given:
                raise UserError(f"--resume goes on under the run's own settings; leave out {sweeps.option_name(given[0])}")
            return _resume(suite, options)
        return _start(suite, options)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("ctx", keyword, annotation=typer.Context)]
    for field in dataclasses.fields(suite.case):
        kind, option = _case_option(field)
        parameters.append(inspect.Parameter(field.name, keyword, annotation=Annotated[kind, option[0]], default=option[1]))
    for name, (kind, info) in RUN_OPTIONS.items():
        parameters.append(inspect.Parameter(name, keyword, annotation=kind, default=info))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = suite.help
    return command


def _case_option(field: dataclasses.Field[Any]) -> tuple[Any, tuple[Any, Any]]:
    meta = field.metadata
    name = sweeps.option_name(field.name)
    if isinstance(field.default, bool):
        flags = f"{name}/--no-{name[2:]}" if field.default else name
        return bool, (typer.Option(flags, help=meta["help"], rich_help_panel="What"), field.default)
    allowed = f" One of {', '.join(meta['choices'])}." if meta["choices"] else ""
    default = [str(meta["sweep"] or field.default)]
    option = typer.Option(name, help=meta["help"] + allowed, rich_help_panel="What", show_default=default[0])
    return list[str], (option, default)


def _typed(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


for _suite in SUITES:
    app.command(_suite.name, epilog=EXIT_CODES, help=_suite.help + " Lists: repeat an option, or use commas.")(
        _suite_command(_suite)
    )


# A run


def _start(suite: Suite, options: dict[str, Any]) -> int:
    axes = sweeps.parse(suite, {field.name: options[field.name] for field in dataclasses.fields(suite.case)})
    sweeps.check(suite, axes, options["force"])
    limits = _limits(options)
    if options["output"] is not None and not options["dry_run"]:
        _check_folder(options["output"])
    facts = _probe(suite, axes, limits, options["debug"])
    if suite.check:
        suite.check(axes)
    cases = sweeps.cases(suite, axes)
    if options["dry_run"]:
        return _dry_run(suite, cases, limits, options)
    folder = RunFolder.create(options["output"]) if options["output"] else _new_folder(suite)
    head = Run(
        suite=suite.name,
        command=["rnn-vs-attn", *_command_line(options["anonymous"])],
        settings={"axes": axes, "limits": dataclasses.asdict(limits)},
        environment=environment.describe(facts, options["anonymous"]),
        started=_now(),
        finished=None,
        status="interrupted",
    )
    return _run(suite, cases, limits, folder, head, options)


def _resume(suite: Suite, options: dict[str, Any]) -> int:
    path = options["resume"]
    head = read_head(path)
    if head.suite != suite.name:
        raise UserError(f"{path} holds a run of {head.suite!r}, not of {suite.name!r}; use rnn-vs-attn {head.suite} --resume {path}")
    lines = read_samples(path)
    try:
        axes = head.settings["axes"]
        cases = sweeps.cases(suite, axes)
        budget = Budget(**head.settings["limits"].pop("budget"))
        limits = Limits(**head.settings["limits"], budget=budget)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path / 'run.json'} is damaged: its settings do not fit ({first_line(error)})") from None
    settings = {"axes": axes, "limits": dataclasses.asdict(limits)}
    head = dataclasses.replace(head, settings=settings)
    if head.status != "complete":
        facts = _probe(suite, dict(axes), limits, options["debug"])
        here = environment.describe(facts, anonymous=False)["fingerprint"]
        if here != head.environment.get("fingerprint"):
            raise UserError(f"{path} was begun on another machine or with other software; start a run of its own here")
    return _run(suite, cases, limits, RunFolder.reopen(path), head, options, lines)


def _run(
    suite: Suite,
    cases: Sequence[Case],
    limits: Limits,
    folder: RunFolder,
    head: Run,
    options: dict[str, Any],
    lines: Sequence[Any] = (),
) -> int:
    """Measure, show, write; whatever ends the run, what is done is kept and shown."""
    from rnn_vs_attn.child import ChildWorker
    from rnn_vs_attn.progress import Shown
    from rnn_vs_attn.runner import Sweep

    err = _console(stderr=True)
    quiet = options["quiet"]
    sweep = Sweep(suite, cases, limits, folder, head, lambda: ChildWorker(options["debug"]), lines=list(lines))
    show_first = _first_table(suite, limits, err, sweep.rounds, options)
    code = DONE
    if head.status != "complete":
        folder.write_run(head)
        if not quiet:
            _announce(suite, cases, limits, folder, head, err)
        try:
            with Shown(err, limits, 2 if suite.passes else 1, show_first) as shown:
                if not quiet:
                    sweep.progress = shown
                sweep.run()
        except Interrupted as stop:
            code = stop.exit_code
    run = sweep.result()
    _write_outputs(suite, run, folder, limits)
    folder.close()
    _show(suite, run, folder.path, limits, options)
    if not quiet:
        state = "Interrupted; go on with" if code else "Written to"
        way = f"rnn-vs-attn {suite.name} --resume {folder.path}" if code else str(folder.path)
        print(f"{state} {way}", file=sys.stderr)
    if code:
        return code
    return UNFINISHED_CASES if any(record.status != "ok" for record in run.records) else DONE


def _first_table(suite: Suite, limits: Limits, err: Any, done: int, options: dict[str, Any]) -> Callable[[Sequence[Record]], None]:
    """Shows all cases after the first round, on standard error, where later rounds will sharpen them."""

    def show(records: Sequence[Record]) -> None:
        if done == 0 and not options["as_json"] and limits.rounds != 1:
            err.print("First table, after one round; no intervals yet:", highlight=False)
            _print_table(suite, records, limits, err)

    return show


def _announce(suite: Suite, cases: Sequence[Case], limits: Limits, folder: RunFolder, head: Run, err: Any) -> None:
    devices = ", ".join(sorted({case.device for case in cases}))
    rounds = limits.rounds or f"{LOOKS[0]} to {LOOKS[-1]}"
    text = f"{suite.name}: {len(cases)} cases on {devices}, {rounds} rounds, at most about {units.duration(limits.max_seconds)}"
    err.print(f"{text}; into {folder.path}", highlight=False, soft_wrap=True)
    found = environment.findings(head.environment, max(case.threads for case in cases))
    if found:
        err.print(f"note: {found[0].text}; {found[0].remedy}", highlight=False, soft_wrap=True)


def _write_outputs(suite: Suite, run: Run, folder: RunFolder, limits: Limits) -> None:
    from rnn_vs_attn import plots, tables

    shown = [*run.records, *suite.expand(run.records)]
    case_axes = [field.name for field in dataclasses.fields(suite.case)]
    folder.write("table.csv", tables.to_csv(shown, case_axes))
    text = tables.build(shown, case_axes, suite.columns, limits.precision).markdown()
    remarks = "".join(f"- {line}\n" for line in suite.remarks(run.records))
    folder.write("table.md", f"{text}\n{remarks}")
    try:
        plots.save(suite.figures(run.records), folder.path / "plots")
    except ImportError as error:
        print(f"note: no plots: {error}; pip install matplotlib", file=sys.stderr)
    except OSError as error:
        raise UserError(f"cannot write {folder.path / 'plots'}: {error.strerror}; the records are kept") from None


def _show(suite: Suite, run: Run, path: Path, limits: Limits, options: dict[str, Any]) -> None:
    if options["as_json"]:
        head = {k: v for k, v in dataclasses.asdict(run).items() if k != "records"}
        records = [dataclasses.asdict(record) for record in run.records]
        derived = [dataclasses.asdict(record) for record in suite.expand(run.records)]
        document = {"run": head, "folder": str(path), "records": records, "derived": derived}
        _print_json(document | {"remarks": suite.remarks(run.records)})
        return
    out = _console()
    _print_table(suite, run.records, limits, out)
    for line in suite.remarks(run.records):
        out.print(line, highlight=False, markup=False, soft_wrap=not out.is_terminal)


def _print_table(suite: Suite, records: Sequence[Record], limits: Limits, out: Any) -> None:
    """A rich table on a terminal, Markdown elsewhere."""
    from rnn_vs_attn import tables

    case_axes = [field.name for field in dataclasses.fields(suite.case)]
    table = tables.build([*records, *suite.expand(records)], case_axes, suite.columns, limits.precision)
    if not out.is_terminal:
        out.file.write(table.markdown() + "\n")
        return
    from rich.table import Table

    rich_table = Table(caption=table.caption, header_style="bold", caption_justify="left")
    for i, title in enumerate(table.header):
        rich_table.add_column(title, justify="left" if i == 0 else "right", no_wrap=i == 0)
    for i, row in enumerate(table.rows):
        last_of_group = i + 1 == len(table.rows) or table.rows[i + 1][1:2] != row[1:2]
        rich_table.add_row(*row, end_section=last_of_group)
    out.print(rich_table)
    for note in table.notes:
        out.print(note, highlight=False, markup=False)


def _limits(options: dict[str, Any]) -> Limits:
    try:
        precision = units.parse_fraction(options["precision"])
    except ValueError:
        precision = 0.0
    if not 0 < precision < 10:
        raise UserError(f"--precision {options['precision']!r} is not a positive percentage such as 5%")
    max_memory = None
    if options["max_memory"] is not None:
        try:
            max_memory = units.parse_size(options["max_memory"])
        except ValueError:
            raise UserError(f"--max-memory {options['max_memory']!r} is not a size such as 8GiB or 512MiB") from None
    scale = options["warm_up"] / _BUDGET.warm_up
    budget = Budget(
        warm_up=options["warm_up"],
        max_warm_up=_BUDGET.max_warm_up * scale,
        block=options["block_seconds"],
        min_blocks=options["min_blocks"],
        case=options["case_seconds"],
    )
    return Limits(
        options["rounds"], precision, options["max_seconds"], options["timeout"], max_memory, options["seed"], budget
    )


def _probe(suite: Suite, axes: sweeps.Axes, limits: Limits, debug: bool) -> dict[str, Any]:
    """What torch says of this machine; resolves device `auto` in `axes`. UserError for what the user can mend.

    A module that crashes or hangs here is left to its own case, which records it.
    """
    from rnn_vs_attn.child import ChildWorker

    worker = ChildWorker(debug)
    try:
        facts = worker.ask("environment", limits.timeout)
        smallest = {name: [min(values)] if name == "seq_len" else values for name, values in axes.items()}
        resolved: dict[str, str] = {}
        tried = set()
        for case in sweeps.cases(suite, smallest):
            key = (case.device, case.dtype, case.d_model, case.model if find(case.model).family == "user" else "")
            if key in tried:
                continue
            tried.add(key)
            if not worker.alive:
                worker = ChildWorker(debug)
            try:
                resolved[case.device] = worker.ask("check", limits.timeout, suite=suite.name, case=axes_of(case))["device"]
            except CaseFault:
                continue
        axes["device"] = list(dict.fromkeys(resolved.get(name, name) for name in axes["device"]))
        return facts
    finally:
        if worker.alive:
            worker.close()


def _check_folder(path: Path) -> None:
    """UserError where a run cannot be written to `path`; nothing stays behind."""
    created = not path.exists()
    folder = RunFolder.create(path)
    folder.close()
    (path / "samples.jsonl").unlink()
    if created:
        path.rmdir()


def _new_folder(suite: Suite) -> RunFolder:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    base = Path("results") / f"{stamp}-{suite.name}"
    for number in range(2, 100):
        if not base.exists():
            break
        base = base.with_name(f"{stamp}-{suite.name}-{number}")
    return RunFolder.create(base)


def _command_line(anonymous: bool) -> list[str]:
    """The words typed; without folders where anonymous."""
    return [Path(w).name if anonymous and os.sep in w and not w.startswith("-") else w for w in sys.argv[1:]]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _console(stderr: bool = False) -> Any:
    from rich.console import Console

    return Console(stderr=stderr)


def _print_json(document: object) -> None:
    print(json.dumps(document, allow_nan=False, ensure_ascii=False, indent=2))


# Estimates


def _dry_run(suite: Suite, cases: Sequence[Case], limits: Limits, options: dict[str, Any]) -> int:
    from rnn_vs_attn.child import ChildWorker
    from rnn_vs_attn.estimates import round_seconds

    worker = ChildWorker(options["debug"])
    try:
        seconds = round_seconds(worker, suite, cases, limits)
    finally:
        if worker.alive:
            worker.close()
    known = [s for s in seconds.values() if s is not None]
    a_round = sum(known) + worker.start_up
    bounds = [limits.rounds] if limits.rounds is not None else [LOOKS[0], LOOKS[-1]]
    totals = [max(min(n * a_round, limits.max_seconds), min(a_round, limits.max_seconds)) for n in bounds]
    if options["as_json"]:
        listed = [axes_of(case) | {"seconds_a_round": seconds[case]} for case in cases]
        _print_json({"cases": listed, "seconds_a_round": a_round, "seconds": totals})
        return DONE
    for case in cases:
        about = "unknown" if seconds[case] is None else units.duration(seconds[case] or 0)
        print(f"{case.model}\tseq_len {case.seq_len}\t{case.dtype}\t{case.device}\tthreads {case.threads}\tabout {about} a round")
    total = " to ".join(dict.fromkeys(units.duration(s) for s in totals))
    print(f"{len(cases)} cases, about {units.duration(a_round)} a round, {total} in all; never much more than --max-seconds")
    return DONE


# models and doctor


@app.command("models", epilog=EXIT_CODES)
def models_command(
    model: Annotated[list[str] | None, typer.Option(help="Only these; your own by import path.")] = None,
    seq_len: Annotated[int, typer.Option(min=1)] = 512,
    batch_size: Annotated[int, typer.Option(min=1)] = 1,
    d_model: Annotated[int, typer.Option(min=1)] = 128,
    num_heads: Annotated[int, typer.Option(min=1)] = 4,
    num_layers: Annotated[int, typer.Option(min=1)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
) -> None:
    """What can be measured: family, parameters, FLOPs, complexity, decoding, source."""
    shape = Shape(batch_size, seq_len, d_model, num_heads, num_layers)
    names = [name.strip() for text in model or [] for name in text.split(",") if name.strip()]
    specs = [find(name) for name in names] if names else [*MODELS, *(find(point.name) for point in plug_ins())]
    sweeps._check_heads({"model": [s.name for s in specs], "d_model": [d_model], "num_heads": [num_heads]})
    rows = [_model_row(spec, shape, bool(names), debug) for spec in specs]
    if as_json:
        _print_json({"shape": dataclasses.asdict(shape), "models": rows})
        return
    _print_models(rows, shape)


def _model_row(spec: ModelSpec, shape: Shape, named: bool, debug: bool) -> dict[str, Any]:
    complexity = spec.complexity
    row: dict[str, Any] = {
        "name": spec.name,
        "family": spec.family,
        "num_params": None,
        "train_flops": None,
        "time": complexity.time if complexity else None,
        "memory": complexity.memory if complexity else None,
        "sequential_operations": complexity.sequential_operations if complexity else None,
        "path_length": complexity.path_length if complexity else None,
        "decodes": None,
        "causal": "always" if spec.always_causal else "by --causal" if spec.costs else "up to the module",
        "source": spec.source,
        "note": spec.note,
    }
    if spec.costs:
        flops = spec.costs.flops(shape).train
        return row | {"num_params": spec.costs.num_params(shape), "train_flops": flops, "decodes": True}
    try:
        described = _ask_once("describe", debug, model=spec.name, shape=dataclasses.asdict(shape))
    except (UserError, CaseFault) as error:
        if named and isinstance(error, UserError):
            raise
        return row | {"note": f"broken: {error}"}
    return row | {
        "num_params": described["num_params"],
        "train_flops": described["flops"],
        "decodes": described["decodes"],
    }


def _ask_once(do: str, debug: bool, **fields: Any) -> dict[str, Any]:
    from rnn_vs_attn.child import ChildWorker

    worker = ChildWorker(debug)
    try:
        return worker.ask(do, 60.0, **fields)
    finally:
        if worker.alive:
            worker.close()


def _print_models(rows: Sequence[dict[str, Any]], shape: Shape) -> None:
    titles = {
        "name": "model",
        "family": "family",
        "num_params": "parameters",
        "train_flops": "FLOPs (train)",
        "time": "time",
        "memory": "memory (train)",
        "sequential_operations": "sequential",
        "path_length": "path",
        "decodes": "decodes",
        "causal": "causal",
        "source": "source",
    }
    cells = [[_written(name, row[name]) for name in titles] for row in rows]
    text = f"batch_size {shape.batch_size}, seq_len {shape.seq_len}, d_model {shape.d_model}, num_heads {shape.num_heads}, num_layers {shape.num_layers}"
    notes = [f"{row['name']}: {row['note']}" for row in rows if row["note"]]
    notes.append("n is seq_len and d is d_model, projections included; FLOPs are of matrix products, a multiply-add is two")
    from rnn_vs_attn.tables import Table

    out = _console()
    if not out.is_terminal:
        out.file.write(Table(text, list(titles.values()), cells, notes).markdown())
        return
    from rich.table import Table as RichTable

    rich_table = RichTable(*titles.values(), caption=text, caption_justify="left", header_style="bold")
    for row in cells:
        rich_table.add_row(*row)
    out.print(rich_table)
    for note in notes:
        out.print(note, highlight=False, markup=False)


def _written(name: str, value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "num_params":
        return f"{value:,}"
    return units.scaled(value) if name == "train_flops" else str(value)


@app.command("doctor", epilog=EXIT_CODES)
def doctor_command(
    threads: Annotated[int, typer.Option(min=0, help="Threads that a run would use; 0 takes all usable cores.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Leave host, user, paths and variables out.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces and what the measuring process prints.")] = False,
) -> None:
    """Is this machine fit to measure on, and what to do about it."""
    facts = environment.describe(_ask_once("environment", debug), anonymous)
    found = environment.findings(facts, threads or facts["usable_cores"])
    if as_json:
        _print_json({"environment": facts, "findings": environment.as_dicts(found)})
        return
    for name in ("cpu", "usable_cores", "memory_gib", "cpu_capability", "system", "python_full", "torch", "load"):
        print(f"{name}: {facts[name]}")
    for i, gpu in enumerate(facts["gpus"]):
        print(f"cuda:{i}: {gpu['name']}, {gpu['memory_gib']} GiB, compute capability {gpu['capability']}")
    if not facts["gpus"]:
        print(f"cuda: none ({'torch is built without it' if facts['cuda'] is None else 'no device is visible'})")
    print(f"fingerprint: {facts['fingerprint'][:16]}")
    words = {3: "mend this", 2: "expect noise", 1: "good to know"}
    for finding in found:
        print(f"{words[finding.severity]}: {finding.text}; {finding.remedy}")
    if not found:
        print("nothing found that would spoil a measurement")


