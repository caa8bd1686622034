"""The commands: parse, call, print, exit. The one place that catches UserError."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from rnn_vs_attn import __version__
from rnn_vs_attn.ab.runner import PairLimits
from rnn_vs_attn.cli.models import ask_once, model_row, print_models
from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.export import FORMATS
from rnn_vs_attn.limits import Budget, Limits
from rnn_vs_attn.machine import environment, fitness
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import BUILT_IN, find, plug_ins
from rnn_vs_attn.run import cases as sweeps
from rnn_vs_attn.run.session import DONE, INTERRUPTED, TERMINATED, WRONG_CALL, Interrupted, resume, start
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.text import streams
from rnn_vs_attn.text.streams import print_json, show

EXIT_CODES = (
    "Exit codes: 0 done, 2 a wrong call or an input that cannot be used, 4 the run finished but some cases did not, "
    "130 interrupted, 143 terminated."
)

VERDICT_CODES = (
    "Exit codes: 0 nothing slower, 1 something is slower, 2 a wrong call or an input that cannot be used, 3 no verdict "
    "(missing, failed or new cases, nothing to compare, unlike machines, too few pairs or rounds; any unsure one under "
    "--strict), 130 interrupted, 143 terminated."
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


def main() -> NoReturn:
    """Run the command line; every way out has an exit code and at most one sentence."""
    streams.take_over()
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    debug = "--debug" in sys.argv
    try:
        code = app(standalone_mode=False)
        _exit(code if isinstance(code, int) else DONE)
    except UserError as error:
        _fail(str(error), debug)
    except Interrupted as stop:
        streams.wait_no_longer()
        _exit(stop.exit_code)
    except Exception as error:
        if not hasattr(error, "format_message"):  # typer's own errors have it, whichever Click typer carries
            _fail(
                f"this is a fault of rnn-vs-attn: {first_line(error)}; --debug shows where, please report it",
                debug,
            )
        _fail(f"{error.format_message().rstrip('.')}; rnn-vs-attn --help lists what is allowed", debug)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """The first signal ends the run in order; later ones do not disturb that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Interrupted(INTERRUPTED if number == signal.SIGINT else TERMINATED)


def _fail(sentence: str, debug: bool) -> NoReturn:
    if debug:
        import traceback

        for line in traceback.format_exc().splitlines():
            streams.say(line)
    streams.say(f"error: {sentence}")
    _exit(WRONG_CALL)


def _exit(code: int) -> NoReturn:
    """End with the command's own code, whoever reads what it printed."""
    reason = streams.lost(sys.stdout)
    if reason:
        streams.say(f"note: standard output did not take all that was printed: {reason}")
    sys.exit(code)


def _version(value: bool) -> None:
    if value:
        print(f"rnn-vs-attn {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
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
    "retry": (bool, typer.Option(False, "--retry", help="With --resume: measure cases again that failed or were left out.", rich_help_panel=_OUT)),
    "dry_run": (bool, typer.Option(False, "--dry-run", help="List the cases and about how long they take.", rich_help_panel=_OUT)),
    "as_json": (bool, typer.Option(False, "--json", help="One JSON document on standard output.", rich_help_panel=_OUT)),
    "quiet": (bool, typer.Option(False, "--quiet", help="No progress and no notes on standard error.", rich_help_panel=_OUT)),
    "anonymous": (bool, typer.Option(False, "--anonymous", help="Leave host, user, paths and variables out of the run.", rich_help_panel=_OUT)),
    "debug": (bool, typer.Option(False, "--debug", help="Show stack traces and what the measuring process prints.", rich_help_panel=_OUT)),
}  # fmt: skip
UNTIMED: dict[str, tuple[Any, Any]] = {
    "rounds": (int | None, typer.Option(None, help="Rounds, each with weights and data of its own; below 6 there are no intervals.", show_default="6", min=1, rich_help_panel=_RUN)),
}  # fmt: skip
BLOCKS_ONLY = ("warm_up", "block_seconds", "min_blocks", "case_seconds")


