"""What tests of workers share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from leaky_models import LEAKY, REPORT
from paths import USER_MODULES
from repositories import write

from rnn_vs_attn.worker.client import ChildWorker


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("users")
    write(made, {"leaky.py": LEAKY, "copy.py": REPORT, "torch.py": REPORT})
    return made


@pytest.fixture(scope="session")
def worker(folder: Path) -> Iterator[ChildWorker]:
    """One for the tests of all files here: no case of it is to be met by what another one did."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(USER_MODULES))
        made = ChildWorker(folder=folder, variables={"THREADS_SEEN": str(folder / "threads")})
    yield made
    made.close()
