"""Tests mirror the package: every module has a file of the same path under `tests/`, or stands in the list here.

Modules that state things only, without a function or a method, need no file; nor do the `__init__.py`.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from paths import ROOT, TESTS

PACKAGE = ROOT / "rnn_vs_attn"

# Which file tests a module that has none of its own. An entry goes once there is one, so that the list can only shrink.
TESTED_ELSEWHERE = {
    "ab/adapters.py": "commands/test_ab_adapters.py",
    "ab/command.py": "commands/test_ab.py",
    "ab/proof.py": "commands/test_ab.py",
    "ab/prelude.py": "commands/test_ab.py",
    "ab/progress.py": "commands/test_ab.py",
    "ab/report.py": "ab/test_runner.py",
    "cli/compare.py": "commands/test_compare.py",
    "compare/outcome.py": "measure/test_equivalence.py",
    "errors.py": "commands/test_cli.py",
    "isolation/modes.py": "isolation/test_keeping.py",
    "isolation/modules.py": "models/test_load.py",
    "isolation/patches.py": "isolation/test_keeping.py",
    "isolation/settings.py": "isolation/test_keeping.py",
    "isolation/torch_settings.py": "isolation/test_keeping.py",
    "limits.py": "cli/test_options.py",
    "machine/processors.py": "measure/test_device.py",
    "measure/conduct/remembering.py": "measure/conduct/test_layers.py",
    "measure/dataflow/rerun.py": "measure/dataflow/test_critical_path.py",
    "measure/dataflow/shadow_memory.py": "measure/operations/test_formulas.py",
    "measure/decoder.py": "measure/timing/test_decoding.py",
    "measure/gradient/whole.py": "measure/gradient/test_rounding.py",
    "measure/operations/definitions.py": "measure/operations/test_flops.py",
    "models/catalogue/attention.py": "contracts/test_counts.py",
    "models/catalogue/convolution.py": "contracts/test_counts.py",
    "models/catalogue/delta_rule.py": "contracts/test_counts.py",
    "models/catalogue/linear_attention.py": "contracts/test_counts.py",
    "models/catalogue/recurrence.py": "contracts/test_counts.py",
    "models/catalogue/state_space.py": "contracts/test_counts.py",
    "models/costs.py": "contracts/test_counts.py",
    "models/kernels/activations.py": "models/language/test_pretrained_fields.py",
    "models/kernels/kv_cache.py": "models/layers/test_attention.py",
    "models/kernels/recurrent_step.py": "contracts/test_step_equals_forward.py",
    "models/language/interface.py": "contracts/test_step_equals_forward.py",
    "models/language/lstm.py": "contracts/test_step_equals_forward.py",
    "models/language/pretrained.py": "models/language/test_pretrained_tensors.py",
    "models/language/pretrained_tokenizers.py": "models/language/test_pretrained_tensors.py",
    "models/spec.py": "models/foreign/test_naming.py",
    "records/head.py": "machine/test_environment.py",
    "records/types.py": "records/test_checks.py",
    "report/curves.py": "suites/bench/test_figures.py",
    "run/dry_run.py": "commands/test_scaling.py",
    "run/group.py": "commands/test_variants.py",
    "run/listener.py": "run/test_rounds.py",
    "suites/bench/case.py": "run/test_cases.py",
    "suites/case.py": "cli/test_options.py",
    "suites/columns.py": "report/test_tables.py",
    "suites/decode/figures.py": "commands/test_decode.py",
    "suites/gradflow/case.py": "suites/gradflow/test_samples.py",
    "suites/ratios.py": "suites/variants/albert/test_analysis.py",
    "suites/scaling/analysis.py": "suites/scaling/test_claims.py",
    "suites/scaling/choosing.py": "suites/scaling/test_tables.py",
    "suites/scaling/figures.py": "suites/scaling/test_tables.py",
    "suites/suite.py": "run/test_rounds.py",
    "suites/variants/albert/measure.py": "commands/test_variants.py",
    "suites/variants/albert/suite.py": "suites/variants/albert/test_analysis.py",
    "suites/variants/remarks.py": "suites/variants/albert/test_remarks.py",
    "worker/client.py": "worker/test_sandbox.py",
    "worker/machine_peaks.py": "run/test_runner.py",
    "worker/readings.py": "worker/test_batches.py",
    "worker/server.py": "commands/test_faults.py",
}
RUN_BY = {"commands": ("ab/", "cli/", "run/", "worker/", "suites/", "errors.py"), "contracts": ("models/",)}


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def modules() -> list[str]:
    """The path of every module within the package, but for those that gather others."""
    found = (file.relative_to(PACKAGE).as_posix() for file in sorted(PACKAGE.rglob("*.py")))
    return [path for path in found if not path.endswith(("__init__.py", "__main__.py"))]


def only_states(path: str) -> bool:
    """Whether a module has neither a function nor a method."""
    return not any(isinstance(node, ast.FunctionDef) for node in ast.walk(parsed(PACKAGE / path)))


def namesake(path: str) -> str:
    """suites/case.py -> suites/test_case.py."""
    module = Path(path)
    return module.with_name(f"test_{module.name}").as_posix()


def dotted(path: str) -> str:
    return ".".join(("rnn_vs_attn", *Path(path).with_suffix("").parts))


@cache
def imported(file: Path) -> set[str]:
    """Names of all that a file imports, modules and what is taken from them."""
    found = set()
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def users(path: str) -> set[str]:
    """Modules that import one, and those that import it by way of others of its own folder."""
    found, waiting = set(), {path}
    while waiting:
        name = dotted(waiting.pop())
        new = {other for other in modules() if name in imported(PACKAGE / other)} - found
        found |= new
        waiting |= {other for other in new if Path(other).parent == Path(path).parent}
    return found


def reaches(test: str, path: str) -> bool:
    """Whether a test imports a module, or one that imports it, or runs it by a command or over the registry."""
    if path.startswith(RUN_BY.get(test.split("/")[0], ())):
        return True
    return bool(imported(TESTS / test) & {dotted(name) for name in (path, *users(path))})


@pytest.mark.parametrize("path", [path for path in modules() if not only_states(path)])
def test_every_module_has_its_file_or_is_listed(path: str) -> None:
    assert (TESTS / namesake(path)).is_file() != (path in TESTED_ELSEWHERE), (
        f"{path}: give it tests/{namesake(path)}, or else list which file tests it, and not both"
    )


@pytest.mark.long
@pytest.mark.parametrize(("path", "test"), TESTED_ELSEWHERE.items())
def test_what_is_listed_is_there_and_tested_there(path: str, test: str) -> None:
    assert (PACKAGE / path).is_file()
    assert not only_states(path), f"{path} needs no file"
    assert (TESTS / test).is_file()
    assert reaches(test, path), f"tests/{test} does not come to {path}"


def test_every_file_of_tests_has_a_place() -> None:
    """Below a folder of the package's name, or in one of those that are about more than one folder."""
    beside = {"action", "architecture", "benchmarks", "browser", "commands", "contracts", "docs", "results"}
    folders = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*") if path.is_dir()} | beside | {"."}
    found = {file.parent.relative_to(TESTS).as_posix() for file in TESTS.rglob("test_*.py")}
    assert found <= folders


@pytest.mark.long
def test_a_module_that_only_states_is_told_from_one_that_does() -> None:
    assert only_states("suites/metrics.py")
    assert not only_states("suites/case.py")
    assert namesake("suites/case.py") == "suites/test_case.py"
    assert namesake("units.py") == "test_units.py"
    assert not reaches("test_units.py", "suites/case.py")
