"""The options of `run`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rnn_vs_attn.errors import UserError, unknown
from rnn_vs_attn.suites.case import argument, option

SLURM, LOCAL = LAUNCHERS = ("slurm", "local")
_CLUSTER = "On a cluster"


def launcher_name(text: str) -> str:
    """The name of a launcher. UserError where there is none of that name."""
    if text not in LAUNCHERS:
        raise unknown("launcher", text, LAUNCHERS)
    return text


def launcher_argument(text: str) -> tuple[str, str]:
    """A name and a value out of NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not name.isidentifier() or not equals:
        raise UserError(f"--launcher-arg {text!r} is not NAME=VALUE")
    return name, value


@dataclass(frozen=True)
class SweepOptions:
    """Those of one sweep; what a part is asked for stands in its file."""

    file: Path | None = argument("The sweep, a TOML file.", None, False)
    max_seconds: float | None = option(
        None,
        "Start no further case after this, of all parts together.",
        minimum=0,
        shown="the file's max_seconds, or each part's own",
        panel=None,
    )
    output: Path | None = option(
        None, "Folder of the sweep, a run in it for each part.", shown="results/<UTC time>-<name>", panel=None
    )
    resume: Path | None = option(
        None, "Go on with a sweep's folder: the parts that are unfinished or not begun, as its file says.", panel=None
    )
    retry: bool = option(False, "With --resume: measure cases again that failed or were left out.", panel=None)
    dry_run: bool = option(False, "List the cases of all parts and about how long they take.", panel=None)
    as_json: bool = option(False, "One JSON document on standard output.", flag="--json", panel=None)
    quiet: bool = option(False, "No progress and no notes on standard error.", panel=None)
    anonymous: bool = option(False, "Leave host, user, paths and variables out of the runs of all parts.", panel=None)
    debug: bool = option(False, "Show stack traces and what the measuring process prints.", panel=None)
    launcher: str | None = option(
        None,
        "Measure each round as a job of its own: slurm, or local, which is jobs on this machine.",
        parse=launcher_name,
        panel=_CLUSTER,
    )
    partition: str | None = option(None, "The partition that jobs go to.", panel=_CLUSTER)
    jobs: int | None = option(
        None, "Jobs at a time, at most.", minimum=1, shown="with slurm 100, with local 1", panel=_CLUSTER
    )
    launcher_arg: tuple[tuple[str, str], ...] = option(
        (), "NAME=VALUE, any other setting of a job, as submitit has it.", parse=launcher_argument, panel=_CLUSTER
    )
