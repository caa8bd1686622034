"""The lesson from its options to its ledger: each part in its share of the time, whatever ends it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rnn_vs_attn.errors import DONE, UNFINISHED_CASES, Interrupted, UserError
from rnn_vs_attn.lesson import parts
from rnn_vs_attn.lesson.ledger import Ledger
from rnn_vs_attn.lesson.lines import LINES
from rnn_vs_attn.lesson.options import LessonOptions, forget_settings, read_settings, write_settings
from rnn_vs_attn.lesson.readings import read
from rnn_vs_attn.machine.anonymity import without_names
from rnn_vs_attn.pages.beside import page_beside
from rnn_vs_attn.records.folder import StorageError, folder_of_runs, write_text
from rnn_vs_attn.records.states import COMPLETE, UNFINISHED, has_faults, state_of
from rnn_vs_attn.report.terminal import Terminal, print_table
from rnn_vs_attn.run import command
from rnn_vs_attn.run.cases import check
from rnn_vs_attn.run.options import Part, RunOptions
from rnn_vs_attn.run.resuming import check_is_of_here
from rnn_vs_attn.text.safe import json_text
from rnn_vs_attn.text.streams import print_json, say, show
from rnn_vs_attn.units import counted, duration

FIRST_LEDGER = 60.0  # seconds, after which one is shown as far as it is known
_SHORT = {"warm_up": 0.05, "min_blocks": 1, "case_seconds": 0.01, "precision": parts.PRECISION}
_NO_TIME = "no time was left for it; a longer --max-seconds has it"


def run(options: LessonOptions, max_seconds: float | None = None) -> int:
    """Measure all parts, or go on with those of a folder, and show the ledger; the exit code.

    max_seconds: of one that goes on, where it is not what its folder keeps.
    """
    for part in parts.PARTS:
        check(part.suite, part.axes(options.device, options.threads), force=False)
    if options.resume is not None:
        folder, options = options.resume, read_settings(options.resume, options)
        options = options if max_seconds is None else replace(options, max_seconds=max_seconds)
    else:
        folder = folder_of_runs(options.output, "lesson")
        write_settings(folder, options)
    lesson = Lesson(folder, options)
    try:
        code = lesson.measure()
    except Interrupted as stop:
        code = stop.exit_code
    except UserError:
        forget_settings(folder)  # and the folder, where nothing was measured into it
        raise
    ledger, shown = lesson.ledger(), Path(folder.name) if options.anonymous else folder
    if options.as_json:
        print_json(ledger.document(shown))
    else:
        _show(ledger)
    page = _write(folder, ledger, shown)
    if not options.quiet:
        goes_on = "" if lesson.is_complete else f"; go on with rnn-vs-attn lesson --resume {shlex.quote(str(folder))}"
        where = folder if page is None else page
        say(f"Written to {where}, beside a run for each part, ledger.md and ledger.json{goes_on}")
    return code


class Lesson:
    """The parts of one call, one after the other. `clock` and `start` are the seam at which tests put others."""

    def __init__(
        self,
        folder: Path,
        options: LessonOptions,
        clock: Callable[[], float] = time.monotonic,
        start: Callable[..., int] = command.start,
    ) -> None:
        self._folder = folder
        self._options = options
        self._clock = clock
        self._start = start
        self._reasons: dict[str, str] = {}
        self._shown = False
        self._began = clock()

    def ledger(self) -> Ledger:
        """As far as it is known."""
        found = read(self._folder, parts.PARTS, self._reasons)
        if self._options.anonymous:
            found = replace(found, reasons=without_names(found.reasons))
        return Ledger.of(LINES, found)

    def measure(self) -> int:
        """Measure what is not measured yet; the exit code of the last part that did not simply end well.

        UserError where the first one cannot be measured at all, as then none can.
        """
        ahead = [part for part in parts.PARTS if not self._is_whole(part)]
        before = [part for part in parts.PARTS if part not in ahead]
        for part in before if ahead else []:  # the ledger is of one machine
            check_is_of_here(part.suite, self._folder / part.name, "lesson")
        code = UNFINISHED_CASES if any(map(self._has_faults, before)) else DONE
        if ahead and not self._options.quiet:
            what = f"{len(LINES)} claims by {counted(len(ahead), 'short run')}"
            say(f"lesson: {what}, at most about {duration(self._options.max_seconds)}; into {self._folder}")
        for number in range(len(ahead)):
            if number:
                self._show_first()
            code = self._measure(ahead[number:], number > 0) or code
            if code not in (DONE, UNFINISHED_CASES):
                break
        return code

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to measure."""
        return all(map(self._is_whole, parts.PARTS))

    def _is_whole(self, part: parts.LessonPart) -> bool:
        return state_of(self._folder / part.name) == COMPLETE

    def _has_faults(self, part: parts.LessonPart) -> bool:
        """Whether lines of a part that is whole say why they have no number."""
        try:
            return has_faults(self._folder / part.name)
        except UserError:
            return True

    def _measure(self, ahead: list[parts.LessonPart], after_others: bool) -> int:
        """Measure the first of the parts ahead; what it cannot be measured for stands in its lines."""
        part, options = ahead[0], self._options
        spent = self._clock() - self._began
        left = options.max_seconds - spent
        if left <= 0 and after_others:
            self._reasons[part.name] = _NO_TIME
            return UNFINISHED_CASES
        seconds = parts.share(max(0.0, left), spent, ahead)
        if not options.quiet:
            say(f"Part {parts.PARTS.index(part) + 1} of {len(parts.PARTS)}: {part.suite.command}")
        try:
            return self._go(part, seconds, _shared(options, len(ahead), after_others))
        except StorageError as error:
            way = f"the whole lesson goes on with rnn-vs-attn lesson --resume {shlex.quote(str(self._folder))}"
            raise StorageError(f"{error}; {way}") from None
        except UserError as error:
            is_first = len(ahead) == len(parts.PARTS)
            if not after_others and (is_first or state_of(self._folder / part.name) == UNFINISHED):
                raise
            self._reasons[part.name] = str(error)
            return UNFINISHED_CASES

    def _go(self, part: parts.LessonPart, seconds: float, of: Part) -> int:
        """Start a part, or go on with it where it was interrupted."""
        options, path = self._options, self._folder / part.name
        shown = {"as_json": True, "quiet": options.quiet, "anonymous": options.anonymous, "debug": options.debug}
        own = RunOptions(rounds=part.rounds, max_seconds=seconds, output=path, **shown, **_SHORT)  # type: ignore[arg-type]
        if state_of(path) == UNFINISHED:
            return command.resume(part.suite, replace(own, resume=path), of)
        return self._start(part.suite, part.axes(options.device, options.threads), own, of)

    def _show_first(self) -> None:
        """The ledger on standard error, once a minute has passed: what comes later has its lines already."""
        if self._shown or self._options.quiet or self._clock() - self._began < FIRST_LEDGER:
            return
        self._shown = True
        say(f"The ledger after {duration(self._clock() - self._began)}, as far as it is known:")
        print_table(self.ledger().table, Terminal(stderr=True))


def _shared(options: LessonOptions, shared_by: int, after_others: bool) -> Part:
    """What a part's run is of the lesson, which says where everything is."""
    return Part(options.max_seconds, shared_by, after_others, _keep_quiet, tells_where=False)


def _keep_quiet(document: object) -> None:
    """What a part would print stands in its folder."""


def _write(folder: Path, ledger: Ledger, shown: Path) -> Path | None:
    """All that is made of the ledger, beside the runs; where the page is. shown: what the folder is called in it."""
    from rnn_vs_attn.lesson.page import with_ledger  # with what draws: --help has no use for it

    write_text(folder / "ledger.json", json_text(ledger.document(shown)) + "\n")
    write_text(folder / "ledger.md", ledger.markdown())
    runs = [folder / part.name for part in parts.PARTS]
    return page_beside(folder, runs, lambda page: with_ledger(page, ledger))


def _show(ledger: Ledger) -> None:
    """On standard output."""
    for sentence in ledger.headline:
        show(sentence)
    print()
    print_table(ledger.table, Terminal())
    for title, lines in (("Why, and what it would take:", ledger.reasons), ("Each line in full:", ledger.commands)):
        if lines:
            print(f"\n{title}")
            for line in lines:
                show(line)
