"""Runs as one page, as Markdown and as one JSON document: the ledger, the joined table, a section a run."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.pages import ledger, sections
from rnn_vs_attn.pages.entries import Entry, machines_of, place, settings_of
from rnn_vs_attn.pages.joined import SECONDS, Chosen, Joined, Measure, Value, joined
from rnn_vs_attn.report.glossary import words_in
from rnn_vs_attn.report.page import ABSENT, BEST, Cell, Page, Section
from rnn_vs_attn.report.tables import LAUNCHES, Table
from rnn_vs_attn.text import safe

_SETTINGS = (
    *("seq_len", "batch_size", "d_model", "num_heads", "num_layers", "dtype", "threads"),
    *("steps", SECONDS, "text"),
)
BEGINNING = "Recurrence and attention on"  # of the title of every report
_TITLES = {"num_heads": "heads", "num_layers": "layers", "batch_size": "batch", SECONDS: "s of training"}
_NONE = "–"
FOUND, MODELS = "What was found", "Each model, everything measured of it"
_CLAIMS = 16  # that are seen at once
_MODELS = 200  # rows of the joined table


@dataclasses.dataclass(frozen=True)
class Report:
    """All that is said of some runs."""

    entries: list[Entry]

    @cached_property
    def anchors(self) -> list[str]:
        """What links to the sections name; no letter of it is anybody's."""
        return [f"run-{number}" for number in range(1, len(self.entries) + 1)]

    @cached_property
    def findings(self) -> list[ledger.Finding]:
        return ledger.ledger(self.entries, self.anchors)

    @cached_property
    def joined(self) -> Joined:
        return joined(self.entries)

    @property
    def headings(self) -> list[str]:
        """One a run: its command, and what tells it from others of that command."""
        names = [entry.suite.command for entry in self.entries]
        several, machines = Counter(names), machines_of(self.entries)
        found = [
            name + f" on {entry.machine}" * (len(machines) > 1) for name, entry in zip(names, self.entries, strict=True)
        ]
        again = Counter(found)
        return [
            heading + f": {place(entry, self.entries)}" * (several[name] > 1 and again[heading] > 1)
            for heading, name, entry in zip(found, names, self.entries, strict=True)
        ]

    @property
    def title(self) -> str:
        machines = machines_of(self.entries)
        where = machines[0] if len(machines) == 1 else units.counted(len(machines), "machine")
        return f"{BEGINNING} {where}"

    @property
    def lead(self) -> list[str]:
        """The answer in a sentence, and what it is made of."""
        days = sorted({entry.run.started[:10] for entry in self.entries})
        when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        suites = ", ".join(dict.fromkeys(entry.suite.command for entry in self.entries))
        made = f"From {units.counted(len(self.entries), 'run')} of {suites}; measured {when}."
        return [ledger.headline(self.findings), made]


# The joined table


def models_table(found: Joined) -> Table:
    """A row a model, and a machine where there are several."""
    several = len({machine for machine, _ in found.rows}) > 1
    rows, told = list[list[str]](), dict[str, None]()
    for machine, model in found.rows[:_MODELS]:
        values = [(measure, found.value(machine, model, measure)) for measure in found.measures]
        cells = [Cell(value.text(measure), _kind(value)) for measure, value in values]
        rows.append([model, *([machine] if several else []), *cells])
        told |= dict.fromkeys(LAUNCHES for measure, value in values if value.is_launched(measure))
        told |= dict.fromkeys(f"{model}, {measure.title}: {value.fault}" for measure, value in values if value.fault)
    header = ["model", *(["machine"] if several else []), *(measure.title for measure in found.measures)]
    more = len(found.rows) - len(rows)
    notes = [*told, *([f"{more} more models are left out here"] if more > 0 else [])]
    return Table("", header, rows, notes, grouped=False, heads=2 if several else 1)


def _kind(value: Value) -> str:
    return BEST if value.best else ABSENT if value.record is None else ""


