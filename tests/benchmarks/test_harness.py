"""Small versions of the harness programs: what they print, and that a missed target is exit 1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import repositories
from paths import ROOT

BENCHMARKS = ROOT / "benchmarks"
HARNESS = BENCHMARKS / "harness"
FOLDERS = ("harness", "peers", "cuda", "learning")
LIBRARIES = {
    "alternating",
    "delta_rules",
    "device_timer",
    "every_check",
    "faulty_modules",
    "field_environment",
    "field_trial",
    "git_calls",
    "matrix_states",
    "on_device",
    "reporting",
    "resampling",
    "steps",
    "trained",
    "transformer_xl_oracle",
    "triton_on_cpu",
}  # and what makes a file of answers

# Asks every program for its help, in one process.
HELP = """
import contextlib, importlib, inspect, io, json, sys
names = sys.argv[1:]
found = {}
for name in names:
    program, said = importlib.import_module(name), io.StringIO()
    sys.argv = [name, "--help"]
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(said):
        program.main()
    found[name] = [said.getvalue(), inspect.isgeneratorfunction(program.figures)]
print(json.dumps(found))
"""

# A program that dies over its second figure, without writing out what it still holds back.
DIES = """
import os
from reporting import Figure, parsed, parser, report
def figures():
    yield Figure("first", 1.0, "< 2", True)
    os._exit(7)
report(figures(), [], parsed(parser("")))
"""


def harness(program: str, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and document of a program run with --json."""
    command = [sys.executable, str(HARNESS / program), "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Code that finds the programs by their names."""
    paths = [str(BENCHMARKS.parent), *(str(BENCHMARKS / folder) for folder in FOLDERS)]
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": ""}
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=surroundings)


@pytest.mark.slow
def test_every_program_says_what_it_takes_and_makes_its_figures_one_by_one() -> None:
    programs = {file.stem for folder in FOLDERS for file in (BENCHMARKS / folder).glob("*.py")}
    done = python(HELP, *sorted(programs - LIBRARIES))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == programs - LIBRARIES
    for name, (said, one_by_one) in found.items():
        assert "--json" in said, name
        assert "With --quick targets are shown and not judged" in said, name
        assert one_by_one, name


@pytest.mark.parametrize(("words", "mark"), [([], "met   "), (["--quick"], "-     ")])
def test_a_figure_is_there_before_the_next_one_is_made(words: list[str], mark: str) -> None:
    done = python(DIES, *words)
    assert done.returncode == 7
    assert done.stdout == f"{mark}  first: 1 (target < 2{', not judged' * bool(words)})\n"


@pytest.mark.parametrize(
    ("words", "size", "code", "met"),
    [("", 1, 1, False), ("--size 3", 3, 0, True), ("--quick", 2, 0, None), ("--quick --size 1", 1, 0, None)],
)
def test_a_target_is_judged_unless_it_is_quick(words: str, size: int, code: int, met: bool | None) -> None:
    made = """
from reporting import Figure, parsed, parser, report
options = parser("")
options.add_argument("--size", type=int, default=1)
given = parsed(options, size=2)
report([Figure("size", given.size, ">= 2", given.size >= 2), Figure("no target", 5)], [], given)
"""
    done = python(made, "--json", *words.split())
    first, second = json.loads(done.stdout)["figures"]
    assert (first["value"], done.returncode, first["met"], second["met"]) == (size, code, met, None)


@pytest.mark.slow
def test_accuracy_has_a_ratio_with_its_interval_for_every_cell() -> None:
    words = "--model lstm --seq-len 64 --size 1x64 --alternations 6".split()
    _, document = harness("accuracy.py", *words)
    assert [cell["model"] for cell in document["details"]] == ["lstm", "1x64"]
    for cell in document["details"]:
        assert cell["forward_low"] <= cell["forward"] <= cell["forward_high"]
        assert cell["train_low"] <= cell["train"] <= cell["train_high"]


@pytest.mark.slow
def test_a_missed_target_is_exit_1() -> None:
    words = "--model attention --seq-len 16 --size --alternations 1 --worst-within 0".split()
    code, document = harness("accuracy.py", *words)
    assert code == 1
    assert not document["figures"][1]["met"]


@pytest.mark.slow
def test_the_peak_of_naive_attention_is_within_5_percent_of_the_arithmetic() -> None:
    words = "--model attention-naive --at-most 1024 --processes 12".split()
    code, document = harness("memory.py", *words)
    assert code == 0
    assert {row["pass"] for row in document["details"]} == {"forward", "train"}
    assert all(row["arithmetic"] > 64 for row in document["details"])


