"""The installing step: this checkout and no name of a registry, torch's CPU build first, in an environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from paths import ROOT
from played_runner import Done, Hub, Job

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
    assert done.log.startswith("::error title=rnn-vs-attn::rnn-vs-attn needs Python 3.11 to 3.13 and this is Python 3.9.1;")
    assert not (job.home / "pip").exists()


def fake_torch(folder: Path) -> str:
    """An index that has nothing but a torch of the version in constraints.txt, which is empty; its address."""
    (version,) = [line[7:] for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("torch==")]
    there = folder / "torch"
    there.mkdir(parents=True)
    name = f"torch-{version}+cpu-py3-none-any.whl"
    info = f"torch-{version}+cpu.dist-info"
    with zipfile.ZipFile(there / name, "w") as wheel:
        wheel.writestr("torch/__init__.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}+cpu\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    (there / "index.html").write_text(f'<a href="{name.replace("+", "%2B")}">{name}</a>')
    return folder.as_uri()


@pytest.mark.slow
def test_it_is_installed_from_a_path_with_blanks_beside_a_torch_of_another_index(job: Job, tmp_path: Path) -> None:
    """All but torch comes from where pip finds it on this machine. The Python of the job stays as it is."""
    checkout = tmp_path / "the action"
    names = ("action", "rnn_vs_attn", "pyproject.toml", "constraints.txt", "README.md", "LICENSE")
    checkout.mkdir()
    for name in names:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, checkout / name)
    job.variables |= {"GITHUB_ACTION_PATH": str(checkout)}
    before = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True, check=False).stdout
    given = {"model": "m", "torch-index-url": fake_torch(tmp_path / "index")}
    done = job.run(given, only="Install", PYTHON=sys.executable, PIP_CACHE_DIR=str(Path.home() / ".cache/pip"))
    if "hatchling" in done.log and "from versions: none" in done.log:
        pytest.skip("pip reaches no index here")
    assert done.code == 0, done.log
    program = done.outputs["install"]["program"]
    words = subprocess.run([program, "ab", "--help"], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert "--require-equal" in words
    where = "import rnn_vs_attn, torch; print(rnn_vs_attn.__file__, torch.__file__)"
    python = Path(program).with_name("python")
    files = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert all(str(job.temp) in file for file in files.strip().split(".py ")), files
    after = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True, check=False).stdout
    assert after == before
