"""README.md and docs/ are true: commands run or parse, blocks are up to date, links resolve, pages are short."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import QUICK, run
from command_tree import every_command
from paths import ROOT

from rnn_vs_attn.run import cases
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.bench.suite import BENCH

README = ROOT / "README.md"
PAGES = {page.name: page.read_text() for page in (README, *sorted((ROOT / "docs").glob("*.md")))}
BLOCK = re.compile(r"^<!-- ([a-z-]+) -->$\n(.*?)^<!-- /\1 -->$\n", re.DOTALL | re.MULTILINE)
WRITTEN = {name: BLOCK.sub("", text) for name, text in PAGES.items()}
FOLDERS = [ROOT / name for name in ("rnn_vs_attn", "benchmarks", "examples", "tests", "docs", "results/reference")]

STORED = {"results/before", "results/after"}  # runs of the reader's own
SHORT = {
    "bench": [*"--model lstm,attention --seq-len 8,16 --d-model 8 --batch-size 1 --threads 1".split(), *QUICK],
    "gradflow": "--model lstm,attention --seq-len 16 --d-model 8 --probes 1".split(),
    "scaling": [*"--model attention --seq-len 16 --d-model 8 --threads 1".split(), *QUICK],
    "recall": "--task parity --model lstm --seq-len 16 --d-model 8 --learning-rate 1e-2 --steps 10".split(),
    "lm": "--model gpt,mingru --seq-len 8 --d-model 8 --batch-size 2 --learning-rate 1e-2 --steps 10".split(),
    "decode": "--model lstm,lstm-lm --seq-len 8 --d-model 8 --num-layers 1".split(),
}
ONE_ROUND = "--rounds 1 --max-seconds 600 --quiet".split()


def commands(text: str) -> Iterator[list[str]]:
    """The words after the program's name of all command lines, indented ones and those within a sentence."""
    for line in re.findall(r"^ {4}(?:\$ )?rnn-vs-attn (.+)$|`rnn-vs-attn ([^`]+)`", text, re.MULTILINE):
        yield shlex.split("".join(line), comments=True)


LISTED = list(commands(README.read_text().split("\n## Commands\n")[1].split("\n## ")[0]))
EVERY = sorted({shlex.join(words) for text in WRITTEN.values() for words in commands(text)})


# Commands


COMMANDS = {name: command for name, command in every_command().items() if name}


def test_the_readme_lists_every_command_once() -> None:
    assert sorted(words[0] for words in LISTED) == sorted(name for name in COMMANDS if " " not in name)


@pytest.mark.parametrize("words", LISTED, ids=shlex.join)
def test_a_command_of_the_readme_runs_in_a_short_form(words: list[str], tmp_path: Path) -> None:
    """What `ab` compares is the reader's own, so it is as good as refused; three others have tests of their own."""
    name = words[0]
    if name in ("variants", "run", "lesson"):
        return
    if name == "ab":
        done = run(*words, "--screen", "1", cwd=ROOT)  # an option that is looked at last
        assert done.returncode == 2
        assert "--screen 1 pairs give no interval" in done.stderr
        return
    words = ["results/reference/full/gradflow" if word in STORED else word for word in words]
    short = [*SHORT[name], *ONE_ROUND, "--output", str(tmp_path / "run")] if name in SHORT else []
    done = run(*words, *short, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("line", EVERY)
def test_a_command_line_is_understood(line: str) -> None:
    """All that can be refused before a process is started."""
    words = [word for word in shlex.split(line) if word not in ("--help", "--help-all")]
    length = 2 if " ".join(words[:2]) in COMMANDS else 1
    name = " ".join(words[:length])
    given = COMMANDS[name].make_context(name, words[length:]).params
    suite = BENCH if name == "ab" else next((suite for suite in SUITES if suite.command == name), None)
    if suite is None or given.get("resume"):
        return
    axes = cases.parse(suite, given)
    cases.check(suite, axes, force=True)
    axes["device"] = ["cpu" if device == "auto" else device for device in axes["device"]]
    suite.axes.check(axes)
    assert cases.cases_of(suite, axes)


def test_every_option_in_the_pages_exists() -> None:
    every = every_command().values()
    known = {text for c in every for option in c.params for text in (*option.opts, *option.secondary_opts)}
    others = {"--help", "--index-url", "--benchmark-compare-fail", "--depth"}  # pip's, pytest-benchmark's, git's
    others |= {
        "--check",
        "--quick",
        "--alternations",
        "--lengths",
        "--only",
        "--page",
        "--sd",
        "--trials",
        "--whole",
    }  # of programs in benchmarks/
    named = set(re.findall(r"(?<![-\w])--[a-z][a-z0-9-]+", "\n".join(PAGES.values())))
    assert {"--match", "--resume", "--init"} <= named
    assert sorted(named - known - others) == []


def test_targets_of_make_exist() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"(?:^ {4}|`)make ([a-z]+)", PAGES["README.md"], re.MULTILINE)
    assert named
    assert set(named) <= set(targets)


