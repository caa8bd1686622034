"""What a person would say of a history: what got slower, since when and by how much, or what would have been seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rnn_vs_attn import units
from rnn_vs_attn.compare.sentences import percent, place, said_change
from rnn_vs_attn.compare.verdicts import SLOWER
from rnn_vs_attn.history.runs import History
from rnn_vs_attn.history.series import ALPHA, Change, Series
from rnn_vs_attn.stats import change_points

_ABOUT = 1  # runs apart at which changes are told as one
_MOST = 6  # sentences about changes


@dataclass(frozen=True)
class Event:
    """Changes in one direction that many series have at about the same run, the largest first."""

    at: int
    changes: list[tuple[Series, Change]]
    slower: bool

    @property
    def apart(self) -> bool:
        """Whether some of them are at a neighbouring run."""
        return any(change.at != self.at for _, change in self.changes)


def sentences(history: History, found: Sequence[Series]) -> list[str]:
    """What changed, the latest for the worse first; else what would have been seen; then what cannot be judged."""
    of_models = [series for series in found if not series.calibration]
    told = events(of_models)
    said = [_said(event, history, of_models) for event in told[:_MOST]]
    if len(told) > _MOST:
        said.append(f"And {units.counted(len(told) - _MOST, 'more change')}, which the table has.")
    said += _unchanged(history, of_models, told)
    marked = any(series.changes for series in of_models if not series.meaning.exact)
    return [*said, *_machine(history, found, told), *([] if marked else _too_few(of_models))]


def events(found: Sequence[Series]) -> list[Event]:
    """Changes by the run at which most of them are, those for the worse before, the latest first."""
    told = []
    for slower in (True, False):
        left = [(s, c) for s in found for c in s.changes if (c.comparison.verdict == SLOWER) == slower]
        of_direction = []
        while left:
            sites = [(change.at, series.machine) for series, change in left]
            at, machine = max(sites, key=lambda site: (sites.count(site), site[0]))
            near = [(s, c) for s, c in left if s.machine == machine and abs(c.at - at) <= _ABOUT]
            left = [pair for pair in left if pair not in near]
            largest = sorted(near, key=lambda pair: -abs(pair[1].comparison.worsening))
            of_direction.append(Event(at, largest, slower))
        told += sorted(of_direction, key=lambda event: -event.at)
    return told


def _said(event: Event, history: History, found: Sequence[Series]) -> str:
    series, change = event.changes[0]
    rows = [one.row for one in found]
    what = f"{place(change.comparison, rows)}: {said_change(change.comparison)}"
    since = history.since(history.entries[event.at])
    if len(event.changes) == 1:
        runs = f"{units.counted(change.before, 'run')} before, {change.after} after"
        known = f"{since[:-1]}, {runs})" if since.endswith(")") else f"{since} ({runs})"
        return f"{what} {_from(history, series, change, known)}."
    timed = all(s.meaning.unit == "s" for s, _ in event.changes)
    alike = [s for s in found if s.machine == series.machine and (s.meaning.unit == "s" or not timed)]
    noun, word = (
        ("timings", "slower" if event.slower else "faster")
        if timed
        else ("values", "worse" if event.slower else "better")
    )
    about = ", some of them a run before or after" if event.apart else ""
    share = f"{len(event.changes)} of {len(alike)} {noun} got {word} from {since} on{about}"
    return (
        f"{share}; the {'worst' if event.slower else 'most'} is {what}."
        if event.slower
        else f"{share}; the most {what}."
    )


def _from(history: History, series: Series, change: Change, known: str) -> str:
    """Since when, or from when and until when where the level changed again."""
    later = [other for other in series.changes if other.at > change.at]
    return f"from {known} until {history.when(history.entries[later[0].at])}" if later else f"since {known}"


def _unchanged(history: History, found: Sequence[Series], told: Sequence[Event]) -> list[str]:
    """That no level changed, or no time, and which step would have been marked."""
    noisy = [series for series in found if series.judged]
    timed = [series for series in noisy if series.meaning.unit == "s"]
    steady = [series for series in timed if not series.changes]
    if (
        (not noisy and not any(series.meaning.exact for series in found))
        or len(steady) < len(timed)
        or (told and not timed)
    ):
        return []
    number = len(timed) if told else sum(series.judged or series.meaning.exact for series in found)
    what = f"No {'time' if told else 'level'} changed in {units.counted(len(history.entries), 'run')} of "
    said = what + units.counted(number, "timing" if told else "metric")
    seen = sorted(step for series in timed if (step := visible(series, len(noisy))))
    if not seen or len(seen) < sum(series.spread > 0 for series in timed):
        return [f"{said}."]
    half = "a step halfway through would be marked four times in five from"
    if len(seen) == 1:
        return [f"{said}; {half} {percent(seen[0])} on."]
    middle, most = percent(median(seen)), percent(seen[-1])
    return [f"{said}; {half} {middle} on in the middle timing and from {most} on in the noisiest."]


def visible(series: Series, tests: int) -> float | None:
    """The step halfway through that one of `tests` series would show four times in five, by the scatter seen; as a part
    where its scale is a ratio. None where none would be.
    """
    if series.meaning.scale != "ratio":
        return None
    return change_points.promised(len(series.points), ALPHA / tests, series.spread, series.least)


def _too_few(found: Sequence[Series]) -> list[str]:
    """What has too few runs for a mark, and how many it takes."""
    noisy = [series for series in found if not series.meaning.exact]
    most = max((len(series.points) for series in noisy), default=0)
    tests = sum(series.judged for series in noisy)
    least = 2 * change_points.LEAST
    if noisy and not tests:
        number = f"{units.counted(most, 'run')} on one machine {'is' if most == 1 else 'are'}"
        enough = f"{least} or more are needed, {change_points.LEAST} on each side"
        return [f"{number} too few to mark a change: {enough}."]
    needed = change_points.values_needed(max(tests, 1), ALPHA)
    if noisy and most < needed:
        return [
            f"With {most} runs a change is marked only where several of {tests} metrics show it; {needed} runs are "
            "needed for one alone."
        ]
    return []


def _machine(history: History, found: Sequence[Series], told: Sequence[Event]) -> list[str]:
    """That the machine's own speed changed, and whether where something else did."""
    said = []
    for event in events([series for series in found if series.calibration]):
        series, change = event.changes[0]
        beside = any(abs(event.at - other.at) <= _ABOUT for other in told)
        about = (
            "what changed about then may be the machine's doing and not the code's"
            if beside
            else "nothing else that was measured shows it"
        )
        since, times = history.since(history.entries[event.at]), change.comparison.centre or 1.0
        said.append(
            f"The machine itself changed at {since}: its {series.meaning.name} is {times:.2f} times what it was; "
            f"{about}."
        )
    return said
