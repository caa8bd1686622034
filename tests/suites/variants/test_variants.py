"""`variants`: published sizes, times as `bench` takes them, ratios and exponents, receptive fields by their formula."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from command import run
from fakes import FAKE, Asked, FakeCase, FakeMachine, fake_cases, of_rounds, unfinished_run
from torch import Tensor, nn

from rnn_vs_attn import export
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import ENOUGH, Budget, Limits, Turn
from rnn_vs_attn.measure import memory
from rnn_vs_attn.measure.dataflow.receptive_field import receptive_field
from rnn_vs_attn.measure.timing import calls
from rnn_vs_attn.measure.timing.clock import CPUClock
from rnn_vs_attn.measure.workload import TokenWorkload, filled, mode
from rnn_vs_attn.models import build
from rnn_vs_attn.models.language.albert import Albert
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.shapes import GPTShape
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.records.timing import Block
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.run.journal import Journal
from rnn_vs_attn.run.runner import Runner
from rnn_vs_attn.run.schedule import Schedule
from rnn_vs_attn.suites import SUITES, token_passes
from rnn_vs_attn.suites.case import Case, axes_of
from rnn_vs_attn.suites.metrics import FLOPS_PER_TOKEN, NUM_PARAMS, WEIGHTS_SIZE
from rnn_vs_attn.suites.suite import MEASURE, PEAKS, CaseAxes, Rounds, Suite
from rnn_vs_attn.suites.variants.albert import analysis as albert_analysis
from rnn_vs_attn.suites.variants.albert import case as albert_case
from rnn_vs_attn.suites.variants.albert import remarks as albert_remarks
from rnn_vs_attn.suites.variants.albert.case import AlbertCase
from rnn_vs_attn.suites.variants.albert.suite import VARIANTS_ALBERT
from rnn_vs_attn.suites.variants.gpt import analysis as gpt_analysis
from rnn_vs_attn.suites.variants.gpt import case as gpt_case
from rnn_vs_attn.suites.variants.gpt import measure as gpt_measure
from rnn_vs_attn.suites.variants.gpt import remarks as gpt_remarks
from rnn_vs_attn.suites.variants.gpt.case import GPTCase
from rnn_vs_attn.suites.variants.gpt.suite import VARIANTS_GPT
from rnn_vs_attn.suites.variants.transformer_xl import analysis as transformer_xl_analysis
from rnn_vs_attn.suites.variants.transformer_xl import case as transformer_xl_case
from rnn_vs_attn.suites.variants.transformer_xl import measure as transformer_xl_measure
from rnn_vs_attn.suites.variants.transformer_xl import remarks as transformer_xl_remarks
from rnn_vs_attn.suites.variants.transformer_xl.case import TransformerXLCase
from rnn_vs_attn.suites.variants.transformer_xl.suite import VARIANTS_TRANSFORMER_XL
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.protocol import About, Measure

HERE: dict[str, Any] = {"device": "cpu", "threads": 1}


def gpt(size: str, **fields: Any) -> GPTCase:
    return gpt_case.complete(GPTCase(size=size, **(HERE | fields)))


def albert(size: str, **fields: Any) -> AlbertCase:
    return albert_case.complete(AlbertCase(size=size, **(HERE | fields)))


def xl(method: str, seq_len: int, **fields: Any) -> TransformerXLCase:
    return transformer_xl_case.complete(TransformerXLCase(method=method, seq_len=seq_len, **(HERE | fields)))


def at(suite: Suite, metric: str, case: Any, values: list[float], **added: Any) -> Record:
    """A record of a case with one value a round."""
    axes = axes_of(case) | added
    made = of_rounds(suite.metric(metric, axes), axes, dict(enumerate(values)))
    return dataclasses.replace(made, suite=suite.name)


def by_size(records: list[Record], metric: str) -> dict[str, float]:
    found = [r for r in records if r.metric == metric and "size" in r.axes and r.median is not None]
    return {str(r.axes["size"]): r.median or 0.0 for r in found}


# Counts


def parameters_of(make: Any) -> int:
    with torch.device("meta"):
        return build.count_parameters(make())


@pytest.mark.parametrize("size", ["2x128", "4x256", "1x64", "gpt2", "gpt2-xl"])
def test_sizes_of_gpt_are_counted_as_they_are_built(size: str) -> None:
    assert gpt_analysis.counts(gpt(size))[NUM_PARAMS] == parameters_of(lambda: GPT(gpt_case.shape_of(size)))


def test_published_sizes_of_gpt_have_the_published_parameters() -> None:
    """openai/gpt-2's README: 124M, 355M, 774M, 1.5B."""
    found = by_size(gpt_analysis.derive([at(VARIANTS_GPT, "num_params", gpt("1x64"), [3332224])]), "num_params")
    assert found == {
        "gpt2": 124_439_808,
        "gpt2-medium": 354_823_168,
        "gpt2-large": 774_030_080,
        "gpt2-xl": 1_557_611_200,
    }


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_size_of_weights_is_that_of_the_modules_tensors(dtype: str) -> None:
    """What is tied or shared is held once."""
    made: list[tuple[Any, Any]] = [(gpt_analysis.counts(gpt("2x128", dtype=dtype)), partial(GPT, GPTShape(2, 128, 2)))]
    for size in ("albert-base", "bert-base"):
        shape = albert_case.SIZES[size]
        made.append((albert_analysis.counts(albert(size, dtype=dtype)), partial(Albert, shape)))
    for counts, make in made:
        with torch.device("meta"):
            module = make().to(getattr(torch, dtype))
        held = sum(parameter.numel() * parameter.element_size() for parameter in module.parameters())
        assert counts[WEIGHTS_SIZE] == held


