"""An interrupted run of `ab` taken up again: its options, its commits, what its prelude found, and its samples."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

from rnn_vs_attn.ab import versions
from rnn_vs_attn.ab.checkouts import Repository
from rnn_vs_attn.ab.failures import Untimed
from rnn_vs_attn.ab.options import AGAIN, SUITE, AbOptions
from rnn_vs_attn.ab.prelude import Prelude
from rnn_vs_attn.ab.samples import checked_samples
from rnn_vs_attn.ab.stages import NAME
from rnn_vs_attn.ab.versions import BASELINE, SIDES, Sides
from rnn_vs_attn.compare.outcome import Outcome
from rnn_vs_attn.compare.verdicts import VERDICTS, Comparison
from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.machine import environment
from rnn_vs_attn.machine.anonymity import without_names
from rnn_vs_attn.records.types import Run, SampleLine
from rnn_vs_attn.run import cases, resuming
from rnn_vs_attn.run.cases import AxisValues
from rnn_vs_attn.run.journal import same
from rnn_vs_attn.suites.case import Case, axes_of
from rnn_vs_attn.units import now

_NOT_KEPT = (*AGAIN, "output", "model_arg")  # of options; what models were given stands in their names
_NAMED = 4  # facts of a machine, at most
_OWN_RUN = "start a run of its own"


@dataclass(frozen=True)
class Stored:
    """What `--resume` goes on with."""

    path: Path
    head: Run
    options: AbOptions
    prelude: Prelude
    lines: list[SampleLine]

    @property
    def sides(self) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = self.head.settings["sides"]
        return found


# What is kept


def settings_of(both: Sides, prelude: Prelude, options: AbOptions) -> dict[str, Any]:
    """What a run keeps beside its axes and limits, so that it can go on."""
    kept = {name: value for name, value in asdict(options).items() if name not in _NOT_KEPT}
    kept |= {"max_seconds": options.max_seconds}
    if options.anonymous:
        kept |= dict.fromkeys(("baseline_python", "candidate_python", "setup"))
    known = {
        "untimed": [{"axes": axes_of(case)} | asdict(found) for case, found in prelude.untimed.items()],
        "outcomes": [{"axes": axes_of(case)} | asdict(found) for case, found in prelude.outcomes.items()],
        "exact": [asdict(found) for found in prelude.exact],
        "not_exact": prelude.not_exact,
    }
    return {
        "options": kept,
        "prelude": without_names(known) if options.anonymous else known,
        "machine": machine(prelude),
        "code": prelude.code,
        "written": written(both.repository.root, options) if both.repository is not None else [],
        "unnamed": options.anonymous and any((options.baseline_python, options.candidate_python, options.setup)),
    }


def machine(prelude: Prelude) -> dict[str, dict[str, Any]]:
    """Of each side the facts that must agree between two sittings."""
    return {
        side: environment.hard_keys(environment.describe(facts, anonymous=True))
        for side, facts in prelude.facts.items()
    }


def written(root: Path, options: AbOptions) -> list[str]:
    """Files that this call writes into the repository, as paths from its root: they are no changes of the user's.

    Those that its standard streams are redirected to are among them.
    """
    streams = [Path(f"/proc/self/fd/{number}") for number in (1, 2)]
    named = (options.output, options.markdown, options.junit, *(path for path in streams if path.is_file()))
    paths = [path.resolve() for path in named if path is not None]
    return [path.relative_to(root).as_posix() for path in paths if path.is_relative_to(root)]


# What is read


def read(path: Path, given: AbOptions, names: Sequence[str]) -> Stored:
    """The run in folder `path`, with what was given beside --resume. UserError where it cannot go on."""
    head = resuming.head_of(NAME, path)
    settings = head.settings
    if head.status != "complete" and not {"options", "prelude", "machine"} <= settings.keys():
        raise UserError(f"{path} was begun by a version that cannot go on with it; {_OWN_RUN}")
    if settings.get("unnamed"):
        raise UserError(f"an anonymous run does not say which Pythons or --setup it was given; {_OWN_RUN}")
    if settings.get("inputs", 1) != SUITE.analysis.inputs:
        raise UserError(f"{path} was begun by a version that makes other weights or inputs; {_OWN_RUN}")
    try:
        options = _options(settings["options"])
        axes = resuming.read_axes(SUITE, settings["axes"])
        prelude = _prelude(axes, settings["prelude"])
        _check_sides(settings)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{path / 'run.json'} is damaged: its settings do not fit ({first_line(error)})") from None
    if _fixed(asdict(options.limits)) != _fixed(settings["limits"]):
        raise UserError(f"{path} was begun by a version that takes other pairs; {_OWN_RUN}")
    today = date.fromisoformat(now()[:10])  # what ran out since the run was begun is accepted no more
    again = {name: getattr(given, name) for name in AGAIN if name != "max_seconds" or name in names}
    again["accepted"] = tuple(entry.on(today) for entry in options.accepted)
    options = dataclasses.replace(options, **again, output=path)
    return Stored(path, head, options, prelude, checked_samples(path, options, prelude.timed))


def _fixed(limits: Mapping[str, Any]) -> dict[str, Any]:
    """Limits that stay through all sittings, as JSON has them."""
    kept: dict[str, Any] = json.loads(
        json.dumps({name: value for name, value in limits.items() if name != "max_seconds"})
    )
    return kept


def _options(stored: Mapping[str, Any]) -> AbOptions:
    """ValueError where one is none."""
    from pydantic import TypeAdapter

    known = {field.name: field for field in fields(AbOptions) if field.name not in ("model_arg", "output")}
    strange = [name for name in stored if name not in known or (name in AGAIN and name != "max_seconds")]
    if strange:
        raise ValueError(f"options.{strange[0]} is no option that a run keeps")
    options: AbOptions = TypeAdapter(AbOptions).validate_json(json.dumps(dict(stored)), strict=True)
    for name in stored:
        value, least = getattr(options, name), known[name].metadata.get("minimum")
        if type(value) in (int, float) and not (least or 0) <= value < math.inf:
            raise ValueError(f"options.{name} is {value}")
    if not options.margin < 1 or not options.passes or not set(options.passes) <= set(SUITE.rounds.passes):
        raise ValueError("options have a margin or passes that there are not")
    if options.screen + options.confirm > resuming.MOST_ROUNDS:
        raise ValueError(f"options ask for {options.screen + options.confirm} pairs")
    return options


def _prelude(axes: AxisValues, stored: Mapping[str, Any]) -> Prelude:
    """ValueError or KeyError where it is of other cases."""
    from pydantic import TypeAdapter

    by_axes = {same(axes_of(case)): case for case in cases.cases_of(SUITE, axes)}
    untimed, outcomes = dict[Case, Untimed](), dict[Case, Outcome]()
    for rest in stored["untimed"]:
        known = TypeAdapter(Untimed).validate_python({k: v for k, v in rest.items() if k != "axes"})
        untimed[by_axes[same(rest["axes"])]] = known
    for rest in stored["outcomes"]:
        found = TypeAdapter(Outcome).validate_python({k: v for k, v in rest.items() if k != "axes"})
        outcomes[by_axes[same(rest["axes"])]] = found
    exact = TypeAdapter(list[Comparison]).validate_python(stored["exact"])
    told = [*(known.verdict for known in untimed.values()), *(found.verdict for found in exact)]
    unknown = [verdict for verdict in told if verdict not in VERDICTS]
    if unknown:
        raise ValueError(f"there is no verdict {unknown[0]!r}")
    not_exact = TypeAdapter(dict[str, str]).validate_python(stored["not_exact"])
    return Prelude({}, axes, untimed, outcomes, exact, not_exact)


def _check_sides(settings: Mapping[str, Any]) -> None:
    """ValueError where it is not said what was compared."""
    for side in SIDES:
        found = settings["sides"][side]
        for name in ("label", "python", "commit", "tree"):
            if not isinstance(found[name], str | None):
                raise ValueError(f"sides.{side}.{name} is no text")
        if not isinstance(settings["machine"][side], dict) or not isinstance(settings["code"].get(side, {}), dict):
            raise ValueError(f"machine.{side} or code.{side} is no object")
    if settings["options"]["baseline"] is not None and settings["sides"][BASELINE]["commit"] is None:
        raise ValueError("sides.baseline.commit is not there")
    if not isinstance(settings["written"], list) or not all(isinstance(path, str) for path in settings["written"]):
        raise ValueError("written is no list of paths")


# The same versions


def sides_again(stored: Stored) -> Sides:
    """What is compared, by its commits. UserError where it is not what it was."""
    options, known = stored.options, stored.sides
    if options.aa:
        return versions.alike()
    if options.baseline is None:
        return versions.of_interpreters(options.baseline_python, options.candidate_python)
    baseline, candidate = (known[side]["commit"] for side in SIDES)
    repository = Repository(Path.cwd())
    models, ours = stored.prelude.axes["model"], stored.head.settings["written"]
    both = versions.of_references(repository, baseline, candidate, options.set_up, False, models, ours)
    for side in SIDES:
        version = both[side].version
        if version is None or version.tree != known[side]["tree"]:
            both.__exit__()
            raise UserError(
                f"the files of the working tree are not those that {stored.path} was begun with (new ones count too, "
                f"unless git ignores them); bring them back, or {_OWN_RUN}"
            )
    both.baseline, both.candidate = (dataclasses.replace(both[side], label=known[side]["label"]) for side in SIDES)
    return both


def check_alike(stored: Stored, prelude: Prelude) -> None:
    """UserError where machine, software or code of this sitting is another."""
    before, now = stored.head.settings["machine"], machine(prelude)
    for side in SIDES:
        differing = [key for key in now[side] if before[side].get(key) != now[side][key]]
        if differing:
            names = ", ".join(differing[:_NAMED]) + f" and {len(differing) - _NAMED} more" * (len(differing) > _NAMED)
            raise UserError(
                f"{stored.path} was begun on another machine or with other software: its {side} differs in {names}; "
                f"{_OWN_RUN} here"
            )
        code = stored.head.settings["code"].get(side, {})
        changed = [name for name, file in prelude.code.get(side, {}).items() if code.get(name) != file]
        if changed:
            raise UserError(f"the file of {changed[0]!r} has changed since {stored.path} was begun; {_OWN_RUN}")
