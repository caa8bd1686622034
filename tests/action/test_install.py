"""The installing step: torch's CPU build, then this checkout and no name of a registry, apart from the job's Python."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from paths import ROOT
from played_runner import Done, Hub, Job

import rnn_vs_attn

CPU = "https://download.pytorch.org/whl/cpu"


@pytest.fixture
def job(server: Hub) -> Job:
    return server.pull_request()


def installed(job: Job, **inputs: str) -> Done:
    """Both steps, of which the second installs."""
    given = {"model": "m", "python-version": ""} | inputs
    python = str(job.programs / "played-python")
    named = job.run(given, only="Name the cache", PYTHON=python)
    assert named.code == 0, named.log
    folder = named.outputs["downloads"]["folder"]
    done = job.run(given, only="Install", PYTHON=python, PIP_CACHE_DIR=folder)
    done.outputs |= named.outputs
    return done


def test_torch_comes_first_and_from_the_index_of_its_cpu_build(job: Job) -> None:
    done = installed(job)
    assert done.code == 0, done.log
    quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    with_versions = [*quiet, "--constraint", str(ROOT / "constraints.txt")]
    cache = done.outputs["downloads"]["folder"]
    assert job.told_pip() == [
        [cache, *with_versions, "--index-url", CPU, "torch"],
        [cache, *with_versions, str(ROOT)],
    ]
    program = Path(done.outputs["install"]["program"])
    assert program.is_relative_to(job.temp)
    assert program.stat().st_mode & 0o100


def test_torch_is_of_another_index_or_version_where_that_is_given(job: Job) -> None:
    assert installed(job, **{"torch-version": "2.7.1", "torch-index-url": ""}).code == 0
    first, second = job.told_pip()
    assert first[-1] == "torch"
    assert "--index-url" not in first
    given = [call[call.index("--constraint") + 1] for call in (first, second)]
    assert given[0] == given[1]
    assert Path(given[0]).read_text() == "torch==2.7.1\n"


def test_what_pip_downloads_is_kept_by_what_is_installed(job: Job) -> None:
    """So that another version of anything is downloaded anew, and the same one is not."""
    plain = installed(job).outputs["downloads"]
    assert installed(job).outputs["downloads"] == plain
    others = [
        installed(job, **{"torch-version": "2.7.1"}).outputs["downloads"],
        installed(job, **{"torch-index-url": ""}).outputs["downloads"],
    ]
    assert len({found["key"] for found in (plain, *others)}) == 3
    assert all(found["folder"] == plain["folder"] for found in others)
    assert Path(plain["folder"]).is_relative_to(job.temp)


def test_an_unfit_python_is_refused_before_anything_is_installed(job: Job) -> None:
    job.program("played-python", '#!/bin/sh\n[ "$1" != --version ] && exit 1\necho Python 3.9.1\n')
    done = installed(job)
    assert done.code == 2
    assert done.log.startswith(
        "::error title=rnn-vs-attn::rnn-vs-attn needs Python 3.11 to 3.13 and this is Python 3.9.1;"
    )
    assert not (job.home / "pip").exists()


def wheel(folder: Path, name: str, version: str) -> Path:
    """An installable package of this name that has nothing in it."""
    folder.mkdir(parents=True, exist_ok=True)
    written, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    file = folder / f"{written}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(f"{written}/__init__.py", "")
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        made.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr(f"{info}/RECORD", "")
    return file


def copied_action(folder: Path) -> Path:
    """What the runner downloads of this repository, as far as it is installed."""
    folder.mkdir()
    for name in ("action", "rnn_vs_attn", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    return folder


@pytest.mark.slow
def test_pip_installs_a_checkout_whose_path_has_blanks(job: Job, tmp_path: Path) -> None:
    """Beside a torch of the index that is given. All that this program needs is empty here, and so is torch; what
    builds it comes from where pip finds it. The Python of the job stays as it is.
    """
    constraints, project = (ROOT / "constraints.txt").read_text(), (ROOT / "pyproject.toml").read_text()
    (version,) = re.findall(r"^torch==(.+)$", constraints, re.MULTILINE)
    torch = wheel(tmp_path / "index/torch", "torch", f"{version}+cpu")
    (torch.parent / "index.html").write_text(f'<a href="{torch.name.replace("+", "%2B")}">{torch.name}</a>')
    for needed in tomllib.loads(project)["project"]["dependencies"]:
        if not needed.startswith("torch"):
            wheel(tmp_path / "wheels", re.split("[><=]", needed)[0], "9999")
    job.variables |= {
        "GITHUB_ACTION_PATH": str(copied_action(tmp_path / "the action")),
        "PIP_FIND_LINKS": (tmp_path / "wheels").as_uri(),
    }
    for name in ("pip", "venv", "random"):  # of the user
        (job.checkout / f"{name}.py").write_text("raise SystemExit('a file of the user is run')\n")
    before = packages(sys.executable)
    given = {"model": "m", "torch-index-url": (tmp_path / "index").as_uri()}
    done = job.run(given, only="Install", PYTHON=sys.executable, PIP_CACHE_DIR=str(tmp_path / "cache"))
    if "hatchling" in done.log and "from versions: none" in done.log:
        pytest.skip("pip reaches no index here")
    assert done.code == 0, done.log
    program = Path(done.outputs["install"]["program"])
    found = packages(str(program.with_name("python")))
    assert found["torch"] == f"{version}+cpu"
    assert found["numpy"] == "9999"
    assert found["rnn-vs-attn"] == rnn_vs_attn.__version__
    assert program.stat().st_mode & 0o100
    assert packages(sys.executable) == before


def packages(python: str) -> dict[str, str]:
    """What is installed for a Python, with versions."""
    code = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))
