"""Shapes in the docstrings of models and measurements are written in one legend of letters."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from rnn_vs_attn import models

ROOT = Path(models.__file__).parents[1]
MEANING = re.compile(r"\b([A-Z]) (batch|sequence|d_model|num_heads|head_dim|vocab_size)\b")
LEGEND = {name: letter for letter, name in MEANING.findall(models.__doc__ or "")}
BESIDE = frozenset("CWMKNP")  # for what else the legend has a letter
OWN = {"linear.py": "IO", "convolution.py": "R", "leaks.py": "R", "passes.py": "R", "rounding.py": "R"}
OWN |= {
    "norms.py": "F",
    "linear_attention.py": "F",
    "whole.py": "F",
    "albert.py": "U",
    "shapes.py": "UF",
    "chunks.py": "F",
}
ONE_A_HEAD = ("gated_delta_rule.py", "gated_deltanet.py", "linear_attention.py", "mlstm.py")  # gates, in (B, L, H)
FILES = sorted([*(ROOT / "models").rglob("*.py"), *(ROOT / "measure").rglob("*.py")])


def docstrings(file: Path) -> list[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    return [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds)]


def shapes(text: str) -> list[list[str]]:
    """What stands in brackets behind a capital letter, a number or an ellipsis: the sizes of each shape."""
    found = re.findall(r"\(((?:[A-Z]|\d+|\.\.\.)(?:, [A-Z0-9. +*/-]+)+),?\)", text)
    return [sizes.split(", ") for sizes in found]


def test_the_legend_has_a_letter_for_each_size() -> None:
    assert dict(zip("batch sequence d_model num_heads head_dim vocab_size".split(), "BLDHEV", strict=True)) == LEGEND
    assert shapes("(B, C, D), state -> (B, 3 H E), (...) (L,)") == [["B", "C", "D"], ["B", "3 H E"]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_shapes_are_written_in_the_letters_of_the_legend(file: Path) -> None:
    allowed = {*LEGEND.values(), *BESIDE, *OWN.get(file.name, "")}
    for text in docstrings(file):
        for letter, name in MEANING.findall(text):
            assert letter == LEGEND[name], text
        for sizes in shapes(text):
            assert {letter for size in sizes for letter in re.findall(r"\b[A-Z]\b", size)} <= allowed, sizes
            last = ("B",) if file.name in ONE_A_HEAD else ("H", "B")
            assert sizes[-1] not in last, f"{sizes}: d_model is {LEGEND['d_model']}"
