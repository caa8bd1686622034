"""The pairs of `ab` and what is judged from them, with a clock that stands still and workers that measure nothing."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from fakes import FAKE, FakeCase, FakeClock, fake_cases, unfinished_run

from rnn_vs_attn.ab import decide, report
from rnn_vs_attn.ab.runner import Pairs
from rnn_vs_attn.ab.stages import Cell
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, SIDES, Presence
from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.compare.verdicts import FAILED, FASTER, MISSING, NEW, SAME, SLOWER, UNSURE
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import PairLimits, Plan
from rnn_vs_attn.records.folder import RunFolder, read_run, read_samples
from rnn_vs_attn.records.timing import Block, Care, Ready
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.worker.protocol import (
    MakeReady,
    Prepare,
    ReadMachinePeaks,
    Release,
    Request,
    Samples,
    TimeBlock,
    Warnings,
)

CALL = 0.002
Seconds = Callable[[str, str, str, int], float]
Reply = TypeVar("Reply")
Asked = TypeVar("Asked", bound=Request[Any])


def equal(side: str, model: str, name: str, pair: int) -> float:
    """A little noise that both sides share, and a little that they do not."""
    return CALL * (1 + 0.01 * (pair % 3) + (0.001 * ((pair * 7) % 5 - 2) if side == CANDIDATE else 0.0))


def slower(model: str, factor: float) -> Seconds:
    def seconds(side: str, of: str, name: str, pair: int) -> float:
        return equal(side, of, name, pair) * (factor if side == CANDIDATE and of == model else 1.0)

    return seconds


@dataclass
class Laboratory:
    """Two sides whose calls take what `seconds` says, and whose requests may fail by `trouble`."""

    path: Path
    seconds: Seconds = equal
    trouble: Callable[[str, type[Request[Any]], str], BaseException | None] = lambda side, kind, model: None
    peak: Callable[[str, int], float] = lambda side, pair: 1e11
    clock_mhz: Callable[[str], float | None] = lambda side: None
    warnings: Callable[[str], list[str]] = lambda side: []
    seen: Callable[[str], list[str]] = lambda side: []
    clock: FakeClock = field(default_factory=FakeClock)
    asked: list[tuple[int, str, Request[Any], str]] = field(default_factory=list)
    workers: list[FakeSide] = field(default_factory=list)
    pinned: list[set[int]] = field(default_factory=list)

    def start(self) -> dict[str, FakeSide]:
        assert not any(worker.alive for worker in self.workers), "processes of an earlier pair are still there"
        self.clock.now += 1.0
        started = {side: FakeSide(self, side, len(self.workers) // 2) for side in SIDES}
        self.workers += started.values()
        return started

    def pairs(
        self, *models: str, cases: list[FakeCase] | None = None, cores: tuple[int, ...] = (), **limits: Any
    ) -> Pairs:
        folder = RunFolder.create(self.path)
        folder.write_run(unfinished_run())
        return Pairs(
            suite=FAKE,
            cases=cases or fake_cases(*models),
            passes=FAKE.rounds.passes,
            limits=PairLimits(**limits),
            folder=folder,
            start_workers=self.start,
            cores=cores,
            clock=self.clock,
        )

    def judged(self, *models: str, gated: bool = True, **rest: Any) -> dict[str, verdicts.Comparison]:
        """The verdict of each model's forward pass."""
        pairs = self.pairs(*models, **rest)
        pairs.run()
        pairs.folder.close()
        return {str(c.axes["model"]): c for c in decide.judge(pairs, gated) if c.metric == "forward_time"}

    def requests(self, kind: type[Asked]) -> list[tuple[int, str, Asked]]:
        """Of one kind, with the pair and the side that they were asked of."""
        return [(pair, side, request) for pair, side, request, _ in self.asked if isinstance(request, kind)]

    def prepared(self) -> list[tuple[int, str]]:
        """Pairs and models of all cases that were prepared."""
        return [(pair, model) for pair, _, request, model in self.asked if isinstance(request, Prepare)]


