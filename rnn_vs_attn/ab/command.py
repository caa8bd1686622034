"""`ab`: two versions measured in turn in one sitting, from the command's options to its verdicts and exit code."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.ab import decide as judging
from rnn_vs_attn.ab import versions as sides
from rnn_vs_attn.ab.progress import PairsShown
from rnn_vs_attn.ab.runner import NAME, PairLimits, Pairs
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, Presence, Sides
from rnn_vs_attn.compare import report as verdict_report
from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.compare.report import Report
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.machine import environment, fitness
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.records.types import Run
from rnn_vs_attn.run import cases as sweeps
from rnn_vs_attn.run import session
from rnn_vs_attn.run.runner import now
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.case import Case, axes_of
from rnn_vs_attn.text.streams import say
from rnn_vs_attn.worker.client import ChildWorker

SUITE = BENCH  # whose cases and passes are compared
_LEAST_SCREEN = 5  # pairs, below which no 90 % interval exists


@dataclass
class Prelude:
    """What is known of both sides before the first timing.

    outcomes: of each case how far its outputs are apart; not_exact: of each model, why what has no noise is not known.
    """

    facts: dict[str, dict[str, Any]]
    axes: sweeps.Axes
    presence: dict[str, Presence]
    outcomes: dict[Case, dict[str, Any]] = field(default_factory=dict)
    exact: list[verdicts.Comparison] = field(default_factory=list)
    not_exact: dict[str, str] = field(default_factory=dict)

    @property
    def differ(self) -> list[Case]:
        """Cases whose outputs are further apart than rounding, or could not be compared."""
        return [case for case, found in self.outcomes.items() if found["error"] or not found["rounding"]]


def run(options: dict[str, Any]) -> int:
    """The whole command; its exit code."""
    begun = time.monotonic()
    axes = _axes(options)
    limits = _limits(options)
    passes = _passes(options["passes"])
    if options["output"] is not None:
        session.check_folder(options["output"], resumable=False)
    with _sides(options) as both:
        both.debug = options["debug"]
        if both.same_tree:
            return _nothing_to_compare(both, options)
        prelude = _prelude(both, axes, limits)
        return _compare(both, prelude, limits, passes, options, begun)


# Options


def _axes(options: dict[str, Any]) -> sweeps.Axes:
    if not options["model"]:
        if not options["aa"]:
            raise UserError("--model is missing: name what to compare, such as --model mypackage.layers:MyMixer")
        options["model"] = ["lstm,attention"]
    axes = sweeps.parse(SUITE, options)
    sweeps.check(SUITE, axes, options["force"])
    return axes


def _passes(texts: Sequence[str]) -> list[str]:
    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    for word in words:
        if word not in SUITE.rounds.passes:
            raise UserError(f"--pass {word!r} is none of {', '.join(SUITE.rounds.passes)}")
    return list(dict.fromkeys(words)) or list(SUITE.rounds.passes)


def _limits(options: dict[str, Any]) -> PairLimits:
    if options["screen"] < _LEAST_SCREEN:
        raise UserError(f"--screen {options['screen']} pairs give no interval; use {_LEAST_SCREEN} or more")
    limits = PairLimits(
        margin=session.margin(options["margin"]),
        screen=options["screen"],
        confirm=options["confirm"],
        max_seconds=options["max_seconds"],
        timeout=options["timeout"],
        max_memory=session.memory(options["max_memory"]),
        seed=options["seed"],
    )
    return limits


def _sides(options: dict[str, Any]) -> Sides:
    """What is compared, and that only one way of naming it is used."""
    baseline, candidate = options["baseline"], options["candidate"]
    pythons = options["baseline_python"], options["candidate_python"]
    ways = [bool(baseline), any(pythons), options["aa"]]
    if sum(ways) != 1:
        raise UserError(
            "name what to compare in one way: a git reference (rnn-vs-attn ab main), two environments "
            "(--baseline-python, --candidate-python), or --aa for the same code twice"
        )
    if not baseline:
        for name in ("setup", "require_clean"):
            if options[name]:
                raise UserError(f"{sweeps.option_name(name)} is for git references; leave it out")
        return sides.alike() if options["aa"] else sides.of_interpreters(*pythons)
    names = [name.strip() for text in options["model"] for name in text.split(",")]
    built_in = [name for name in names if find(name).family != "user"]
    if built_in:
        raise UserError(
            f"{built_in[0]!r} is built into this program, so two git references run the same code; name a layer of the "
            "repository, or compare environments with --baseline-python and --candidate-python"
        )
    return sides.of_references(baseline, candidate, options["setup"], options["require_clean"], options["debug"])


def _nothing_to_compare(both: Sides, options: dict[str, Any]) -> int:
    reason = (
        f"nothing to compare: {both.baseline.label} and {both.candidate.label} hold the same files; "
        "--aa measures this machine"
    )
    facts = {"sides": _described(both, options["anonymous"])}
    session.publish(Report(NAME, [], [reason], verdicts.NO_VERDICT, facts), options)
    return verdicts.NO_VERDICT


# Before timing


def _prelude(both: Sides, axes: sweeps.Axes, limits: PairLimits) -> Prelude:
    """Ask both sides what they are, prove that they differ, compare what they compute and what has no noise."""
    workers = both.start()
    try:
        facts = sides.at_once({name: _asking(workers[name], "environment", limits) for name in workers})
        axes = axes | {"device": _devices(workers, axes, limits)}
        SUITE.axes.check(axes)
        presence = sides.prove(both, workers, axes["model"], limits.timeout)
        prelude = Prelude(facts, axes, presence)
        _check_modules(both, workers, prelude, limits)
        with tempfile.TemporaryDirectory(prefix="rnn-vs-attn-") as home:
            for name, found in presence.items():
                if not found.on_both:
                    continue
                for case in sweeps.cases(SUITE, axes | {"model": [name]}):
                    prelude.outcomes[case] = _outcome(both, workers, case, limits, Path(home) / "outcome.pt")
                    try:
                        prelude.exact += _exact(both, workers, case, limits)
                    except (CaseFault, UserError) as error:
                        prelude.not_exact.setdefault(name, f"at seq_len {case.seq_len}: {error}")
                if both.repository is not None:  # again, for what is imported when a module is called
                    sides.prove(both, workers, [name], limits.timeout)
        return prelude
    finally:
        for worker in workers.values():
            if worker.alive:
                worker.close()


def _asking(worker: ChildWorker, do: str, limits: PairLimits, **fields: Any) -> Any:
    return lambda: worker.ask(do, limits.timeout, **fields)


def _devices(workers: Mapping[str, ChildWorker], axes: sweeps.Axes, limits: PairLimits) -> list[str]:
    """The devices that the names stand for on both sides. UserError where they differ."""
    resolved = {}
    for side, worker in workers.items():
        asked = [(name, dtype) for name in axes["device"] for dtype in axes["dtype"]]
        found = [worker.ask("device", limits.timeout, name=n, dtype=dtype)["device"] for n, dtype in asked]
        resolved[side] = list(dict.fromkeys(found))
    if resolved[BASELINE] != resolved[CANDIDATE]:
        raise UserError(
            f"--device {','.join(axes['device'])} is {resolved[BASELINE]} for the baseline and {resolved[CANDIDATE]} "
            "for the candidate; name one that both have, such as --device cpu"
        )
    return resolved[BASELINE]


def _check_modules(both: Sides, workers: dict[str, ChildWorker], prelude: Prelude, limits: PairLimits) -> None:
    """Build and call the user's modules at their least shape. UserError where one fits on neither side."""
    for name, presence in prelude.presence.items():
        if not presence.on_both or find(name).family != "user":
            continue
        few = {axis: values[:1] for axis, values in prelude.axes.items()}
        few |= {"model": [name], "seq_len": [min(prelude.axes["seq_len"])]}
        for case in sweeps.cases(SUITE, few):
            for side in both:
                fields = {"suite": SUITE.name, "case": axes_of(case), "max_memory": limits.max_memory}
                try:
                    both.awake(workers, side.name).ask("check", limits.timeout, **fields)
                except UserError as error:
                    presence.broken[side.name] = str(error)
                except CaseFault as fault:  # a crash or the like is recorded by its case
                    if fault.status == "failed":
                        presence.broken[side.name] = f"model {name!r} cannot be measured: {fault.reason}"
        if len(presence.broken) == 2:
            raise UserError(presence.broken[CANDIDATE])