def _suite_command(suite: Suite) -> Callable[..., int]:
    """The command of a suite, its parameters made from the fields of its case."""

    options_of_run = RUN_OPTIONS if suite.timed else RUN_OPTIONS | UNTIMED
    others = {name: _with_default(*RUN_OPTIONS[name], value) for name, value in suite.axes.run_defaults.items()}
    options_of_run = options_of_run | others
    left_out = () if suite.rounds.passes else BLOCKS_ONLY if suite.timed else ("precision", *BLOCKS_ONLY)
    offered = {n: o for n, o in options_of_run.items() if n not in left_out}
    unasked = {n: o[1].default for n, o in RUN_OPTIONS.items() if n not in offered}

    def command(ctx: typer.Context, **options: Any) -> int:
        options = unasked | options
        if options["resume"] is not None:
            given = [
                n
                for n in options
                if n not in unasked and n not in ("resume", "retry", "as_json", "quiet", "debug") and _typed(ctx, n)
            ]
            if given:
                raise UserError(
                    f"--resume goes on under the run's own settings; leave out {sweeps.option_name(given[0])}"
                )
            return resume(suite, options)
        if options["retry"]:
            raise UserError("--retry goes with --resume FOLDER: it measures the failed cases of that run again")
        return start(suite, options)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("ctx", keyword, annotation=typer.Context)]
    for field in (f for f in dataclasses.fields(suite.axes.case) if not f.metadata.get("fixed")):
        kind, option = _case_option(field)
        parameters.append(
            inspect.Parameter(field.name, keyword, annotation=Annotated[kind, option[0]], default=option[1])
        )
    for name, (kind, info) in offered.items():
        parameters.append(inspect.Parameter(name, keyword, annotation=kind, default=info))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = suite.help
    return command


def _with_default(kind: Any, option: Any, value: Any) -> tuple[Any, Any]:
    """An option of a run with another default."""
    made = copy.copy(option)
    made.default, made.show_default = value, True
    return kind, made


def _case_option(field: dataclasses.Field[Any], instead: str | None = None) -> tuple[Any, tuple[Any, Any]]:
    """The option of a case's field; `instead` is another default than the suite's, "" for none."""
    meta = field.metadata
    name = sweeps.option_name(field.name)
    if isinstance(field.default, bool):
        flags = f"{name}/--no-{name[2:]}" if field.default else name
        return bool, (typer.Option(flags, help=meta["help"], rich_help_panel="What"), field.default)
    allowed = f" One of {', '.join(meta['choices'])}." if meta["choices"] else ""
    default = [str(meta["sweep"] or field.default)] if instead is None else [instead] * bool(instead)
    shown = default[0] if default else False
    option = typer.Option(name, help=meta["help"] + allowed, rich_help_panel="What", show_default=shown)
    return list[str], (option, default)


def _typed(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


# Suites that belong together: without a sub-command all of them run, in a short form

_VARIANTS = tuple(suite for suite in SUITES if suite.group == "variants")
_TOGETHER = {"rounds": 2, "max_seconds": 105.0}
TOGETHER_OPTIONS: dict[str, tuple[Any, Any]] = {
    "rounds": (int, typer.Option(_TOGETHER["rounds"], help="Rounds of each; below 6 there are no intervals.", min=1, rich_help_panel=_RUN)),
    "max_seconds": (float, typer.Option(_TOGETHER["max_seconds"], help="Start no further case after this, of all together.", min=0, rich_help_panel=_RUN)),
    **{name: RUN_OPTIONS[name] for name in ("timeout", "max_memory", "seed", "force")},
    "output": (Path | None, typer.Option(None, help="Folder of these runs, one for each in it.", show_default="results/<UTC time>-<suite> each", rich_help_panel=_OUT)),
    **{name: RUN_OPTIONS[name] for name in ("as_json", "quiet", "anonymous", "debug")},
}  # fmt: skip


def _defaults(suite: Suite) -> dict[str, Any]:
    """All options of a suite's command as they are where none is typed."""
    of_case = {
        f.name: _case_option(f)[1][1] for f in dataclasses.fields(suite.axes.case) if not f.metadata.get("fixed")
    }
    return {name: info.default for name, (_, info) in RUN_OPTIONS.items()} | of_case


def _together_command(suites: tuple[Suite, ...]) -> Callable[..., int | None]:
    """What a group of suites does without a sub-command."""

    def command(ctx: typer.Context, **options: Any) -> int | None:
        if ctx.invoked_subcommand is not None:
            given = [name for name in options if _typed(ctx, name)]
            if given:
                raise UserError(f"{sweeps.option_name(given[0])} goes after {ctx.invoked_subcommand}, not before it")
            return None
        from rnn_vs_attn.run import group as together

        return together.start_all(suites, _defaults, options)

    kept = [f for f in dataclasses.fields(suites[0].axes.case) if f.name in ("device", "threads")]
    fields = {f.name: _case_option(f) for f in kept}
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("ctx", keyword, annotation=typer.Context)]
    for name, (kind, (info, default)) in fields.items():
        parameters.append(inspect.Parameter(name, keyword, annotation=Annotated[kind, info], default=default))
    for name, (kind, info) in TOGETHER_OPTIONS.items():
        parameters.append(inspect.Parameter(name, keyword, annotation=kind, default=info))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


