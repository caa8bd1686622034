"""The whole action in a clean clone, with the real program: events, verdicts, and what comes out of them.

No verdict here hangs on a clock: a layer keeps eight times the memory for its backward pass, raises, or is as it was.
"""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from played_gh import comments, with_gh
from played_runner import Done, Hub, Job, hub
from repositories import git, layer, module

EXACT_ONLY = "--max-seconds 0"  # what has no noise is found all the same
QUICK = "--d-model 8 --batch-size 2 --threads 1 --pass forward --screen 5 --confirm 5"
INPUTS = {"model": "mixers:Mixer", "seq-len": "8", "margin": "99%", "args": QUICK}
PLAIN = module()
HEAVY = module(layer(output="sum((y + i).sin() for i in range(8))"))
BROKEN = module(layer(output="self.gone(y)"))
MORE = "mixers:Mixer at 8 tokens: memory kept for the backward pass grew from 0 B to 4.00 KiB"  # 8 · 2 · 8 · 8 floats
ALIKE = PLAIN.replace("import os", "import os  # another comment")


@pytest.fixture
def server(tmp_path: Path) -> Hub:
    return hub(tmp_path, {"mixers.py": PLAIN})


def ran(job: Job, **inputs: str) -> Done:
    done = with_gh(job).run(INPUTS | inputs)
    assert done.used["actions/setup-python"] == {"python-version": "3.12", "update-environment": "false"}
    return done


def assert_kept(job: Job, done: Done, code: int) -> None:
    """Results lie where the outputs say, and go into an artifact and a cache."""
    action = done.outputs["action"]
    assert action["exit-code"] == str(code), done.log
    results = Path(action["results"])
    assert json.loads((results / "run/verdicts.json").read_text())["exit_code"] == code
    assert ElementTree.parse(results / "junit.xml").getroot().tag == "testsuites"
    assert done.summary.strip() == Path(action["summary"]).read_text().strip().replace("\n\nThe", "\n\n\nThe")
    assert done.summary.endswith(f"\nThe baseline is {done.outputs['versions']['why']}.\n")
    kept = done.used["actions/upload-artifact"]
    assert kept["path"] == str(results)
    assert kept["name"] == f"rnn-vs-attn-{done.outputs['measure']['id']}"
    assert done.used["actions/cache"]["path"] == job.told_pip()[0][0]


def test_a_pull_request_that_makes_a_layer_worse_is_red_and_says_so(server: Hub) -> None:
    server.commit("topic", {"mixers.py": HEAVY}, start="main")
    server.commit("main", {"notes.txt": "of others\n"})
    job = server.pull_request()
    done = ran(job, args=f"{QUICK} {EXACT_ONLY}")
    assert done.code == 1, done.log
    assert_kept(job, done, 1)
    assert MORE in done.summary.splitlines()[0]
    (comment,) = comments(job)
    assert Path(done.outputs["action"]["summary"]).read_text() in comment["body"]
    (error,) = [line for line in done.log.splitlines() if line.startswith("::error title=rnn-vs-attn::")]
    assert MORE in error
    assert git(job.checkout, "status", "--porcelain") == ""


@pytest.mark.slow
def test_nobody_answers_for_what_others_did_to_the_target(server: Hub) -> None:
    """The layer has become heavier on `main` after the branch left it. What is not merged is on neither side."""
    server.commit("topic", {"notes.txt": "of the branch\n"}, start="main")
    server.commit("main", {"mixers.py": HEAVY})
    job = server.pull_request(fork=True)
    done = ran(job)
    assert done.code == 0, done.log
    assert_kept(job, done, 0)
    assert comments(job) == []
    assert "No comment on the pull request: it comes from a fork" in done.log


@pytest.mark.slow
def test_a_push_that_breaks_a_layer_is_red(server: Hub) -> None:
    before = git(server.root, "rev-parse", "main")
    server.commit("main", {"mixers.py": BROKEN})
    server.commit("main", {"notes.txt": "and more\n"})
    job = server.push(before, depth=1)
    done = ran(job)
    assert done.code == 5, done.log
    assert_kept(job, done, 5)
    assert "is broken" in done.summary.splitlines()[0]
    assert comments(job) == []


@pytest.mark.slow
def test_a_group_that_changes_nothing_that_counts_is_green(server: Hub) -> None:
    before = git(server.root, "rev-parse", "main")
    server.commit("queue", {"mixers.py": ALIKE}, start="main")
    job = server.event("merge_group", {"merge_group": {"base_sha": before}}, branch="queue")
    done = ran(job, **{"require-equal": "true"})
    assert done.code == 0, done.log
    assert_kept(job, done, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("strict", "red"), [("false", 0), ("true", 3)])
def test_a_new_layer_has_no_verdict(server: Hub, strict: str, red: int) -> None:
    server.commit("topic", {"mixers.py": module(layer(), layer("Other"))}, start="main")
    job = server.pull_request()
    done = ran(job, model="mixers:Other", strict=strict)
    assert done.code == red
    assert_kept(job, done, 3)
    warnings = [line for line in done.log.splitlines() if line.startswith("::warning title=rnn-vs-attn::")]
    assert "No verdict on mixers:Other: it is not in the baseline" in warnings[0]
    assert ("which does not make the build red" in done.log) == (red == 0)


def test_versions_of_the_same_files_are_nothing_to_compare(server: Hub) -> None:
    """Which is no verdict; the comment says it, and there is no run to keep."""
    git(server.root, "checkout", "--quiet", "-B", "topic", "main")
    git(server.root, "commit", "--quiet", "--allow-empty", "--message", "nothing")
    job = server.pull_request()
    done = ran(job)
    assert done.code == 0, done.log
    assert done.outputs["action"]["exit-code"] == "3"
    assert "Nothing to compare" in comments(job)[0]["body"]


def test_a_wrong_call_is_red_and_leaves_no_comment(server: Hub) -> None:
    server.commit("topic", {"mixers.py": ALIKE}, start="main")
    job = server.pull_request()
    done = ran(job, margin="much")
    assert done.code == 2
    assert "--margin 'much' is not a percentage" in done.log
    assert comments(job) == []


@pytest.mark.slow
def test_setup_is_run_in_both_checkouts_and_in_no_shell_of_the_action(server: Hub) -> None:
    """A file that it makes is in the checkouts, which are gone, and not in the repository."""
    server.commit("topic", {"mixers.py": HEAVY}, start="main")
    job = server.pull_request()
    job.variables["MODEL"] = "the job's own"
    setup = f"""touch made && printf '%s %s\\n' "$PWD" "$MODEL" >> '{job.home}/set up'"""
    done = ran(job, args=f"{QUICK} {EXACT_ONLY}", setup=setup)
    assert done.code == 1, done.log
    lines = (job.home / "set up").read_text().splitlines()
    assert all(line.endswith(" the job's own") for line in lines)
    folders = [line.removesuffix(" the job's own") for line in lines]
    assert len(set(folders)) == 2
    assert not any(Path(folder).exists() for folder in folders)
    assert not (job.checkout / "made").exists()


def test_a_model_with_a_hostile_name_runs_nothing(server: Hub) -> None:
    server.commit("topic", {"mixers.py": ALIKE}, start="main")
    job = server.pull_request()
    done = ran(job, model="mixers:$(touch x)`touch x`'\"\n::error::y")
    assert done.code == 2
    assert not list(job.home.rglob("x"))
    assert not any(line.startswith("::error::") for line in done.log.splitlines())