def test_own_sizes_are_layers_by_width_with_heads_of_64() -> None:
    made = gpt("6x384")
    assert (made.num_layers, made.d_model, made.num_heads) == (6, 384, 6)


@pytest.mark.parametrize("size", list(albert_case.SIZES))
def test_sizes_of_albert_are_counted_as_they_are_built(size: str) -> None:
    shape = albert_case.SIZES[size]
    assert shape.num_params == parameters_of(lambda: Albert(shape))


def test_published_sizes_of_albert_have_the_counted_parameters() -> None:
    """Counted with another library at a vocabulary of 30,000, the pooler included."""
    found = by_size(
        albert_analysis.derive([at(VARIANTS_ALBERT, "forward_time", albert("bert-xlarge"), [1.0])]),
        "num_params",
    )
    assert found == {
        "albert-base": 11_683_584,
        "albert-large": 17_683_968,
        "albert-xlarge": 58_724_864,
        "albert-xxlarge": 222_595_584,
        "bert-base": 109_081_344,
        "bert-large": 334_607_360,
    }


@pytest.mark.parametrize("table", [albert_analysis.EMBEDDINGS, albert_analysis.SHARING])
def test_the_papers_tables_of_the_switches_are_those_of_the_model(table: dict[tuple[int, str], float]) -> None:
    """Lan et al. 2020, tables 3 and 4, in whole millions; 1.2 million cover its rounding and its heads."""
    for (embedding_dim, sharing), figure in table.items():
        shape = albert_analysis.shape_at(embedding_dim, sharing)
        assert shape.num_params == parameters_of(lambda shape=shape: Albert(shape))
        assert abs(shape.num_params - figure) < 1.2e6, (embedding_dim, sharing)


def test_released_sizes_of_transformer_xl() -> None:
    records = transformer_xl_analysis.derive([at(VARIANTS_TRANSFORMER_XL, "token_time", xl("memory", 8), [1.0])])
    assert by_size(records, "num_params") == {
        "transformer-xl-wt103-base": 151_107_538,
        "transformer-xl-wt103-large": 285_170_506,
        "transformer-xl-enwik8-base": 41_055_436,
        "transformer-xl-enwik8-large": 277_231_820,
    }


def test_counts_of_a_size_that_failed_are_there_all_the_same() -> None:
    case = albert("albert-xxlarge")
    failed = dataclasses.replace(at(VARIANTS_ALBERT, "forward_time", case, [1.0]), status="out_of_memory", median=None)
    assert by_size(albert_analysis.derive([failed]), "num_params")["albert-xxlarge"] == 222_595_584


# Receptive fields


class Window(nn.Module):
    """The sum of the last `width` ids but for one in between."""

    def __init__(self, width: int, gap: int) -> None:
        super().__init__()
        self.width, self.gap = width, gap

    def forward(self, tokens: Tensor) -> Tensor:
        seen = tokens.double()[:, -self.width :].flip(1)
        return seen.sum() - seen[:, self.gap].sum()


