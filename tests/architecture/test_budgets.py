"""What a module, a function and a class may have at most, and that no import renames: exceptions only grow fewer."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

import rnn_vs_attn

ROOT = Path(rnn_vs_attn.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef

MODULE_LINES, FUNCTION_LINES, FIELDS, PARAMETERS = 300, 40, 12, 8

# What has more, with as many as it has. An entry goes, or its number falls, once it can.
LONG_MODULES: dict[str, int] = {}
LONG_FUNCTIONS: dict[str, int] = {}
MANY_FIELDS = {
    "ab/runner.py Pairs": 18,  # nine that are given, and nine that both stages fill
    "compare/verdicts.py Comparison": 22,  # a record: a row of verdicts.json
    "models/shapes.py AlbertShape": 15,  # as its configuration is published
    "models/shapes.py TransformerXLShape": 13,  # as its configuration is published
    "records/types.py Record": 16,  # a record: a line of records.jsonl
}
MANY_PARAMETERS = {
    "measure/operations/definitions.py _attend": 9,  # those of torch's own attention
    "suites/case.py option": 9,  # all that a field's option says, most by name
}


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache
def read(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def lines_of(node: Function) -> int:
    """Its own, without its decorators."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def parameters_of(node: Function) -> int:
    """Without self and cls; *args and **kwargs are one each."""
    own = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    named = own[1:] if own[:1] in (["self"], ["cls"]) else own
    return len(named) + (node.args.vararg is not None) + (node.args.kwarg is not None)


def fields_of(node: ast.ClassDef) -> int:
    """Names that the class declares, and those that its methods set on `self`; none of the class itself."""
    declared = {
        item.target.id
        for item in node.body
        if isinstance(item, ast.AnnAssign)
        and isinstance(item.target, ast.Name)
        and "ClassVar" not in ast.unparse(item.annotation)
    }
    kept = {
        item.attr
        for item in ast.walk(node)
        if isinstance(item, ast.Attribute) and isinstance(item.ctx, ast.Store) and ast.unparse(item.value) == "self"
    }
    return len(declared | kept)


def is_case_or_options(node: ast.ClassDef) -> bool:
    """Whether its fields are the options of a command, of which there are as many as the command has."""
    return node.name.endswith(("Case", "Options"))


def above(limit: int, found: Iterable[tuple[str, int]]) -> dict[str, int]:
    return {name: number for name, number in found if number > limit}


def test_modules_are_read_at_one_sitting() -> None:
    found = ((name_of(file), len(file.read_text(encoding="utf-8").splitlines())) for file in FILES)
    assert above(MODULE_LINES, found) == LONG_MODULES


@pytest.mark.long
def test_functions_fit_on_a_screen() -> None:
    found = ((f"{name_of(file)} {node.name}", lines_of(node)) for file in FILES for node in functions(read(file)))
    assert above(FUNCTION_LINES, found) == LONG_FUNCTIONS


@pytest.mark.long
def test_classes_have_few_fields() -> None:
    nodes = [(file, node) for file in FILES for node in classes(read(file)) if not is_case_or_options(node)]
    assert above(FIELDS, ((f"{name_of(file)} {node.name}", fields_of(node)) for file, node in nodes)) == MANY_FIELDS


@pytest.mark.long
def test_functions_take_few_arguments() -> None:
    found = ((f"{name_of(file)} {node.name}", parameters_of(node)) for file in FILES for node in functions(read(file)))
    assert above(PARAMETERS, found) == MANY_PARAMETERS


def test_what_is_above_a_budget_is_found() -> None:
    source = "class A:\n    one: int\n    def f(self, a, *b, c, **d):\n        self.two = a\n        return c\n"
    (node,) = classes(ast.parse(source))
    (method,) = functions(ast.parse(source))
    assert (fields_of(node), parameters_of(method), lines_of(method)) == (2, 4, 3)
    assert above(2, [("a", 3), ("a", 1), ("b", 2)]) == {"a": 3}


# Names of imports

OURS = [*FILES, *(file for folder in ("tests", "benchmarks") for file in sorted((ROOT.parent / folder).rglob("*.py")))]


NAMESAKES = Counter(file.stem for file in FILES)  # modules of one name


def renamed(tree: ast.Module) -> list[str]:
    """What is imported of this project under another name, but where several have that name and a folder tells them."""
    found = [(node, alias) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names]
    return [
        f"{node.module}.{alias.name} as {alias.asname}"
        for node, alias in found
        if alias.asname and (node.module or "").startswith("rnn_vs_attn")
        if NAMESAKES[alias.name] < 2 or not _tells(node, alias)
    ]


def _tells(node: ast.ImportFrom, alias: ast.alias) -> bool:
    """`from rnn_vs_attn.suites.decode import measure as decode`, or as decode_measure."""
    folder = (node.module or "").rpartition(".")[2]
    return alias.asname in (folder, f"{folder}_{alias.name}")


@pytest.mark.long
def test_what_is_imported_keeps_its_name() -> None:
    assert len(OURS) > len(FILES)
    found = {str(file.relative_to(ROOT.parent)): renamed(read(file)) for file in OURS}
    assert {file: names for file, names in found.items() if names} == {}


A = "from rnn_vs_attn.suites.a import measure as"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("from rnn_vs_attn.run import cases as sweeps", ["rnn_vs_attn.run.cases as sweeps"]),
        ("from rnn_vs_attn.run import cases", []),
        ("from torch.nn import functional as F", []),
        (f"{A} a\nfrom rnn_vs_attn.suites.b import measure as b_measure", []),
        (f"{A} x\nfrom rnn_vs_attn.suites.b import measure", ["rnn_vs_attn.suites.a.measure as x"]),
    ],
)
def test_a_renamed_import_is_found(source: str, names: list[str]) -> None:
    assert renamed(ast.parse(source)) == names
