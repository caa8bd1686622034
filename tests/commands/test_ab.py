"""`ab`: two versions in one sitting, its verdicts and exit codes, and that nothing but its run stays behind."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
import venv
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from command import PROGRAM, begin, lines_of, run
from forked import Forked
from repositories import commit, git, layer, module, repository, state, write

from rnn_vs_attn.ab import versions
from rnn_vs_attn.cli import app
from rnn_vs_attn.errors import Interrupted

SMALL = "--seq-len 8 --d-model 8 --batch-size 1 --threads 1 --pass forward".split()
FEW = [*SMALL, *"--screen 5 --confirm 5 --margin 90%".split()]  # nothing but twice the time can be a verdict
MIXER = ["--model", "mixers:Mixer"]
DIFFERENT = module(layer(output="2 * y"))


pytestmark = pytest.mark.usefixtures("temporary")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with `mixers:Mixer`; its folder is the current one."""
    made = repository(tmp_path / "repository", {"mixers.py": module(), ".gitignore": "__pycache__/\nrun/\n"})
    monkeypatch.chdir(made)
    return made


def ab(*words: str) -> subprocess.CompletedProcess[str]:
    return run("ab", *FEW, *words)


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What `--json` printed, with the exit code that it says."""
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["exit_code"] == done.returncode
    return found


def timed(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The timed comparisons by model."""
    return {c["axes"]["model"]: c for c in found["comparisons"] if c["metric"] == "forward_time"}


def assert_refused(done: subprocess.CompletedProcess[str], *said: str) -> None:
    """Exit 2 and one sentence."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    for words in said:
        assert words in done.stderr


def wait_until(met: Any, seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


# Refused before a process is started


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `ab` in this process, which none of these calls outlasts."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["rnn-vs-attn", "ab", *words])
        with pytest.raises(SystemExit) as stop:
            app.main()
        shown = capsys.readouterr()
        return subprocess.CompletedProcess(words, stop.value.code, shown.out, shown.err)

    return call


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["main"], "--model is missing"),
        ([*MIXER], "name what to compare in one way"),
        (["main", "--aa", *MIXER], "name what to compare in one way"),
        (["main", "--candidate-python", sys.executable, *MIXER], "name what to compare in one way"),
        (["mian", *MIXER], "unknown git reference 'mian'"),
        (["main", "mian", *MIXER], "unknown git reference 'mian'"),
        (["main", "--model", "lstm"], "'lstm' is built into this program"),
        (["main", "--model", "mixers:Mixer,attention"], "'attention' is built into this program"),
        (["main", *MIXER, "--require-clean"], "has uncommitted changes"),
        (["main", *MIXER, "--setup", "echo no such compiler >&2; false"], "no such compiler"),
        (["--aa", "--setup", "true"], "--setup is for git references"),
        (["--aa", "--require-clean"], "--require-clean is for git references"),
        (["--baseline-python", "/no/such/python", "--model", "lstm"], "--baseline-python '/no/such/python'"),
        (["--candidate-python", "mixers.py", "--model", "lstm"], "--candidate-python 'mixers.py' is no program"),
        (["main", *MIXER, "--screen", "4"], "--screen 4 pairs give no interval"),
        (["main", *MIXER, "--margin", "100%"], "--margin '100%'"),
        (["main", *MIXER, "--margin", "soon"], "--margin 'soon'"),
        (["main", *MIXER, "--pass", "sideways"], "--pass 'sideways'"),
        (["main", *MIXER, "--max-memory", "lots"], "--max-memory 'lots'"),
        (["main", *MIXER, "--output", "full"], "is not empty"),
        (["main", *MIXER, "--seq-len", "0"], "--seq-len must be at least 1"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_nothing_stays_behind(
    words: list[str], said: str, root: Path, called: Any, temporary: Path
) -> None:
    write(root, {"mixers.py": DIFFERENT, "full/notes": "keep me"})
    before = state(root)
    assert_refused(called(*words), said)
    assert state(root) == before
    assert list(temporary.iterdir()) == []


def test_outside_a_repository_or_before_the_first_commit_there_is_nothing_to_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused(called("main", *MIXER), "is in no git repository")
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    assert_refused(called("main", *MIXER), "unknown git reference 'main'")


def test_the_same_files_on_both_sides_are_no_verdict(root: Path, called: Any) -> None:
    git(root, "commit", "--quiet", "--allow-empty", "--message", "no change")
    before = state(root)
    for words in (["main"], ["main~1", "main"]):
        done = called(*words, *MIXER)
        assert done.returncode == 3
        assert "Nothing to compare" in done.stdout
    assert "Nothing to compare" in document(called("main", *MIXER, "--json"))["summary"][0]
    assert state(root) == before


# A slower working tree


@pytest.fixture(scope="module")
def slower(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A call in a folder of a repository whose changes, staged, unstaged and unknown to git, make a layer slower."""
    home = tmp_path_factory.mktemp("slower")
    root = repository(home / "repository", {"mixers.py": module(), "work/notes": "", "staged.py": "TIMES = 1\n"})
    write(root, {"staged.py": "TIMES = 5\n"})
    git(root, "add", "staged.py")
    times = "staged.TIMES * unknown.TIMES"
    write(root, {"mixers.py": "import staged, unknown\n" + module(layer(times=times)), "unknown.py": "TIMES = 4\n"})
    (home / "temporary").mkdir()
    (home / "summary.md").write_text("Before.\n")
    surroundings = {"TMPDIR": home / "temporary", "GITHUB_STEP_SUMMARY": home / "summary.md", "GITHUB_ACTIONS": "true"}
    before = state(root)
    files = ["--markdown", str(home / "ab.md"), "--junit", str(home / "made/ab.xml")]
    done = run(
        *["ab", "main", *MIXER, *FEW, "--json", *files],
        cwd=root / "work",
        env=os.environ | {name: str(value) for name, value in surroundings.items()},
    )
    return {"done": done, "home": home, "root": root, "before": before, "after": state(root)}


