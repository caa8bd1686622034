"""What tests of workers share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from leaky_models import LEAKY, REPORT
from paths import USER_MODULES
from repositories import write

from rnn_vs_attn.worker.client import ChildWorker


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("users")
    write(made, {"leaky.py": LEAKY, "copy.py": REPORT, "torch.py": REPORT})
    return made


@pytest.fixture(scope="module")
def worker(folder: Path) -> Iterator[ChildWorker]:
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(USER_MODULES)
    made = ChildWorker(folder=folder, variables={"THREADS_SEEN": str(folder / "threads")})
    yield made
    made.close()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before
