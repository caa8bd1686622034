"""The files that a reader pastes, and the page about them: what they name is there, and CI takes them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from paths import ROOT
from played_runner import ACTION, NUMBER, Hub
from repositories import git

CI = ROOT / "benchmarks/ci"
WORKFLOW: dict[Any, Any] = yaml.safe_load((CI / "github-actions.yml").read_text())
GITLAB = yaml.safe_load((CI / "gitlab-ci.yml").read_text())["slowdowns"]
PAGE = (ROOT / "docs/ci.md").read_text()


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-actions", ROOT / "action.yml"),
        ("vendor.github-workflows", CI / "github-actions.yml"),
        ("vendor.gitlab-ci", CI / "gitlab-ci.yml"),
    ],
)
def test_a_file_is_what_its_schema_says(schema: str, file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# action.yml


def test_no_value_stands_in_the_text_of_a_command() -> None:
    run = [step for step in ACTION["runs"]["steps"] if "run" in step]
    assert len(run) == 6
    for step in run:
        assert re.fullmatch(r'exec "\$GITHUB_ACTION_PATH/action/\w+"', step["run"])
        assert step["shell"] == "bash"
        script = ROOT / step["run"].split("PATH/")[1].strip('"')
        assert script.stat().st_mode & 0o111
        assert script.read_text().startswith("#!/usr/bin/env bash\n")


def test_every_script_is_a_step() -> None:
    scripts = {path.name for path in (ROOT / "action").iterdir()} - {"runner.sh"}
    assert scripts == {step["run"].rpartition("/")[2].strip('"') for step in ACTION["runs"]["steps"] if "run" in step}


def test_the_token_is_where_the_comment_is_and_nowhere_else() -> None:
    """The user's own code runs in the other steps."""
    with_token = [step["name"] for step in ACTION["runs"]["steps"] if "github.token" in str(step)]
    assert with_token == ["Comment on the pull request"]
    assert "secrets" not in (ROOT / "action.yml").read_text()


def test_every_variable_that_a_script_reads_is_given() -> None:
    """By its step, by the runner or by itself."""
    of_runner = {"GITHUB_", "RUNNER_", "GIT_CONFIG_COUNT", "PWD"}
    for step in ACTION["runs"]["steps"]:
        if "run" not in step:
            continue
        text = (ROOT / "action" / step["run"].rpartition("/")[2].strip('"')).read_text()
        read = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", text))
        given = set(step["env"]) | {name for name in read if name.startswith(tuple(of_runner))}
        assert read - given == set(), step["name"]


# github-actions.yml


def test_the_workflow_may_read_and_comment_and_nothing_else() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert WORKFLOW[True].keys() == {"pull_request", "merge_group", "push"}  # YAML takes `on` for true
    assert WORKFLOW["jobs"]["ab"]["timeout-minutes"] == 30
    assert "secrets" not in str(WORKFLOW)


def test_the_workflow_gives_what_the_action_takes() -> None:
    _, step = WORKFLOW["jobs"]["ab"]["steps"]
    assert step["uses"] == "OWNER/rnn-vs-attn@REF"
    assert step["with"].keys() <= ACTION["inputs"].keys()
    needed = {name for name, found in ACTION["inputs"].items() if found.get("required")}
    assert needed <= step["with"].keys()


def test_nothing_is_installed_by_a_name_that_is_not_ours() -> None:
    """Which anybody could take."""
    bare = re.compile(r"install\b.* [\"']?rnn-vs-attn\b")
    assert bare.search("pip install --quiet rnn-vs-attn")
    for file in (ROOT / "action.yml", *(ROOT / "action").iterdir(), *CI.glob("*.yml")):
        assert [line for line in file.read_text().splitlines() if bare.search(line)] == []


# gitlab-ci.yml


def baseline_on_gitlab(folder: Path, **variables: str) -> str:
    """What the script compares with, which ends where it would measure."""
    lines = [line for line in GITLAB["script"] if " ab " not in line]
    assert len(lines) == len(GITLAB["script"]) - 1
    text = "\n".join(["set -eo pipefail", *lines, 'printf "%s" "$baseline"'])
    done = subprocess.run(
        ["bash", "-c", text], cwd=folder, env={"PATH": "/usr/bin:/bin", **variables}, capture_output=True, check=True
    )
    return done.stdout.decode()


def test_a_branch_on_gitlab_is_compared_with_where_it_left_its_target(server: Hub) -> None:
    left = git(server.root, "rev-parse", "topic~1")
    folder = server.checked_out("refs/heads/topic", 0)
    assert baseline_on_gitlab(folder, CI_MERGE_REQUEST_DIFF_BASE_SHA=left) == left


def test_a_branch_that_took_its_target_in_last_is_no_merged_result(server: Hub) -> None:
    git(server.root, "checkout", "--quiet", "topic")
    git(server.root, "merge", "--quiet", "--no-ff", "--message", "main into topic", "main")
    left = git(server.root, "rev-parse", "main")
    folder = server.checked_out("refs/heads/topic", 0)
    assert baseline_on_gitlab(folder, CI_MERGE_REQUEST_DIFF_BASE_SHA=left) == left


def test_a_merged_result_on_gitlab_is_compared_with_its_target(server: Hub) -> None:
    """And not with where the branch left it, or others' changes would be the branch's."""
    names = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": git(server.root, "rev-parse", "topic~1")}
    names["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"] = git(server.root, "rev-parse", "topic")
    server.merged("topic", "main")
    folder = server.checked_out(f"refs/pull/{NUMBER}/merge", 0)
    assert baseline_on_gitlab(folder, **names) == git(server.root, "rev-parse", "main")


def test_a_job_on_gitlab_keeps_what_it_writes_and_takes_no_verdict_for_a_warning() -> None:
    (measures,) = [line for line in GITLAB["script"] if " ab " in line]
    kept = [*GITLAB["artifacts"]["paths"], GITLAB["artifacts"]["reports"]["junit"]]
    written = re.findall(r"--(?:output|junit|markdown) (\S+)", measures)
    assert sorted(kept) == sorted(written)
    assert GITLAB["allow_failure"] == {"exit_codes": 3}


# docs/ci.md


def test_the_page_has_every_input_with_its_default() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*?) \| (.+?) \|$", PAGE, re.MULTILINE)
    told = {name: default for name, default, what in rows}
    wanted = {}
    for name, found in ACTION["inputs"].items():
        default = found.get("default", "")
        wanted[name] = "needed" if found.get("required") else f"`{default}`" if default else "–"
    assert told == wanted


def test_the_page_has_every_output() -> None:
    for name in ACTION["outputs"]:
        assert f"`{name}`" in PAGE.split("\nThe outputs are")[1]


def test_what_the_page_says_to_paste_is_the_file() -> None:
    lines = (CI / "github-actions.yml").read_text().split("    steps:\n")[1]
    pasted = re.sub(r" +#.*", "", lines)
    assert pasted.strip() in re.sub(r" +#.*", "", PAGE)
