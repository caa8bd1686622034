"""`--help-all`: every option of a command that has more than fit a screen. `--help` has those that people use first."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.models import OptionInfo

HELP_ALL = "help_all"
_MAIN = "Main options"

_OF_RUNS = ("rounds", "max_seconds", "output", "resume", "as_json")
_OF_LAYERS = ("model", "seq_len", "d_model", "device", "threads")
_OF_TRAININGS = ("model", "seq_len", "d_model", "steps")
FIRST: dict[str, tuple[str, ...]] = {
    "bench": _OF_LAYERS + _OF_RUNS,
    "gradflow": ("model", "seq_len", "d_model", "init", "checkpoint", *_OF_RUNS),
    "scaling": _OF_LAYERS + _OF_RUNS,
    "recall": ("task", *_OF_TRAININGS, *_OF_RUNS),
    "decode": _OF_LAYERS + _OF_RUNS,
    "lm": ("text", "seconds_per_model", "init_from", *_OF_TRAININGS[:-1], *_OF_RUNS),
    "transformer-xl": ("method", "seq_len", "d_model", "device", "threads", *_OF_RUNS),
    "albert": ("size", "seq_len", "batch_size", "device", "threads", *_OF_RUNS),
    "gpt": ("size", "seq_len", "batch_size", "device", "threads", *_OF_RUNS),
    "variants": ("device", "threads", "rounds", "max_seconds", "output", "as_json"),
    "ab": (
        "model",
        "seq_len",
        "setup",
        "margin",
        "require_equal",
        "aa",
        "max_seconds",
        "resume",
        "markdown",
        "as_json",
    ),
}


def with_few(parameters: Sequence[inspect.Parameter], first: Sequence[str]) -> list[inspect.Parameter]:
    """The parameters, of whose options --help shows those named, under one heading; and --help-all, which shows all."""
    panels: dict[str, Any] = {}
    for parameter in parameters:
        info = getattr(parameter.annotation, "__metadata__", [None])[0]
        if isinstance(info, OptionInfo):
            panels[parameter.name], info.rich_help_panel = info.rich_help_panel, _MAIN
            info.hidden = parameter.name not in first
    return [*parameters, _help_all(panels)]


def _help_all(panels: dict[str, Any]) -> inspect.Parameter:
    """The option that shows every option, each under its own heading."""

    def shown(ctx: typer.Context, value: bool) -> None:
        if not value:
            return
        for parameter in ctx.command.params:
            hidden: Any = parameter
            hidden.hidden, hidden.rich_help_panel = False, panels.get(str(parameter.name))
        typer.echo(ctx.get_help())
        raise typer.Exit

    info = typer.Option("--help-all", is_eager=True, callback=shown, help="Every option of this command.", metavar=" ")
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(HELP_ALL, keyword, annotation=Annotated[bool, info], default=False)
