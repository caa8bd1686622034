"""The commands `ab`, `compare` and `export`: from what was typed to what is printed, written and returned."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated

import typer

from rnn_vs_attn.ab.options import AGAIN, JUNIT, MARKDOWN, STRICT, SUITE, AbOptions, read_margin
from rnn_vs_attn.cli.help_all import FIRST
from rnn_vs_attn.cli.options import Call, command
from rnn_vs_attn.compare import machines, verdicts
from rnn_vs_attn.compare.publishing import publish, write
from rnn_vs_attn.compare.report import Report
from rnn_vs_attn.compare.runs import Rules, report_of, shared_axes
from rnn_vs_attn.errors import DONE, UserError, unknown
from rnn_vs_attn.export import FORMATS, exported, named, otava_configuration
from rnn_vs_attn.records.checks import checked_run
from rnn_vs_attn.records.types import Run
from rnn_vs_attn.run import cases
from rnn_vs_attn.run.cases import option_name
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.case import argument, option
from rnn_vs_attn.suites.metrics import CALIBRATION
from rnn_vs_attn.text.streams import print_document, say

# Two versions


def _ab(call: Call[AbOptions]) -> int:
    from rnn_vs_attn.ab.command import resume, run  # with what draws a bar: --help has no use for it
    from rnn_vs_attn.ab.pyproject import with_file

    options = call.options
    if options.resume is not None:
        own = [name for name in call.names if name not in AGAIN]
        if own:
            raise UserError(f"--resume goes on under the run's own settings; leave out {_typed(options, own[0])}")
        return resume(options, call.names)
    words, options = with_file(call.words, options, call.names)
    if not words["model"]:
        if not options.aa:
            raise UserError("--model is missing: name what to compare, such as --model mypackage.layers:MyMixer")
        words = {**words, "model": ["lstm,attention"]}
    axes = cases.parse(SUITE, words)
    axes["model"] = cases.with_model_arguments(axes["model"], options.model_arg)
    return run(axes, options)


def _typed(options: AbOptions, name: str) -> str:
    """How a user typed the option of that name."""
    flags = {field.name: field.metadata.get("flag") for field in fields(options)}
    return str(getattr(options, name)) if name in ("baseline", "candidate") else flags.get(name) or option_name(name)


_DEFAULTS = {"model": "", "seq_len": "128,512", "threads": "1"}
ab_command = command(_ab, AbOptions, SUITE.axes.case, defaults=_DEFAULTS, first=FIRST["ab"])

# Two runs


@dataclass(frozen=True)
class CompareOptions:
    """The options of `compare`."""

    runs: list[Path] = argument("Two run folders: BASELINE CANDIDATE.")
    margin: float = option(
        0.03,
        "Worse by no more than this is no slowdown; of times it is widened by the machine's spread from day to day.",
        typed="3%",
        parse=read_margin,
        panel=None,
    )
    spread_from: Path | None = option(
        None, "Folder of five or more runs of this machine, which tell its spread.", shown="a spread of 4%", panel=None
    )
    any_machine: bool = option(False, "An advisory table where machines differ; exit 3 all the same.", panel=None)
    strict: bool = option(False, STRICT, panel=None)
    markdown: Path | None = option(None, MARKDOWN, panel=None)
    junit: Path | None = option(None, JUNIT, panel=None)
    as_json: bool = option(False, "One JSON document on standard output.", flag="--json", panel=None)
    debug: bool = option(False, "Show stack traces.", panel=None)


def _compare(call: Call[CompareOptions]) -> int:
    return run(call.options)


compare_command = command(_compare, CompareOptions)


def run(options: CompareOptions) -> int:
    """`compare`; its exit code."""
    paths = options.runs
    if len(paths) != 2:
        raise UserError(
            f"compare takes two runs, baseline and candidate, and was given {len(paths)}; rnn-vs-attn history draws "
            "any number of them over time"
        )
    runs = [checked_run(path) for path in paths]
    _check_suites(runs, paths)
    rules = rules_of(options.margin, runs)
    baseline, candidate = runs
    differing = machines.unlike(baseline, candidate)
    names = str(paths[0]), str(paths[1])
    if differing and not options.any_machine:
        return _refuse(names, differing, options)
    if options.spread_from is not None:
        spread, number = machines.spread_of(options.spread_from, candidate)
        rules = replace(rules, spread=spread, source=f"from {number} runs in {options.spread_from}")
    report = report_of(baseline, candidate, names, rules, options.strict, differing)
    return _publish(report, options)


def _publish(report: Report, options: CompareOptions) -> int:
    publish(report, options.markdown, options.junit, options.as_json)
    return report.code


def _check_suites(runs: list[Run], paths: list[Path]) -> None:
    for other, path in zip(runs[1:], paths[1:], strict=True):
        if other.suite != runs[0].suite:
            raise UserError(
                f"{paths[0]} is a run of {runs[0].suite!r} and {path} of {other.suite!r}; compare runs of one suite"
            )


def rules_of(margin: float, runs: list[Run]) -> Rules:
    """How runs of one suite are judged."""
    suite = next((s for s in SUITES if s.name == runs[0].suite), None)
    if suite is None:
        return Rules(margin, shared_axes(runs), calibration=CALIBRATION)
    axes = tuple(field.name for field in fields(suite.axes.case))
    return Rules(margin, axes, calibration=CALIBRATION, echoes=frozenset(suite.echoes))


def _refuse(names: tuple[str, str], differing: list[str], options: CompareOptions) -> int:
    lead = (
        "Not comparable: machine or software differ. Run both on one machine (rnn-vs-attn ab does that at once), or "
        "see an advisory table with --any-machine."
    )
    notes = [f"differs: {line}" for line in differing]
    title = f"compare, {names[1]} against {names[0]}"
    return _publish(Report(title, [], notes, verdicts.NO_VERDICT, {"differing": differing}, lead=lead), options)


# One run for another tool


def export_command(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; otava, csv and parquet take several.")],
    format: Annotated[str, typer.Option(help=f"One of {', '.join(f.name for f in FORMATS)}.")],
    output: Annotated[Path | None, typer.Option(help="File to write.", show_default="standard output")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
) -> int:
    """A run in the format of another tool."""
    return export(runs, format, output)


def export(paths: list[Path], name: str, output: Path | None) -> int:
    """`export`; its exit code."""
    names = [chosen.name for chosen in FORMATS]
    if name not in names:
        raise unknown("format", name, names)
    if output is None and named(name).binary:
        raise UserError(f"--format {name} is binary; give a file with --output")
    if name == "otava" and output is not None and output.suffix == ".yaml":
        raise UserError(f"--output {output} is where otava's configuration goes; give a name that ends in .csv")
    runs = [checked_run(path) for path in paths]
    document = exported(runs, name)
    if output is None:
        print_document(str(document))
        return DONE
    written = otava_configuration(runs, str(output)) if name == "otava" else None
    write(output, document, "--output")
    if written is not None:
        _configure(output, *written)
    return DONE


def _configure(output: Path, text: str, gaps: list[str]) -> None:
    """Otava's configuration beside the series, and how to call it."""
    configuration = output.with_suffix(".yaml")
    write(configuration, text, "--output")
    if gaps:
        more = f" and {len(gaps) - 1} more" if len(gaps) > 1 else ""
        say(f"note: not in {configuration}, as some run lacks it: {gaps[0]}{more}")
    command = f"OTAVA_CONFIG={shlex.quote(str(configuration))} otava analyze rnn-vs-attn"
    say(f"Written to {output}; now: {command}")