ALIKE: dict[str, Any] = {"error": "", "max_error": 0.0, "where": "", "equal": True, "rounding": True}


def _outcome(
    both: Sides, workers: dict[str, ChildWorker], case: Case, limits: PairLimits, path: Path
) -> dict[str, Any]:
    """How far the candidate's output and gradients are from the baseline's, on the baseline's weights and input."""
    plain = dataclasses.replace(case, compile=False, cuda_graphs=False)  # type: ignore[call-arg]
    fields = {"suite": SUITE.name, "case": axes_of(plain), "seed": 0, "max_memory": limits.max_memory}
    faults: dict[str, str] = {}
    answer: dict[str, Any] = {}
    for side in (BASELINE, CANDIDATE):
        try:
            worker, compare = both.awake(workers, side), side == CANDIDATE and not faults
            answer = worker.ask("outcome", limits.timeout, path=str(path), compare=compare, **fields)
        except (CaseFault, UserError) as error:
            faults[side] = str(error)
    if len(faults) == 2 and faults[BASELINE] == faults[CANDIDATE]:
        return ALIKE | {"fails": faults[BASELINE]}
    return {"error": "; ".join(f"{side}: {text}" for side, text in faults.items())} if faults else answer


def _exact(both: Sides, workers: dict[str, ChildWorker], case: Case, limits: PairLimits) -> list[verdicts.Comparison]:
    """What has no noise, on both sides at once. CaseFault or UserError where one of them cannot."""
    fields = {"suite": SUITE.name, "case": axes_of(case), "turn": asdict(Turn()), "max_memory": limits.max_memory}
    awake = {name: both.awake(workers, name) for name in (BASELINE, CANDIDATE)}
    found = sides.at_once({name: _asking(w, "measure", limits, **fields) for name, w in awake.items()})
    return judging.exact(SUITE, case, {name: answer["samples"] for name, answer in found.items()}, limits.margin)