variants = typer.Typer(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
variants.callback(epilog=EXIT_CODES)(_together_command(_VARIANTS))
app.add_typer(
    variants,
    name="variants",
    help="Transformer-XL, ALBERT and GPT beside what each improves on; without a sub-command all three, briefly.",
)
for _suite in SUITES:
    _owner = variants if _suite.group else app
    _owner.command(
        _suite.command.split()[-1],
        epilog=EXIT_CODES,
        help=_suite.help + " Lists: repeat an option, or use commas.",
    )(_suite_command(_suite))


# Commands that compare: `ab` takes the fields of a case of `bench`, with defaults of its own

_HOW = "How it is judged"
_AB_DEFAULTS = {"model": "", "seq_len": "128,512", "threads": "1"}
_PAIRS = PairLimits()
AB_OPTIONS: dict[str, tuple[Any, Any]] = {
    "baseline_python": (str | None, typer.Option(None, help="Python of the baseline's environment.", show_default="this one", rich_help_panel="Which versions")),
    "candidate_python": (str | None, typer.Option(None, help="Python of the candidate's environment.", show_default="this one", rich_help_panel="Which versions")),
    "aa": (bool, typer.Option(False, "--aa", help="The same code twice: this machine's false alarms, and the smallest slowdown that it can show. Exit 1 where anything is found slower or faster.", rich_help_panel="Which versions")),
    "setup": (str | None, typer.Option(None, help="Shell command to run in each checkout, with a virtual environment of its own, such as 'pip install -e .'.", rich_help_panel="Which versions")),
    "require_clean": (bool, typer.Option(False, "--require-clean", help="Refuse where the repository has uncommitted changes.", rich_help_panel="Which versions")),
    "require_equal": (bool, typer.Option(False, "--require-equal", help="Exit 3 where outputs or gradients of the two differ beyond rounding.", rich_help_panel="Which versions")),
    "passes": (list[str], typer.Option(["forward,train"], "--pass", help="Timed passes.", show_default="forward,train", rich_help_panel="What")),
    "margin": (str, typer.Option("3%", help="Slower by no more than this is no slowdown.", rich_help_panel=_HOW)),
    "strict": (bool, typer.Option(False, "--strict", help="Exit 3 where a verdict is unsure.", rich_help_panel=_HOW)),
    "screen": (int, typer.Option(_PAIRS.screen, help="Pairs of processes for all cases.", min=1, rich_help_panel=_HOW)),
    "confirm": (int, typer.Option(_PAIRS.confirm, help="Fresh pairs for the flagged ones.", min=1, rich_help_panel=_HOW)),
    "max_seconds": (float, typer.Option(_PAIRS.max_seconds, help="Start no further case after this.", min=0, rich_help_panel=_HOW)),
    "timeout": (float, typer.Option(_PAIRS.timeout, help="Seconds that one case may take in a pair.", min=0.001, rich_help_panel=_HOW)),
    "max_memory": RUN_OPTIONS["max_memory"],
    "seed": (int, typer.Option(0, help="Seed of the order of cases and sides; pair p has weights and data of seed p.", rich_help_panel=_HOW)),
    "force": RUN_OPTIONS["force"],
    "output": (Path | None, typer.Option(None, help="Folder of this run.", show_default="results/<UTC time>-ab", rich_help_panel=_OUT)),
    "markdown": (Path | None, typer.Option(None, help="Also write the verdicts as Markdown: the worst 50 rows, then a count.", rich_help_panel=_OUT)),
    "junit": (Path | None, typer.Option(None, help="Also write the verdicts as JUnit XML.", rich_help_panel=_OUT)),
    **{name: RUN_OPTIONS[name] for name in ("as_json", "quiet", "anonymous", "debug")},
}  # fmt: skip


def _ab_command() -> Callable[..., int]:
    """The command `ab`, its parameters made from the fields of a case."""

    def command(**options: Any) -> int:
        from rnn_vs_attn.ab import command as ab

        return ab.run(options)

    arguments = {
        "baseline": typer.Argument(help="Git reference of the baseline, such as main.", show_default=False),
        "candidate": typer.Argument(help="Git reference of the candidate.", show_default="the working tree"),
    }
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(name, keyword, annotation=Annotated[str | None, info], default=None)
        for name, info in arguments.items()
    ]
    for field in dataclasses.fields(BENCH.axes.case):
        kind, (info, default) = _case_option(field, _AB_DEFAULTS.get(field.name))
        parameters.append(inspect.Parameter(field.name, keyword, annotation=Annotated[kind, info], default=default))
    for name, (kind, info) in AB_OPTIONS.items():
        parameters.append(inspect.Parameter(name, keyword, annotation=kind, default=info))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = "Two versions measured in turn in one sitting: is anything slower? For CI on noisy machines."
    return command


