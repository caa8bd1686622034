"""What is missing of a model is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from leaky_models import REPORT, about
from repositories import write

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.worker import questions
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.protocol import FindOrigin, Measure, ReadMachinePeaks


def test_what_is_missing_is_named_to_ab(worker: ChildWorker, folder: Path) -> None:
    """It said that there was no module, of one that is there."""
    write(folder, {"package/__init__.py": "import no_such_library\n", "package/layers.py": REPORT})
    with pytest.raises(UserError, match=r"No module named 'no_such_library' .*__init__.py, line 1") as caught:
        worker.ask(FindOrigin("package.layers:Report", forbidden=None), 600)
    assert "there is no module" not in str(caught.value)
    assert worker.ask(FindOrigin("nowhere:Report", forbidden=None), 600).reason == "there is no module nowhere"


def test_this_programs_own_modules_belong_to_no_model(folder: Path) -> None:
    """They may be imported first while a user's model is measured, and stand for others' rows too."""
    made = ChildWorker(folder=folder)
    try:
        for model in ("leaky.py:Leaky", "lstm", "attention"):
            samples = made.ask(Measure(about(model), Turn()), 600).samples
            told = {warning for sample in samples for warning in sample.warnings}
            assert (told == set()) == (model != "leaky.py:Leaky")
    finally:
        made.close()


@pytest.mark.parametrize(("name", "used"), [("cuda", ["cuda"]), ("cuda:1", ["cuda:1"]), ("cpu", [])])
def test_a_gpus_peak_is_that_of_the_gpu_of_this_name(
    name: str, used: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "cuda" is for torch the last one that was used, such as cuda:1 in the round before."""
    found: list[Any] = []
    monkeypatch.setattr(questions.device, "use", found.append)
    monkeypatch.setattr(questions.THREADS, "set", lambda threads: None)
    monkeypatch.setattr(questions.machine_peak, "samples", lambda device, dtype: [*found, str(device)])
    told = questions.Questions(None, None).machine_peaks(ReadMachinePeaks(name, "float32", 1))  # type: ignore[arg-type]
    assert told.samples == (*used, name)