class FakeSide:
    """A worker of one side in one pair."""

    start_up = 1.0

    def __init__(self, laboratory: Laboratory, side: str, pair: int) -> None:
        self.alive = True
        self._laboratory, self._side, self._pair = laboratory, side, pair
        self._case: dict[str, Any] = {}
        self._seed = 0

    def pin(self, cores: set[int]) -> None:
        self._laboratory.pinned.append(cores)

    def close(self) -> None:
        self.alive = False

    def ask(self, request: Request[Reply], timeout: float) -> Reply:
        assert self.alive, "a dead worker was asked"
        lab = self._laboratory
        if isinstance(request, Prepare):
            self._case, self._seed = request.about.axes, request.seed
        model = str(self._case.get("model"))
        lab.asked.append((self._pair, self._side, request, model))
        trouble = lab.trouble(self._side, type(request), model)
        if trouble is not None:
            self.alive = not (isinstance(trouble, CaseFault) and trouble.status == "crashed")
            raise trouble
        answers: dict[type[Request[Any]], Callable[[Any], Any]] = {
            ReadMachinePeaks: self._peak,
            Prepare: lambda request: Warnings(()),
            MakeReady: self._ready,
            TimeBlock: self._block,
            Release: lambda request: Warnings(tuple(lab.warnings(self._side))),
        }
        answer: Reply = answers[type(request)](request)
        return answer

    def _peak(self, request: ReadMachinePeaks) -> Samples:
        value = self._laboratory.peak(self._side, self._pair)
        return Samples((Sample("peak_flops", value), Sample("product_flops", value, {"by": "mm"})))

    def _ready(self, request: MakeReady) -> Ready:
        self._laboratory.clock.now += 0.1
        plan = request.plan or Plan(30 if self._side == BASELINE else 50, 5)
        care = Care(in_place=self._side == CANDIDATE)
        return Ready(plan, 0.1, care=care, warnings=tuple(self._laboratory.seen(self._side)))

    def _block(self, request: TimeBlock) -> Block:
        seconds = self._laboratory.seconds(self._side, self._case["model"], request.name, self._seed)
        self._laboratory.clock.now += seconds * request.loops
        return Block(seconds, wall=seconds, clock_mhz=self._laboratory.clock_mhz(self._side))


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path / "run")


# Order


def test_nothing_flagged_is_eight_pairs_of_fresh_processes_and_no_more(laboratory: Laboratory) -> None:
    found = laboratory.judged("lstm", "gru")
    assert {c.verdict for c in found.values()} == {SAME}
    assert {(c.stage, c.values) for c in found.values()} == {(1, 8)}
    assert len(laboratory.workers) == 16


def test_flagged_cases_alone_are_measured_again_on_twenty_fresh_pairs(laboratory: Laboratory) -> None:
    laboratory.seconds = slower("gru", 1.10)
    found = laboratory.judged("lstm", "gru")
    assert (found["gru"].verdict, found["gru"].stage, found["gru"].values) == (SLOWER, 2, 20)
    assert (found["lstm"].verdict, found["lstm"].stage, found["lstm"].values) == (SAME, 1, 8)
    assert len(laboratory.workers) == 2 * 28
    late = [model for pair, model in laboratory.prepared() if pair >= 8]
    assert set(late) == {"gru"}
    seeds = [request.seed for _, side, request in laboratory.requests(Prepare) if side == BASELINE]
    assert sorted(set(seeds)) == list(range(28))


def test_blocks_are_taken_in_turn_and_each_side_begins_as_often(laboratory: Laboratory) -> None:
    laboratory.judged("lstm")
    firsts: Counter[str] = Counter()
    for pair in range(8):
        turns = [side for p, side, f in timed(laboratory) if p == pair and f.name == "forward"]
        other = {BASELINE: CANDIDATE, CANDIDATE: BASELINE}[turns[0]]
        assert turns == [turns[0], other, other, turns[0]] * 3
        firsts[turns[0]] += 1
    assert firsts == {BASELINE: 4, CANDIDATE: 4}


def timed(laboratory: Laboratory) -> list[tuple[int, str, TimeBlock]]:
    """Requests for blocks that count; a call alone is thrown away."""
    return [request for request in laboratory.requests(TimeBlock) if request[2].loops > 1]