@pytest.mark.slow
def test_a_slower_working_tree_is_slower(slower: dict[str, Any]) -> None:
    found = document(slower["done"])
    row = timed(found)["mixers:Mixer"]
    if "clock changed" in row["reason"]:
        pytest.skip("this machine's clock does not keep still, and that was said")
    assert slower["done"].returncode == 1, slower["done"].stderr
    assert (row["verdict"], row["stage"], row["values"]) == ("slower", 2, 5)
    assert row["centre"] > 1.9
    assert row["candidate"] > row["baseline"] > 0
    assert len(row["details"]["differences"]) == len(row["details"]["screened"]) == 5
    assert [(s["stage"], s["pairs"]) for s in found["stages"]] == [(1, 5), (2, 5)]
    assert [(f["model"], f["as"]) for f in found["flagged"]] == [("mixers:Mixer", "slower")]
    assert any("equal" in note and "same weights and inputs" in note for note in found["notes"])


@pytest.mark.slow
def test_the_document_says_what_was_compared_and_where(slower: dict[str, Any]) -> None:
    found, root = document(slower["done"]), slower["root"]
    assert found["sides"]["baseline"]["commit"] == git(root, "rev-parse", "main")
    assert found["sides"]["baseline"]["tree"] == git(root, "rev-parse", "main^{tree}")
    assert found["sides"]["candidate"]["commit"] is None
    assert found["sides"]["candidate"]["tree"] != found["sides"]["baseline"]["tree"]
    assert found["sides"]["candidate"]["label"] == "the working tree with uncommitted changes"
    assert found["environment"]["differing"] == []
    assert len(found["environment"]["fingerprint"]) >= 16
    assert found["margin"] == 0.9


@pytest.mark.slow
def test_what_has_no_noise_is_compared_too(slower: dict[str, Any]) -> None:
    """Where a worker is asked for it wrongly it vanishes without a word."""
    exact = {c["metric"]: c["verdict"] for c in document(slower["done"])["comparisons"] if c["exact"]}
    assert exact["saved_bytes"] == "same"