def test_the_receptive_field_is_the_last_distance_and_no_gap_before_it() -> None:
    tokens = torch.randint(7, (1, 12))
    assert receptive_field(Window(9, 4), tokens, 7) == 8
    assert receptive_field(lambda ids: torch.zeros(1), tokens, 7) == -1


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_the_receptive_field_with_memory_is_position_and_layers_times_memory(num_layers: int) -> None:
    """Dai et al. 2019, section 3.2: O(N x L); without memory the segment's own positions."""
    torch.manual_seed(0)
    case = xl("memory", 16, num_layers=num_layers)
    found = {s.axes["memory_len"]: s.value for s in transformer_xl_measure._receptive_fields(case)}
    assert found == {0: 3, 8: 3 + num_layers * 8}


# Times and memory


def test_calls_are_timed_after_one_that_is_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    now, lengths = [0], iter([1_500, 100, 60, 70, 1_000])  # ms

    def call() -> None:
        now[0] += next(lengths) * 1_000_000

    monkeypatch.setattr(calls, "perf_counter_ns", lambda: now[0])
    assert calls.repeated(call, torch.device("cpu"))[0] == pytest.approx([0.1, 0.06, 0.07])


def test_a_long_call_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]

    def call() -> None:
        now[0] += 3_000_000_000

    monkeypatch.setattr(calls, "perf_counter_ns", lambda: now[0])
    assert calls.repeated(call, torch.device("cpu"))[0] == pytest.approx([3.0])


def test_a_training_pass_reaches_every_weight_and_leaves_no_gradient() -> None:
    module = GPT(dataclasses.replace(gpt_case.shape_of("1x64"), vocab_size=11))
    workload = TokenWorkload.of_ids(module, torch.randint(11, (2, 5)))
    reached = []
    for parameter in module.parameters():
        parameter.register_post_accumulate_grad_hook(lambda p: reached.append(p.grad is not None))
    workload.train()
    assert len(reached) == len(list(module.parameters()))
    assert all(parameter.grad is None for parameter in module.parameters())
    with mode(workload, "forward"):
        assert workload.forward().grad_fn is None


@pytest.mark.parametrize(("factor", "said"), [(1.0, 0), (float("nan"), 2)])
def test_outputs_and_gradients_that_are_not_finite_are_said(factor: float, said: int) -> None:
    """They were timed without a word."""
    case = gpt("1x64", seq_len=4)
    workload = token_passes.made(lambda: gpt_measure.make(case), case, 0, 11)
    with torch.no_grad():
        next(workload.module.parameters()).mul_(factor)
    found = next(token_passes.times(workload, Turn())).warnings
    assert len([text for text in found if "hold" in text and "could not" not in text]) == said
    assert next(token_passes.times(workload, Turn(1, first=False))).warnings == []


class ScriptedClock:
    """Calls of 10 ms, of which it remembers the pass and the number in a block."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def block(self, workload: Any, name: str, loops: int) -> Block:
        self.asked.append((name, loops))
        return Block(0.010, backward=0.005, wall=0.010 * loops)


@pytest.mark.parametrize(("share", "warm_up", "num_blocks"), [(1.0, 20, 8), (0.5, 12, 4), (0.0, 0, 1)])
def test_passes_are_timed_as_bench_times_them(
    share: float, warm_up: int, num_blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that is thrown away, a warm-up in windows of a quarter, one to calibrate, then blocks."""
    clock, case = ScriptedClock(), gpt("1x64", seq_len=4)
    monkeypatch.setattr(token_passes, "clock_for", lambda device: clock)
    workload = token_passes.made(lambda: gpt_measure.make(case), case, 0, 11)
    forward, train = token_passes.times(workload, Turn(first=False, enough=share * ENOUGH))
    assert [forward.metric, train.metric] == ["forward_time", "train_time"]
    assert (forward.value, forward.blocks, train.blocks) == (0.010, [0.010] * num_blocks, [0.010] * num_blocks)
    assert (forward.details["loops"], forward.details["settled"]) == (1, share > 0)
    assert "settled" not in train.details  # of a module that is warm
    assert len([name for name, _ in clock.asked if name == "forward"]) == 1 + warm_up + 1 + num_blocks
    assert len([name for name, _ in clock.asked if name == "train"]) == 1 + 1 + num_blocks


