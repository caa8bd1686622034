"""Zoology's figure 2, recall of pairs of key and value (mqar) by attention and by recurrences, a panel for each length.

python benchmarks/learning/panels.py [--whole] [--model attention lstm] [--folder results/panels] [--quick]

Two layers without an MLP, d_model 64, one head, no matching of parameters, each model at the best of its learning
rates; attention has learned positions. Published accuracies, read off the figure (Arora et al. 2023, arXiv:2312.04927),
stand beside attention alone: no other model of the figure is one of ours, its recurrence is RWKV-4. Not as there: each
step has examples of its own, in place of 100,000 that come again; nothing is dropped out; and the vocabulary has 64
tokens in place of 8,192, as the more there are, the longer it takes. Target: attention above 0.99 in every panel.
--whole adds the panel of 256 tokens and 16 pairs, d_model 128, more recurrences and steps, and takes 8,192 tokens and
the paper's four learning rates: a day or two on two cores. What stands complete in the folder is read and not trained
again, what was interrupted goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from reporting import Figure, parser
from trained import best, follow, trained

from rnn_vs_attn.models.registry import BASELINE

PUBLISHED = {(64, 64): 1.0, (64, 128): 1.0, (128, 64): 1.0, (128, 128): 1.0, (256, 64): 1.0, (256, 128): 1.0}
LEAST = 0.99  # accuracy of attention, above which the paper stops
ALIKE = (
    "--task mqar --num-layers 2 --mlp 0 --num-heads 1 --positions none --token-positions auto --match none --rounds 1"
)


@dataclass(frozen=True)
class Setting:
    """What the panels have in common. panels: tokens and pairs. steps: of each training, in all panels alike."""

    panels: tuple[tuple[int, int], ...]
    widths: tuple[int, ...]
    vocab_size: int
    models: tuple[str, ...]
    rates: str
    steps: int
    batch_size: int = 64

    def words(self, seq_len: int, pairs: int, width: int) -> str:
        """Options of one panel's run."""
        task = f"--seq-len {seq_len} --num-pairs {pairs} --vocab-size {self.vocab_size} --test-seq-len {seq_len}"
        training = f"--learning-rate {self.rates} --steps {self.steps} --batch-size {self.batch_size}"
        return f"{ALIKE} {task} {training} --d-model {width} --model {','.join(self.models)}"


SOME = (BASELINE, "lstm", "mingru", "gated-deltanet")
ALL = (BASELINE, "lstm", "gru", "mingru", "mamba2", "gated-deltanet", "linear-attention")
SMALL = Setting(((64, 4), (128, 8)), (64,), 64, SOME, "1e-3,3e-3", 1500)
WHOLE = Setting(((64, 4), (128, 8), (256, 16)), (64, 128), 8192, ALL, "1e-4,4.64e-4,2.15e-3,1e-2", 10000, 128)
QUICK = Setting(((16, 2),), (16,), 16, (BASELINE, "lstm"), "3e-3,1e-2", 20, 16)


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--whole", action="store_true", help="at the paper's sizes")
    options.add_argument("--model", nargs="+", help="in place of attention and some recurrences")
    follow(options, "panels", figures)


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    setting = QUICK if given.quick else WHOLE if given.whole else SMALL
    if given.model:
        setting = Setting(**{**asdict(setting), "models": tuple(given.model)})
    for width in setting.widths:
        for seq_len, pairs in setting.panels:
            name = f"{seq_len}-{pairs}-{width}{'-whole' if given.whole else ''}"
            run = trained(given.folder / name, setting.words(seq_len, pairs, width))
            for model in setting.models:
                fact = best(run, model=model)
                details.append({"model": model, "seq_len": seq_len, "pairs": pairs, "d_model": width, **fact})
                yield figure(details[-1], setting.steps)


def figure(fact: dict[str, Any], steps: int) -> Figure:
    """The accuracy of one model in one panel, and where the model is the same what was published."""
    model, accuracy = fact["model"], fact["accuracy"] or 0.0
    name = f"{model}, {fact['seq_len']} tokens, {fact['pairs']} pairs, d_model {fact['d_model']}"
    solved = fact["steps_to_solve"]
    how = f"solved after {solved:.0f} of" if solved is not None else "not solved in"
    published = PUBLISHED.get((fact["seq_len"], fact["d_model"])) if model == BASELINE else None
    beside = f"({how} {steps} steps at {fact['learning_rate']:g}; {_said(published)})"
    if model != BASELINE:
        return Figure(name, accuracy, beside=beside)
    return Figure(name, accuracy, f"> {LEAST:g}", accuracy > LEAST, beside)


def _said(published: float | None) -> str:
    return "ours alone" if published is None else f"published {published:g}"


if __name__ == "__main__":
    main()
