"""What the harness programs share: one line a figure, one JSON document, exit 1 when a target is missed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, NoReturn

from rnn_vs_attn.stats.intervals import Estimate

_QUICK = """
Each figure is printed as soon as it is there. With --quick targets are shown and not judged, and the exit code is 0: so
little work decides nothing.
"""
_MARKS = {True: "met   ", False: "MISSED", None: "-     "}


@dataclass(frozen=True)
class Figure:
    """One measured figure. target: "" where it has none. met: None where that is not judged. beside: what stands beside
    the value, such as its interval.
    """

    name: str
    value: float
    target: str = ""
    met: bool | None = None
    beside: str = ""

    @property
    def line(self) -> str:
        value = " ".join(filter(None, (f"{self.value:.4g}", self.beside)))
        judged = "" if self.met is not None else ", not judged"
        return f"{_MARKS[self.met]}  {self.name}: {value}" + (f" (target {self.target}{judged})" if self.target else "")


def holds(name: str, so: bool, beside: str = "") -> Figure:
    """Whether something is so, as it should be: 1 or 0."""
    return Figure(name, float(so), "1", so, beside)


def at_most(name: str, found: Estimate, most: float) -> Figure:
    """A median whose interval should end at its target or below, or where it has none the median itself."""
    high = found.median if found.high is None else found.high
    return Figure(name, found.median, f"upper end <= {most:g}", high <= most, interval(found))


def at_least(name: str, found: Estimate, least: float) -> Figure:
    """A median whose interval should begin at its target or above, or where it has none the median itself."""
    low = found.median if found.low is None else found.low
    return Figure(name, found.median, f"lower end >= {least:g}", low >= least, interval(found))


def within(name: str, found: Estimate, part: float) -> Figure:
    """A median whose interval should lie within that part of 1, or where it has none the median itself."""
    low, high = (found.median if end is None else end for end in (found.low, found.high))
    return Figure(name, found.median, f"within {part:g} of 1", 1 - part <= low and high <= 1 + part, interval(found))


def interval(found: Estimate) -> str:
    return "[no interval]" if found.low is None else f"[{found.low:.4g}, {found.high:.4g}]"


def parser(description: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=description + _QUICK, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--json", action="store_true", help="one JSON document on standard output")
    made.add_argument("--quick", action="store_true", help="a fraction of the work, to see that it runs")
    return made


def parsed(options: argparse.ArgumentParser, **quick: Any) -> argparse.Namespace:
    """What was given; quick: what --quick puts in the place of defaults."""
    given = options.parse_args()
    if not given.quick:
        return given
    options.set_defaults(**quick)
    return options.parse_args()


def report(figures: Iterable[Figure], details: list[dict[str, Any]], given: argparse.Namespace) -> NoReturn:
    """Print each figure as soon as it is there; exit 0 where all targets are met, else 1.

    details: for the document of --json, filled while the figures are made.
    """
    found = []
    for figure in figures:
        found.append(replace(figure, met=None) if given.quick else figure)
        print(found[-1].line, file=sys.stderr if given.json else sys.stdout, flush=True)
    if given.json:
        print(json.dumps({"figures": [asdict(figure) for figure in found], "details": details}, indent=2))
    if not found:
        sys.exit("there is nothing to measure")
    sys.exit(1 if any(figure.met is False for figure in found) else 0)