def test_what_a_python_example_imports_exists() -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", "".join(PAGES.values()), re.DOTALL | re.MULTILINE)
    assert any("rnn_vs_attn" in code for code in examples)
    for code in examples:
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("rnn_vs_attn"):
                file = ROOT / f"{str(node.module).replace('.', '/')}.py"
                defined = {getattr(inner, "name", "") for inner in ast.parse(file.read_text()).body}
                assert {alias.name for alias in node.names} <= defined


# What is taken from elsewhere


def test_generated_blocks_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "docs.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_intervals_in_the_text_are_those_of_a_reference_run() -> None:
    """A figure with its interval stands in a run's table, letter for letter; those of accuracy.md are of no run."""
    stored = "\n".join(file.read_text() for file in (ROOT / "results/reference").rglob("*.md"))
    text = "\n".join(text for name, text in WRITTEN.items() if name != "accuracy.md")
    found = re.findall(r"\d[\d.,]* (?:\[[\d.]+, [\d.]+\]|±[\d.]+%)", text)
    assert len(found) >= 6
    assert [figure for figure in found if figure not in stored] == []


def test_what_the_readme_found_is_of_the_stored_sweep() -> None:
    tables = "\n".join(file.read_text() for file in (ROOT / "results/reference/full").glob("*/table.md"))
    found = re.findall(r"\d[\d.,]* (?:\[[\d.]+, [\d.]+\]|±[\d.]+%)", WRITTEN["README.md"])
    assert len(found) >= 9
    assert [figure for figure in found if figure not in tables] == []
    assert "(results/reference/full/bench/plots/train_time.png)" in WRITTEN["README.md"]


def test_pictures_are_kept_where_a_page_shows_them() -> None:
    places = [*(ROOT / "results").glob("reference/**/plots/*"), *(ROOT / "docs").glob("*.png")]
    kept = {file.resolve() for file in places}
    shown = {target for page, target in links() if target.suffix in (".png", ".svg")}
    assert kept == shown


# Links, names and lengths


def links() -> list[tuple[str, Path]]:
    """Each page with what it links to, of this repository."""
    folder = {name: README.parent if name == README.name else ROOT / "docs" for name in PAGES}
    return [
        (name, (folder[name] / target.partition("#")[0]).resolve())
        for name, text in WRITTEN.items()
        for target in re.findall(r"\]\(([^)\s]+)\)", text)
        if "://" not in target
    ]


def test_links_resolve() -> None:
    assert [(page, str(target)) for page, target in links() if not target.exists()] == []


def test_the_readme_leads_to_every_page() -> None:
    reached = {target for page, target in links() if page == "README.md"}
    assert sorted(set((ROOT / "docs").glob("*.md")) - reached) == []


def test_the_page_on_architecture_has_every_folder() -> None:
    named = ("rnn_vs_attn", "benchmarks", "examples")
    folders = {
        folder for name in named for folder in [ROOT / name, *(ROOT / name).glob("*/")] if any(folder.rglob("*.py"))
    }
    page = PAGES["architecture.md"]
    assert [folder for folder in folders if f"\n{folder.relative_to(ROOT)}/" not in page] == []


def test_files_and_folders_that_a_page_names_exist() -> None:
    known = [f"/{file.relative_to(ROOT)}" for folder in FOLDERS for file in folder.rglob("*.py")]
    folders = {f"{path.rpartition('/')[0]}/" for path in known} | {"/plots/"}
    mine = {"copy.py", "layer.py"}  # files of the reader's
    named = {name for text in WRITTEN.values() for name in re.findall(r"`([\w/]+(?:\.py|/))`", text)}
    lost = [name for name in named - mine if not any(path.endswith(f"/{name}") for path in (*known, *folders))]
    assert sorted(lost) == []


def test_the_readme_has_200_lines_and_a_page_110_written_ones() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 200
    lengths = {name: len(text.splitlines()) for name, text in WRITTEN.items()}
    assert {name: length for name, length in lengths.items() if length > 110 and name != "README.md"} == {}
