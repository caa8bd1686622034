"""What all tests share."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import command
import pytest
import repositories
from paths import REFERENCE, USER_MODULES

if TYPE_CHECKING:
    from rnn_vs_attn.isolation.keeping import Own

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is loaded: threads wait for each other on a busy machine
gc.disable()  # until all tests are collected: a fifth of that time went into looking through what is only loaded


@pytest.fixture(autouse=True)
def _user_modules_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """`layers:Name` is a user's own module in the workers too."""
    monkeypatch.setenv("PYTHONPATH", str(USER_MODULES))


def starts_processes(module: object) -> bool:
    """Whether a file of tests runs commands or workers, or other programs."""
    starting = (subprocess, command.run, command.run_process, command.begin, repositories.git)
    return any(
        any(value is each for each in starting) or getattr(value, "__name__", "") in ("ChildWorker", "Job")
        for value in vars(module).values()
    )


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """CUDA tests are skipped, and say so, where there is no device; others get the marks by which `make quick` leaves
    them out.
    """
    for item in items:
        if "contracts" in item.path.parts:
            item.add_marker("long")
        if isinstance(item, pytest.Function) and starts_processes(item.module):
            item.add_marker("process")
    marked = [item for item in items if item.get_closest_marker("cuda")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no CUDA device here"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """What is put back after a module is what stands before a test, and never what the test replaces."""
    patches = sys.modules.get("rnn_vs_attn.isolation.patches")
    if patches is not None:
        patches.NAMESPACES.see()


@pytest.fixture
def gradflow(tmp_path: Path) -> Path:
    """A copy of a stored run, whole with its samples."""
    copied = shutil.copytree(REFERENCE / "full/gradflow", tmp_path / "gradflow", ignore=shutil.ignore_patterns("plots"))
    return Path(copied)


@pytest.fixture
def in_float64() -> Iterator[None]:
    """What a test makes is float64, and drawn from seed 0."""
    import torch

    from rnn_vs_attn.measure.gradient.flow import float64

    torch.manual_seed(0)
    with float64():
        yield


@pytest.fixture
def own() -> Iterator[Own]:
    from rnn_vs_attn.isolation.keeping import Own

    made = Own()
    yield made
    sys.meta_path.remove(made._modules)
