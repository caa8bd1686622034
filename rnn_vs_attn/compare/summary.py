"""The verdicts of one call as people read them, in Markdown and on a terminal: a sentence, a table, what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from rnn_vs_attn.compare.report import Report, fixed, table
from rnn_vs_attn.compare.verdicts import SAME, Comparison
from rnn_vs_attn.report.terminal import Terminal, print_table
from rnn_vs_attn.text import safe

MOST_ROWS = 50  # of each table in Markdown, and notes
MOST_BYTES = 64_000  # of Markdown; GitHub takes 65,536 characters in a comment
_REPEAT = "To repeat it on your own machine:"
_GO_ON = "To go on with it, where its folder is:"


def markdown(report: Report, most: int | None = MOST_ROWS) -> str:
    """For a comment, a job summary or a file: what is not the same stands open, the rest is folded.

    most: rows of each of the two tables, and notes, the worst of them; fewer where a comment could not hold so many.
    None for all.
    """
    text = _written(report, most)
    while most is not None and most > 1 and len(safe.encodable(text).encode()) > MOST_BYTES:
        most //= 2
        text = _written(report, most)
    return text


def _written(report: Report, most: int | None) -> str:
    first, *rest = map(safe.markdown, report.sentences)
    told, same = _parted(report)
    blocks = [" ".join([f"**{first}**", *rest]), safe.markdown(report.headline)]
    for title, command in _commands(report):
        blocks += [title, f"    {safe.one_line(command)}"]
    blocks += _rows(report, told, most)
    if report.notes:
        blocks.append(_list(report.notes, most))
    how = [*report.method, *fixed([c.axes for c in report.found])]
    if same or how:
        title = ", and ".join([*([f"{len(same)} same"] if same else []), *(["how it was measured"] if how else [])])
        blocks += ["<details>", f"<summary>{title}</summary>", *_rows(report, same, most)]
        blocks += [*([_list(how)] if how else []), "</details>"]
    return "\n\n".join(blocks) + "\n"


def show(report: Report, out: Terminal) -> None:
    """The same on a terminal, with a count in place of what is folded; Markdown elsewhere."""
    if not out.is_terminal:
        out.file.write(markdown(report, most=None))
        return
    first, *rest = report.sentences
    out.print(Text(out.safe(first), style="bold"))
    for line in [*rest, report.headline]:
        out.print(line, soft_wrap=True)
    for title, command in _commands(report):
        out.print(f"{title} {command}", soft_wrap=True)
    told, same = _parted(report)
    if told:
        print_table(table(report, told), out)
    for note in report.notes:
        out.print(f"note: {note}", soft_wrap=True)
    if same:
        out.print(f"{len(same)} same; their rows, and how it was measured, with --markdown FILE or | cat")


def _commands(report: Report) -> list[tuple[str, str]]:
    """What a reader can type next, each with a title."""
    go_on = report.unfinished.go_on if report.unfinished else ""
    return [(title, command) for title, command in ((_GO_ON, go_on), (_REPEAT, report.repeat)) if command]


def _parted(report: Report) -> tuple[list[Comparison], list[Comparison]]:
    """What is not the same, and what is."""
    ordered = report.ordered
    return [c for c in ordered if c.verdict != SAME], [c for c in ordered if c.verdict == SAME]


def _rows(report: Report, rows: Sequence[Comparison], most: int | None) -> list[str]:
    """A table of the worst, and a count of those that it leaves out; nothing where there are none."""
    if not rows:
        return []
    hidden = Counter(c.verdict for c in (rows[most:] if most else ()))
    left = f"and {hidden.total()} more rows: " + ", ".join(f"{number} {verdict}" for verdict, number in hidden.items())
    return [table(report, rows[:most]).markdown().strip("\n"), *([left] if hidden else [])]


def _list(lines: Sequence[str], most: int | None = None) -> str:
    """The first of some lines, and a count of those that are left out; all where `most` is None."""
    told = [safe.markdown(line) for line in lines[:most]]
    left = len(lines) - len(told)
    return "\n".join(f"- {line}" for line in [*told, *([f"and {left} more"] if left else [])])
