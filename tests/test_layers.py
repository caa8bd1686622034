"""Imports go one way, suites and families know nothing of each other, and the parent never loads torch."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

import rnn_vs_attn

PACKAGE = "rnn_vs_attn"
ROOT = Path(rnn_vs_attn.__file__).parent

# From the lowest to the highest; a module may import from lines above its own, never from its own or from below.
LAYERS = """
.
errors units budget safe_text strict_json control_groups processors search_path
streams
stats ranks
growth
records
readings verdicts record_checks
environment power
fitness
tables plots
layout
terminal
crossings
curves
verdict_report
compare
isolation isolation.settings
isolation.modes isolation.modules isolation.patches isolation.precision isolation.process_settings
isolation.seeds isolation.threads isolation.torch_own
isolation.torch_settings
isolation.keeping
models.costs models.configurations
models
models.initialisations models.ids models.caches models.products models.scans models.activations
models.pretrained_fields models.pretrained_tensors
models.pretrained_tokenizers
models.relative models.cells
models.mixer models.weights
models.recurrent models.mingru models.convolution models.attention
models.gpt models.albert models.transformer_xl models.lstm_lm models.attention_local
models.imports
models.build models.pretrained
models.language
measure measure.device measure.shadows measure.anchor
measure.differences measure.draws measure.fresh_inputs
measure.formulas measure.multiplies
measure.definitions
measure.flops
measure.calls measure.token_passes measure.reach measure.holdings measure.remembering
measure.workload measure.batch_independence
measure.gradient measure.gradient.norms measure.gradient.states measure.gradient.passes
measure.gradient.precision measure.gradient.rounding measure.gradient.chunks
measure.gradient.leaks
measure.gradient.whole
measure.gradient.way
measure.clock measure.graphs measure.memory measure.adjoint measure.decoding measure.chains measure.launches
measure.routes measure.stopping measure.outcome measure.conduct
measure.decoder_conduct
suites.suite
suites.passes suites.bench_reading suites.variants_passes suites.scaling_claims
suites.scaling_reading
suites.bench_words suites.bench_figures suites.gradflow_reading suites.gradflow_samples suites.decode_reading
suites.variants_gpt_reading suites.variants_albert_reading suites.variants_transformer_xl_reading
suites.scaling_figures suites.scaling_tables
suites.scaling_words
suites.gradflow_words suites.gradflow_figures suites.decode_words suites.decode_figures suites.variants_figures
suites.variants_gpt_words suites.variants_albert_words suites.variants_transformer_xl_words
suites.bench suites.gradflow suites.scaling suites.decode
suites.variants_gpt suites.variants_albert suites.variants_transformer_xl
suites
takers worker exports
child sweeps
checkouts resuming
sides
pairs
journal schedule progress judging
runner estimates
session
comparing ab together
listing
cli
__main__
"""
RANKS = {name: rank for rank, line in enumerate(LAYERS.split("\n")) for name in line.split()}
SHARED_BY_FAMILIES = {
    "models",
    "models.costs",
    "models.initialisations",
    "models.weights",
    "models.mixer",
    "models.build",
    "models.configurations",
    "models.ids",
    "models.caches",
    "models.cells",
    "models.products",
    "models.scans",
    "models.relative",
    "models.activations",
    "models.pretrained",
    "models.pretrained_fields",
    "models.pretrained_tensors",
    "models.pretrained_tokenizers",
    "models.language",
}
SHARED_BY_SUITES = {"suites", "suites.suite", "suites.passes"}
BEGINS_WITH_TORCH = (
    "isolation.",
    "measure.",
    "models.imports",
    "models.build",
    "models.mixer",
    "models.weights",
    "models.recurrent",
    "models.attention",
    "models.ids",
    "models.caches",
    "models.cells",
    "models.products",
    "models.scans",
    "models.mingru",
    "models.convolution",
    "models.relative",
    "models.gpt",
    "models.albert",
    "models.transformer_xl",
    "models.lstm_lm",
    "models.language",
    "models.activations",
    "models.pretrained",
)
RUNS_IN_THE_WORKER = (*BEGINS_WITH_TORCH, "worker", "suites.")
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


ALL = pytest.mark.parametrize("name", sorted(modules()))


# One way


def test_every_module_has_its_layer() -> None:
    assert set(modules()) == set(RANKS)


@ALL
def test_imports_go_one_way(name: str) -> None:
    wrong = {target for target in own(imported(source_of(name))) if RANKS[target] >= RANKS[name]}
    assert wrong == set(), f"{name} imports {sorted(wrong)} of its own layer or a higher one"


def part_of(name: str, folder: str) -> str:
    """The suite or family that a file belongs to: suites.bench_words -> bench."""
    return name.removeprefix(folder + ".").split("_")[0]


@pytest.mark.parametrize(("folder", "shared"), [("models", SHARED_BY_FAMILIES), ("suites", SHARED_BY_SUITES)])
def test_suites_and_families_do_not_import_each_other(folder: str, shared: set[str]) -> None:
    parts = {name for name in modules() if name.startswith(folder + ".")} - shared
    assert parts
    for name in parts:
        targets = own(imported(source_of(name))) & parts
        strangers = {target for target in targets if part_of(target, folder) != part_of(name, folder)}
        assert strangers == set(), f"{name} imports {sorted(strangers)}"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import torch.nn as nn", {"torch.nn"}),
        ("from rnn_vs_attn import stats, units", {"rnn_vs_attn.stats", "rnn_vs_attn.units"}),
        ("def f():\n    from rnn_vs_attn.models import find", {"rnn_vs_attn.models.find"}),
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
    names = {"rnn_vs_attn.models.find", "rnn_vs_attn.models.build", "rnn_vs_attn.__version__", "rnn_vs_attn_other.x"}
    assert own(names) == {"models", "models.build", "."}


# Without torch


@ALL
def test_torch_is_imported_at_the_top_in_the_workers_modules_only(name: str) -> None:
    if not name.startswith(BEGINS_WITH_TORCH):
        assert "torch" not in others(imported(source_of(name), at_top_only=True))


@ALL
def test_the_parent_imports_torch_nowhere(name: str) -> None:
    if not name.startswith(RUNS_IN_THE_WORKER):
        assert "torch" not in others(imported(source_of(name)))


@ALL
def test_heavy_packages_are_imported_late(name: str) -> None:
    heavy = set(HEAVY) - ({"torch", "numpy"} if name.startswith(BEGINS_WITH_TORCH) else {"torch"})  # torch brings it
    assert others(imported(source_of(name), at_top_only=True)) & heavy == set()


def loaded_after(code: str) -> list[str]:
    """Which heavy packages a fresh process has loaded after `code`."""
    ending = f"import sys, json\nprint(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{ending}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


HELP = """
from typer.testing import CliRunner
from rnn_vs_attn.cli import app
names = [[command.name] for command in app.registered_commands]
for group in app.registered_groups:
    names += [[group.name], *([group.name, command.name] for command in group.typer_instance.registered_commands)]
assert [["bench"], ["models"], ["doctor"]] == [name for name in names if name[0] in ("bench", "models", "doctor")]
assert ["variants", "gpt"] in names
for words in ([], *names):
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0 and "Usage" in result.output, result.output
"""
PARENT = [name for name in modules() if not name.startswith((*RUNS_IN_THE_WORKER, "measure", ".", "__main__"))]


def test_every_help_text_is_there_without_heavy_packages() -> None:
    assert loaded_after(HELP) == []


MODELS = """
from typer.testing import CliRunner
from rnn_vs_attn.cli import app
result = CliRunner().invoke(app, ["models"])
assert result.exit_code == 0 and "| albert |" in result.output, result.output
"""


def test_built_in_models_are_listed_without_heavy_packages() -> None:
    assert loaded_after(MODELS) == []


def test_the_parent_can_be_loaded_without_heavy_packages() -> None:
    assert {"session", "runner", "child", "cli"} <= set(PARENT)
    assert loaded_after("\n".join(f"import {PACKAGE}.{name}" for name in PARENT)) == []


def test_a_heavy_package_would_be_noticed() -> None:
    assert loaded_after("import numpy") == ["numpy"]