@pytest.mark.slow
def test_the_run_lies_in_the_folder_in_which_it_was_called(slower: dict[str, Any]) -> None:
    found = document(slower["done"])
    folder = slower["root"] / "work" / found["folder"]
    assert json.loads((folder / "verdicts.json").read_text()) == found
    head = json.loads((folder / "run.json").read_text())
    assert (head["suite"], head["status"]) == ("ab", "complete")
    ratios = [r for r in lines_of(folder / "records.jsonl") if r["metric"] == "ratio"]
    assert [len(r["samples"]) for r in ratios] == [10]
    samples = [s for s in lines_of(folder / "samples.jsonl") if s["metric"] == "forward_time"]
    begun = [s["details"]["first"] for s in samples if s["axes"]["side"] == "baseline"]
    assert begun.count("baseline") in (4, 5, 6)
    assert {s["axes"]["side"] for s in samples} == {"baseline", "candidate"}


@pytest.mark.slow
def test_the_repository_is_as_before_but_for_a_run_that_git_does_not_see(slower: dict[str, Any]) -> None:
    before, after = slower["before"], slower["after"]
    run_of = {name for name in after["files"] if name.startswith("work/results/")}
    assert run_of
    assert after | {"files": {n: f for n, f in after["files"].items() if n not in run_of}} == before
    assert "results" not in after["status --porcelain"]


@pytest.mark.slow
def test_no_temporary_folder_stays_behind(slower: dict[str, Any]) -> None:
    assert list((slower["home"] / "temporary").glob("rnn-vs-attn-*")) == []


@pytest.mark.slow
def test_the_verdict_reaches_every_place_that_was_asked_for(slower: dict[str, Any]) -> None:
    home, done = slower["home"], slower["done"]
    if timed(document(done))["mixers:Mixer"]["verdict"] != "slower":
        pytest.skip("this machine's clock does not keep still, and that was said")
    table = (home / "ab.md").read_text()
    assert table.startswith("**mixers:Mixer, forward at 8 tokens: ")
    assert ": 1 slower, 0 faster" in table
    assert "| mixers:Mixer | 8 | forward_time | slower |" in table
    assert (home / "summary.md").read_text() == f"Before.\n{table}\n"
    suite = ElementTree.parse(home / "made/ab.xml").getroot()[0]
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")
    assert len(suite.findall("testcase/failure")) == 1
    annotations = [line for line in done.stderr.splitlines() if line.startswith("::")]
    assert len(annotations) == 1
    assert annotations[0].startswith("::error title=rnn-vs-attn::mixers:Mixer, forward at 8 tokens: ")


# Other verdicts


@pytest.mark.slow
def test_a_model_that_crashes_in_the_candidate_is_broken_and_costs_its_own_verdict_only(root: Path) -> None:
    commit(root, {"mixers.py": module(layer("Steady"), layer("Crashes"))})
    commit(root, {"mixers.py": module(layer("Steady", output="2 * y"), layer("Crashes", output="os.abort()"))})
    done = ab("main~1", "main", "--model", "mixers:Steady,mixers:Crashes", "--json", "--quiet", "--output", "run")
    assert done.returncode == 5
    assert done.stderr == ""
    found = document(done)
    crashed, steady = timed(found)["mixers:Crashes"], timed(found)["mixers:Steady"]
    assert crashed["verdict"] == "broken"
    assert crashed["reason"].startswith("it crashes in the candidate: ")
    assert "signal 6" in crashed["reason"]
    assert steady["values"] >= 5
    assert steady["verdict"] != "broken"
    different = [note for note in found["notes"] if note.startswith("NOT EQUAL, mixers:Steady at seq_len 8")]
    assert len(different) == 1
    assert "output" in different[0] or "gradient" in different[0]
    assert git(root, "status", "--porcelain") == ""


