"""The ledger: what was found of each claim, out of all runs; the same claim of several machines in one row."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rnn_vs_attn import units
from rnn_vs_attn.pages.entries import Entry, machines_of, place
from rnn_vs_attn.records import claims
from rnn_vs_attn.records.claims import Claim
from rnn_vs_attn.records.query import without
from rnn_vs_attn.records.types import AxisValue
from rnn_vs_attn.report.page import ABSENT, FAILS, HOLDS, UNDECIDED, Cell
from rnn_vs_attn.report.tables import Table

_SIGNS = {claims.HOLDS: ("✓", HOLDS), claims.FAILS: ("✗", FAILS), claims.UNDECIDED: ("?", UNDECIDED)}
_OF_MACHINE = ("device", "threads", "dtype")  # axes in which two machines may differ and the claim be the same
_VALUES = 8  # of a setting, that are named one by one
NONE = "these runs hold no claims; their tables have what was measured"


@dataclass(frozen=True)
class Finding:
    """A claim, and what each machine's run found of it.

    run: of the first one its command, with what tells it from others.
    """

    suite: str
    run: str
    anchor: str
    by_machine: dict[str, Claim]

    @property
    def claim(self) -> Claim:
        """That of the first machine."""
        return next(iter(self.by_machine.values()))

    @property
    def text(self) -> str:
        """The claim in the fewest words: a machine with more of a kind says which one it means."""
        return min((claim.text for claim in self.by_machine.values()), key=len)


def ledger(entries: Sequence[Entry], anchors: Sequence[str]) -> list[Finding]:
    """All findings, the first of each run before the second of any. anchors: of the section of each run."""
    found: dict[tuple[object, ...], Finding] = {}
    ranked = [enumerate(entry.claims) for entry in entries]
    for row in itertools.zip_longest(*ranked):
        for entry, anchor, item in zip(entries, anchors, row, strict=True):
            if item is not None:
                _add(found, entry, _run(entry, entries), anchor, item[1])
    return list(found.values())


def _run(entry: Entry, entries: Sequence[Entry]) -> str:
    """ "bench", or of several of this machine "bench: monday/bench"."""
    alike = [other for other in entries if (other.suite.name, other.machine) == (entry.suite.name, entry.machine)]
    return entry.suite.command + f": {place(entry, alike)}" * (len(alike) > 1)


def _add(found: dict[tuple[object, ...], Finding], entry: Entry, run: str, anchor: str, claim: Claim) -> None:
    """Beside that of another machine, or in a row of its own where this machine has one already."""
    shared = (entry.suite.name, claim.key, tuple(sorted(without(claim.axes, *_OF_MACHINE), key=str)))
    for number in itertools.count():
        finding = found.setdefault((*shared, number), Finding(entry.suite.command, run, anchor, {}))
        if entry.machine not in finding.by_machine:
            finding.by_machine[entry.machine] = claim
            return


def verdict(claim: Claim) -> Cell:
    """The verdict as a sign and a word."""
    sign, kind = _SIGNS.get(claim.verdict, ("", ""))
    return Cell(f"{sign} {claim.verdict}".strip(), kind)


def table(found: Sequence[Finding], entries: Sequence[Entry]) -> Table:
    """A row a claim; a column a machine where there are several."""
    machines = machines_of(list(entries))
    if len(machines) == 1:
        header = ["claim", "verdict", "figure", "why", "measured by"]
        rows = [[f.text, verdict(f.claim), f.claim.figure, f.claim.why, _by(f)] for f in found]
        return Table("", header, rows, [], False, 1, ("claim", "figure", "why"))
    titles = [f"on {machine}" for machine in machines]
    rows = [[f.text, *(_beside(f.by_machine.get(machine)) for machine in machines), _by(f)] for f in found]
    return Table("", ["claim", *titles, "measured by"], rows, [], False, 1, ("claim", *titles))


def _by(finding: Finding) -> Cell:
    return Cell(finding.run, anchor=finding.anchor)


def _beside(claim: Claim | None) -> Cell:
    if claim is None:
        return Cell("not measured", ABSENT)
    told = "; ".join(filter(None, (claim.figure, claim.why)))
    word = verdict(claim)
    return Cell(f"{word}. {told}".strip(), word.kind, lead=word)


def unlike(entries: Sequence[Entry]) -> list[str]:
    """In what runs of one command differ from machine to machine, beside the machine: claims in one row do too."""
    of: dict[str, dict[str, dict[str, set[AxisValue]]]] = {}
    for entry in entries:
        here = of.setdefault(entry.suite.command, {}).setdefault(entry.machine, {})
        own = ("model", "device", *entry.suite.axes.compared)
        for name in (f.name for f in dataclasses.fields(entry.suite.axes.case) if f.name not in own):
            found = {record.axes[name] for record in entry.run.records if name in record.axes} - {None}
            here.setdefault(name, set()).update(found)
    return [line for command, machines in of.items() for line in _differing(command, machines)]


def _differing(command: str, machines: Mapping[str, Mapping[str, set[AxisValue]]]) -> Iterator[str]:
    """ "The runs of bench differ in more than the machine: d_model 128 on X and 256 on Y"."""
    names = dict.fromkeys(name for settings in machines.values() for name in settings)
    parts = []
    for name in names:
        values = {machine: settings[name] for machine, settings in machines.items() if settings.get(name)}
        if len({frozenset(each) for each in values.values()}) > 1:
            told = [f"{_values(each)} on {machine}" for machine, each in values.items()]
            parts.append(f"{name} {' and '.join(told)}")
    if parts:
        yield f"The runs of {command} differ in more than the machine: {'; '.join(parts)}."


def _values(found: set[AxisValue]) -> str:
    numbers = sorted(value for value in found if isinstance(value, int | float) and not isinstance(value, bool))
    told = [f"{number:,}" for number in numbers] if len(numbers) == len(found) else sorted(map(str, found))
    return ", ".join(told) if len(told) <= _VALUES else f"{told[0]} to {told[-1]} ({len(told)} of them)"


def headline(found: Sequence[Finding]) -> str:
    """How many claims hold: "9 of 14 claims hold here, 3 do not, 2 are undecided"."""
    verdicts = [claim.verdict for finding in found for claim in finding.by_machine.values()]
    if not verdicts:
        return f"{NONE[0].upper()}{NONE[1:]}."
    holds, fails, open_ = (verdicts.count(verdict) for verdict in claims.VERDICTS)
    said = (f"{holds} hold{'s' * (holds == 1)}", f"{fails} do{'es' * (fails == 1)} not hold here")
    of = units.counted(len(verdicts), "verdict" if len(verdicts) > len(found) else "claim")
    return f"Of {of} {', '.join(said)}, {open_} {'is' if open_ == 1 else 'are'} undecided."
