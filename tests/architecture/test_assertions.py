"""Every test says in its own body what must be so: what it calls may assert nothing by tomorrow."""

from __future__ import annotations

import ast

import pytest
from paths import TESTS

FILES = sorted(TESTS.rglob("test_*.py"))


def asserts(node: ast.AST) -> bool:
    """Whether it is an assertion, a call of something that is named as one, or one of pytest's for what is raised."""
    if isinstance(node, ast.Assert):
        return True
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    return called in ("pytest.raises", "pytest.warns") or called.rpartition(".")[2].startswith("assert_")


def without(tree: ast.AST) -> list[str]:
    """Tests in which nothing is asserted."""
    tests = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name.startswith("test_"))
    return [test.name for test in tests if not any(map(asserts, ast.walk(test)))]


@pytest.mark.long
def test_every_test_asserts_something() -> None:
    assert {file.name: found for file in FILES if (found := without(ast.parse(file.read_text())))} == {}


def test_what_asserts_nothing_is_found() -> None:
    tests = """
def test_a(): check(1)
def test_b(): monkeypatch.setattr(x, "y", lambda: pytest.fail("no"))
def test_c(): assert 1
def test_d():
    with pytest.raises(ValueError): f()
def test_e(): torch.testing.assert_close(1, 1)
"""
    assert without(ast.parse(tests)) == ["test_a", "test_b"]
