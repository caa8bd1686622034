"""The command `report`: runs of any suites as one page that needs nothing else, or as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rnn_vs_attn.cli.options import Call, command
from rnn_vs_attn.compare.publishing import write
from rnn_vs_attn.errors import DONE, UserError
from rnn_vs_attn.pages.beside import NAME
from rnn_vs_attn.run.stored import runs_of
from rnn_vs_attn.suites.case import argument, option
from rnn_vs_attn.text.safe import one_line
from rnn_vs_attn.text.streams import print_json

_BEGINNING = 2048  # characters of a file that tell whether it is a page of ours


@dataclass(frozen=True)
class ReportOptions:
    """The options of `report`."""

    runs: list[Path] = argument("Run folders of any commands, or folders that hold them.")
    output: Path | None = option(
        None,
        "File for the page; without it report.html in the folder that was named, or in results/ where several were.",
        panel=None,
    )
    markdown: Path | None = option(None, "Write Markdown in place of a page; - is standard output.", panel=None)
    as_json: bool = option(False, "One JSON document on standard output, and no page.", flag="--json", panel=None)
    debug: bool = option(False, "Show stack traces.", panel=None)


def run(options: ReportOptions) -> int:
    """`report`; its exit code."""
    from rnn_vs_attn.lesson import page as lesson  # with what draws: --help has no use for it
    from rnn_vs_attn.pages.entries import entries_of
    from rnn_vs_attn.pages.report import Report, document, markdown, page
    from rnn_vs_attn.report.page import render

    if (options.markdown is not None or options.as_json) and options.output is not None:
        raise UserError(
            "--output is where the page goes; --markdown FILE and --json write none, so leave one of them out"
        )
    if options.as_json and str(options.markdown) == "-":
        raise UserError("--json and --markdown - both are standard output; name a file with --markdown FILE")
    target = options.output or place(options.runs)
    written = options.markdown or (None if options.as_json else target)
    if written is not None and str(options.markdown) != "-":
        check(written)
    report = Report(entries_of(runs_of(options.runs)))
    ledger = lesson.stored(options.runs)
    if options.markdown is not None:
        _put(options.markdown, markdown(report, lesson.blocks(ledger)), told=not options.as_json)
    elif not options.as_json:
        write(target, render(lesson.with_ledger(page(report), ledger)), "--output")
        print(one_line(str(target)))
    if options.as_json:
        print_json(document(report) | lesson.document(ledger, options.runs[0]))
    return DONE


def place(runs: list[Path]) -> Path:
    """Where a page goes that no option places: beside what it is of."""
    return (runs[0] if len(runs) == 1 else Path("results")) / NAME


def check(target: Path) -> None:
    """UserError where a page, or Markdown, would take the place of something else, or cannot be there."""
    from rnn_vs_attn.pages.report import BEGINNING
    from rnn_vs_attn.report.page import is_ours

    if target.is_dir():
        raise UserError(f"{target} is a folder; give a file, such as {target / NAME}")
    if not target.is_file():
        return
    try:
        with target.open(encoding="utf-8", errors="replace") as file:
            beginning = file.read(_BEGINNING)
    except OSError as error:
        raise UserError(f"cannot read {target}, which the page would replace: {error.strerror}") from None
    if beginning and not is_ours(beginning) and not beginning.startswith(f"# {BEGINNING}"):
        raise UserError(f"{target} is there and is no page of rnn-vs-attn; remove it, or name another")


def _put(target: Path, text: str, told: bool) -> None:
    if str(target) == "-":
        print(text, end="")
        return
    write(target, text, "--markdown")
    if told:
        print(one_line(str(target)))


def _report(call: Call[ReportOptions]) -> int:
    return run(call.options)


report_command = command(_report, ReportOptions)
