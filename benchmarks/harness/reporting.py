"""What the harness programs share: one line a figure, one JSON document, exit 1 when a target is missed."""

from __future__ import annotations

import argparse
import json
import sys
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
    return made


def report(figures: list[Figure], details: list[dict[str, object]], as_json: bool) -> NoReturn:
    """Print the figures; exit 0 where all targets are met, else 1."""
    if as_json:
        print(json.dumps({"figures": [asdict(figure) for figure in figures], "details": details}, indent=2))
    else:
        for figure in figures:
            print(f"{'met   ' if figure.met else 'MISSED'}  {figure.name}: {figure.value:.4g} (target {figure.target})")
    sys.exit(0 if all(figure.met for figure in figures) else 1)
