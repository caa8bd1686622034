"""The trial of other people's layers: what of the records of three commands stands in a row, and what is counted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

sys.path[:0] = [str(ROOT / "benchmarks" / "harness"), str(ROOT / "benchmarks" / "peers")]
import field_layers  # noqa: E402
import field_trial  # noqa: E402

BUILT = "built as GRU(input_size=64, batch_first=True)"


def record(suite: str, metric: str, median: float | None = 1.0, **others: Any) -> dict[str, Any]:
    axes = {"model": "torch.nn:GRU"} | others.pop("axes", {})
    plain = {"status": "ok", "error": "", "details": {}, "warnings": [BUILT]}
    return plain | {"suite": suite, "metric": metric, "median": median, "axes": axes} | others


FOUND: dict[str, tuple[list[dict[str, Any]], str]] = {
    "bench": (
        [
            record("bench", "num_params", 24960),
            record("bench", "flops", 6291456, axes={"pass": "forward"}),
            record("bench", "flops", 18825216, axes={"pass": "train"}),
        ],
        "",
    ),
    "gradflow": (
        [record("gradflow", "gradient_law", None, details={"text": "vanishing"}, warnings=["it is lifted to float64"])],
        "",
    ),
    "scaling": ([record("scaling", "growth", None, axes={"of": "path_length"}, details={"text": "n"})], ""),
}


def test_a_row_says_what_the_commands_found() -> None:
    trial = field_trial.trial(FOUND)
    assert (trial.num_params, trial.flops) == (24960, 6291456)
    assert (trial.path, trial.law, trial.missing) == ("n", "vanishing (lifted)", ())
    cells = field_layers.Row(field_layers.LAYERS[0], trial).cells()
    assert cells[:6] == ["torch", "`GRU`", "yes", "`GRU(input_size=64, batch_first=True)`", "24,960", "6,291,456"]


def test_a_layer_that_is_refused_is_a_row_with_its_reason_and_none_of_those_at_the_first_try() -> None:
    layer = field_layers.LAYERS[0]
    refused = field_layers.Row(layer, field_trial.trial({"bench": ([], "it takes no width")}))
    helped = field_layers.Row(layer, field_trial.trial(FOUND), "bias=False")
    assert refused.cells()[2] == "no"
    assert refused.cells()[-1] == "bench: it takes no width"
    assert helped.cells()[2] == "with `bias=False`"
    values = [figure.value for figure in field_layers._judged([refused, helped])]
    assert values == [0, 1, 1, 1, 1]


def test_the_issue_s_number_of_layers_and_packages_is_tried() -> None:
    packages = {layer.package or layer.path.partition(".")[0] for layer in field_layers.LAYERS}
    assert len(field_layers.LAYERS) >= 25
    assert len(packages) >= 15
    assert len({layer.path for layer in field_layers.LAYERS}) == len(field_layers.LAYERS)


def test_what_stands_above_the_table_of_a_page_is_kept(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{field_layers.HEADING}\n\n| old |\n")
    field_layers.write(page, "| new |")
    assert page.read_text() == f"# Title\n\n{field_layers.HEADING}\n\n| new |\n"


@pytest.mark.slow
def test_a_package_that_does_not_install_is_said(tmp_path: Path) -> None:
    from field_environment import Environment

    made = Environment.made(tmp_path / "environment")
    assert "no-such-package-of-anybody" in made.install("no-such-package-of-anybody")
