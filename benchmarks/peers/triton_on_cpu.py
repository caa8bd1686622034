"""Triton's kernels on the CPU, for their values alone: its own interpreter, with what that lacks for these packages.

`begin` is called before they are imported, `mend` after.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib.machinery
import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import torch

_OF_LANGUAGE = (
    "gather",
    "exp",
    "exp2",
    "log",
    "log2",
)  # which a module may have taken already


def begin() -> None:
    """The interpreter in place of the compiler, and one processor in place of a GPU."""
    os.environ["TRITON_INTERPRET"] = "1"
    from triton.runtime.autotuner import Autotuner

    Autotuner._bench = lambda self, *args, config, **kwargs: [0.0] * 3  # no configuration is faster than another
    torch.cuda.device = lambda *args: contextlib.nullcontext()  # type: ignore[assignment, misc]
    torch.cuda.get_device_properties = lambda *args: SimpleNamespace(multi_processor_count=1)  # type: ignore[assignment]
    for name in ("selective_scan_cuda",):  # compiled code that the package imports, and nothing here calls
        module = ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = module


def mend(*packages: str) -> None:
    """What kernels of these packages do that the interpreter does not know."""
    import triton.language

    of_them = [m for name, m in list(sys.modules.items()) if name.partition(".")[0] in packages]
    for module in of_them:
        vars(module)["range"] = _range
        for name in _OF_LANGUAGE:
            found = vars(module).get(name)
            if getattr(found, "__module__", "").startswith("triton.language"):
                vars(module)[name] = _late(triton.language, found.__name__)


class _Index(int):
    """What a loop of a kernel counts with, which compiled is a tensor."""

    def to(self, dtype: Any, **kwargs: Any) -> _Index:
        return self


def _range(*ends: Any) -> Iterator[_Index]:
    plain = [end.handle.data.item() if hasattr(end, "handle") else end for end in ends]
    return map(_Index, builtins.range(*map(int, plain)))


def _late(module: ModuleType, name: str) -> Callable[..., Any]:
    """Looked up at each call, as the interpreter puts its own there only while a kernel runs."""
    return lambda *args, **kwargs: getattr(module, name)(*args, **kwargs)
