"""Which torch is installed, as it says itself, without importing it: that takes seconds."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_FACTS = {"__version__": "torch", "git_version": "torch_git", "cuda": "cuda"}  # by the names in its version.py


def facts() -> dict[str, Any]:
    """Version, commit and CUDA of torch, as the environment stores them; {} where there is none that can be read."""
    try:
        spec = find_spec("torch")
        folders = spec.submodule_search_locations if spec is not None else None
        text = (Path(next(iter(folders or ()))) / "version.py").read_text(encoding="utf-8")
        return {_FACTS[name]: value for name, value in _assigned(text).items() if name in _FACTS}
    except (OSError, StopIteration, ValueError, SyntaxError):
        return {}


def _assigned(source: str) -> dict[str, Any]:
    """What a source gives names at its top, of plain values."""
    found: dict[str, Any] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: node.value.value for target in targets if isinstance(target, ast.Name)}
    return found
