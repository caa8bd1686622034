"""The command `history`: stored runs over time, and where levels changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rnn_vs_attn.ab.options import read_margin
from rnn_vs_attn.cli.compare import rules_of
from rnn_vs_attn.cli.options import Call, command
from rnn_vs_attn.compare.publishing import write
from rnn_vs_attn.errors import DONE, UserError, unknown
from rnn_vs_attn.history.runs import DATE, ORDERS, read
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.suites.case import argument, option
from rnn_vs_attn.text.streams import print_json


def _order(text: str) -> str:
    if text not in ORDERS:
        raise unknown("order", text, ORDERS)
    return text


@dataclass(frozen=True)
class HistoryOptions:
    """The options of `history`."""

    runs: list[Path] = argument("Run folders of one suite, or folders that hold them.")
    by: str = option(
        DATE, "Their order: date, when they began, or commit, when their commits were made.", parse=_order, panel=None
    )
    margin: float = option(0.02, "A level that moved by less is not marked.", typed="2%", parse=read_margin, panel=None)
    html: Path | None = option(None, "File for one page with all figures, which needs nothing else.", panel=None)
    svg: Path | None = option(None, "Folder for the figures, a file each.", panel=None)
    markdown: Path | None = option(None, "Also write the answer and the whole table as Markdown.", panel=None)
    as_json: bool = option(False, "One JSON document on standard output.", flag="--json", panel=None)
    debug: bool = option(False, "Show stack traces.", panel=None)


def run(options: HistoryOptions) -> int:
    """`history`; its exit code."""
    from rnn_vs_attn.history import charts, report  # with what draws: --help has no use for it
    from rnn_vs_attn.history.series import in_order_of_weight, judged

    history = read(options.runs, options.by)
    found = judged(history, rules_of(options.margin, [entry.run for entry in history.entries]))
    if not found:
        raise UserError("these runs have no metric that can get better or worse; give runs of another suite")
    if options.html is not None:
        from rnn_vs_attn.report.page import render

        write(options.html, render(report.page(history, found, options.margin)), "--html")
    if options.svg is not None:
        from rnn_vs_attn.report.timeline_svg import svg_file

        for number, chart in enumerate(charts.every(history, in_order_of_weight(found)), start=1):
            write(options.svg / f"{number:03}-{_file_name(chart.title)}.svg", svg_file(chart), "--svg")
    if options.markdown is not None:
        write(options.markdown, report.markdown(history, found, options.margin), "--markdown")
    if options.as_json:
        print_json(report.document(history, found, options.margin))
    else:
        report.show(history, found, options.margin, Terminal())
    return DONE


def _history(call: Call[HistoryOptions]) -> int:
    return run(call.options)


history_command = command(_history, HistoryOptions)


def _file_name(title: str) -> str:
    """A title in letters that every file system takes."""
    return re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-").lower()[:80]
