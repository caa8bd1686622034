"""The commands `compare` and `export`: from stored runs to what is printed, written and returned."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

from rnn_vs_attn import export as exports
from rnn_vs_attn.compare import report as verdict_report
from rnn_vs_attn.compare import runs as compare
from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.compare.runs import Rules
from rnn_vs_attn.errors import UserError, unknown
from rnn_vs_attn.records.types import Run
from rnn_vs_attn.run import session
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.suite import CALIBRATION
from rnn_vs_attn.text.streams import print_document, print_json, say


def run(paths: list[Path], options: dict[str, Any]) -> int:
    """`compare`; its exit code."""
    if len(paths) < 2:
        raise UserError("give two runs, baseline and candidate; or more for a table over time")
    margin = session.margin(options["margin"])
    runs = [compare.read(path) for path in paths]
    _check_suites(runs, paths)
    rules = _rules(margin, runs)
    if len(runs) > 2:
        return _over_time(runs, paths, rules, options)
    baseline, candidate = runs
    differing = compare.unlike(baseline, candidate)
    names = str(paths[0]), str(paths[1])
    if differing and not options["any_machine"]:
        return _refuse(names, differing, options)
    if options["history"] is not None:
        spread, number = compare.spread_of(options["history"], candidate)
        rules = dataclasses.replace(rules, spread=spread, source=f"from {number} runs in {options['history']}")
    report = compare.report(baseline, candidate, names, rules, options["strict"], differing)
    session.publish(report, options)
    return report.code


def _check_suites(runs: list[Run], paths: list[Path]) -> None:
    for other, path in zip(runs[1:], paths[1:], strict=True):
        if other.suite != runs[0].suite:
            raise UserError(
                f"{paths[0]} is a run of {runs[0].suite!r} and {path} of {other.suite!r}; compare runs of one suite"
            )


def _rules(margin: float, runs: list[Run]) -> Rules:
    """How runs of one suite are judged."""
    suite = next((s for s in SUITES if s.name == runs[0].suite), None)
    if suite is None:
        return Rules(margin, compare.shared_axes(runs), calibration=CALIBRATION)
    axes = tuple(field.name for field in dataclasses.fields(suite.case))
    return Rules(margin, axes, calibration=CALIBRATION, echoes=frozenset(suite.echoes))


def _refuse(names: tuple[str, str], differing: list[str], options: dict[str, Any]) -> int:
    notes = [
        "not comparable: machine or software differ; run both on one machine (rnn-vs-attn ab does that at once), "
        "or see an advisory table with --any-machine",
        *(f"differs: {line}" for line in differing),
    ]
    title = f"compare, {names[1]} against {names[0]}"
    session.publish(verdict_report.Report(title, [], notes, verdicts.NO_VERDICT, {"differing": differing}), options)
    return verdicts.NO_VERDICT


def _over_time(runs: list[Run], paths: list[Path], rules: Rules, options: dict[str, Any]) -> int:
    if options["as_json"]:
        print_json({"runs": compare.as_documents(runs)})
        return session.DONE
    from rnn_vs_attn.report.terminal import print_table

    table = compare.over_time(runs, [path.name for path in paths], rules)
    print_table(table, session.console())
    if options["markdown"] is not None:
        verdict_report.write(options["markdown"], table.markdown(), "--markdown")
    return session.DONE


def export(paths: list[Path], name: str, output: Path | None) -> int:
    """`export`; its exit code."""
    names = [chosen.name for chosen in exports.FORMATS]
    if name not in names:
        raise unknown("format", name, names)
    if output is None and exports.named(name).binary:
        raise UserError(f"--format {name} is binary; give a file with --output")
    if name == "otava" and output is not None and output.suffix == ".yaml":
        raise UserError(f"--output {output} is where otava's configuration goes; give a name that ends in .csv")
    runs = [compare.read(path) for path in paths]
    document = exports.exported(runs, name)
    if output is None:
        print_document(str(document))
        return session.DONE
    series = exports.otava_configuration(runs, str(output)) if name == "otava" else None
    verdict_report.write(output, document, "--output")
    if series is not None:
        _configure(output, *series)
    return session.DONE


def _configure(output: Path, text: str, gaps: list[str]) -> None:
    """Otava's configuration beside the series, and how to call it."""
    configuration = output.with_suffix(".yaml")
    verdict_report.write(configuration, text, "--output")
    if gaps:
        more = f" and {len(gaps) - 1} more" if len(gaps) > 1 else ""
        say(f"note: not in {configuration}, as some run lacks it: {gaps[0]}{more}")
    command = f"OTAVA_CONFIG={shlex.quote(str(configuration))} otava analyze rnn-vs-attn"
    say(f"Written to {output}; now: {command}")