def test_a_token_model_is_timed_by_the_clock_of_layers() -> None:
    """Each call is given the same ids, and a training call leaves no gradient behind."""
    module = GPT(dataclasses.replace(gpt_case.shape_of("1x64"), vocab_size=11))
    workload = TokenWorkload.of_ids(module, torch.randint(11, (2, 5)))
    forward, train = (CPUClock().block(workload, name, 2) for name in ("forward", "train"))
    assert forward.seconds > 0
    assert train.backward is not None
    assert 0 < train.backward < train.seconds
    assert all(parameter.grad is None for parameter in module.parameters())
    assert workload.given is workload.x


@pytest.mark.parametrize("method", ["memory", "window-half", "cache"])
def test_an_evaluation_that_is_not_finite_is_said(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = transformer_xl_measure._model

    def broken(*given: Any) -> nn.Module:
        module = real(*given)
        with torch.no_grad():
            next(module.parameters()).mul_(float("nan"))
        return module

    case = xl(method, 8, segment_len=4)
    assert next(transformer_xl_measure.measure(case, Turn())).warnings == []
    monkeypatch.setattr(transformer_xl_measure, "_model", broken)
    assert next(transformer_xl_measure.measure(case, Turn())).warnings == ["its output holds NaN or infinity"]


def test_a_filled_module_is_the_same_module_with_other_weights() -> None:
    made = filled(lambda: Albert(albert_case.SIZES["albert-base"]), torch.device("cpu"), torch.float64)
    assert build.count_parameters(made) == 11_683_584
    assert {(float(p.detach().min()), p.dtype) for p in made.parameters()} == {(0.01, torch.float64)}


def test_windows_and_memory_evaluate_as_many_tokens_as_they_are_divided_by() -> None:
    cpu = torch.device("cpu")
    small: dict[str, Any] = {"d_model": 16, "num_heads": 2, "num_layers": 1, "vocab_size": 7, "segment_len": 4}
    for method, length, expected in (
        ("memory", 10, 4),
        ("window-1", 10, 1),
        ("window-half", 9, 5),
        ("cache-segment", 10, 4),
    ):
        with torch.no_grad():
            module, call, tokens = transformer_xl_measure._evaluation(xl(method, length, **small), cpu)
            made: Any = call()
        assert tokens == expected
        if method == "memory":
            assert made[0].shape == (1, 4, 7)
            assert made[1][0].shape == (1, 10, 16)  # as many positions are remembered as the attention length
        else:
            logits = made[0] if method == "window-1" else made
            assert logits.shape == (1, {"window-1": 1, "window-half": 9, "cache-segment": 4}[method], 7)
        assert build.count_parameters(module) > 0


def test_a_segment_after_a_cache_is_the_same_call_again_and_again() -> None:
    with torch.no_grad():
        _, call, _ = transformer_xl_measure._evaluation(xl("cache-segment", 9, d_model=16), torch.device("cpu"))
        first: Any = call()
        again: Any = call()
    assert torch.equal(first, again)


# What is read out of the numbers


def test_growth_is_the_exponent_in_the_number_of_parameters() -> None:
    sizes = {"1x64": 1e6, "2x128": 1e7, "gpt2": 1e8}
    records = []
    for size, params in sizes.items():
        records.append(at(VARIANTS_GPT, "num_params", gpt(size), [params]))
        records.append(at(VARIANTS_GPT, "train_time", gpt(size), [(1 + r / 100) * params**0.8 for r in range(6)]))
        records.append(at(VARIANTS_GPT, "peak_memory", gpt(size), [params**0.5] * 6, **{"pass": "train"}))
    found = {str(r.axes["of"]): r for r in gpt_analysis.exponents(records)}
    assert found["train_time"].median == pytest.approx(0.8)
    assert found["train_time"].low == pytest.approx(0.8)
    assert found["peak_memory"].median == pytest.approx(0.5)
    said = gpt_remarks.remarks([*records, *found.values()])
    assert said[0] == (
        "Growth with the number of parameters, b in num_params^b, 1x64 to gpt2: train time 0.800 [0.800, 0.800]; "
        "memory of train above the weights 0.500 [0.500, 0.500]."
    )


def test_a_small_exponent_keeps_its_digits() -> None:
    """It was printed as 0 [0, 0], which is an interval that does not hold the value."""
    sizes = {"1x64": 1e6, "2x128": 1e7, "gpt2": 1e8}
    records = []
    for size, params in sizes.items():
        memory = [params ** (0.001 * (1 + r)) for r in range(6)]
        records.append(at(VARIANTS_GPT, "num_params", gpt(size), [params]))
        records.append(at(VARIANTS_GPT, "peak_memory", gpt(size), memory, **{"pass": "forward"}))
    said = gpt_remarks.remarks([*records, *gpt_analysis.exponents(records)])
    assert said[0].endswith("memory of forward above the weights 0.00350 [0.00100, 0.00600].")


def test_one_size_has_no_growth() -> None:
    records = [at(VARIANTS_GPT, "num_params", gpt("1x64"), [1e6]), at(VARIANTS_GPT, "step_time", gpt("1x64"), [1.0])]
    assert gpt_analysis.exponents(records) == []


def test_what_is_only_counted_is_said() -> None:
    records = [at(VARIANTS_GPT, "num_params", gpt("gpt2"), [1.0]), at(VARIANTS_GPT, "step_time", gpt("gpt2"), [1.0])]
    said = gpt_remarks.remarks([*records, *gpt_analysis.derive(records)])
    assert said[-1] == "Counted and not measured: gpt2-medium, gpt2-large, gpt2-xl; --size measures what it names."


def test_ratios_to_bert_are_formed_within_rounds() -> None:
    """Rounds twice as slow as one another for both: the ratio is 0.9 in each, with no width."""
    slow = [1.0, 2.0, 1.0, 4.0, 3.0, 1.0]
    records = [at(VARIANTS_ALBERT, "train_time", albert("bert-base"), slow)]
    records += [at(VARIANTS_ALBERT, "train_time", albert("albert-base"), [0.9 * value for value in slow])]
    records += [at(VARIANTS_ALBERT, "train_time", albert("albert-large"), slow)]  # no BERT of its shape is there
    (found,) = albert_analysis.ratios(records)
    assert (found.median, found.low, found.high) == pytest.approx((0.9, 0.9, 0.9))
    assert found.axes["size"] == "albert-base"
    said = albert_remarks.remarks([found])
    assert said[0] == "albert-base against bert-base: 0.9000 [0.9000, 0.9000] of its training time."
    shared = dataclasses.replace(found, axes=found.axes | {"size": "bert-base+shared"})
    assert albert_remarks.remarks([shared])[0] == (
        "Sharing saves parameters and memory, not FLOPs; bert-base+shared against bert-base: "
        "0.9000 [0.9000, 0.9000] of its training time."
    )


def test_sharing_saves_parameters_and_not_flops() -> None:
    bert, shared = (albert_analysis.counts(albert(size)) for size in ("bert-base", "bert-base+shared"))
    assert shared[FLOPS_PER_TOKEN] == bert[FLOPS_PER_TOKEN]
    assert shared[NUM_PARAMS] < 0.3 * bert[NUM_PARAMS]


def test_counts_that_differ_from_the_papers_are_said() -> None:
    records = albert_analysis.derive([at(VARIANTS_ALBERT, "forward_time", albert("bert-base"), [1.0])])
    (said,) = [line for line in albert_remarks.remarks(records) if line.startswith("Parameters, with")]
    assert "albert-xxlarge 222,595,584 against 235 M" in said
    assert "albert-base" not in said


def test_windows_are_held_against_the_memory_of_the_same_length() -> None:
    records = [at(VARIANTS_TRANSFORMER_XL, "token_time", xl("memory", n), [n * 1e-6] * 6) for n in (800, 3800)]
    records += [
        at(VARIANTS_TRANSFORMER_XL, "token_time", xl("window-1", n), [n * n * 1e-6 / 2] * 6) for n in (800, 3800)
    ]
    derived = transformer_xl_analysis.derive(records)
    ratios = {r.axes["seq_len"]: r.median for r in derived if r.metric == "ratio"}
    assert ratios == {800: pytest.approx(400), 3800: pytest.approx(1900)}
    beside = transformer_xl_analysis.expand([*records, *derived])
    assert {r.axes["seq_len"]: r.median for r in beside} == {800: 363, 3800: 1874}  # Dai et al. 2019, table 9
    said = transformer_xl_remarks.remarks([*records, *derived])
    assert "400 [400, 400] at 800, 1,900 [1,900, 1,900] at 3,800 times as long" in said[0]
    assert "that is 0.43 to 0.50 throughout (here 0.50)" in said[1]
    assert "no comparison with a decoder that keeps its keys and values" in said[1]


def test_training_memory_is_held_against_one_long_segment() -> None:
    axes = {"pass": "train"}
    records = [
        at(VARIANTS_TRANSFORMER_XL, "peak_memory", xl("memory", 801), [30.0] * 6, **axes, memory_len=400),
        at(VARIANTS_TRANSFORMER_XL, "peak_memory", xl("memory", 801), [60.0] * 6, **axes, memory_len=0),
    ]
    said = transformer_xl_remarks.remarks(transformer_xl_analysis.derive(records))
    assert said[0] == (
        "Training over 801 tokens: a segment of 401 after a memory of 400, through which no gradient goes, "
        "takes 0.500 [0.500, 0.500] of what one long segment takes."
    )


def test_exports_name_a_case_by_its_size_and_not_by_what_follows_from_it() -> None:
    found = [export.label(at(VARIANTS_GPT, "num_params", gpt(size), [1.0])) for size in ("gpt2", "1x64")]
    ending = "dtype=float32/device=cpu/threads=1/size="
    assert found == [f"variants-gpt/gpt/seq_len=64/{ending}{size}" for size in ("gpt2", "1x64")]


# Peaks come last


PEAKS_LAST = dataclasses.replace(FAKE, axes=CaseAxes(FakeCase), rounds=Rounds(peaks=True))


@pytest.mark.skipif(bool(memory.cpu_peak_missing()), reason=memory.cpu_peak_missing() or "-")
def test_the_peak_of_training_on_a_few_tokens_is_that_of_the_gradients() -> None:
    """Of all weights but the pooler's, which nothing asks for; the activations of two tokens are next to nothing."""
    case = AlbertCase(size="bert-base", seq_len=2, device="cpu", threads=1)
    worker = ChildWorker()
    about = About("variants-albert", axes_of(albert_case.complete(case)), None)
    answer = worker.ask(Measure(about, Turn(), PEAKS), 600)
    worker.close()
    (train,) = (sample.value for sample in answer.samples if sample.axes == {"pass": "train"})
    shape = albert_case.SIZES["bert-base"]
    assert train == pytest.approx(4 * (shape.num_params - shape.pooler_params), rel=0.02)


def sweep(machine: FakeMachine, folder: Path, cases: Sequence[Case], limits: Limits) -> Runner:
    """A run that measures nothing but peaks after all else."""
    journal = Journal(PEAKS_LAST, cases, RunFolder.create(folder), ())
    schedule = Schedule.of({}, limits, machine.clock(), start_up=0.0)
    return Runner(journal, limits, unfinished_run(), schedule, machine.start, clock=machine.clock)


def test_peaks_are_taken_after_the_times_of_all_cases(tmp_path: Path) -> None:
    machine = FakeMachine()
    cases = fake_cases("rnn", "gru", "lstm")
    limits = Limits(2, 0.05, 1e9, 60.0, None, 0, Budget())
    sweep(machine, tmp_path / "run", cases, limits).run()
    asked = machine.asked(Measure)
    assert [request.request.part for request in asked] == ([MEASURE] * 3 + [PEAKS] * 3) * 2
    assert {request.model for request in asked[3:6]} == {"rnn", "gru", "lstm"}
    assert [request.worker for request in asked] == [0] * 6 + [1] * 6


def test_a_case_that_failed_has_no_peaks(tmp_path: Path) -> None:
    def trouble(request: Asked) -> BaseException | None:
        return CaseFault("failed", "it broke") if request.model == "gru" else None

    machine = FakeMachine(trouble=trouble)
    limits = Limits(1, 0.05, 1e9, 60.0, None, 0, Budget())
    sweep(machine, tmp_path / "run", fake_cases("rnn", "gru"), limits).run()
    peaks = [request.model for request in machine.asked(Measure) if request.request.part == PEAKS]
    assert peaks == ["rnn"]


# The commands


def test_commands_are_named_as_they_are_typed() -> None:
    named = {suite.name: suite.command for suite in SUITES}
    assert named["variants-transformer-xl"] == "variants transformer-xl"
    assert named["variants-gpt"] == "variants gpt"
    assert named["decode"] == "decode"


TINY = {
    "transformer-xl": "--seq-len 16 --d-model 16 --num-heads 2 --num-layers 1 --segment-len 4 --vocab-size 8",
    "gpt": "--size 1x64,2x64 --seq-len 4",
    "albert": "--size albert-base,bert-base+factorised --seq-len 2",
}


@pytest.mark.parametrize("name", TINY)
def test_a_variant_from_the_command_line(name: str, tmp_path: Path) -> None:
    words = [*TINY[name].split(), *"--threads 1 --rounds 1 --quiet --json".split(), "--output", str(tmp_path / "run")]
    done = run("variants", name, *words)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["run"]["suite"] == f"variants-{name}"
    assert all(record["status"] == "ok" for record in found["records"])
    metrics = {r["metric"] for r in found["records"] if "seq_len" in r["axes"]}
    of_sizes = {"forward_time", "train_time", "flops_per_token"}
    expected = {"token_time", "receptive_field"} if name == "transformer-xl" else of_sizes
    assert metrics >= expected | {"num_params", "peak_memory"}
    assert found["remarks"]
    again = run("variants", name, "--resume", str(tmp_path / "run"))
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("\n| ") > 2


@pytest.mark.slow
def test_all_variants_after_each_other_in_one_document(tmp_path: Path) -> None:
    """Cut short: what is tested is that all three ran into folders of their own."""
    words = "--max-seconds 0 --rounds 1 --threads 1 --quiet --json".split()
    done = run("variants", *words, "--output", str(tmp_path / "all"))
    assert done.returncode == 4, done.stderr
    runs = json.loads(done.stdout)["runs"]
    assert [one["run"]["suite"] for one in runs] == [s.name for s in SUITES if s.group == "variants"]
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == ["albert", "gpt", "transformer-xl"]


def test_a_folder_that_is_taken_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "all/gpt").mkdir(parents=True)
    (tmp_path / "all/gpt/notes").write_text("mine")
    done = run("variants", "--rounds", "1", "--output", str(tmp_path / "all"))
    assert done.returncode == 2
    assert "all/gpt is not empty" in done.stderr
    assert done.stdout == ""
    assert [p.name for p in (tmp_path / "all").iterdir()] == ["gpt"]


