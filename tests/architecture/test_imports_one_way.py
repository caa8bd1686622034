"""Imports go one way, suites and families know nothing of each other, and the parent never loads torch."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path

import pytest

import rnn_vs_attn

PACKAGE = "rnn_vs_attn"
ROOT = Path(rnn_vs_attn.__file__).parent

# A module imports from its own folder and from those before it.
ORDER = (
    "errors units limits text stats machine records report compare history isolation models measure tasks texts "
    "training suites worker run ab pages sweep lesson export cli __main__"
).split()
SUITE_FOLDERS = (
    *("bench", "gradflow", "decode", "lm", "recall", "scaling"),
    *(f"variants.{name}" for name in ("gpt", "albert", "transformer_xl")),
)
BEGINS_WITH_TORCH = (
    "isolation.",
    "measure.",
    "tasks.drawing.",
    "texts.segments",  # with numpy, of the above
    "models.load",
    "models.build",
    "models.foreign.building",
    "models.foreign.uninitialised",
    *(f"models.foreign.{name}" for name in "axes batch_axis call_arguments calling causality companions".split()),
    *(
        f"models.foreign.{name}"
        for name in "cells convention copies layer_weights outputs refusals states trial writing".split()
    ),
    "models.mixer",
    "models.initialise",
    "models.kernels.",
    "models.layers.",
    "models.language.",
    *(f"training.{name}" for name in "carried fine_tuning generation language_model loop objectives".split()),
    *(f"training.{name}" for name in "snapshot token_model".split()),
    "worker.answers",
    "worker.batches",
    "worker.cases",
    "worker.faults",
    "worker.questions",
    "worker.readings",
    "worker.sandbox",
    "worker.text",
    "suites.measurement",
    "suites.layer_passes",
    "suites.token_passes",
    "suites.configured_passes",
    "suites.trained_passes",
    "suites.stretches",
    "suites.gradflow.samples",
    "suites.lm.evaluation",
    *(f"suites.{folder}.measure" for folder in SUITE_FOLDERS),
    "worker.measurements",
)
WITHOUT_TORCH = (  # whose names begin like those of others
    "models.initialisation",
    "models.language.documents",
    "models.language.pretrained_fields",
    "models.language.pretrained_files",
    "models.language.pretrained_folder",
    "models.language.pretrained_tokenizers",
)
RUNS_IN_THE_WORKER = (*BEGINS_WITH_TORCH, "worker.server")
LATE = ("worker.server",)  # torch is loaded once its pipes are its own, as what is loaded with it may print
HEAVY = ("torch", "pandas", "matplotlib", "scipy", "numpy")


@lru_cache
def modules() -> dict[str, Path]:
    """Every module of the package by its name without the package's; "." is the package itself."""
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__") or "."] = file
    return found


def source_of(name: str) -> str:
    return modules()[name].read_text(encoding="utf-8")


