"""What a sweep has found, part by part: on the terminal, as a page in its folder, and as one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.padding import Padding

from rnn_vs_attn import units
from rnn_vs_attn.errors import DONE, UserError
from rnn_vs_attn.machine.anonymity import without_names
from rnn_vs_attn.records.checks import checked_run
from rnn_vs_attn.records.claims import stored_claims
from rnn_vs_attn.records.folder import put
from rnn_vs_attn.records.states import COMPLETE, NOT_BEGUN, UNFINISHED
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.run import output, stored
from rnn_vs_attn.sweep.folder import SUMMARY
from rnn_vs_attn.text import safe
from rnn_vs_attn.text.safe import encodable
from rnn_vs_attn.units import counted

_SENTENCES = 3  # of a part, that a terminal shows


@dataclass
class Outcome:
    """What became of one part. error: why it has no run, "" where it has one; estimate: the seconds that a dry run
    expects, the least and the most; document: what --json prints of it; anonymous: whether what it says to others names
    nothing of this machine.
    """

    name: str
    suite: str
    folder: Path | None
    state: str = NOT_BEGUN
    code: int = DONE
    error: str = ""
    estimate: Sequence[float] = ()
    document: Any = None
    anonymous: bool = False

    def said(self, reason: str) -> str:
        """A reason as others may read it."""
        return without_names(reason) if self.anonymous else reason

    @property
    def told(self) -> str:
        return f"failed: {self.said(self.error)}" if self.error else self.state

    @property
    def as_json(self) -> dict[str, Any]:
        parts = () if self.folder is None else self.folder.parts[-2 if self.anonymous else 0 :]
        folder = str(Path(*parts)) if parts else None
        head = {"name": self.name, "suite": self.suite, "folder": folder, "state": self.state, "code": self.code}
        return head | {"error": self.said(self.error) or None, "run": self.document}


def found_in(outcome: Outcome) -> list[str]:
    """What a part's run found, the most important first; of one that cannot be read, why."""
    if outcome.folder is None or outcome.state == NOT_BEGUN:
        return []
    try:
        return [claim.sentence for claim in stored_claims(checked_run(outcome.folder).records)]
    except UserError as error:
        return [outcome.said(str(error))]


def put_documents(outcomes: Sequence[Outcome]) -> None:
    """Give those outcomes a document that have a run and none yet: of jobs, or of a call before this one."""
    for outcome in outcomes:
        if outcome.document is None and outcome.folder is not None and outcome.state != NOT_BEGUN:
            try:
                run = checked_run(outcome.folder)
                outcome.document = output.document(stored.suite_of(run, outcome.folder), run, run.place(outcome.folder))
            except UserError as error:
                outcome.error = outcome.error or str(error)


def show(outcomes: Sequence[Outcome]) -> None:
    """Each part with what became of it and the first of what it found, on standard output."""
    out = Terminal()
    out.print(_heading(outcomes), soft_wrap=True)
    for outcome in outcomes:
        sentences = found_in(outcome)
        more = len(sentences) - _SENTENCES
        rest = [f"{more} more in {outcome.folder}/table.md"] if more > 0 else []
        lines = [*sentences[:_SENTENCES], *rest]
        if not out.is_terminal:
            out.file.write(_markdown(outcome, lines))
            continue
        out.print(f"\n{outcome.name}: {outcome.told}".lstrip(), style="bold", soft_wrap=True)
        for line in lines:
            out.print(Padding(out.render_str(line), (0, 0, 0, 2)))


def _heading(outcomes: Sequence[Outcome]) -> str:
    counts = {state: sum(each.state == state for each in outcomes) for state in (COMPLETE, UNFINISHED, NOT_BEGUN)}
    told = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    return f"{counted(len(outcomes), 'part')}: {told}"


def _markdown(outcome: Outcome, lines: Sequence[str]) -> str:
    listed = "".join(f"- {safe.markdown(line)}\n" for line in lines)
    return f"\n## {safe.markdown(outcome.name)}: {safe.markdown(outcome.told)}\n\n{listed}"


def write(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """All that was found, into the sweep's folder. UserError where that cannot be written."""
    text = f"{_heading(outcomes)}\n" + "".join(_markdown(each, found_in(each)) for each in outcomes)
    try:
        put(folder / SUMMARY, encodable(text).encode())
    except OSError as error:
        raise UserError(f"cannot write {folder / SUMMARY}: {error.strerror}; the runs are kept") from None


def tell_estimate(outcomes: Sequence[Outcome], max_seconds: float | None) -> None:
    """About how long the parts of a dry run take together, on standard output."""
    least, most = (sum(each.estimate[i] for each in outcomes if each.estimate) for i in (0, -1))
    total = " to ".join(dict.fromkeys(map(units.duration, (least, most))))
    bound = "" if max_seconds is None else f" (max_seconds {max_seconds:g} bounds it)"
    print(f"\n{counted(len(outcomes), 'part')}, about {total} in all{bound}")