@pytest.mark.slow
def test_the_parts_of_a_round_add_up_to_at_most_its_wall_time() -> None:
    small = "--model lstm --seq-len 16 --rounds 1 --d-model 16 --threads 1".split()
    _, document = harness("cost.py", "--share", "0", "--", *small)
    spent = document["details"][0]
    assert spent["rounds"] == 1
    assert 0 < spent["timed"] < spent["measured"] <= 1
    figures = {figure["name"]: figure for figure in document["figures"]}
    assert figures["torch in the parent process"]["met"]


@pytest.mark.slow
def test_gradients_are_compared_with_a_pass_a_distance_and_with_a_bare_pass() -> None:
    """Ratios with their intervals, whatever the machine does meanwhile; seconds are nowhere."""
    _, document = harness("gradient.py", *"--quick --lengths 64 128".split())
    keys = ("speed_up", "bare_passes", "longer")
    for key, found in zip(keys, document["details"], strict=False):
        assert found["low"] <= found[key] <= found["high"]
    assert 0 < document["details"][3]["peak_gib"] < 1
    assert document["figures"][1]["name"] == "gradflow ÷ a bare pass (lstm, seq_len 64, 8 probes)"
    assert "seconds" not in str(document)


@pytest.mark.slow
def test_training_is_held_against_a_bare_loop() -> None:
    """A ratio with its interval, whatever the machine does meanwhile."""
    _, document = harness("training.py", *"--quick --model gru".split())
    (found,) = document["details"]
    assert found["model"] == "gru"
    assert found["low"] <= found["median"] <= found["high"]
    assert document["figures"][0]["target"] == "lower end >= 0.95"


@pytest.mark.slow
def test_crossings_of_planted_curves_are_seldom_wrong() -> None:
    code, document = harness("simulation.py", "--of", "crossings", "--runs", "2")
    assert code == 0
    wrong = {f["name"]: f["value"] for f in document["figures"] if f["name"].endswith("wrong")}
    assert len(wrong) == 16
    assert max(wrong.values()) <= 0.07
    asked = [f for f in document["figures"] if f["target"] == ">= 0.9"]
    assert len(asked) == 4
    assert all(f["value"] >= 0.9 for f in asked)


@pytest.mark.slow
def test_simulated_bisections_name_no_wrong_commit() -> None:
    code, document = harness("simulation.py", "--of", "bisect", "--calls", "100", "--sd", "0.02", "0.047")
    assert code == 0
    quiet, noisy = document["details"]
    assert (quiet["wrong"], quiet["alone"], quiet["among others"]) == (0, 1, 0)
    assert noisy["wrong"] == 0
    assert noisy["alone"] + noisy["among others"] == pytest.approx(1)
    assert noisy["unsure as good"] > 0.1