def test_every_block_comes_after_a_call_of_its_own_side_that_is_thrown_away(laboratory: Laboratory) -> None:
    """A block after the other side's finds its caches filled with other things; one after its own does not."""
    laboratory.judged("lstm")
    requests = [(pair, side, block.loops) for pair, side, block in laboratory.requests(TimeBlock)]
    assert [loops for _, _, loops in requests] == [1, 30] * (len(requests) // 2)
    assert [r[:2] for r in requests[::2]] == [r[:2] for r in requests[1::2]]


def test_a_long_call_is_not_made_twice(laboratory: Laboratory) -> None:
    laboratory.seconds = lambda side, model, name, pair: 0.2
    laboratory.judged("lstm", max_seconds=1e6, timeout=1e6)
    thrown_away = len(laboratory.requests(TimeBlock)) - len(timed(laboratory))
    assert thrown_away == 8 * 2  # the first block of each pass, of which nothing is known yet


def test_the_baseline_fixes_how_much_a_block_holds_once_for_both(laboratory: Laboratory) -> None:
    laboratory.judged("lstm")
    assert {block.loops for _, _, block in timed(laboratory)} == {30}
    plans = [ready.plan for pair, side, ready in laboratory.requests(MakeReady) if (pair, side) != (0, BASELINE)]
    assert {plan.num_blocks for plan in plans if plan} == {6}  # made even, so that both sides begin as often


def test_what_each_side_needs_renewed_is_seen_in_the_first_pair_and_sent_in_all_later_ones(
    laboratory: Laboratory,
) -> None:
    laboratory.judged("lstm")
    cares = {(pair, side): ready.care for pair, side, ready in laboratory.requests(MakeReady)}
    assert cares == {
        (pair, side): Care(in_place=side == CANDIDATE) if pair else None
        for pair in range(8)
        for side in (BASELINE, CANDIDATE)
    }


def test_what_is_to_be_known_of_a_layer_is_noted_once_with_its_side(laboratory: Laboratory) -> None:
    laboratory.seen = lambda side: ["it works in place"] if side == CANDIDATE else []
    pairs = laboratory.pairs("lstm")
    pairs.run()
    assert pairs.noted == {("lstm", "it works in place"): {CANDIDATE}}
    assert report.said_of_models(pairs) == ["lstm, candidate: it works in place"]


def test_the_order_is_that_of_the_seed(tmp_path: Path) -> None:
    def order(name: str, seed: int) -> list[tuple[int, str, str, Any]]:
        laboratory = Laboratory(tmp_path / name)
        laboratory.judged("lstm", "gru", "rnn", seed=seed)
        return [(pair, side, type(request).__name__, model) for pair, side, request, model in laboratory.asked]

    assert order("a", 1) == order("b", 1) != order("c", 2)


def test_both_sides_of_a_pair_share_processors_that_change_from_pair_to_pair(laboratory: Laboratory) -> None:
    laboratory.judged("lstm", cores=(2, 5, 7))
    assert laboratory.pinned == [{core} for n in range(8) for core in [(2, 5, 7)[n % 3]] * 2]


def test_nothing_is_pinned_where_a_case_takes_all_processors(laboratory: Laboratory) -> None:
    cases = [FakeCase(model="lstm", device="cpu", threads=2)]
    laboratory.judged(cases=cases, cores=(0, 1))
    assert laboratory.pinned == []


# What is kept


def test_an_observation_is_the_median_over_blocks_of_the_log_ratio(laboratory: Laboratory) -> None:
    pairs = laboratory.pairs("lstm")
    pairs.run()
    pairs.folder.close()
    differences = pairs.stages[0].differences(Cell(pairs.cases[0], "forward"))
    expected = [
        math.log(equal(CANDIDATE, "lstm", "forward", p) / equal(BASELINE, "lstm", "forward", p)) for p in range(8)
    ]
    assert differences == pytest.approx(expected)
    lines = read_samples(laboratory.path)
    ratios = [line for line in lines if line.metric == "ratio" and line.axes["pass"] == "forward"]
    assert [line.value for line in ratios] == pytest.approx([math.exp(d) for d in expected])
    assert {line.details["stage"] for line in ratios} == {1}
    times = [line for line in lines if line.metric == "forward_time"]
    assert {line.axes["side"] for line in times} == set(SIDES)
    assert all(len(line.blocks) == 6 for line in times)
    metrics = {record.metric for record in read_run(laboratory.path).records}
    assert metrics == {"forward_time", "train_time", "ratio", "peak_flops"}


def test_medians_in_a_row_are_those_of_its_stage(laboratory: Laboratory) -> None:
    laboratory.seconds = lambda side, model, name, pair: (
        CALL * (2 if side == CANDIDATE else 1) * (1 if pair < 8 else 10)
    )
    row = laboratory.judged("lstm")["lstm"]
    assert (row.baseline, row.candidate) == pytest.approx((10 * CALL, 20 * CALL))
    assert row.centre == pytest.approx(2.0)


# Verdicts


@pytest.mark.parametrize(("factor", "verdict"), [(1.10, SLOWER), (0.90, FASTER), (1.01, SAME)])
def test_a_change_is_named_by_its_side_of_the_margin(laboratory: Laboratory, factor: float, verdict: str) -> None:
    laboratory.seconds = slower("lstm", factor)
    row = laboratory.judged("lstm")["lstm"]
    assert row.verdict == verdict
    assert row.centre == pytest.approx(factor, rel=0.01)
    assert row.low is not None
    assert row.high is not None
    assert row.low <= row.centre <= row.high
    assert row.detectable is not None
    assert 0.03 < row.detectable < 0.05


def test_a_change_at_the_margin_itself_is_not_slower(laboratory: Laboratory) -> None:
    laboratory.seconds = slower("lstm", 1.03)
    assert laboratory.judged("lstm")["lstm"].verdict in (SAME, UNSURE)


def test_time_that_runs_out_is_too_few_pairs_and_says_how_many_are_needed(laboratory: Laboratory) -> None:
    row = laboratory.judged("lstm", max_seconds=8.0)["lstm"]
    assert (row.verdict, row.undecidable) == (UNSURE, True)
    assert "too few pairs" in row.reason
    assert "8 are needed" in row.reason
    assert row.values < 8


def test_a_slowdown_that_time_does_not_let_confirm_is_no_verdict(laboratory: Laboratory) -> None:
    laboratory.seconds = slower("lstm", 2.0)
    row = laboratory.judged("lstm", max_seconds=40.0)["lstm"]
    assert (row.verdict, row.undecidable, row.stage) == (UNSURE, True, 2)
    assert "20 are needed" in row.reason


def test_so_few_confirming_pairs_that_none_could_be_found_are_refused(laboratory: Laboratory) -> None:
    laboratory.seconds = lambda side, model, name, pair: CALL * (2 if side == CANDIDATE else 1)
    found = laboratory.judged("lstm", "gru", "rnn", confirm=5)
    assert {c.verdict for c in found.values()} == {UNSURE}
    assert "7 are needed" in found["lstm"].reason  # 6 flagged passes: 2**-7 * 6 <= .05


def test_a_calibration_kernel_that_moved_unsettles_every_verdict(laboratory: Laboratory) -> None:
    laboratory.peak = lambda side, pair: 1e11 * (0.9 if side == CANDIDATE else 1.0) * (1 + 0.001 * (pair % 4))
    row = laboratory.judged("lstm")["lstm"]
    assert row.verdict == UNSURE
    assert "calibration kernel moved: peak_flops times 0.900" in row.reason
    assert not row.undecidable


def test_two_environments_are_not_held_to_the_same_calibration(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path / "run", peak=lambda side, pair: 1e11 * (0.9 if side == CANDIDATE else 1.0))
    assert laboratory.judged("lstm", gated=False)["lstm"].verdict == SAME


@pytest.mark.parametrize(
    ("clocks", "verdict", "said"),
    [
        ({BASELINE: 1500.0, CANDIDATE: 1500.0}, SLOWER, ""),
        ({BASELINE: 1500.0, CANDIDATE: 1300.0}, UNSURE, "not in clock cycles"),
        ({BASELINE: None, CANDIDATE: None}, UNSURE, "clock is not known"),
    ],
)
def test_on_cuda_a_slowdown_must_show_in_clock_cycles(
    laboratory: Laboratory, clocks: dict[str, float | None], verdict: str, said: str
) -> None:
    laboratory.seconds = slower("lstm", 1.15)
    laboratory.clock_mhz = lambda side: clocks[side]
    row = laboratory.judged(cases=[FakeCase(model="lstm", device="cuda:0", threads=1)])["lstm"]
    assert row.verdict == verdict
    assert said in row.reason


def test_a_slowdown_while_the_processors_clock_changes_is_unsure(laboratory: Laboratory) -> None:
    laboratory.seconds = slower("lstm", 1.15)
    laboratory.warnings = lambda side: ["the CPU clock went from 3000 to 2000 MHz during this case"]
    row = laboratory.judged("lstm")["lstm"]
    assert row.verdict == UNSURE
    assert "clock changed in 20 of 20 pairs" in row.reason


# Faults


@pytest.mark.parametrize("status", ["crashed", "failed", "out_of_memory", "timeout"])
@pytest.mark.parametrize("kind", [Prepare, MakeReady, TimeBlock, Release])
def test_a_fault_of_one_side_costs_its_case_only(laboratory: Laboratory, status: str, kind: type[Request[Any]]) -> None:
    laboratory.trouble = lambda side, asked, model: (
        CaseFault(status, "its reason") if (side, asked, model) == (CANDIDATE, kind, "gru") else None
    )
    found = laboratory.judged("lstm", "gru", "rnn")
    assert found["gru"].verdict == FAILED
    assert found["gru"].reason.startswith(f"candidate: {status}: ")
    assert (found["lstm"].verdict, found["rnn"].verdict) == (SAME, SAME)
    assert found["lstm"].values == 8
    lines = [line for line in read_samples(laboratory.path) if line.status != "ok"]
    assert {(line.status, line.axes["model"], line.axes["side"]) for line in lines} == {(status, "gru", CANDIDATE)}


def test_what_the_user_can_mend_in_one_case_is_its_fault_too(laboratory: Laboratory) -> None:
    laboratory.trouble = lambda side, asked, model: (
        UserError("it maps (1, 2) to (3,)") if (side, asked) == (BASELINE, Prepare) else None
    )
    row = laboratory.judged("lstm")["lstm"]
    assert row.verdict == FAILED
    assert row.reason == "baseline: failed: it maps (1, 2) to (3,)"


def test_a_machine_whose_peak_cannot_be_measured_still_compares(laboratory: Laboratory) -> None:
    laboratory.trouble = lambda side, kind, model: CaseFault("failed", "no peak") if kind is ReadMachinePeaks else None
    pairs = laboratory.pairs("lstm")
    pairs.run()
    pairs.folder.close()
    assert pairs.peak_unknown == "no peak"
    assert {c.verdict for c in decide.judge(pairs, gated=True)} == {SAME}


def test_an_interruption_ends_both_processes_and_keeps_the_samples(laboratory: Laboratory) -> None:
    def trouble(side: str, kind: type[Request[Any]], model: str) -> BaseException | None:
        return KeyboardInterrupt() if kind is TimeBlock and len(laboratory.workers) == 6 else None

    laboratory.trouble = trouble
    pairs = laboratory.pairs("lstm")
    with pytest.raises(KeyboardInterrupt):
        pairs.run()
    pairs.folder.close()
    assert not any(worker.alive for worker in laboratory.workers)
    assert {line.round for line in read_samples(laboratory.path) if line.metric == "ratio"} == {0, 1}


# What is not timed


def sample(name: str, value: float, **axes: Any) -> Sample:
    return Sample(name, value, axes)


def test_exact_metrics_with_a_better_direction_are_compared_and_noisy_ones_are_not() -> None:
    case = BenchCase(model="lstm", device="cpu", threads=1)
    sides = {
        BASELINE: [
            sample("saved_bytes", 1000),
            sample("num_params", 5),
            sample("peak_memory", 10, **{"pass": "train"}),
        ],
        CANDIDATE: [
            sample("saved_bytes", 1100),
            sample("num_params", 9),
            sample("peak_memory", 99, **{"pass": "train"}),
        ],
    }
    found = decide.exact(BENCH, case, sides, 0.03)
    assert [(c.metric, c.verdict, c.centre) for c in found] == [("saved_bytes", SLOWER, pytest.approx(1.1))]
    on_cuda = dataclasses.replace(case, device="cuda:0")
    found = decide.exact(BENCH, on_cuda, sides, 0.03)
    assert {(c.metric, c.verdict) for c in found} == {("saved_bytes", SLOWER), ("peak_memory", SLOWER)}


@pytest.mark.parametrize(
    ("presence", "verdict", "said"),
    [
        (Presence({BASELINE: "there is no module a.b"}, {}), NEW, "there is no module a.b"),
        (Presence({CANDIDATE: "a.b has no class"}, {}), MISSING, "a.b has no class"),
        (Presence({}, {CANDIDATE: "SyntaxError"}), FAILED, "candidate: SyntaxError"),
    ],
)
def test_a_model_on_one_side_is_a_row_with_its_reason(presence: Presence, verdict: str, said: str) -> None:
    found = decide.absent(FAKE, fake_cases("lstm")[0], FAKE.rounds.passes, presence)
    assert [(c.metric, c.verdict, c.reason) for c in found] == [
        ("forward_time", verdict, said),
        ("train_time", verdict, said),
    ]
