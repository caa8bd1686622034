"""GitHub's runner, played: the steps of action.yml with bash, in a checkout such as actions/checkout makes.

Other people's actions are not run; what they are given is kept, and setup-python answers with a Python that plays one.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from paths import ROOT
from repositories import commit, git, repository

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = ACTION["runs"]["steps"]
OWN = "owner/layers"  # the repository of the user
NUMBER = 7  # of the pull request

_PYTHON = """\
#!/bin/sh
# A new environment has this Python again, which only writes down what pip is told, and the program of this checkout.
case "$1 $2" in
  "-m venv")
    mkdir -p "$3/bin" && ln -sf "{python}" "$3/bin/python"
    printf '#!/bin/sh\\nexec "{real}" -P -m rnn_vs_attn "$@"\\n' > "$3/bin/rnn-vs-attn"
    chmod +x "$3/bin/rnn-vs-attn" ;;
  "-m pip") printf '%s\\n' "$PIP_CACHE_DIR" "$@" -- >> "{pip}" ;;
  *) exec "{real}" "$@" ;;
esac
"""


# Expressions


def evaluated(expression: str, contexts: Mapping[str, Any]) -> Any:
    """The value of a GitHub expression without brackets: || binds weakest, then &&, then == and !=."""
    for operator in ("||", "&&"):
        if operator in expression:
            first, rest = (part.strip() for part in expression.split(operator, 1))
            value = evaluated(first, contexts)
            return value if bool(value) == (operator == "||") else evaluated(rest, contexts)
    if found := re.fullmatch(r"(.+?) (==|!=) (.+)", expression):
        same = evaluated(found[1], contexts) == evaluated(found[3], contexts)
        return same == (found[2] == "==")
    if expression.startswith("'"):
        return expression.strip("'")
    if found := re.fullmatch(r"toJSON\((\w+)\)", expression):
        return json.dumps(contexts[found[1]])
    if expression == "always()":
        return True
    value: Any = contexts
    for name in expression.split("."):
        value = value.get(name, "") if isinstance(value, Mapping) else ""
    return value


def resolved(text: Any, contexts: Mapping[str, Any]) -> str:
    """A text with its expressions replaced by their values, or a value of YAML as text."""
    if isinstance(text, bool):
        return str(text).lower()
    return re.sub(r"\$\{\{ *(.+?) *\}\}", lambda found: str(evaluated(found[1], contexts)), str(text))


# The job


@dataclass
class Done:
    """What a job left: the exit code of the step that failed, 0 where none did. codes: of all steps that were run."""

    code: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    log: str = ""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    used: dict[str, dict[str, str]] = field(default_factory=dict)
    summary: str = ""


@dataclass
class Job:
    """A job on a runner. checkout: the user's repository; programs: what stands first on PATH."""

    home: Path
    checkout: Path
    event_name: str
    event: dict[str, Any]
    variables: dict[str, str] = field(default_factory=dict)
    matrix: Any = None

    def __post_init__(self) -> None:
        self.temp = self.home / "runner's temp"
        self.programs = self.home / "programs"
        for folder in (self.temp, self.programs):
            folder.mkdir(parents=True, exist_ok=True)
        (self.home / "event.json").write_text(json.dumps(self.event))
        self.commit = git(self.checkout, "rev-parse", "HEAD")
        python = self.programs / "played-python"
        names = {"python": str(python), "real": sys.executable, "pip": str(self.home / "pip")}
        self.program("played-python", _PYTHON.format(**names))

    def program(self, name: str, text: str) -> None:
        """A program that stands first on PATH."""
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def told_pip(self) -> list[list[str]]:
        """The folder of its cache and the words of each call."""
        lines = (self.home / "pip").read_text().split("\n--\n")
        return [call.splitlines() for call in lines if call]

    def run(self, inputs: Mapping[str, str], only: str | None = None, **overridden: str) -> Done:
        """All steps with these inputs, or one by its name. overridden: variables of that one."""
        known = {name: str(each.get("default", "")) for name, each in ACTION["inputs"].items()}
        assert inputs.keys() <= known.keys()
        done = Done()
        for step in STEPS:
            if only is None or step["name"] == only:
                self._step(step, known | dict(inputs), done, overridden)
        done.outputs["action"] = {
            name: resolved(each["value"], self._contexts(known, done)) for name, each in ACTION["outputs"].items()
        }
        return done

    def _contexts(self, inputs: Mapping[str, str], done: Done) -> dict[str, Any]:
        steps = {name: {"outputs": found} for name, found in done.outputs.items()}
        github = {"event": self.event, "event_name": self.event_name, "token": "a token"}
        return {"inputs": inputs, "github": github, "steps": steps, "matrix": self.matrix}

    def _step(self, step: Mapping[str, Any], inputs: Mapping[str, str], done: Done, more: Mapping[str, str]) -> None:
        contexts, condition = self._contexts(inputs, done), str(step.get("if", ""))
        if done.code and "always()" not in condition:
            return
        if condition and not evaluated(condition, contexts):
            return
        if "uses" in step:
            name = step["uses"].partition("@")[0]
            done.used[name] = {key: resolved(value, contexts) for key, value in step["with"].items()}
            if name == "actions/setup-python":
                done.outputs[step["id"]] = {"python-path": str(self.programs / "played-python")}
            return
        environment = {name: resolved(value, contexts) for name, value in step.get("env", {}).items()}
        folder = self.checkout / resolved(step.get("working-directory", "."), contexts)
        code, log, outputs = self.shell(step["run"], folder, environment | dict(more))
        done.codes[step["name"]] = code
        if "continue-on-error" not in step:
            done.code = done.code or code
        done.log += log
        done.outputs[step.get("id", step["name"])] = outputs
        summary = self.home / "summary"
        done.summary = summary.read_text() if summary.exists() else ""

    def begin(self, text: str, folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        """The shell of a step, which has begun. It listens to SIGINT, as a runner's does, whoever started the tests."""
        (self.home / "step.sh").write_text(text)
        (self.home / "output").write_text("")
        words = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(self.home / "step.sh")]
        every = {**self.surroundings(), **environment}
        return subprocess.Popen(
            words,
            cwd=folder,
            env=every,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )

    def shell(self, text: str, folder: Path, environment: Mapping[str, str]) -> tuple[int, str, dict[str, str]]:
        """Exit code, log and outputs of a step's shell."""
        process = self.begin(text, folder, environment)
        log, _ = process.communicate(timeout=600)
        return process.returncode, log, self.outputs()

    def outputs(self) -> dict[str, str]:
        lines = (self.home / "output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def surroundings(self) -> dict[str, str]:
        """The variables of a step, of which none is of this machine but where programs and temporary folders are."""
        pull = self.event.get("pull_request", {})
        return {
            "PATH": os.pathsep.join([str(self.programs), os.environ["PATH"]]),
            "HOME": str(self.home),
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
            "OMP_NUM_THREADS": "1",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_BASE_REF": pull.get("base", {}).get("ref", ""),
            "GITHUB_EVENT_NAME": self.event_name,
            "GITHUB_EVENT_PATH": str(self.home / "event.json"),
            "GITHUB_JOB": "ab",
            "GITHUB_OUTPUT": str(self.home / "output"),
            "GITHUB_REF": f"refs/pull/{NUMBER}/merge" if pull else "refs/heads/main",
            "GITHUB_REPOSITORY": OWN,
            "GITHUB_RUN_ID": "42",
            "GITHUB_SHA": self.commit,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_STEP_SUMMARY": str(self.home / "summary"),
            "GITHUB_WORKFLOW": "slowdowns",
            "GITHUB_WORKSPACE": str(self.checkout),
            "RUNNER_TEMP": str(self.temp),
            **self.variables,
        }


# The user's repository on GitHub, and what a job has of it


@dataclass
class Hub:
    """A repository on the server, and the jobs that its events start. home: where their checkouts and files lie."""

    home: Path
    root: Path

    def commit(self, branch: str, files: Mapping[str, str], start: str | None = None) -> str:
        """A commit on a branch, which begins at `start` where it is new."""
        git(self.root, "checkout", "--quiet", *(["-B", branch, start] if start else [branch]))
        return commit(self.root, dict(files))

    def merged(self, branch: str, into: str) -> str:
        """The commit of a merge that is on no branch, as GitHub makes it for a pull request."""
        git(self.root, "checkout", "--quiet", "--detach", into)
        git(self.root, "merge", "--quiet", "--no-ff", "--message", "a merge", branch)
        git(self.root, "update-ref", f"refs/pull/{NUMBER}/merge", "HEAD")
        return git(self.root, "rev-parse", "HEAD")

    def checked_out(self, revision: str, depth: int) -> Path:
        """A clone as actions/checkout makes it, with `depth` commits; all for 0."""
        folder = self.home / "my work" / "layers"
        folder.mkdir(parents=True)
        git(folder, "init", "--quiet", "--initial-branch=unused")
        git(folder, "remote", "add", "origin", self.root.as_uri())
        every = ["+refs/heads/*:refs/remotes/origin/*"] if not depth else []
        shallow = [f"--depth={depth}"] if depth else []
        git(folder, "fetch", "--quiet", "--no-tags", *shallow, "origin", *every, f"+{revision}:refs/remotes/ci/it")
        git(folder, "checkout", "--quiet", "--force", "--detach", "refs/remotes/ci/it")
        return folder

    def pull_request(
        self, branch: str = "topic", into: str = "main", depth: int = 2, fork: bool = False, head: bool = False
    ) -> Job:
        """The job of a pull request. head: the branch is checked out and not its merge."""
        sides = {name: git(self.root, "rev-parse", name) for name in (branch, into)}
        revision = sides[branch] if head else self.merged(branch, into)
        event = {
            "number": NUMBER,
            "pull_request": {
                "number": NUMBER,
                "head": {"sha": sides[branch], "repo": {"full_name": "stranger/layers" if fork else OWN}},
                "base": {"sha": sides[into], "ref": into},
            },
        }
        return Job(self.home, self.checked_out(revision, depth), "pull_request", event)

    def push(self, before: str, branch: str = "main", depth: int = 2) -> Job:
        revision = git(self.root, "rev-parse", branch)
        return Job(self.home, self.checked_out(revision, depth), "push", {"before": before})

    def event(self, name: str, event: dict[str, Any], branch: str = "main", depth: int = 2) -> Job:
        revision = git(self.root, "rev-parse", branch)
        return Job(self.home, self.checked_out(revision, depth), name, event)


def hub(home: Path, files: dict[str, str]) -> Hub:
    """A repository with these files on `main`, which serves every commit, as GitHub does."""
    root = repository(home / "server's layers", files)
    git(root, "config", "uploadpack.allowAnySHA1InWant", "true")
    return Hub(home, root)
