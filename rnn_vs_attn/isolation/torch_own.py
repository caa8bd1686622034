"""What torch keeps for all modules and a model may change for itself: operators, hooks, what torch.compile is told."""

from __future__ import annotations

import sys
from typing import Any

import torch

from rnn_vs_attn.isolation.settings import Setting, entries, word


def _overridden() -> frozenset[str]:
    """Operators of torch itself that are computed by somebody else's code."""
    known = torch.library._impls
    if len(known) != _SEEN[0]:
        own = {name for name in known if name.startswith("aten/") and not name.endswith("/Meta")}
        _SEEN[:] = [len(known), frozenset(own - _for_vmap())]
    return _SEEN[1]


def _for_vmap() -> set[str]:
    """What torch registers itself where torch.vmap is called for the first time."""
    modules = (sys.modules.get(f"torch._functorch.{name}") for name in ("predispatch", "vmap"))
    libraries = (getattr(module, "VMAP_DECOMPOSITIONS_LIB", None) for module in modules)
    return {name for library in libraries for name in getattr(library, "_op_impls", ())}


_SEEN: list[Any] = [-1, frozenset()]


def _hooks() -> dict[str, Any]:
    """What is registered for all modules of the process."""
    place = vars(torch.nn.modules.module)
    found = {name: value for name, value in place.items() if name.startswith("_global_")}
    return {name: dict(value) if isinstance(value, dict) else value for name, value in found.items()}


def _write_hooks(value: dict[str, Any]) -> None:
    place = vars(torch.nn.modules.module)
    for name, hooks in value.items():
        if isinstance(hooks, dict):
            place[name].clear()
            place[name].update(hooks)
        else:
            place[name] = hooks


def _configurations() -> dict[str, Any]:
    """torch.compile's own modules by name, where they have been imported."""
    names = ("torch._dynamo.config", "torch._inductor.config")
    return {name: sys.modules[name] for name in names if name in sys.modules}


def _compilation() -> dict[str, Any]:
    """What of torch.compile's configuration is not its default, and its stance."""
    found: dict[str, Any] = {}
    for name, module in _configurations().items():
        for key, entry in module._config.items():
            if getattr(entry, "alias", None) is None and not getattr(entry, "deprecated", False):
                value = getattr(module, key)
                if value != entry.default:
                    found[f"{name}.{key}"] = value
    frame = sys.modules.get("torch._dynamo.eval_frame")
    stance = getattr(getattr(frame, "_stance", None), "stance", "default")
    return found if stance == "default" else found | {_STANCE: stance}


_STANCE = "torch.compiler's stance"


def _write_compilation(value: dict[str, Any]) -> None:
    now, modules = _compilation(), _configurations()
    for path in now.keys() | value.keys():
        name, _, key = path.rpartition(".")
        if path == _STANCE:
            torch.compiler.set_stance(value.get(path, "default"))
        elif name in modules:
            setattr(modules[name], key, value.get(path, modules[name]._config[key].default))


OWN = (
    Setting("operators", _overridden, None, words=lambda _, after: f"torch's operators {word(after - _)}"),
    Setting("hooks", _hooks, _write_hooks, words=lambda *_: "what is called around all modules"),
    Setting(
        "torch.compile's configuration",
        _compilation,
        _write_compilation,
        words=entries("the setting", "the settings"),
    ),
)