@cache
def imported(source: str, at_top_only: bool = False) -> set[str]:
    """Full names that a source imports, `from a import b` as a.b; what is only there for type checkers is left out."""
    found: set[str] = set()
    pending: list[ast.AST] = [ast.parse(source)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
        elif at_top_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written out in full"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        else:
            pending += ast.iter_child_nodes(node)
    return found


def own(names: set[str]) -> set[str]:
    """The modules of this package among imported names: rnn_vs_attn.models.find -> models."""
    inside = {name.removeprefix(PACKAGE).removeprefix(".") for name in names if name.split(".")[0] == PACKAGE}
    return {name if name in modules() else name.rpartition(".")[0] or "." for name in inside}


def others(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names} - {PACKAGE}


def offenders(wrong: Callable[[str], set[str]]) -> dict[str, set[str]]:
    """What is wrong with each module of which something is."""
    return {name: found for name in modules() if (found := wrong(name))}


# One way


def top(name: str) -> str:
    """The folder, or the module, of the package that a module is in."""
    return name.split(".")[0]


def test_every_folder_has_its_place() -> None:
    assert {top(name) for name in modules() if name != "."} == set(ORDER)


def of_later_folders(name: str) -> set[str]:
    if name == ".":
        return set()
    before = set(ORDER[: ORDER.index(top(name)) + 1]) | {""}
    return {target for target in own(imported(source_of(name))) if top(target) not in before}


def test_imports_go_one_way() -> None:
    assert offenders(of_later_folders) == {}


def test_no_module_imports_itself_by_way_of_others() -> None:
    waiting = {name: own(imported(source_of(name))) - {name} for name in modules()}
    while waiting:
        free = {name for name, targets in waiting.items() if not targets & waiting.keys()}
        assert free, f"these import each other: {sorted(waiting)}"
        waiting = {name: targets for name, targets in waiting.items() if name not in free}


def stands_alone(target: str, part: str, parts: Sequence[str], folder: str) -> bool:
    """Whether a module is of no part but the one given."""
    return not any(target.startswith(f"{folder}.{other}.") for other in parts if other != part)


@pytest.mark.parametrize("part", SUITE_FOLDERS)
def test_suites_do_not_import_each_other(part: str) -> None:
    names = [name for name in modules() if name.startswith(f"suites.{part}.")]
    assert names
    for name in names:
        strangers = [t for t in own(imported(source_of(name))) if not stands_alone(t, part, SUITE_FOLDERS, "suites")]
        assert strangers == [], f"{name} imports {strangers}"


SHARED_BY_LANGUAGE_MODELS = (
    "documents interface next_token token_ids pretrained pretrained_fields pretrained_files pretrained_folder "
    "pretrained_saving pretrained_tensors pretrained_tokenizers transformers_configs transformers_models"
)


def test_layers_import_no_language_model_and_these_not_each_other() -> None:
    for name in modules():
        if name.startswith("models.layers."):
            assert not any(target.startswith("models.language.") for target in own(imported(source_of(name))))
    single = [
        n
        for n in modules()
        if n.startswith("models.language.") and n.split(".")[-1] not in SHARED_BY_LANGUAGE_MODELS.split()
    ]
    assert len(single) == 4
    for name in single:
        assert not own(imported(source_of(name))) & (set(single) - {name})


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import torch.nn as nn", {"torch.nn"}),
        ("from rnn_vs_attn import errors, units", {"rnn_vs_attn.errors", "rnn_vs_attn.units"}),
        ("def f():\n    from rnn_vs_attn.models.registry import find", {"rnn_vs_attn.models.registry.find"}),
        ("try:\n    import torch\nexcept ImportError:\n    pass", {"torch"}),
        ("class A:\n    import torch", {"torch"}),
        ("if TYPE_CHECKING:\n    import torch\nelse:\n    import json", {"json"}),
    ],
)
def test_imports_are_found_wherever_they_stand(source: str, names: set[str]) -> None:
    assert imported(source) == names


def test_imports_inside_functions_are_not_at_the_top() -> None:
    source = "import json\nif json:\n    import ast\nclass A:\n    import re\n    def f(self):\n        import torch"
    assert imported(source, at_top_only=True) == {"json", "ast", "re"}


def test_names_are_those_of_the_modules_that_hold_them() -> None:
    names = {
        "rnn_vs_attn.models.registry.find",
        "rnn_vs_attn.models.build",
        "rnn_vs_attn.__version__",
        "rnn_vs_attn_other.x",
    }
    assert own(names) == {"models.registry", "models.build", "."}


# Without torch


def torch_at_the_top(name: str) -> set[str]:
    if name not in WITHOUT_TORCH and name.startswith(BEGINS_WITH_TORCH):
        return set()
    return others(imported(source_of(name), at_top_only=True)) & {"torch"}


def test_torch_is_imported_at_the_top_in_the_workers_modules_only() -> None:
    assert offenders(torch_at_the_top) == {}


