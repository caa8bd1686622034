"""Where things lie in a checkout."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
REFERENCE = ROOT / "results/reference"
REFERENCE_RUNS = sorted(str(file.parent.relative_to(REFERENCE)) for file in REFERENCE.rglob("run.json"))
USER_MODULES = TESTS / "user_modules"
SCALES = str(USER_MODULES / "scales.py")