@pytest.mark.slow
def test_a_model_in_the_candidate_only_is_new_and_one_that_is_gone_or_does_not_import_is_broken(root: Path) -> None:
    names = ("removed", "broken", "aborts")
    commit(root, {f"{name}.py": module() for name in names})
    (root / "removed.py").unlink()
    raises = "raise RuntimeError('not on this machine')\n"
    write(root, {"added.py": module(), "broken.py": raises, "aborts.py": "import os\n\nos.abort()\n"})
    before = state(root)
    models = "added:Mixer,removed:Mixer,aborts:Mixer,broken:Mixer,mixers:Another"
    write(root, {"mixers.py": module(layer(), layer("Another"))})
    before = state(root)
    done = ab("main", "--model", models, "--json", "--output", "run")
    assert done.returncode == 5, done.stderr
    rows = timed(document(done))
    assert {model: row["verdict"] for model, row in rows.items()} == {
        "added:Mixer": "new",
        "mixers:Another": "new",
        "removed:Mixer": "broken",
        "broken:Mixer": "broken",
        "aborts:Mixer": "broken",
    }
    assert rows["removed:Mixer"]["reason"] == (
        "it is missing in the candidate: there is no module removed (the baseline works at 8 tokens)"
    )
    assert "not on this machine" in rows["broken:Mixer"]["reason"]
    assert "signal 6" in rows["aborts:Mixer"]["reason"]
    assert git(root, "status", "--porcelain") == before["status --porcelain"]


ONCE = """
import pathlib

class Once(nn.Linear):
    def __init__(self, d_model):
        super().__init__(d_model, d_model)

    def forward(self, x):
        done = pathlib.Path({done!r})
        if x.requires_grad and not done.exists():
            done.touch()
            raise ValueError("this time only")
        return super().forward(x)
"""


@pytest.mark.slow
def test_a_model_that_fails_once_is_no_verdict(root: Path, tmp_path: Path) -> None:
    done = str(tmp_path / "done")
    commit(root, {"once.py": "from torch import nn\n" + ONCE.format(done=os.devnull)})
    write(root, {"once.py": "from torch import nn\n" + ONCE.format(done=done)})
    found = ab("main", "--model", "once:Once", "--json", "--output", "run")
    assert found.returncode == 3, found.stderr
    row = timed(document(found))["once:Once"]
    assert row["verdict"] == "failed"
    assert row["reason"].endswith("this time only (once, and not again in fresh processes; the baseline works)")


@pytest.mark.slow
def test_a_model_that_hangs_in_the_candidate_is_broken(root: Path) -> None:
    write(root, {"mixers.py": module(layer(output="__import__('time').sleep(600)"))})
    done = ab("main", *MIXER, "--timeout", "20", "--json", "--output", "run")
    assert done.returncode == 5, done.stderr
    row = timed(document(done))["mixers:Mixer"]
    assert row["verdict"] == "broken"
    assert row["reason"].startswith("it times out in the candidate: ")


@pytest.mark.slow
def test_a_model_on_neither_side_is_refused(root: Path) -> None:
    write(root, {"mixers.py": DIFFERENT})
    assert_refused(ab("main", "--model", "nowhere:Mixer"), "'nowhere:Mixer' exists on neither side", "nowhere")


@pytest.mark.slow
def test_under_require_equal_a_case_whose_outputs_differ_is_broken_and_not_timed(root: Path) -> None:
    """In a checkout whose module only --setup makes importable, by a file in its environment."""
    commit(root, {"lib/inner.py": module()})
    write(root, {"lib/inner.py": DIFFERENT})
    before = state(root)
    lines = "import site; open(site.getsitepackages()[0] + '/inner.pth', 'w').write(os.path.abspath('lib'))"
    setup = ["--setup", f'python -c "import os; {lines}"']
    done = ab("main", "--model", "inner:Mixer", *setup, "--require-equal", "--json", "--output", "run")
    assert done.returncode == 5, done.stderr
    found = document(done)
    assert timed(found)["inner:Mixer"]["verdict"] == "broken"
    assert timed(found)["inner:Mixer"]["reason"].startswith("it is not equal: ")
    assert found["stages"][0]["pairs"] == 0
    assert found["outcomes"][0]["max_error"] == pytest.approx(0.5)
    assert found["sides"]["candidate"]["python"] != sys.executable
    assert git(root, "status", "--porcelain") == before["status --porcelain"]