def of_torch(names: set[str], ours: Sequence[str]) -> set[str]:
    """What begins with torch among imported names, itself or modules of ours."""
    found = {target for target in own(names) if target.startswith(tuple(ours)) and target not in WITHOUT_TORCH}
    return found | (others(names) & {"torch"})


def torch_in_functions(name: str) -> set[str]:
    source = source_of(name)
    late = imported(source) - imported(source, at_top_only=True)
    return set() if name in LATE else of_torch(late, BEGINS_WITH_TORCH)


def test_no_function_imports_torch() -> None:
    """Nor any of our modules that begin with it: it stands at the top, or nowhere."""
    assert offenders(torch_in_functions) == {}


def of_the_worker(name: str) -> set[str]:
    if name.startswith(RUNS_IN_THE_WORKER) and name not in WITHOUT_TORCH:
        return set()
    return of_torch(imported(source_of(name)), RUNS_IN_THE_WORKER)


def test_the_parent_imports_no_module_that_begins_with_torch() -> None:
    assert offenders(of_the_worker) == {}


def test_suites_are_in_both_lists() -> None:
    from rnn_vs_attn.suites import SUITES
    from rnn_vs_attn.worker.measurements import MEASUREMENTS

    assert list(MEASUREMENTS) == [suite.name for suite in SUITES]
    for suite in SUITES:
        measurement = MEASUREMENTS[suite.name]
        assert (measurement.workload is not None) == bool(suite.rounds.passes)
        assert (measurement.peaks is not None) == suite.rounds.peaks


def heavy_at_the_top(name: str) -> set[str]:
    heavy = set(HEAVY) - ({"torch", "numpy"} if name.startswith(BEGINS_WITH_TORCH) else {"torch"})  # torch brings it
    return others(imported(source_of(name), at_top_only=True)) & heavy


def test_heavy_packages_are_imported_late() -> None:
    assert offenders(heavy_at_the_top) == {}


def test_what_a_call_does_is_seen_without_a_clock() -> None:
    """measure.timing imports measure.conduct, and not the other way."""
    of_conduct = [name for name in modules() if name.startswith("measure.conduct.")]
    assert of_conduct
    for name in of_conduct:
        assert not any(other.startswith(f"{PACKAGE}.measure.timing") for other in imported(source_of(name)))


def loaded_after(code: str) -> list[str]:
    """Which heavy packages a fresh process has loaded after `code`."""
    ending = f"import sys, json\nprint(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{ending}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


HELP = """
from typer.testing import CliRunner
from rnn_vs_attn.cli.app import app
from rnn_vs_attn.cli.commands import ENTRIES
names = [[entry.name] for entry in ENTRIES]
names += [[entry.name, below.name] for entry in ENTRIES for below in entry.below]
assert [["bench"], ["models"], ["doctor"]] == [name for name in names if name[0] in ("bench", "models", "doctor")]
assert ["variants", "gpt"] in names
for words in ([], *names):
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0 and "Usage" in result.output, result.output
"""
PARENT = [
    name
    for name in modules()
    if name in WITHOUT_TORCH or not name.startswith((*RUNS_IN_THE_WORKER, "measure", ".", "__main__"))
]


def test_every_help_text_is_there_without_heavy_packages() -> None:
    assert loaded_after(HELP) == []


MODELS = """
from typer.testing import CliRunner
from rnn_vs_attn.cli.app import app
result = CliRunner().invoke(app, ["models"])
assert result.exit_code == 0 and "| albert |" in result.output, result.output
"""


def test_built_in_models_are_listed_without_heavy_packages() -> None:
    assert loaded_after(MODELS) == []


def test_the_parent_can_be_loaded_without_heavy_packages() -> None:
    assert {"run.command", "run.runner", "worker.client", "cli.app", "suites.scaling.suite"} <= set(PARENT)
    assert loaded_after("\n".join(f"import {PACKAGE}.{name}" for name in PARENT)) == []


def test_a_heavy_package_would_be_noticed() -> None:
    assert loaded_after("import numpy") == ["numpy"]
