"""The commands: parse, call, print, exit. The one place that catches UserError."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from rnn_vs_attn import __version__
from rnn_vs_attn.cli.compare import ab_command, compare_command, export_command
from rnn_vs_attn.cli.doctor import doctor_command
from rnn_vs_attn.cli.history import history_command
from rnn_vs_attn.cli.language import sample_command
from rnn_vs_attn.cli.models import models_command
from rnn_vs_attn.cli.show import show_command
from rnn_vs_attn.cli.suites import command_of, command_of_all
from rnn_vs_attn.cli.sweep import run_command
from rnn_vs_attn.errors import (
    DONE,
    INTERRUPTED,
    OF_CODE,
    TERMINATED,
    WRONG_CALL,
    Interrupted,
    UserError,
    as_typed,
    first_line,
    not_installed,
)
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.lm.suite import LM
from rnn_vs_attn.text import streams

EXIT_CODES = (
    "Exit codes: 0 done, 2 a wrong call or an input that cannot be used, 4 the run finished but some cases did not, "
    "130 interrupted, 143 terminated."
)

AB_CODES = (
    "Exit codes: 0 nothing slower, 1 something is slower, 2 a wrong call or an input that cannot be used, 3 no verdict "
    "(new cases, failed ones that are not broken, nothing to compare, too few pairs; any unsure one under --strict), 5 "
    "something is broken: what works in the baseline is missing in the candidate, fails there twice alike, or differs "
    "under --require-equal; 130 interrupted, 143 terminated. Of several the first of 2, 5, 1, 3. Under --bisect "
    "those of git bisect run: 0 good, 1 slower, 125 cannot tell or broken, 128 a wrong call or interrupted."
)

COMPARE_CODES = (
    "Exit codes: 0 nothing slower, 1 something is slower, 2 a wrong call or an input that cannot be used, 3 no verdict "
    "(missing or failed cases, nothing to compare, unlike machines, an interrupted run, too few rounds; any unsure one "
    "under --strict), 130 interrupted, 143 terminated. Of several the first of 2, 1, 3."
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
        if isinstance(error, ModuleNotFoundError) and (missing := not_installed(error)):
            _fail(missing, debug)
        if not hasattr(error, "format_message"):  # typer's own errors have it, whichever Click typer carries
            _fail(
                f"this is a fault of rnn-vs-attn: {first_line(error)}; --debug shows where, please report it",
                debug,
            )
        sentence = error.format_message().rstrip(".")
        if not sentence:  # nothing was typed, and the help was printed
            _exit(WRONG_CALL)
        _fail(f"{sentence}; rnn-vs-attn --help lists what is allowed", debug)


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
    sentence, *lines = sentence.split(OF_CODE)
    for line in (f"error: {sentence}", *(f"    {line}" for line in lines)):
        streams.say(line)
    _exit(WRONG_CALL)


def _exit(code: int) -> NoReturn:
    """End with the command's own code, whoever reads what it printed."""
    reason = streams.lost(sys.stdout)
    if reason:
        streams.say(f"note: standard output did not take all that was printed: {reason}")
    sys.exit(as_typed(code, sys.argv))


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


# The list of commands

variants = typer.Typer(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
variants.callback(epilog=EXIT_CODES)(command_of_all([suite for suite in SUITES if suite.group == "variants"]))
app.add_typer(
    variants,
    name="variants",
    help="Transformer-XL, ALBERT and GPT beside what each improves on; without a sub-command all three, briefly.",
)
language = typer.Typer(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
for _suite in SUITES:
    _help = _suite.help + " Lists: repeat an option, or use commas."
    if _suite is LM:
        language.callback(epilog=EXIT_CODES)(command_of(_suite))
        app.add_typer(language, name=_suite.command, help=_help)
        continue
    _owner = variants if _suite.group else app
    _owner.command(_suite.command.split()[-1], epilog=EXIT_CODES, help=_help)(command_of(_suite))
language.command(
    "sample",
    epilog=EXIT_CODES,
    help="Text by a trained language model, shown while it is made; the same prompt and seed give the same text.",
)(sample_command)
app.command(
    "run",
    epilog=EXIT_CODES,
    help="A sweep: runs of several suites out of one TOML file, in one folder, with what all of them found.",
)(run_command)
app.command(
    "ab",
    epilog=AB_CODES,
    help="Two versions measured in turn in one sitting: is anything slower? For CI on noisy machines. What is not "
    "typed may stand in the table tool.rnn-vs-attn.ab of the repository's pyproject.toml, with limits of single cases.",
)(ab_command)
app.command(
    "compare",
    epilog=COMPARE_CODES,
    help="Two stored runs of one machine: what changed, with intervals. ab finds smaller changes.",
)(compare_command)
app.command(
    "history",
    epilog=EXIT_CODES,
    help="Stored runs over dates or commits: where the level of a metric changed, by how much, and since when.",
)(history_command)
app.command(
    "show",
    epilog=EXIT_CODES,
    help="Stored runs again: what each found, its table and its chart.",
)(show_command)
app.command("export", epilog=EXIT_CODES)(export_command)
app.command(
    "models",
    epilog=EXIT_CODES,
    help="What can be measured and by which commands: family, parameters, FLOPs, complexity, decoding, source.",
)(models_command)
app.command("doctor", epilog=EXIT_CODES)(doctor_command)