app.command("ab", epilog=VERDICT_CODES)(_ab_command())


@app.command("compare", epilog=VERDICT_CODES)
def compare_command(
    runs: Annotated[list[Path], typer.Argument(help="Run folders: BASELINE CANDIDATE; more for a table over time.")],
    margin: Annotated[
        str,
        typer.Option(
            help="Worse by no more than this is no slowdown; of times it is widened by the machine's spread from day to day."
        ),
    ] = "3%",
    history: Annotated[
        Path | None,
        typer.Option(
            help="Folder of five or more runs of this machine, which tell its spread.", show_default="a spread of 4%"
        ),
    ] = None,
    any_machine: Annotated[
        bool, typer.Option("--any-machine", help="An advisory table where machines differ; exit 3 all the same.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 3 where a verdict is unsure.")] = False,
    markdown: Annotated[
        Path | None, typer.Option(help="Also write the verdicts as Markdown: the worst 50 rows, then a count.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Also write the verdicts as JUnit XML.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
) -> int:
    """Two stored runs of one machine: what changed, with intervals. ab finds smaller changes."""
    from rnn_vs_attn.cli import compare as comparing

    options = {"margin": margin, "history": history, "any_machine": any_machine, "strict": strict}
    return comparing.run(runs, options | {"markdown": markdown, "junit": junit, "as_json": as_json})


@app.command("export", epilog=EXIT_CODES)
def export_command(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; otava, csv and parquet take several.")],
    format: Annotated[str, typer.Option(help=f"One of {', '.join(f.name for f in FORMATS)}.")],
    output: Annotated[Path | None, typer.Option(help="File to write.", show_default="standard output")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
) -> int:
    """A run in the format of another tool."""
    from rnn_vs_attn.cli import compare as comparing

    return comparing.export(runs, format, output)


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
    """What can be measured and by which commands: family, parameters, FLOPs, complexity, decoding, source."""
    shape = Shape(batch_size, seq_len, d_model, num_heads, num_layers)
    names = [name.strip() for text in model or [] for name in text.split(",") if name.strip()]
    every = [*BUILT_IN, *(find(point.name) for point in plug_ins())]
    specs = [find(name) for name in names] if names else every
    sweeps.check_heads({"model": [s.name for s in specs], "d_model": [d_model], "num_heads": [num_heads]})
    rows = [model_row(spec, shape, bool(names), debug) for spec in specs]
    if as_json:
        print_json({"shape": dataclasses.asdict(shape), "models": rows})
        return
    print_models(rows, shape)


@app.command("doctor", epilog=EXIT_CODES)
def doctor_command(
    threads: Annotated[int, typer.Option(min=0, help="Threads that a run would use; 0 takes all usable cores.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Leave host, user, paths and variables out.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show stack traces and what the measuring process prints.")
    ] = False,
) -> None:
    """Is this machine fit to measure on, and what to do about it."""
    before = dataclasses.replace(environment.cpu_state(), clock_mhz=None)  # which is low before there is anything to do
    facts = environment.describe(ask_once("environment", debug), anonymous)
    moved = environment.changes(before, environment.cpu_state(), "this look at it")
    found = fitness.findings(facts, threads or facts["usable_cores"], moved)
    if as_json:
        print_json({"environment": facts, "findings": fitness.as_dicts(found)})
        return
    for line in [*fitness.lines(facts), *fitness.verdict(found)]:
        show(line)