@pytest.mark.slow
def test_the_same_code_twice_measures_this_machine(root: Path) -> None:
    done = ab("--aa", *MIXER, "--json", "--output", "run")
    assert done.returncode in (0, 1), done.stderr
    found = document(done)
    row = timed(found)["mixers:Mixer"]
    assert row["values"] == 5
    assert row["detectable"] > 0
    assert found["sides"]["baseline"]["label"] == found["sides"]["candidate"]["label"] == "the same code"
    assert "outputs and gradients on the same weights and inputs: equal bit for bit" in found["notes"]


# The proof


def on_every_path(folder: Path, monkeypatch: pytest.MonkeyPatch, lines: str) -> None:
    """Lines that every Python runs when it starts, as those that an editable install leaves in an environment."""
    write(folder, {"sitecustomize.py": lines})
    monkeypatch.setenv("PYTHONPATH", str(folder))


EDITABLE = """\
import importlib.util, sys

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "mixers":
            return importlib.util.spec_from_file_location(name, {file!r})

sys.meta_path.insert(0, Finder)
"""


@pytest.mark.slow
def test_an_editable_install_that_hides_the_checkout_is_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, {"mixers.py": DIFFERENT})
    on_every_path(tmp_path / "elsewhere", monkeypatch, EDITABLE.format(file=str(root / "mixers.py")))
    done = ab("main", *MIXER)
    assert_refused(done, f"the baseline of 'mixers:Mixer' would be {root / 'mixers.py'}", "--setup 'pip install -e .'")
    assert not (root / "results").exists()