def settings_table(found: Joined) -> Table:
    """At which settings each column was taken: those that every table has, and those of which there are several."""
    several = len({chosen.machine for chosen in found.chosen}) > 1
    chosen = sorted(found.chosen, key=lambda each: found.measures.index(each.measure))
    told = dict.fromkeys([*_SETTINGS, *(name for each in chosen for name in each.several)])
    names = [name for name in told if any(_setting(each, name) != _NONE for each in chosen)]
    rows = [
        [
            each.measure.title,
            *([each.machine] if several else []),
            each.measure.suite,
            *(_setting(each, name) for name in names),
            _chosen_over(each),
        ]
        for each in chosen
    ]
    titles = [_TITLES.get(name, name) for name in names]
    header = ["column", *(["machine"] if several else []), "command", *titles, "of each model"]
    notes = [note for each in chosen for note in _unlike(each)]
    return Table("Where each column was taken", header, rows, list(dict.fromkeys(notes)), grouped=False, heads=1)


def _unlike(chosen: Chosen) -> Iterator[str]:
    """What of a column was not measured beside the rest: in other runs, and at sizes of its own."""
    known = {m: (v.record, v.entry) for m, v in chosen.values.items() if v.record is not None and v.entry is not None}
    of_run: dict[str, list[str]] = {}
    for model, (_, entry) in known.items():
        of_run.setdefault(str(entry.path), []).append(model)
    if len(of_run) > 1:
        runs = "; ".join(f"{path} has {', '.join(models)}" for path, models in of_run.items())
        yield f"{chosen.measure.title}: of several runs, which were not measured side by side: {runs}"
    for model, (record, _) in known.items():
        own = [n for n, value in chosen.settings.items() if value is not None and record.axes.get(n, value) is None]
        if own:
            yield f"{chosen.measure.title}: {model} decides {', '.join(own)} by itself"


def _setting(chosen: Chosen, name: str) -> str:
    value = chosen.settings.get(name)
    return _NONE if value is None or (name == SECONDS and not value) else str(value)


def _chosen_over(chosen: Chosen) -> str:
    """What was chosen for each model by itself."""
    records = [value.record for value in chosen.values.values() if value.record is not None]
    free = [name for name in ("learning_rate", "memory_len") if len({r.axes.get(name) for r in records}) > 1]
    tried = any("learning_rate" in r.axes for r in records)
    names = dict.fromkeys([*(["learning_rate"] if tried else []), *free])
    return f"its best {' and '.join(names)}" if names else "–"


MARKS = (
    "★ is the best of its column on its machine, where it is exact or its 95% interval is apart from all others, which "
    "were measured in the same run; a tie, a number without an interval, a column with a word in it and one of unlike "
    "settings have no best. ± is half of the interval, as a part of the median."
)
INTERVALS = "Numbers in brackets are the ends of a 95% interval of the median over rounds."
ACROSS = "Columns come from different commands, and so from different lengths and widths: compare down a column."


# A page


def page(report: Report) -> Page:
    """The ledger, the joined table, and a section a run."""
    found, together = report.findings, report.joined
    parts = [
        _found(report),
        Section(
            MODELS,
            [MARKS],
            tables=[models_table(together)],
            parts=[Section("", [ACROSS], tables=[settings_table(together)])],
        ),
    ]
    shown = [part for part, content in zip(parts, (found, together.rows), strict=True) if content]
    runs = zip(report.entries, report.anchors, report.headings, strict=True)
    every = [*shown, *(sections.section(entry, anchor, heading) for entry, anchor, heading in runs)]
    words = words_in(" ".join([*report.lead, *(text for section in every for text in _texts(section))]))
    return Page(report.title, report.lead, every, [INTERVALS], scripted=True, words=words)


