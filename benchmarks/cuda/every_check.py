"""Every check of a machine with a GPU, each step with its own limit, its log and its line in a table.

python benchmarks/cuda/every_check.py [--device cuda] [--budget 2400] [--only bare,values] [--output FOLDER] [--quick]

`make cuda` runs it. It leaves steps.md (step, seconds, exit code, targets missed, first line of an error),
logs/ and the runs of the commands in runs/. A step that fails, hangs or has no time left costs itself only. A report of
a fault on a GPU begins with this table. Exit 1 where a step did not end as it should.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from time import monotonic

# A machine without a network has this package as files alone
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from on_device import existing
from steps import Step, steps

ROOT = Path(__file__).resolve().parent.parent.parent
ERROR = re.compile(r"(\w|\.)*error\b|failed|missed", re.IGNORECASE)  # at the beginning of a line
LEAST = 8  # seconds, with fewer of which no step is begun
KILL_AFTER = 12  # seconds after it was asked to end


@dataclass(frozen=True)
class Outcome:
    """How a step ended. code: None where there was no time for it. said: the first line of an error, or ""."""

    step: Step
    seconds: float
    code: int | None
    missed: int
    said: str

    @property
    def as_it_should(self) -> bool:
        return self.code in self.step.exits and not self.missed

    @property
    def line(self) -> str:
        code = "no time" if self.code is None else str(self.code)
        mark = "" if self.as_it_should else "!"
        said = "" if self.as_it_should else self.said.replace("|", "\\|")
        return f"| {self.step.name} | {self.seconds:.1f} | {code} | {self.missed or ''} | {mark} | {said} |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--device", type=existing, default="cuda")
    options.add_argument("--budget", type=float, default=2400, help="seconds in all")
    options.add_argument("--only", default="", help="steps, with commas between them")
    options.add_argument("--output", type=Path, help="folder (default: results/<UTC time>-cuda-checks)")
    options.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    given = options.parse_args()
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = (given.output or ROOT / "results" / f"{stamp}-cuda-checks").resolve()
    wanted = set(filter(None, given.only.split(",")))
    chosen = [s for s in steps(given.device, folder / "runs", given.quick) if not wanted or s.name in wanted]
    if unknown := wanted - {s.name for s in chosen}:
        options.error(f"no such step: {', '.join(sorted(unknown))}")
    for name in ("logs", "runs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    longest = min(given.budget, sum(step.limit for step in chosen))
    print(f"{len(chosen)} steps, at most {longest / 60:.0f} minutes; into {folder}", flush=True)
    sys.exit(0 if _run(chosen, folder, monotonic() + given.budget) else 1)


def _run(chosen: list[Step], folder: Path, until: float) -> bool:
    """Run them in order, those that share a device at once; whether all ended as they should."""
    table = folder / "steps.md"
    heading = ["| step | seconds | exit | missed | | first line of an error |", "| --- | --- | --- | --- | --- | --- |"]
    table.write_text("\n".join(heading) + "\n")
    print(*heading, sep="\n", flush=True)
    fine = True
    for _, group in groupby(enumerate(chosen), key=lambda place: "beside" if place[1].beside else place[0]):
        together = [step for _, step in group]
        with ThreadPoolExecutor(len(together)) as pool:
            for found in pool.map(lambda step: _outcome(step, folder, until), together):
                fine &= found.as_it_should
                with table.open("a") as lines:
                    lines.write(found.line + "\n")
                print(found.line, flush=True)
    return fine


def _outcome(step: Step, folder: Path, until: float) -> Outcome:
    log, left = folder / "logs" / f"{step.name}.txt", until - monotonic()
    if left < LEAST:
        return Outcome(step, 0, None, 0, "")
    begun, limit = monotonic(), min(step.limit, left)
    with log.open("w") as out:
        child = subprocess.Popen(
            step.within(limit),
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env=_surroundings(step),
        )
        code = _ended(child, limit)
    text = log.read_text(errors="replace").splitlines()
    missed = sum(line.startswith("MISSED") for line in text)
    wrong = (line.strip()[:170] for line in text if ERROR.match(line))
    return Outcome(step, monotonic() - begun, code, missed, next(wrong, ""))


def _ended(child: subprocess.Popen[bytes], limit: float) -> int:
    """Its exit code, 124 where it took longer than its limit."""
    try:
        return child.wait(limit)
    except subprocess.TimeoutExpired:
        child.terminate()
    try:
        child.wait(KILL_AFTER)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    return 124


def _surroundings(step: Step) -> dict[str, str]:
    paths = [
        *([str(Path(__file__).parent / "hidden")] if step.hidden else []),
        str(ROOT),
        os.environ.get("PYTHONPATH", ""),
    ]
    made = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    return os.environ | made | {"HIDDEN_PACKAGES": ",".join(step.hidden)}


if __name__ == "__main__":
    main()