@pytest.mark.slow
def test_a_helper_of_the_users_own_folder_is_refused_also_where_it_is_imported_in_a_call(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(root, {"lib/helper.py": "FACTOR = 1\n"})
    write(root, {"mixers.py": module(layer(output="__import__('helper').FACTOR * y"))})
    on_every_path(tmp_path / "elsewhere", monkeypatch, f"import sys\nsys.path.append({str(root / 'lib')!r})\n")
    before = git(root, "status", "--porcelain")
    assert_refused(ab("main", *MIXER), f"'mixers:Mixer' of the candidate imports {root / 'lib/helper.py'}")
    assert git(root, "status", "--porcelain") == before


def test_an_absolute_path_into_the_users_folder_is_refused(root: Path) -> None:
    write(root, {"mixers.py": DIFFERENT})
    file = root / "mixers.py"
    done = ab("main", "--model", f"{file}:Mixer")
    assert_refused(done, f"would be {file} and not the file of main (", "a path relative to the repository")


# Two interpreters


def environment(folder: Path, files: dict[str, str], bare: bool = False) -> str:
    """The Python of a virtual environment with these files and, unless bare, the packages of this one."""
    venv.create(folder, symlinks=True)
    packages = folder / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    assert spec.origin is not None
    write(packages, files if bare else files | {"all.pth": str(Path(spec.origin).parents[1])})
    return str(folder / "bin/python")


@pytest.mark.slow
def test_two_environments_with_versions_of_their_own_are_compared(tmp_path: Path) -> None:
    old = environment(tmp_path / "old", {"mixers.py": module()})
    new = environment(tmp_path / "new", {"mixers.py": DIFFERENT, "added.py": module()})
    words = ["--baseline-python", old, "--candidate-python", new, "--model", "mixers:Mixer,added:Mixer", "--json"]
    done = run("ab", *FEW, *words, "--max-seconds", "0.1", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    found = document(done)
    rows = timed(found)
    assert (rows["added:Mixer"]["verdict"], rows["mixers:Mixer"]["verdict"]) == ("new", "unsure")
    assert rows["mixers:Mixer"]["reason"].startswith("too few pairs: ")
    assert any(note.startswith("NOT EQUAL, mixers:Mixer") for note in found["notes"])
    assert (found["sides"]["baseline"]["python"], found["sides"]["candidate"]["python"]) == (old, new)


def test_one_environment_twice_is_refused(tmp_path: Path) -> None:
    done = run("ab", *FEW, "--baseline-python", sys.executable, "--model", "lstm", cwd=tmp_path)
    assert_refused(done, "run the same torch and the same files", "use --aa")
    assert not (tmp_path / "results").exists()


def test_an_environment_without_torch_is_named(tmp_path: Path) -> None:
    python = environment(tmp_path / "bare", {}, bare=True)
    done = run("ab", *FEW, "--baseline-python", python, "--model", "lstm", cwd=tmp_path)
    assert_refused(done, f"does not start under {python}", "No module named")


def test_a_program_that_is_no_python_is_named(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 5\n")
    program.chmod(0o755)
    done = run("ab", *FEW, "--baseline-python", str(program), "--model", "lstm", cwd=tmp_path)
    assert_refused(done, f"does not start under {program}", "exit code 5")


# Interrupted


def started(*words: str) -> Forked:
    """A call in the background."""
    return begin("ab", *FEW, *words)


NOTHING = "Interrupted before the first pair: nothing was measured, and nothing is kept that could go on."


def without_run(found: dict[str, Any]) -> dict[str, Any]:
    return found | {"files": {name: text for name, text in found["files"].items() if not name.startswith("run/")}}


@pytest.mark.slow
def test_ctrl_c_in_a_pair_keeps_its_samples_and_leaves_no_checkout(root: Path, temporary: Path) -> None:
    write(root, {"mixers.py": DIFFERENT})
    before = state(root)
    running = started("main", *MIXER, "--output", "run", "--screen", "100")
    samples = root / "run/samples.jsonl"
    wait_until(lambda: samples.exists() and "forward_time" in samples.read_text())
    assert len(list(temporary.glob("rnn-vs-attn-*"))) > 1
    assert without_run(state(root)) == before  # so kill -9 would leave nothing in it either
    running.send_signal(signal.SIGINT)
    out, err = running.communicate()
    assert running.returncode == 130
    assert out.startswith(
        "**Interrupted before the first of 100 pairs was whole, so this is preliminary: no verdict yet"
    )
    assert err.splitlines()[-1] == "Interrupted; go on with rnn-vs-attn ab --resume run"
    assert "Traceback" not in err
    assert json.loads((root / "run/run.json").read_text())["status"] == "interrupted"
    lines_of(samples)
    assert without_run(state(root)) == before


def test_sigterm_while_it_sets_up_ends_what_it_started_and_leaves_no_checkout(
    root: Path, tmp_path: Path, temporary: Path
) -> None:
    write(root, {"mixers.py": DIFFERENT})
    before, ticks = state(root), tmp_path / "ticks"
    running = started("main", *MIXER, "--setup", f"(while :; do echo >> '{ticks}'; sleep 0.05; done); true")
    wait_until(ticks.exists)
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate()
    assert (running.returncode, err) == (143, "")
    assert out.startswith(f"**{NOTHING}**\n")
    assert list(temporary.iterdir()) == []
    length = ticks.stat().st_size
    time.sleep(0.5)
    assert ticks.stat().st_size == length
    assert state(root) == before


def test_sigterm_while_a_module_is_imported_leaves_no_checkout(root: Path, tmp_path: Path) -> None:
    imported = tmp_path / "imported"
    write(root, {"mixers.py": f"import time\n\nopen({str(imported)!r}, 'w')\ntime.sleep(600)\n"})
    before = state(root)
    running = started("main", *MIXER)
    wait_until(imported.exists)
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate()
    assert (running.returncode, err) == (143, "")
    assert out.startswith(f"**{NOTHING}**\n")
    assert "| mixers:Mixer | 8 | forward_time | unsure | preliminary: interrupted before the first pair |" in out
    assert state(root) == before


def resumed(*words: str) -> subprocess.CompletedProcess[str]:
    return run("ab", "--resume", "run", *words)


@pytest.mark.slow
def test_a_call_that_was_interrupted_and_killed_goes_on_to_the_verdict_of_a_whole_one(
    root: Path, tmp_path: Path
) -> None:
    """Uncommitted changes, an interruption that writes files into them, a kill in the middle of a pair."""
    write(root, {"mixers.py": module(layer(times=20))})
    files = ["--markdown", "ab.md", "--junit", "ab.xml"]
    running = started("main", *MIXER, "--output", "kept", *files)
    samples = root / "kept/samples.jsonl"

    def pairs() -> int:
        return samples.read_text().count('"metric":"round_time"') if samples.exists() else 0

    wait_until(lambda: pairs() >= 2)
    running.send_signal(signal.SIGTERM)
    out, _ = running.communicate()
    first = pairs()
    assert running.returncode == 143
    assert out.startswith(f"**Interrupted after {first} of 5 pairs, so this is preliminary")
    assert (root / "ab.md").read_text() == out == (root / "kept/table.md").read_text()
    suite = ElementTree.parse(root / "ab.xml").getroot()[0]
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")
    assert json.loads((root / "kept/verdicts.json").read_text())["exit_code"] == 143
    killed = subprocess.Popen([*PROGRAM, "ab", "--resume", "kept", "--quiet"], stdout=subprocess.DEVNULL)
    wait_until(lambda: pairs() > first)
    killed.kill()
    killed.wait()
    second = pairs() - first
    assert list((root.parent / "temporary").glob("rnn-vs-attn-*"))  # which the next call removes
    done = run("ab", "--resume", "kept", "--json", *files)
    found = document(done)
    row = timed(found)["mixers:Mixer"]
    assert [(s["stage"], s["pairs"]) for s in found["stages"]] == [(1, 5), (2, 5)]
    assert done.returncode in (0, 1)  # a clock that changes is unsure
    assert row["centre"] > 1.9
    assert f" {git(root, 'rev-parse', 'main')[:10]} --model mixers:Mixer" in found["repeat"]
    sittings = f"resumed: its pairs are of 3 sittings, {first}, {second} and {10 - first - second}"
    assert any(line.startswith(sittings) for line in found["method"])
    assert json.loads((root / "kept/run.json").read_text())["status"] == "complete"
    shown = run("ab", "--resume", "kept", "--json")
    assert shown.returncode == done.returncode
    assert json.loads(shown.stdout) == found


@pytest.mark.slow
def test_a_call_that_was_out_of_time_says_how_to_go_on_and_does(root: Path) -> None:
    write(root, {"mixers.py": DIFFERENT})
    done = ab("main", *MIXER, "--output", "run", "--max-seconds", "0")
    assert done.returncode == 3
    assert "too few pairs: 0 in stage 1, 5 are needed; go on with --resume, or give more --max-seconds" in done.stdout
    assert "    rnn-vs-attn ab --resume run\n" in done.stdout
    assert done.stderr.splitlines()[-1] == "Out of time; go on with rnn-vs-attn ab --resume run"
    assert json.loads((root / "run/run.json").read_text())["status"] == "interrupted"
    again = resumed("--max-seconds", "600", "--json", "--quiet")
    assert again.returncode in (0, 1)
    assert timed(document(again))["mixers:Mixer"]["values"] == 5
    write(root, {"mixers.py": module()})
    shown = resumed("--json")  # a whole run is shown again, whatever became of the files
    assert (shown.returncode, document(shown)) == (again.returncode, document(again))


def test_an_interruption_does_not_wait_for_what_both_sides_are_doing() -> None:
    released, ended = threading.Event(), []

    def hangs() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        released.wait()
        ended.append("baseline")

    def interrupt(*_: object) -> None:
        raise Interrupted(130)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(Interrupted):
            versions.at_once({"baseline": hangs})
        assert ended == []
    finally:
        signal.signal(signal.SIGALRM, before)
        released.set()