def _texts(section: Section) -> Iterator[str]:
    """What a section says by itself: its sentences, what its columns are called, what claims say."""
    yield from section.sentences
    for table in section.tables:
        yield from table.header
        yield from (cell for row in table.rows if section.stacked for cell in row)
    for part in section.parts:
        yield from _texts(part)


def _found(report: Report) -> Section:
    """The first claims of all runs, and folded all others."""
    tables = [ledger.table(part, report.entries) for part in (report.findings[:_CLAIMS], report.findings[_CLAIMS:])]
    more = len(report.findings) - _CLAIMS
    others = Section("", tables=tables[1:], folded=units.counted(more, "more claim"), stacked=True)
    return Section(FOUND, ledger.unlike(report.entries), tables=tables[:1], parts=[others] * (more > 0), stacked=True)


# Markdown


def markdown(report: Report, begin: Sequence[str] = ()) -> str:
    """The same in Markdown: the ledger, the joined table, and of each run its table and how to repeat it.

    begin: blocks before what every report says.
    """
    first, *rest = map(safe.markdown, report.lead)
    blocks = [f"# {safe.markdown(report.title)}", " ".join([f"**{first}**", *rest]), *begin]
    if report.findings:
        blocks += [f"## {FOUND}", *map(safe.markdown, ledger.unlike(report.entries))]
        blocks += [ledger.table(report.findings, report.entries).markdown().strip("\n")]
    if report.joined.rows:
        blocks += [f"## {MODELS}", _starred(models_table(report.joined)).markdown().strip("\n"), MARKS]
        blocks += [ACROSS, settings_table(report.joined).markdown().strip("\n")]
    for entry, heading in zip(report.entries, report.headings, strict=True):
        blocks += [f"## {safe.markdown(heading)}", *_of_run(entry)]
    return "\n\n".join([*blocks, INTERVALS]) + "\n"


def _of_run(entry: Entry) -> list[str]:
    part = sections.section(entry, "", "")
    main = [table.markdown().strip("\n") for table in part.parts[0].tables] if part.parts[0].tables else []
    told = [*part.sentences, *sections.METHODS[entry.suite.name]]
    words = "\n".join(f"- {safe.markdown(line)}" for line in sections.warnings(entry))
    call = f"    {safe.one_line(sections.repeated(entry))}"
    return list(filter(None, [" ".join(map(safe.markdown, told)), *main, words, call]))


def _starred(table: Table) -> Table:
    """With the sign of the best in the cells' own text."""
    rows = [[f"{cell} ★" if _is_best(cell) else cell for cell in row] for row in table.rows]
    return dataclasses.replace(table, rows=rows)


def _is_best(cell: str) -> bool:
    return isinstance(cell, Cell) and cell.kind == BEST


# JSON


def document(report: Report) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "title": report.title,
        "found": report.lead[0],
        "runs": [settings_of(entry) for entry in report.entries],
        "claims": [
            {"suite": finding.suite, "machine": machine, **dataclasses.asdict(claim)}
            for finding in report.findings
            for machine, claim in finding.by_machine.items()
        ],
        "models": [
            {
                "model": model,
                "machine": machine,
                "values": [_value(report.joined, machine, model, measure) for measure in report.joined.measures],
            }
            for machine, model in report.joined.rows
        ],
        "columns": [
            {
                "title": each.measure.title,
                "machine": each.machine,
                "suite": each.measure.suite,
                "settings": each.settings,
            }
            for each in report.joined.chosen
        ],
        "warnings": {str(entry.path): sections.warnings(entry) for entry in report.entries},
    }


def _value(found: Joined, machine: str, model: str, measure: Measure) -> dict[str, Any]:
    value = found.value(machine, model, measure)
    record = value.record
    known = (
        {} if record is None else {name: getattr(record, name) for name in ("median", "low", "high", "unit", "status")}
    )
    of_run = {} if value.entry is None else {"run": str(value.entry.path)}
    return {"column": measure.title, "text": value.text(measure), "best": value.best, **known, **of_run}
