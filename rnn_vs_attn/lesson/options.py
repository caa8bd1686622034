"""The options of `lesson`, and those that its folder keeps for who goes on with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.folder import write_text
from rnn_vs_attn.records.strict_json import parsed
from rnn_vs_attn.suites.case import option
from rnn_vs_attn.text.safe import json_text

SETTINGS = "lesson.json"
_KEPT = ("max_seconds", "device", "threads", "anonymous")


@dataclass(frozen=True)
class LessonOptions:
    """The options of `lesson`."""

    max_seconds: float = option(300.0, "What all of it may take, divided among its parts.", minimum=0, panel=None)
    device: str = option("auto", "cpu, cuda or cuda:N; auto takes a GPU where there is one.", panel=None)
    threads: int = option(
        1,
        "CPU threads of all that is measured, which a busy machine disturbs the less the fewer they are; 0 takes all "
        "usable cores.",
        minimum=0,
        panel=None,
    )
    output: Path | None = option(
        None, "Folder of the runs and the ledger.", shown="results/<UTC time>-lesson", panel=None
    )
    resume: Path | None = option(
        None, "Go on with an interrupted lesson, under its own settings; only --max-seconds may be another.", panel=None
    )
    as_json: bool = option(False, "The ledger as one JSON document on standard output.", flag="--json", panel=None)
    quiet: bool = option(False, "No progress and no notes on standard error.", panel=None)
    anonymous: bool = option(False, "Leave host, user, paths and variables out of the runs.", panel=None)
    debug: bool = option(False, "Show stack traces and what the measuring process prints.", panel=None)


def write_settings(folder: Path, options: LessonOptions) -> None:
    """Keep what a lesson goes on under."""
    write_text(folder / SETTINGS, json_text({name: getattr(options, name) for name in _KEPT}) + "\n")


def forget_settings(folder: Path) -> None:
    """Remove a folder that holds nothing but them."""
    if [path.name for path in folder.iterdir()] == [SETTINGS]:
        (folder / SETTINGS).unlink()
        folder.rmdir()


def read_settings(folder: Path, options: LessonOptions) -> LessonOptions:
    """The options with those that a folder keeps. UserError where it is none of a lesson."""
    try:
        kept = parsed((folder / SETTINGS).read_bytes())
    except OSError:
        raise UserError(f"{folder} holds no lesson; give the folder that an interrupted one names") from None
    except ValueError as error:
        raise UserError(f"{folder / SETTINGS} is damaged: {error}") from None
    if isinstance(kept, dict) and type(kept.get("max_seconds")) is int:  # as who edits it writes it
        kept["max_seconds"] = float(kept["max_seconds"])
    kinds = {name: type(getattr(LessonOptions(), name)) for name in _KEPT}
    if not isinstance(kept, dict) or {name: type(value) for name, value in kept.items()} != kinds:
        raise UserError(f"{folder / SETTINGS} is damaged: it does not hold {', '.join(_KEPT)}")
    return replace(options, **kept)
