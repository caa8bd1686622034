"""The options of `ab`: a field an option, and the limits that they make."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from rnn_vs_attn import units
from rnn_vs_attn.ab.setups import SetUp
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import Acceptance, OwnMargin, PairLimits
from rnn_vs_attn.run.options import PLACE, ModelOptions, ShownOptions, force_option, memory_option
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.case import argument, fixed, option

SUITE = BENCH  # whose cases and passes are compared
STRICT = "Exit 3 where a verdict is unsure."
MARKDOWN = "Also write the verdicts as Markdown: a sentence, the worst 50 rows, and the rest folded."
JUNIT = "Also write the verdicts as JUnit XML."
AGAIN = ("resume", "max_seconds", "markdown", "junit", "as_json", "quiet", "debug")  # what may stand beside --resume
_VERSIONS, _HOW = "Which versions", "How it is judged"
LEAST_SCREEN = 5  # pairs, below which no 90 % interval exists
_PAIRS = PairLimits()


def read_margin(text: str) -> float:
    """--margin as a part of 1."""
    try:
        value = units.parse_fraction(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1:
        raise UserError(f"--margin {text!r} is not a percentage from 0% to 99%, such as 3%")
    return value


def read_pass(word: str) -> str:
    """One of --pass."""
    if word not in SUITE.rounds.passes:
        raise UserError(f"--pass {word!r} is none of {', '.join(SUITE.rounds.passes)}")
    return word


@dataclass(frozen=True)
class VersionOptions:
    """What is compared."""

    baseline: str | None = argument("Git reference of the baseline, such as main.", None, shown=False)
    candidate: str | None = argument("Git reference of the candidate.", None, shown="the working tree")
    baseline_python: str | None = option(
        None, "Python of the baseline's environment.", shown="this one", panel=_VERSIONS
    )
    candidate_python: str | None = option(
        None, "Python of the candidate's environment.", shown="this one", panel=_VERSIONS
    )
    aa: bool = option(
        False,
        "The same code twice: this machine's false alarms, and the smallest slowdown that it can show. Exit 1 where "
        "anything is found slower or faster.",
        panel=_VERSIONS,
    )
    setup: str | None = option(
        None,
        "Shell command to run in each checkout, with a virtual environment of its own, such as 'pip install -e .'.",
        panel=_VERSIONS,
    )
    reuse_setup: bool = option(
        False,
        "Keep the packages that --setup installs for later calls, in ~/.cache; the repository's own is installed anew.",
        panel=_VERSIONS,
    )
    require_clean: bool = option(False, "Refuse where the repository has uncommitted changes.", panel=_VERSIONS)
    require_equal: bool = option(
        False, "Broken (exit 5) where outputs or gradients of the two differ beyond rounding.", panel=_VERSIONS
    )
    passes: tuple[str, ...] = option(SUITE.rounds.passes, "Timed passes.", flag="--pass", parse=read_pass)


@dataclass(frozen=True)
class PairOptions:
    """How the two are judged, how long that may take, and where verdicts go to."""

    margin: float = option(
        _PAIRS.margin, "Slower by no more than this is no slowdown.", typed="3%", parse=read_margin, panel=_HOW
    )
    strict: bool = option(False, STRICT, panel=_HOW)
    bisect: bool = option(
        False,
        "Exit codes for 'git bisect run rnn-vs-attn ab GOOD --bisect ...': 0 good, 1 slower, 125 skip this commit, 128 "
        "stop. One line a commit on standard error.",
        panel=_HOW,
    )
    screen: int = option(_PAIRS.screen, "Pairs of processes for all cases.", minimum=1, panel=_HOW)
    confirm: int = option(_PAIRS.confirm, "Fresh pairs for the flagged ones.", minimum=1, panel=_HOW)
    max_seconds: float = option(_PAIRS.max_seconds, "Start no further case after this.", minimum=0, panel=_HOW)
    timeout: float = option(_PAIRS.timeout, "Seconds that one case may take in a pair.", minimum=0.001, panel=_HOW)
    max_memory: int | None = memory_option()
    seed: int = option(0, "Seed of the order of cases and sides; pair p has weights and data of seed p.", panel=_HOW)
    force: bool = force_option()
    output: Path | None = option(None, "Folder of this run.", shown="results/<UTC time>-ab", panel=PLACE)
    resume: Path | None = option(
        None,
        "Go on with a run that was interrupted or out of time, on its own commits and with its own settings; beside it "
        "only --max-seconds, --markdown, --junit, --json, --quiet and --debug.",
        panel=PLACE,
    )
    markdown: Path | None = option(None, MARKDOWN, panel=PLACE)
    junit: Path | None = option(None, JUNIT, panel=PLACE)
    margins: tuple[OwnMargin, ...] = fixed(())  # these three come from a file
    accepted: tuple[Acceptance, ...] = fixed(())
    said: tuple[str, ...] = fixed(())

    @property
    def limits(self) -> PairLimits:
        """How many pairs there are and what they may take. UserError where they are too few."""
        if self.screen < LEAST_SCREEN:
            raise UserError(f"--screen {self.screen} pairs give no interval; use {LEAST_SCREEN} or more")
        return PairLimits(
            margin=self.margin,
            screen=self.screen,
            confirm=self.confirm,
            max_seconds=self.max_seconds,
            timeout=self.timeout,
            max_memory=self.max_memory,
            seed=self.seed,
            settle=self.bisect,
            margins=self.margins,
            accepted=self.accepted,
        )


@dataclass(frozen=True)
class AbOptions(ModelOptions, ShownOptions, PairOptions, VersionOptions):  # the fields of the last come first
    """All of them, beside the axes of a case."""

    @property
    def set_up(self) -> SetUp | None:
        """What is run in each checkout."""
        return SetUp(self.setup, self.reuse_setup, self.debug) if self.setup else None