def test_what_git_says_of_a_bisection_is_read(tmp_path: Path) -> None:
    """Of a git that prints what the real one does, where it knows and where it does not."""
    done = python(
        """
import json, sys, types
from pathlib import Path
import bisection
said = [
    "bisect: HEAD (b) is slower (1): x\\nbisect: HEAD (a) is good (0): x\\nb is the first bad commit\\ncommit b\\n",
    "bisect: HEAD (a) is skipped (125): x\\nThe first bad commit could be any of:\\nb\\na\\nWe cannot bisect more!\\n",
    "error: bisect run failed\\n",
]
found = []
bisection.git = lambda *words: ""
for text in said:
    done = types.SimpleNamespace(stdout=text.encode().decode("unicode_escape"), returncode=0)
    bisection.subprocess = types.SimpleNamespace(run=lambda *words, done=done, **rest: done, PIPE=-1, STDOUT=-2)
    found.append(bisection.bisected(Path(sys.argv[1]), ["0", "a", "b"], "4%", True))
print(json.dumps([(one["named"], one["answers"]) for one in found]))
""",
        str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    known, among, none = json.loads(done.stdout)
    assert known == [[2], {"good": 1, "slower": 1, "skipped": 0}]
    assert among == [[1, 2], {"good": 0, "slower": 0, "skipped": 1}]
    assert none == [[], {"good": 0, "slower": 0, "skipped": 0}]


def test_the_repository_that_is_bisected_is_as_it_says(tmp_path: Path) -> None:
    done = python(
        """
import json, sys
from pathlib import Path
import bisection
folder = Path(sys.argv[1])
commits = bisection.made(folder, 5)
shown = [bisection.git(folder, "show", f"{commit}:layer.py") for commit in commits]
print(json.dumps([["TWICE = 2" in text for text in shown], ["no_such_module" in text for text in shown]]))
""",
        str(tmp_path / "repository"),
    )
    assert done.returncode == 0, done.stderr
    slow, broken = json.loads(done.stdout)
    assert slow == [False] * 5 + [True] * 35
    assert [n for n, is_broken in enumerate(broken) if is_broken] == [19]


@pytest.mark.slow
def test_methods_that_mark_changes_are_held_against_each_other() -> None:
    _, document = harness("change_points.py", "--series", "12", "--otava", "nowhere")
    found = {figure["name"]: figure["value"] for figure in document["figures"]}
    assert found["history: one step of 10%, found"] > 0.8
    assert found["ruptures, PELT, squares: series with a false alarm, slow days"] > 0.2
    assert {detail["method"] for detail in document["details"]} == {
        "history",
        "history, changes below 2 % too",
        "ruptures, PELT, squares",
        "ruptures, kernel",
    }


def test_sides_are_taken_in_turn_and_the_first_turn_does_not_count() -> None:
    done = python(
        """
import json
from alternating import flipped, in_turn, ratio
said, order = iter(range(100)), []
def side(name):
    def call():
        order.append(name)
        return float(next(said))
    return call
found = in_turn({"a": side("a"), "b": side("b")}, 3)
twice = ratio(iter([9.0, 2.0, 6.0]).__next__, iter([1.0, 1.0, 2.0]).__next__, 2)
print(json.dumps([order, found, twice.median, list(flipped("xyz", 2))]))
"""
    )
    order, found, twice, orders = json.loads(done.stdout)
    assert order == ["a", "b", "b", "a", "a", "b", "b", "a"]
    assert found == {"a": [3, 4, 7], "b": [2, 5, 6]}
    assert (twice, orders) == (2.5, ["xyz", "zyx"])


def test_resampled_calls_find_what_is_planted_and_no_more() -> None:
    done = python(
        """
import json, random
from resampling import PAIRS, resampled
draw = random.Random(0)
pairs = [{f"pass {i}": draw.gauss(0, 0.02) for i in range(3)} for _ in range(40)]
print(json.dumps([PAIRS.screen, PAIRS.confirm, resampled(pairs, 30, 0.03), resampled(pairs, 30, 0.03, 0.1)]))
"""
    )
    screen, confirm, alike, slowed = json.loads(done.stdout)
    assert (screen, confirm) == (8, 20)
    assert (alike[0], slowed[0]) == (0, 1)
    assert alike[1][0] == 0 < alike[1][1] < slowed[1][0] < slowed[1][1] == 1


@pytest.mark.slow
def test_upstream_changes_a_clone_and_leaves_the_repository_alone(tmp_path: Path) -> None:
    theirs = repositories.repository(
        tmp_path / "theirs", {"own/layers.py": repositories.module(), "own/__init__.py": ""}
    )
    first = repositories.git(theirs, "rev-parse", "HEAD")
    step = "y = self.project(x)"
    better = repositories.module().replace(step, "y = torch.nn.functional.relu(self.project(x))")
    second = repositories.commit(theirs, {"own/layers.py": "import torch\n" + better})
    before = repositories.state(theirs)
    names = ["theirs", "own.layers:Mixer", "128", 1, [], first, second, first, "own/layers.py", step, f"{step}; {step}"]
    done = python(
        f"""
import argparse, json
from pathlib import Path
import upstream
upstream.REPOSITORIES = [upstream.Upstream(*{names!r})]
given = argparse.Namespace(theirs={str(theirs)!r}, folder=Path({str(tmp_path / "made")!r}), setup="true", quick=True)
details = []
found = [figure.name for figure in upstream.figures(given, details)]
print(json.dumps([found, details]))
"""
    )
    found, details = json.loads(done.stdout)
    assert len(found) == 6
    upstreams, timer, comment, twice = details
    assert upstreams["what"], timer["what"] == ("upstream", "torch.utils.benchmark")
    assert [len(each["rows"]) for each in (upstreams, comment, twice)] == [3, 3, 3]
    assert all(ratio > 0 for ratio in timer["ratios"])
    clone = tmp_path / "made/theirs/repository"
    texts = {name: repositories.git(clone, "show", f"{name}:own/layers.py") for name in ("comment", "twice")}
    assert texts["comment"] == repositories.module().rstrip("\n") + "\n\n# the same code"
    assert texts["twice"] == repositories.module().rstrip("\n").replace(step, f"{step}; {step}")
    outcomes = [
        json.loads((tmp_path / f"made/theirs/{n}/verdicts.json").read_text())["outcomes"]
        for n in ("comment", "upstream")
    ]
    assert [each[0]["equal"] for each in outcomes] == [True, False]
    assert repositories.state(theirs) == before


@pytest.mark.slow
def test_rounds_of_simulated_jobs_are_collected() -> None:
    code, document = harness("cluster.py", *"--quick --jobs 12 --samples 5000".split())
    found = {figure["name"]: figure["value"] for figure in document["figures"]}
    assert code == 0
    assert (found["jobs"], found["samples of each"]) == (12, 337)
    assert 4900 < found["samples of a large run"] <= 5000
    assert found["MiB to show it"] < 1024
    assert found["MiB to report it"] < 1024
