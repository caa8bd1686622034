"""The commands: parse, call, print, exit. The one place that catches UserError."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from rnn_vs_attn import __version__
from rnn_vs_attn.cli.commands import CONTEXT, EXIT_CODES, Commands
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
    path_refused,
)
from rnn_vs_attn.text import streams

app = typer.Typer(
    name="rnn-vs-attn",
    cls=Commands,
    help="What recurrence costs, what attention costs, and how that changes with length, on this machine.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
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
        if refused := path_refused(error):
            _fail(refused, debug)
        if not hasattr(error, "format_message"):  # typer's own errors have it, whichever Click typer carries
            _fail(
                f"this is a fault of rnn-vs-attn: {first_line(error)}; --debug shows where, please report it",
                debug,
            )
        sentence = error.format_message().rstrip(".")
        if not sentence:  # nothing was typed, and the help was printed
            _exit(WRONG_CALL)
        _fail(f"{sentence}; {_called(getattr(error, 'ctx', None))} --help lists what is allowed", debug)


def _called(context: Any) -> str:
    """The command that a context is of, as it is typed."""
    names: list[str] = []
    while context is not None and context.parent is not None:
        names.insert(0, str(context.info_name))
        context = context.parent
    return " ".join(["rnn-vs-attn", *names])


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