# Timing and what follows


def _compare(
    both: Sides, prelude: Prelude, limits: PairLimits, passes: Sequence[str], options: dict[str, Any], begun: float
) -> int:
    every = sweeps.cases(SUITE, prelude.axes)
    cases = [case for case in every if prelude.presence[case.model].on_both]
    if options["require_equal"] and prelude.differ:
        cases = []  # what computes something else need not be timed
    output = options["output"]
    folder = RunFolder.create(output, resumable=False) if output else session.new_folder(NAME, resumable=False)
    if output is None:
        folder.write(".gitignore", "*\n")  # it may stand in the user's repository, and is no change of it
    head = _head(both, prelude, limits, passes, options)
    folder.write_run(head)
    err = session.console(stderr=True)
    pairs = Pairs(SUITE, cases, passes, limits, folder, both.start, environment.cores())
    if not options["quiet"]:
        _announce(both, prelude, cases, passes, limits, folder, err)
    try:
        with PairsShown(err) as shown:
            if not options["quiet"]:
                pairs.progress = shown
            pairs.run()
    except session.Interrupted as stop:
        folder.close()
        say(f"Interrupted before any verdict; the samples so far are in {folder.path}")
        return stop.exit_code
    report = _report(both, prelude, pairs, options)
    report.facts["seconds"] = round(time.monotonic() - begun, 1)
    _write(folder, report, dataclasses.replace(head, status="complete", finished=now()))
    session.publish(report, options)
    if not options["quiet"]:
        say(f"Written to {folder.path}")
    return report.code


