"""The command `show`: stored runs, printed again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rnn_vs_attn.cli.options import Call, command
from rnn_vs_attn.errors import DONE
from rnn_vs_attn.run.options import columns_option
from rnn_vs_attn.run.stored import runs_of, show
from rnn_vs_attn.suites.case import argument, option


@dataclass(frozen=True)
class ShowOptions:
    """The options of `show`."""

    runs: list[Path] = argument("Run folders, or folders that hold them.")
    columns: tuple[str, ...] = columns_option()
    as_json: bool = option(False, "One JSON document on standard output.", flag="--json", panel=None)
    debug: bool = option(False, "Show stack traces.", panel=None)


def _show(call: Call[ShowOptions]) -> int:
    show(runs_of(call.options.runs), call.options.columns, call.options.as_json)
    return DONE


show_command = command(_show, ShowOptions)
