"""The share of learning rates at which each model solves recall (mqar), with one layer and with two.

python benchmarks/learning/learning_rates.py [--whole] [--folder results/learning-rates] [--quick]

The finding is that of "Revisiting associative recall in modern recurrent models" (Okpekpe and Orvieto 2025,
arXiv:2508.19029): attention solves recall over a wide range of learning rates, recurrences in a narrow one, so that a
table at one rate misreports them; and attention of one layer does not solve it at all. Here attention with rotary
positions beside recurrences that can, without an MLP and at equal parameters, on seven rates from 1e-4 to 3e-2, evenly
on a scale of logarithms, one seed. Targets: attention of two layers solves it at more rates than any recurrence of two,
attention of one layer at none, and some recurrence of one layer at some rate. A target that is missed is a finding too.
--whole takes longer sequences with more pairs, more recurrences, thirteen rates and more steps. What stands complete in
the folder is read and not trained again, what was interrupted goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from reporting import Figure, holds, parser
from trained import facts, follow, trained

from rnn_vs_attn.models.registry import BASELINE
from rnn_vs_attn.records.types import Run
from rnn_vs_attn.report.tables import Table

LAYERS = (1, 2)
ALIKE = "--num-heads 2 --positions rotary --mlp 0 --match params --batch-size 64"
FIRST, LAST = 1e-4, 3e-2  # learning rates


@dataclass(frozen=True)
class Setting:
    """rates: how many. words: options of its run beside them and the models."""

    models: tuple[str, ...]
    rates: int
    words: str

    @property
    def grid(self) -> str:
        """Of learning rates, as it is typed: three digits each."""
        step = (LAST / FIRST) ** (1 / (self.rates - 1))
        return ",".join(f"{FIRST * step**i:.3g}".replace("e-0", "e-") for i in range(self.rates))

    def command(self) -> str:
        layers = ",".join(map(str, LAYERS))
        grid = f"--learning-rate {self.grid} --num-layers {layers} --model {','.join(self.models)}"
        return f"--task mqar --rounds 1 {ALIKE} {self.words} {grid}"


MODELS = (BASELINE, "gated-deltanet", "mamba2")
SMALL = Setting(MODELS, 7, "--seq-len 32 --num-pairs 4 --vocab-size 64 --test-seq-len 32 --steps 600")
WHOLE = Setting(
    (*MODELS, "mingru", "lstm"), 13, "--seq-len 64 --num-pairs 8 --vocab-size 128 --test-seq-len 64 --steps 4000"
)
QUICK = Setting(
    (BASELINE, "gated-deltanet"),
    2,
    "--seq-len 16 --num-pairs 2 --vocab-size 16 --d-model 16 --test-seq-len 16 --steps 20",
)


@dataclass(frozen=True)
class Share:
    """At how many of how many learning rates a model of so many layers solves it, and which."""

    model: str
    layers: int
    solved: tuple[float, ...]
    rates: int

    @property
    def share(self) -> float:
        return len(self.solved) / self.rates

    @property
    def window(self) -> str:
        """The least and the largest rate at which it is solved."""
        return f"({min(self.solved):g} to {max(self.solved):g})" if self.solved else "(none)"


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--whole", action="store_true", help="longer sequences, more rates and recurrences")
    follow(options, "learning-rates", figures)


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    setting = QUICK if given.quick else WHOLE if given.whole else SMALL
    run = trained(given.folder / ("whole" if given.whole else "small"), setting.command())
    shares = []
    for layers in LAYERS:
        for model in setting.models:
            found = list(facts(run, model=model, num_layers=layers))
            details += [{"model": model, "layers": layers, **fact} for fact in found]
            shares.append(share(model, layers, found))
            yield Figure(_name(shares[-1]), shares[-1].share, beside=shares[-1].window)
    print(table(run, shares).markdown(), file=sys.stderr)
    print(finding(shares), file=sys.stderr)
    yield from judged(shares)


def share(model: str, layers: int, found: Sequence[dict[str, Any]]) -> Share:
    """Of the trainings of one model."""
    solved = sorted(fact["learning_rate"] for fact in found if fact["steps_to_solve"] is not None)
    return Share(model, layers, tuple(solved), len(found))


def _name(found: Share) -> str:
    return f"{found.model}, {found.layers} layer{'s' * (found.layers > 1)}: share of rates that solve it"


def table(run: Run, shares: Sequence[Share]) -> Table:
    """A row a model and number of layers: accuracies at every rate, and at how many it is solved."""
    rates = sorted({fact["learning_rate"] for fact in facts(run)})
    rows = []
    for found in shares:
        of = {f["learning_rate"]: f["accuracy"] for f in facts(run, model=found.model, num_layers=found.layers)}
        cells = ["failed" if of[rate] is None else f"{of[rate]:.3f}" for rate in rates]
        rows.append([found.model, str(found.layers), *cells, f"{len(found.solved)} of {found.rates}"])
    return Table("accuracy by learning rate", ["model", "layers", *(f"{r:g}" for r in rates), "solved at"], rows, [])


def finding(shares: Sequence[Share]) -> str:
    """What was found, in a sentence for each number of layers."""
    said = []
    for layers in LAYERS:
        of = [f"{s.model} at {len(s.solved)} of {s.rates}" for s in shares if s.layers == layers]
        said.append(f"With {layers} layer{'s' * (layers > 1)} mqar is solved by {', '.join(of)} learning rates.")
    return " ".join(said)


def judged(shares: Sequence[Share]) -> Iterator[Figure]:
    """Whether it is as was published."""
    one, two = ({s.model: s for s in shares if s.layers == layers} for layers in LAYERS)
    others = [model for model in one if model != BASELINE]
    most = max(two[model].share for model in others)
    yield holds(f"2 layers: {BASELINE} at more rates than any recurrence", two[BASELINE].share > most)
    yield holds(f"1 layer: {BASELINE} at none", not one[BASELINE].solved)
    yield holds("1 layer: a recurrence at some", any(one[model].solved for model in others))


if __name__ == "__main__":
    main()
