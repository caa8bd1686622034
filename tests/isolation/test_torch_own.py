"""What a file changes of torch for itself does not reach the next model."""

from __future__ import annotations

import logging
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from changed_settings import attribute, bent, set_of
from torch import nn
from torch.nn import functional as F

from rnn_vs_attn.isolation.keeping import NOTES, Own, note_import


def nothing(*_: Any, **__: Any) -> None:
    return None


def virtual_timer() -> bool:
    return signal.getitimer(signal.ITIMER_VIRTUAL)[0] > 0


OWNED: list[tuple[Callable[[], Any], Callable[[], Any], str]] = [
    (lambda: os.environ.update(ONE="1", TWO="2"), lambda: os.environ.get("TWO"), "the environment variables ONE, TWO"),
    (lambda: os.environ.pop("HOME"), lambda: os.environ.get("HOME"), "the environment variable HOME"),
    (lambda: os.chdir("/"), Path.cwd, "the current folder from"),
    (lambda: sys.setrecursionlimit(5000), sys.getrecursionlimit, "Python's recursion limit from"),
    (lambda: logging.disable(50), lambda: logging.root.manager.disable, "the level or the handlers of logging"),
    (
        lambda: signal.signal(signal.SIGUSR1, nothing),
        lambda: signal.getsignal(signal.SIGUSR1),
        "the handler of SIGUSR1",
    ),
    (lambda: signal.setitimer(signal.ITIMER_VIRTUAL, 1000), virtual_timer, "a timer that sends a signal"),
    (lambda: setattr(sys, "stdout", sys.stderr), lambda: id(sys.stdout), "where the standard streams lead"),
    (lambda: setattr(sys, "excepthook", nothing), lambda: sys.excepthook, "what is done with exceptions"),
    (lambda: numpy.seterr(all="raise"), numpy.geterr, "how numpy handles errors"),
    (
        lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1])),
        lambda: resource.getrlimit(resource.RLIMIT_CORE)[0],
        "the limit RLIMIT_CORE",
    ),
    (set_of(F, "softmax", bent), attribute(F, "softmax"), "what stands under torch.nn.functional.softmax"),
    (set_of(torch, "relu", torch.sigmoid), attribute(torch, "relu"), "what stands under torch.relu"),
    (set_of(torch.Tensor, "matmul", bent), attribute(torch.Tensor, "matmul"), "what stands under Tensor.matmul"),
    (set_of(nn.Linear, "forward", bent), attribute(nn.Linear, "forward"), "what stands under Linear.forward"),
    (set_of(nn.LSTM, "__call__", bent), attribute(nn.LSTM, "__call__"), "what stands under LSTM.__call__"),
    (set_of(nn, "Linear", nn.Identity), attribute(nn, "Linear"), "what stands under torch.nn.Linear"),
    (set_of(torch._VF, "lstm", bent), attribute(torch._VF, "lstm"), "what stands under torch._VF.lstm"),
    (
        lambda: nn.modules.module.register_module_forward_hook(nothing),
        lambda: len(nn.modules.module._global_forward_hooks),
        "what is called around all modules",
    ),
    (lambda: sys.modules.update(json=sys), lambda: sys.modules["json"].__name__, "the modules json"),
]


@pytest.mark.long
@pytest.mark.parametrize(("change", "look", "said"), OWNED)
def test_what_a_file_changes_for_itself_does_not_reach_the_next_model(
    change: Callable[[], Any], look: Callable[[], Any], said: str, own: Own
) -> None:
    if said == "the limit RLIMIT_CORE" and resource.getrlimit(resource.RLIMIT_CORE)[0] == 0:
        change = lambda: resource.setrlimit(  # noqa: E731
            resource.RLIMIT_CORE, (4096, resource.getrlimit(resource.RLIMIT_CORE)[1])
        )
    before = look()
    own.enter("first")
    change()
    its = look()
    assert its != before
    own.leave()
    (told,) = NOTES.tell()
    assert told.startswith(f"it changed {said}")
    own.enter("second")
    assert look() == before
    own.leave()
    assert NOTES.tell() == []


@pytest.mark.long
def test_what_one_model_of_a_file_changes_is_not_there_for_the_others_nor_on_their_rows(own: Own) -> None:
    own.enter("file", "one")
    os.environ["OF_ALL"] = "1"
    note_import()
    os.environ["OF_ONE"] = "1"
    own.leave()
    assert NOTES.tell() == ["it changed the environment variables OF_ALL, OF_ONE, which were put back"]
    own.enter("file", "other")
    assert ("OF_ALL" in os.environ, "OF_ONE" in os.environ) == (True, False)
    own.leave()
    assert NOTES.tell() == ["it changed the environment variable OF_ALL, which was put back"]
    own.enter("file", "one")
    assert "OF_ONE" in os.environ
    own.leave()
    NOTES.tell()


def test_a_helper_that_a_package_puts_into_a_class_of_torch_is_there_for_its_other_modules(own: Own) -> None:
    """As transformers does when it is first imported; it hides nothing, so nobody else's layer computes otherwise."""
    own.enter("first")
    nn.Module.helper_of_a_package = nothing
    own.leave()
    own.enter("second")
    assert nn.Module.helper_of_a_package is nothing
    own.leave()
    del nn.Module.helper_of_a_package
    assert NOTES.tell() == []


def test_the_first_vmap_of_a_process_changes_no_operators() -> None:
    """torch registers eight derivatives then, which was said of the layer, and cost each of its cases a process."""
    code = (
        "import torch\n"
        "from rnn_vs_attn.isolation.torch_own import _overridden\n"
        "before = set(torch.library._impls), _overridden()\n"
        "torch.vmap(torch.sin)(torch.ones(2))\n"
        "assert set(torch.library._impls) > before[0]\n"
        "assert _overridden() == before[1]\n"
        "library = torch.library.Library('aten', 'IMPL')\n"
        "library.impl('sin', torch.cos, 'FuncTorchBatched')\n"
        "assert _overridden() - before[1] == {'aten/sin/FuncTorchBatched'}\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
