"""What the parts of a lesson leave behind, with planted values: as the lesson says it, but for what a test changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from fakes import bench_record
from planted_decode import at as decoded
from planted_gradflow import exponential, norms
from planted_recall import trained
from planted_runs import here, run_of
from planted_scaling import exact_records
from planted_variants import albert, at, gpt, xl

from rnn_vs_attn.errors import DONE, UNFINISHED_CASES
from rnn_vs_attn.lesson.options import LessonOptions, write_settings
from rnn_vs_attn.lesson.parts import PARTS
from rnn_vs_attn.lesson.readings import Readings
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.records.states import TABLE
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.scaling.case import CHAIN_LENGTHS, GRAPH, ScalingCase
from rnn_vs_attn.suites.scaling.suite import SCALING
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.suites.variants.albert.suite import VARIANTS_ALBERT
from rnn_vs_attn.suites.variants.gpt.suite import VARIANTS_GPT
from rnn_vs_attn.suites.variants.transformer_xl.suite import VARIANTS_TRANSFORMER_XL

MIB = 1 << 20
ROUNDS = (1.0, 1.01, 0.99, 1.02, 0.98, 1.0)
CHAINS = {"attention": lambda n: 3, "lstm": lambda n: 7 * n, "mingru": lambda n: 5 * n.bit_length()}


def rounds(value: float) -> list[float]:
    return [value * each for each in ROUNDS]


def bench(times: dict[str, float] | None = None, number: int = 6, exponent: float = 1.0) -> list[Record]:
    """Training at 128 tokens in ms, four times as much at 512; the memory of attention grows with an exponent."""
    given = {"attention": 10.0, "lstm": 2.0, "lstm-cell": 50.0, "mingru": 1.0} | (times or {})
    found = [
        bench_record("train_time", model, n, rounds(ms * n / 128)[:number], threads=1)
        for model, ms in given.items()
        for n in (128, 512)
    ]
    for model, power in (("attention", exponent), ("attention-naive", 2.0)):
        found += [
            bench_record("peak_memory", model, n, rounds(4 * MIB * (n / 128) ** power)[:number], {"pass": "train"})
            for n in (128, 512)
        ]
    return found


@cache
def _counts() -> tuple[Record, ...]:
    return tuple(exact_records(["attention", "lstm", "mingru"], [64, 128], [32, 64]))


def scaling(**chains: Any) -> list[Record]:
    """The counts of small layers, and chains of operations by a formula each."""
    counts = list(_counts())
    for model, grows in (CHAINS | chains).items():
        for n in CHAIN_LENGTHS:
            case = ScalingCase(model, n, 1, 8, 2, device="cpu", threads=1, part=GRAPH)
            counts.append(at(SCALING, "sequential_operations", case, [float(grows(n))]))
    return counts


def gradflow(attention: float = 1.0, lstm: float = 0.5, number: int = 6) -> list[Record]:
    """Norms that fall by a factor a token."""
    laws = {"rnn": 0.4, "lstm": lstm, "attention": attention}
    return [r for model, factor in laws.items() for r in norms(model, exponential(factor), number)]


def recall(lstm: Sequence[float | None] = (None,) * 3, budget: int = 400) -> list[Record]:
    """attention learns mqar after 90 steps and lstm as told; lstm learns parity and attention does not."""
    how: dict[str, Any] = {"steps": budget}
    return [
        *trained("attention", [90, 90, 100], task="mqar", **how),
        *trained("lstm", lstm, task="mqar", **how),
        *trained("lstm", [90, 80, 80], task="parity", **how),
        *trained("attention", [None] * 3, task="parity", **how),
    ]


def decode(attention: float = 3.0, lstm: float = 1.0) -> list[Record]:
    """A token after 2048 takes so many times what one after 64 does."""
    found = []
    for model, more, state in (("attention", attention, 1024.0), ("lstm", lstm, 0.0)):
        for n, factor in ((64, 1.0), (2048, more)):
            found += [decoded("step_time", model, n, rounds(1e-4 * factor))]
            found += [decoded("state_size", model, n, [1024 + state * n])]
    return found


def transformer_xl(window: float = 80.0, memory: float = 19.0) -> list[Record]:
    suite = VARIANTS_TRANSFORMER_XL
    times = {"memory": 1.0, "window-1": window, "cache-segment": 0.5}
    found = [at(suite, "token_time", xl(method, 256), rounds(1e-5 * t)) for method, t in times.items()]
    fields = {"num_layers": 2, "position": 3}
    case = xl("memory", 256)
    found += [at(suite, "receptive_field", case, [3.0], memory_len=0, **fields)]
    return [*found, at(suite, "receptive_field", case, [memory], memory_len=8, **fields)]


def of_albert(flops: float = 1.0) -> list[Record]:
    found = []
    for size, params, per_token in (("albert-base", 12e6, flops), ("bert-base", 120e6, 1.0)):
        found += [at(VARIANTS_ALBERT, "num_params", albert(size), [params])]
        found += [at(VARIANTS_ALBERT, "flops_per_token", albert(size), [1e9 * per_token])]
    return found


def of_gpt(exponent: float = 1.0) -> list[Record]:
    found = []
    for size, params in (("2x128", 1e6), ("4x256", 1e7)):
        found += [at(VARIANTS_GPT, "num_params", gpt(size), [params])]
        found += [at(VARIANTS_GPT, "flops_per_token", gpt(size), [params**exponent])]
        found += [at(VARIANTS_GPT, "step_time", gpt(size), [1e-9 * params])]
    return found


def readings(**changed: list[Record]) -> Readings:
    """All parts, as a lesson reads them once they were stored; those given in place of the ones that stand here."""
    made: dict[str, list[Record]] = {
        "bench": bench(),
        "scaling": scaling() if "scaling" not in changed else [],
        "gradflow": gradflow(),
        "recall": recall(),
        "decode": decode(),
        "transformer-xl": transformer_xl(),
        "albert": of_albert(),
        "gpt": of_gpt(),
    }
    of = {part.name: part.suite for part in PARTS}
    found = {}
    for name, records in (made | {key.replace("_", "-"): value for key, value in changed.items()}).items():
        suite = of[name]
        mine = [dataclasses.replace(record, suite=suite.name) for record in records]
        stored = [*mine, *(suite.analysis.derive(mine) if mine else [])]
        found[name] = [*stored, *suite.analysis.expand(stored)]
    return Readings({name: records for name, records in found.items() if records}, {})


# Stored


def store(path: Path, suite: Suite, records: Sequence[Record], code: int = DONE) -> None:
    """A run of a suite on this machine in a folder; code: how it ended."""
    shown = {r.key for r in suite.analysis.expand(records)}
    head = dataclasses.replace(
        run_of(*(r for r in records if r.key not in shown)),
        suite=suite.name,
        environment=here(),
        settings={"inputs": suite.analysis.inputs},
        status="complete" if code in (DONE, UNFINISHED_CASES) else "interrupted",
    )
    folder = RunFolder.create(path)
    folder.write_run(head)
    folder.write_records(head.records)
    folder.write(TABLE, "")
    folder.close()


def whole_lesson(path: Path) -> Path:
    """The folder of a lesson of which every part was measured."""
    runs = readings()
    for part in PARTS:
        store(path / part.name, part.suite, runs.of(part.name))
    write_settings(path, LessonOptions(device="cpu"))
    return path