def _report(both: Sides, prelude: Prelude, pairs: Pairs, options: dict[str, Any]) -> Report:
    gated = not any((options["baseline_python"], options["candidate_python"]))
    found = [*judging.judge(pairs, gated), *prelude.exact]
    for case in sweeps.cases(SUITE, prelude.axes):
        if not prelude.presence[case.model].on_both:
            found += judging.absent(SUITE, case, pairs.passes, prelude.presence[case.model])
    refused = options["require_equal"] and bool(prelude.differ)
    code = verdicts.exit_code(found, options["strict"], new_counts=True)
    if refused and code == verdicts.NO_SLOWER:
        code = verdicts.NO_VERDICT
    if options["aa"] and code == verdicts.NO_SLOWER and any(c.verdict == verdicts.FASTER for c in found):
        code = verdicts.SLOWER_FOUND
    calibrations = judging.calibrations(pairs)
    notes = [*_notes(both, prelude, pairs, calibrations, gated), verdict_report.geometric_mean(found)]
    facts = {
        "sides": _described(both, options["anonymous"]),
        "environment": _environment(prelude, options["anonymous"]),
        "margin": pairs.limits.margin,
        "stages": [{"stage": s.number, "pairs": s.pairs, "planned": s.wanted} for s in pairs.stages],
        "flagged": [axes_of(cell.case) | {"pass": cell.name, "as": way} for cell, way in pairs.flagged.items()],
        "calibration": [dataclasses.asdict(c) for c in calibrations],
        "outcomes": [{"axes": axes_of(case)} | outcome for case, outcome in prelude.outcomes.items()],
        "folder": pairs.folder.path.name if options["anonymous"] else str(pairs.folder.path),
    }
    return Report(_title(both, options), found, [note for note in notes if note], code, facts)


def _title(both: Sides, options: dict[str, Any]) -> str:
    if options["aa"]:
        return "ab --aa, the same code twice"
    return f"ab, {both.candidate.label} against {both.baseline.label}"


def _notes(
    both: Sides, prelude: Prelude, pairs: Pairs, calibrations: Sequence[judging.Calibration], gated: bool
) -> list[str]:
    first, second = pairs.stages
    margin = units.percent(pairs.limits.margin)
    told = [
        f"slower, faster: beyond {margin} with Holm's correction over {len(pairs.flagged)} flagged of "
        f"{len(first.observed)} timed passes, decided on {second.pairs} fresh pairs of processes; same: the 90% "
        f"interval is inside {margin}; the interval shown is at 95%, over the pairs of the stage that is named",
        "could see: the smallest slowdown that both stages find four times in five, from the scatter of these pairs",
        *both.notes,
        *_said_of_outcomes(prelude),
        *(f"what has no noise is not compared of {model}, {why}" for model, why in prelude.not_exact.items()),
        *_said_of_models(pairs),
        *_said_of_spread(pairs),
        *environment.said_of_quota(environment.processors()),
    ]
    if pairs.peak_unknown:
        told.append(
            f"the machine's own peak could not be read in all pairs ({pairs.peak_unknown}), so whether it changed is "
            "known from the others only"
        )
    changed = [c for c in calibrations if c.moved]
    if changed and not gated:
        told.append(
            f"{changed[0].name} is {changed[0].ratio:.3f} times the baseline's: part of what these environments are, "
            "so no verdict hangs on it"
        )
    differing = _environment(prelude, anonymous=True)["differing"]
    if differing:
        told.append(f"the environments differ in {', '.join(differing)}")
    return told


def _said_of_outcomes(prelude: Prelude) -> list[str]:
    """One sentence for all cases where they agree, else one a model for the first case that differs."""
    known = prelude.outcomes
    if not known:
        return []
    told = []
    for model in dict.fromkeys(case.model for case in prelude.differ):
        case = next(case for case in prelude.differ if case.model == model)
        found = known[case]
        told.append(
            f"NOT EQUAL, {model} at seq_len {case.seq_len}: "
            + (found["error"] or f"{found['where']} differs by up to {found['max_error']:.2g} of its largest value")
        )
    fail = {case: found["fails"] for case, found in known.items() if found.get("fails")}
    by_model = {case.model: text for case, text in reversed(fail.items())}
    told += [f"{model} fails alike on both sides: {text}" for model, text in by_model.items()]
    if prelude.differ:
        return told
    worst = max(found["max_error"] for found in known.values())
    equal = all(found["equal"] for found in known.values())
    how = "bit for bit" if equal else f"up to rounding ({worst:.1g} of the largest value)"
    return [f"outputs and gradients on the same weights and inputs: equal {how}", *told]


