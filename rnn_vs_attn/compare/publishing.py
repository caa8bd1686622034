"""Where the verdicts of `ab` and `compare` go: the terminal, JSON, Markdown, JUnit, GitHub's summary and annotation."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from rnn_vs_attn.compare.report import Report, change, decided, document, value, varying
from rnn_vs_attn.compare.summary import markdown, show
from rnn_vs_attn.compare.verdicts import BROKEN, FAILED, MISSING, NEW, SLOWER, UNSURE, Comparison
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.folder import put
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.text import safe
from rnn_vs_attn.text.streams import print_json

_OF_A_RUN = ("run.json", "samples.jsonl", "records.jsonl")  # what is lost with them was measured


def junit(report: Report) -> str:
    """One test case a row: a failure (broken, slower), an error (failed, missing), skipped (unsure, new) or well."""
    kinds = {BROKEN: "failure", SLOWER: "failure", FAILED: "error", MISSING: "error", UNSURE: "skipped", NEW: "skipped"}
    number = Counter(kinds.get(c.verdict, "") for c in report.found)
    counts = {"tests": len(report.found), "failures": number["failure"], "errors": number["error"]}
    attributes = {name: str(value) for name, value in (counts | {"skipped": number["skipped"]}).items()}
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite", {"name": safe.xml(report.title), "time": "0"} | attributes)
    names = varying([c.axes for c in report.found])
    for c in report.ordered:
        label = " ".join([*(f"{name}={c.axes[name]}" for name in names if name in c.axes), c.metric])
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"name": safe.xml(label), "classname": safe.xml(f"rnn_vs_attn.{c.suite}"), "time": "0"},
        )
        text = safe.xml(_sentence(c))
        if c.verdict in kinds:
            element = ElementTree.SubElement(case, kinds[c.verdict], {"type": c.verdict, "message": text})
            element.text = text
        ElementTree.SubElement(case, "system-out").text = text
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _sentence(c: Comparison) -> str:
    parts = [c.verdict, change(c), f"baseline {value(c.baseline, c)}" if c.baseline is not None else ""]
    parts += [f"candidate {value(c.candidate, c)}" if c.candidate is not None else "", decided(c), c.reason]
    return "; ".join(part for part in parts if part)


def annotation(report: Report) -> str:
    """One line that GitHub shows: an error where something is broken or slower, a warning where there is no verdict."""
    kind = {0: "notice", 1: "error", 5: "error"}.get(report.code, "warning")
    text = " ".join([*report.sentences, f"({report.headline})"])
    return f"::{kind} title=rnn-vs-attn::{safe.annotation(text)}"


def publish(report: Report, markdown_file: Path | None, junit_file: Path | None, as_json: bool) -> None:
    """Verdicts to the files asked for, to GitHub where it runs there, and to the terminal or as JSON."""
    for line in distribute(report, markdown_file, junit_file):
        print(line, file=sys.stderr)  # a command to GitHub, which is meant
    if as_json:
        print_json(document(report))
        return
    show(report, Terminal())


def distribute(report: Report, markdown_file: Path | None, junit_file: Path | None) -> list[str]:
    """Write the files asked for and, under GitHub Actions, the job summary; lines for standard error."""
    if markdown_file is not None:
        write(markdown_file, markdown(report), "--markdown")
    if junit_file is not None:
        write(junit_file, junit(report), "--junit")
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        write(Path(summary), markdown(report) + "\n", "GITHUB_STEP_SUMMARY", mode="a")
    return [annotation(report)] if os.environ.get("GITHUB_ACTIONS") else []


def write(path: Path, document: str | bytes, option: str, mode: str = "w") -> None:
    """Write a file that an option names, in the place of the one there. UserError where that cannot be, or would take
    what was measured.
    """
    if path.name in _OF_A_RUN and (path.parent / "run.json").exists():
        raise UserError(f"{path} ({option}) is what a run is stored in; name another file")
    content = safe.encodable(document).encode() if isinstance(document, str) else document
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = mode == "w" and (path.is_file() or not path.exists())  # a pipe or a device takes it as it comes
        if plain and os.access(path.resolve().parent, os.W_OK):
            put(path.resolve(), content)
            return
        with path.open(mode + "b") as file:
            file.write(content)
    except OSError as error:
        raise UserError(f"cannot write {path} ({option}): {error.strerror}") from None
