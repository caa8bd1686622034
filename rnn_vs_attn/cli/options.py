"""Dataclasses to commands: each field of a case, and of a command's options, is an option that Typer offers."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import typer

from rnn_vs_attn.cli.help_all import HELP_ALL, with_few
from rnn_vs_attn.cli.patterns import PARAMETER, PATTERN, with_patterns
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import MOST
from rnn_vs_attn.run.cases import Words, default_words, option_name
from rnn_vs_attn.suites.case import Case, LayerCase

Options = TypeVar("Options")
_KEYWORD = inspect.Parameter.KEYWORD_ONLY


@dataclass(frozen=True)
class Call(Generic[Options]):
    """What was typed. words: of the fields of the case; names: of all that was not left to its default."""

    words: Words
    options: Options
    names: Sequence[str]
    subcommand: str | None


def command(
    run: Callable[[Call[Options]], int | None],
    options: type[Options],
    case: type[Case] | None = None,
    *,
    axes: Sequence[str] | None = None,
    defaults: Mapping[str, Any] | None = None,
    first: Sequence[str] = (),
) -> Callable[..., int | None]:
    """The function that Typer takes: an option a field of `case`, of `axes` only where given, and of `options`.

    defaults: what is not left as its field says, words for a field of the case, where "" is none. first: fields that
    --help shows, where there are more than fit a screen; --help-all shows the others too.
    """
    of_case = [f for f in _fields(case) if axes is None or f.name in axes] if case else []
    other = defaults or {}
    of_layers = case is not None and issubclass(case, LayerCase)

    def called(ctx: typer.Context, **given: Any) -> int | None:
        given.pop(HELP_ALL, None)
        words: Words = {field.name: given[field.name] for field in of_case}
        names = [name for name in given if _is_typed(ctx, name)]
        if of_layers:
            words = with_patterns(words, given[PATTERN], "model" in names)
        return run(Call(words, _made(options, given), names, ctx.invoked_subcommand))

    parameters = [
        inspect.Parameter("ctx", _KEYWORD, annotation=typer.Context),
        *(_of_case(field, other.get(field.name)) for field in of_case),
        *[PARAMETER] * of_layers,
        *_of_options(options, other),
    ]
    if first:
        parameters = with_few(parameters, first)
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def _fields(kind: type) -> list[Field[Any]]:
    """Those that leave a choice."""
    return [field for field in dataclasses.fields(kind) if not field.metadata.get("fixed")]


def _is_typed(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


# What Typer is told


def _of_case(field: Field[Any], instead: str | None) -> inspect.Parameter:
    """The option of a case's field: a list of words, or a switch."""
    meta, name = field.metadata, option_name(field.name)
    default = default_words(field) if instead is None else [instead] * bool(instead)
    if isinstance(default, bool):
        flags = f"{name}/--no-{name[2:]}" if default else name
        switch = typer.Option(flags, help=meta["help"], rich_help_panel=meta["panel"], metavar=_NOTHING)
        return _parameter(field, bool, switch, default)
    allowed = f" One of {', '.join(meta['choices'])}." if meta["choices"] else ""
    shown = default[0] if default else False
    told: dict[str, Any] = {"rich_help_panel": meta["panel"], "show_default": shown, "metavar": _LIST}
    info = typer.Option(name, help=meta["help"] + allowed, **told)
    return _parameter(field, list[str], info, default)


def _of_options(options: type, defaults: Mapping[str, Any]) -> list[inspect.Parameter]:
    """The options and arguments of a command's own."""
    kinds = typing.get_type_hints(options)
    return [_of_option(field, kinds[field.name], defaults.get(field.name)) for field in _fields(options)]


def _of_option(field: Field[Any], kind: Any, instead: Any) -> inspect.Parameter:
    meta = field.metadata
    if meta.get("argument"):
        return _parameter(field, kind, typer.Argument(help=meta["help"], show_default=meta["shown"]), field.default)
    default = field.default if instead is None else instead
    if isinstance(default, tuple):
        kind, default = list[str], [",".join(default)] * bool(default)
    elif meta["parse"]:
        kind, default = (str | None, None) if default is None else (str, meta["typed"] or str(default))
    shown = (
        (default or [False])[0]
        if isinstance(default, list)
        else meta["shown"]
        if instead is None and meta["shown"]
        else True
    )
    info = typer.Option(
        meta["flag"] or option_name(field.name),
        help=meta["help"],
        min=meta["minimum"],
        show_default=shown,
        rich_help_panel=meta["panel"],
        metavar=_metavar(kind),
    )
    return _parameter(field, kind, info, default)


_LIST, _NOTHING = "A,B,...", " "  # what the help text calls values


def _metavar(kind: Any) -> str:
    """What the help text calls the value of an option."""
    of_types = ((list, _LIST), (bool, _NOTHING), (int, "N"), (float, "X"), (Path, "PATH"))
    kinds = {typing.get_origin(kind) or kind, *typing.get_args(kind)}
    return next((word for type_, word in of_types if type_ in kinds), "TEXT")


def _parameter(field: Field[Any], kind: Any, info: Any, default: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if default is MISSING else default
    return inspect.Parameter(field.name, _KEYWORD, annotation=Annotated[kind, info], default=default)


# What Typer gives back


def _made(options: type[Options], given: Mapping[str, Any]) -> Options:
    """The options out of what was typed. UserError for the first word that cannot be used."""
    return options(**{field.name: _value(field, given[field.name]) for field in _fields(options)})


def _value(field: Field[Any], given: Any) -> Any:
    parse = field.metadata.get("parse")
    if given is None:
        return None
    if isinstance(given, float) and not given <= MOST:
        name = field.metadata.get("flag") or option_name(field.name)
        raise UserError(f"{name} {given:g} is no number that clocks and files hold; give at most {MOST:,.0f}")
    if parse is None:
        return tuple(given) if isinstance(field.default, tuple) else given
    if isinstance(field.default, tuple):
        words = [word.strip() for text in given for word in text.split(",") if word.strip()]
        return tuple(dict.fromkeys(parse(word) for word in words)) or field.default
    return parse(given)
