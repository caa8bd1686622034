"""What the harness programs share: one line a figure, one JSON document, exit 1 when a target is missed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import NoReturn


@dataclass(frozen=True)
class Figure:
    """One measured figure and whether it meets its target."""

    name: str
    value: float
    target: str
    met: bool


def parser(description: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", action="store_true", help="one JSON document on standard output")
    made.add_argument("--quick", action="store_true", help="a fraction of the work, to see that it runs")
    return made


def report(figures: Iterable[Figure], details: list[dict[str, object]], as_json: bool) -> NoReturn:
    """Print each figure as soon as it is there; exit 0 where all targets are met, else 1.

    details: for the document of --json, filled while the figures are made.
    """
    found = []
    for figure in figures:
        found.append(figure)
        mark = "met   " if figure.met else "MISSED"
        text = f"{mark}  {figure.name}: {figure.value:.4g} (target {figure.target})"
        print(text, file=sys.stderr if as_json else sys.stdout, flush=True)
    if as_json:
        print(json.dumps({"figures": [asdict(figure) for figure in found], "details": details}, indent=2))
    sys.exit(0 if all(figure.met for figure in found) else 1)