def _said_of_models(pairs: Pairs) -> list[str]:
    """What the rows of a model warn of, once each, with the side where it is true of one only."""
    return [
        f"{model}, {next(iter(found))}: {text}" if len(found) == 1 else f"{model}: {text}"
        for (model, text), found in pairs.noted.items()
    ]


def _said_of_spread(pairs: Pairs) -> list[str]:
    """How far pairs scatter, for the middle cell: what this machine is like."""
    from statistics import median, stdev

    spreads = [stdev(d) for cell in pairs.stages[0].observed if len(d := pairs.stages[0].differences(cell)) > 1]
    if not spreads:
        return []
    return [
        f"standard deviation between pairs: {units.percent(median(spreads))} in the middle timed pass, "
        f"{units.percent(max(spreads))} in the worst"
    ]


def _environment(prelude: Prelude, anonymous: bool) -> dict[str, Any]:
    """Both sides' facts, the hard keys in which they differ, and a fingerprint of those in which they agree."""
    described = {side: environment.describe(facts, anonymous) for side, facts in prelude.facts.items()}
    hard = {side: environment.hard_keys(facts) for side, facts in described.items()}
    differing = [key for key in hard[BASELINE] if hard[BASELINE][key] != hard[CANDIDATE][key]]
    shared = {key: value for key, value in hard[BASELINE].items() if key not in differing}
    return {
        "baseline": described[BASELINE],
        "candidate": described[CANDIDATE],
        "differing": differing,
        "fingerprint": environment.digest(shared),
    }


def _described(both: Sides, anonymous: bool) -> dict[str, Any]:
    return {
        side.name: {
            "label": side.label,
            "python": Path(side.python).name if anonymous else side.python,
            "commit": side.version.commit if side.version else None,
            "tree": side.version.tree if side.version else None,
        }
        for side in both
    }


def _head(both: Sides, prelude: Prelude, limits: PairLimits, passes: Sequence[str], options: dict[str, Any]) -> Run:
    settings = {
        "axes": prelude.axes,
        "passes": list(passes),
        "limits": dataclasses.asdict(limits),
        "sides": _described(both, options["anonymous"]),
        "inputs": SUITE.analysis.inputs,
    }
    return Run(
        suite=NAME,
        command=["rnn-vs-attn", *session.command_line(options["anonymous"])],
        settings=settings,
        environment=environment.describe(prelude.facts[CANDIDATE], options["anonymous"]),
        started=now(),
        finished=None,
        status="interrupted",
    )


def _announce(
    both: Sides,
    prelude: Prelude,
    cases: Sequence[Case],
    passes: Sequence[str],
    limits: PairLimits,
    folder: RunFolder,
    err: Any,
) -> None:
    text = (
        f"ab: {both.candidate.label} against {both.baseline.label}; {len(cases)} cases, {len(cases) * len(passes)} "
        f"timed passes, {limits.screen} pairs of processes, then {limits.confirm} fresh ones of what is flagged; at "
        f"most about {units.duration(limits.max_seconds)}; into {folder.path}"
    )
    err.print(text, soft_wrap=True)
    for line in [*both.notes, *(line for line in _said_of_outcomes(prelude) if line.startswith("NOT EQUAL"))]:
        err.print(f"note: {line}", soft_wrap=True)
    described = environment.describe(prelude.facts[CANDIDATE], anonymous=False)
    for line in environment.said_of_quota(described):
        err.print(f"note: {line}", soft_wrap=True)
    found = fitness.findings(described, max((case.threads for case in cases), default=1))
    for finding in found[:1]:
        err.print(f"note: {finding.text}; {finding.remedy}", soft_wrap=True)


def _write(folder: RunFolder, report: Report, head: Run) -> None:
    folder.write("verdicts.json", json.dumps(verdict_report.document(report), allow_nan=False, indent=2) + "\n")
    folder.write("table.md", verdict_report.table(report).markdown())
    folder.write_run(head)
    folder.close()