def test_a_run_of_a_variant_is_resumed_by_its_own_command(tmp_path: Path) -> None:
    words = "--size 1x64 --seq-len 4 --rounds 1 --max-seconds 0 --threads 1 --quiet --output".split()
    assert run("variants", "gpt", *words, str(tmp_path / "run")).returncode == 4
    done = run("bench", "--resume", str(tmp_path / "run"))
    assert done.returncode == 2
    assert f"use rnn-vs-attn variants gpt --resume {tmp_path / 'run'}" in done.stderr


def test_a_size_that_does_not_fit_is_refused_beforehand(tmp_path: Path) -> None:
    words = "--size albert-xxlarge --max-memory 1GiB --rounds 1 --threads 1 --quiet --output".split()
    done = run("variants", "albert", *words, str(tmp_path / "run"))
    assert done.returncode == 4
    assert "refused beforehand: a training pass needs at least 1.66 GiB" in done.stdout
    assert "| albert-xxlarge" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("gpt --size gpt3", "--size 'gpt3' is none of gpt2, gpt2-medium, gpt2-large, gpt2-xl, nor layers x width"),
        ("gpt --size 4x100", "a width that is a multiple of 64"),
        ("gpt --seq-len 1000", "--seq-len 1000 is more than 957"),
        ("albert --size albert-bas", "unknown size 'albert-bas'; did you mean 'albert-base'?"),
        ("albert --seq-len 513", "--seq-len 513 is more than the 512 positions"),
        ("transformer-xl --method cach", "unknown method 'cach'; did you mean 'cache'?"),
        ("transformer-xl --d-model 30", "d_model 30 is not divisible by num_heads 4"),
        ("--rounds 1 gpt", "--rounds goes after gpt, not before it"),
        ("bert", "No such command 'bert'"),
    ],
)
def test_a_wrong_call_is_one_sentence(words: str, said: str) -> None:
    done = run("variants", *words.split())
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_albert_is_measured_by_its_own_command_only() -> None:
    done = run("decode", "--model", "albert")
    assert done.returncode == 2
    assert "rnn-vs-attn variants albert measures it" in done.stderr


def test_a_size_is_named_by_what_it_is() -> None:
    with pytest.raises(UserError):
        albert_case.size("albert-base+shared")
    assert albert_analysis.bert_of("bert-large+shared") == "bert-large"
    assert albert_analysis.bert_of("albert-large") == "bert-large"
