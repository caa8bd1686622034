"""`decode`: what is decoded is what forward computes, times are those of the clock, states are counted exactly."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import habits
import pytest
import torch
from command import run
from fakes import of_rounds
from paths import USER_MODULES
from steps import assert_decodes
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import DECODED, Turn
from rnn_vs_attn.measure.conduct import decoders
from rnn_vs_attn.measure.conduct.layers import IN_PLACE, REMEMBERS
from rnn_vs_attn.measure.decoder import Decoder
from rnn_vs_attn.measure.timing import calls, decoding
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.language import interface
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.mixer import advance
from rnn_vs_attn.models.registry import LANGUAGE_MODELS, MODELS, find
from rnn_vs_attn.models.shapes import LanguageShape
from rnn_vs_attn.records.timing import Care
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.decode import measure, remarks
from rnn_vs_attn.suites.decode.analysis import derive, expand
from rnn_vs_attn.suites.decode.case import DecodeCase
from rnn_vs_attn.suites.decode.suite import DECODE

FLOWS = str(USER_MODULES / "flows.py")
LAYERS = str(USER_MODULES / "layers.py")
SMALL = {"d_model": 16, "num_heads": 2, "num_layers": 2, "vocab_size": 11, "device": "cpu", "threads": 1}
NAMES = [spec.name for spec in (*MODELS, *LANGUAGE_MODELS)]


def case(model: str, **fields: Any) -> DecodeCase:
    return DecodeCase(model=model, **(SMALL | fields))


# What is decoded


def test_a_language_model_is_fed_what_it_says_itself() -> None:
    made = measure.decoder(case("gpt", seq_len=6, dtype="float64"), 0)
    with torch.no_grad():
        token, state = made.prefill()
        found = [token]
        for _ in range(5):
            token, state = made.step(token, state)
            found.append(token)
        assert isinstance(made.module, GPT)
        expected = made.module.generate(made.context, 6)[:, 6:]
    assert torch.equal(torch.stack(found, 1), expected)


@pytest.mark.parametrize("name", [spec.name for spec in LANGUAGE_MODELS])
def test_steps_of_a_language_model_are_its_forward(name: str) -> None:
    torch.manual_seed(0)
    shape = LanguageShape(16, 2, 2, vocab_size=11, context_len=20, memory_len=20)
    model = interface.build(find(name), shape).double().eval()
    tokens = torch.randint(11, (3, 20))
    with torch.no_grad():
        whole = model(tokens)
        whole = whole[0] if isinstance(whole, tuple) else whole
        state = model.initial_state(3)
        first, state = model.advance(tokens[:, :9], state)
        found = [first]
        for t in range(9, 20):
            logits, state = model.step(tokens[:, t], state)
            found.append(logits.unsqueeze(1))
    torch.testing.assert_close(torch.cat(found, 1), whole, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", [spec.name for spec in LANGUAGE_MODELS])
def test_parameters_of_language_models_are_counted_without_building_them(name: str) -> None:
    shape = LanguageShape(24, 3, 2, vocab_size=11, context_len=7, memory_len=5)
    shape_of = find(name).language_shape
    assert shape_of is not None
    assert build.count_parameters(interface.build(find(name), shape)) == shape_of(shape).num_params


@pytest.mark.parametrize("name", [spec.name for spec in MODELS])
def test_every_layer_decodes_what_its_forward_computes(name: str) -> None:
    torch.manual_seed(0)
    module = build.build(find(name), Shape(2, 12, 16, 2, 2)).double().eval()
    assert_decodes(module, torch.randn(2, 12, 16, dtype=torch.float64), 1e-10)


def test_a_module_whose_forward_takes_a_state_is_decoded_by_it() -> None:
    made = measure.decoder(case(f"{FLOWS}:WithStateArgument", num_layers=1), 0)
    with torch.no_grad():
        given, state = made.prefill()
        assert torch.equal(made.step(given, state)[0], given)


@pytest.mark.parametrize(
    ("module", "status", "said"),
    [
        ("WrongStep", "failed", "its steps are not its forward"),
        ("SeesTheFuture", "unsupported", "it has no initial_state"),
        ("Window", "unsupported", "it cannot decode"),
    ],
)
def test_a_module_that_does_not_decode_its_forward_is_not_measured(module: str, status: str, said: str) -> None:
    with pytest.raises(CaseFault) as fault:
        measure.decoder(case(f"{FLOWS}:{module}", num_layers=1), 0)
    assert fault.value.status == status
    assert said in fault.value.reason


@pytest.mark.parametrize("kind", [habits.StepHandsOutItsState, habits.StepInPlaceOnInput, habits.KeepsItsStart])
def test_a_step_that_works_in_place_decodes_its_forward(kind: type[nn.Module]) -> None:
    """One that hands out its state, and writes to it in the next step, was told that its steps are not its forward."""
    torch.manual_seed(0)
    module, x = kind(8), torch.randn(1, 12, 8)
    before = x.clone()
    for _ in range(2):
        decoding.check(module, x)
    assert torch.equal(x, before)
    with torch.no_grad():
        y, _ = advance(module, x.clone(), module.initial_state(1))
        torch.testing.assert_close(y, module(x.clone()))


def test_outputs_that_are_not_finite_are_compared_all_the_same() -> None:
    decoding.check(habits.DecodesInfinity(8), torch.randn(1, 12, 8))

    class Other(habits.DecodesInfinity):
        def forward(self, x: Tensor) -> Tensor:
            return self.computed(x)

    with pytest.raises(CaseFault, match="its steps are not its forward"):
        decoding.check(Other(8), torch.randn(1, 12, 8))


# What a row has to say, and what its calls are given


def habit(name: str, **fields: Any) -> DecodeCase:
    return case(f"habits:{name}", num_layers=1, seq_len=24, **fields)


@pytest.mark.parametrize(
    ("name", "care", "said"),
    [
        ("Decodes", Care(), []),
        ("StepHandsOutItsState", Care(), []),
        ("StepInPlaceOnInput", Care(in_place=True), [IN_PLACE]),
        ("KeepsItsStart", Care(changes=("start",)), ["a call changes start"]),
        ("StepKeepsProjection", Care(remembers=True, changes=("last", "kept")), [REMEMBERS, "a call changes last"]),
        ("RandomStep", Care(), []),
    ],
)
def test_what_a_step_does_to_what_it_is_given_is_seen(name: str, care: Care, said: list[str]) -> None:
    made = measure.decoder(habit(name), 0)
    found = decoders.renew_between_calls(made)
    assert made.care == care
    assert len(found) == len(said)
    assert all(text.startswith(begin) for text, begin in zip(found, said, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_to_be_said_of_the_models_of_this_program(name: str) -> None:
    made = measure.decoder(case(name, seq_len=9), 0)
    assert (decoders.renew_between_calls(made), made.care) == ([], Care())
    assert decoders.not_finite(made) == []
    samples = list(measure.measure(case(name, seq_len=9), Turn()))
    assert all(sample.warnings == [] for sample in samples)


def test_warnings_are_on_the_rows() -> None:
    (first, *_) = measure.measure(habit("DecodesInfinity"), Turn())
    assert "its output holds NaN or infinity" in first.warnings


def test_each_timed_step_of_a_layer_that_remembers_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = measure.decoder(habit("StepKeepsProjection"), 0)
    decoders.renew_between_calls(made)
    calls = {"step": 0, "project": 0}

    def counted(name: str, real: Any) -> Any:
        def call(self: Any, *given: Any) -> Any:
            calls[name] += 1
            return real(self, *given)

        return call

    monkeypatch.setattr(habits.StepKeepsProjection, "step", counted("step", habits.StepKeepsProjection.step))
    monkeypatch.setattr(nn.Linear, "forward", counted("project", nn.Linear.forward))
    with torch.no_grad():
        decoding.steps(made, made.prefill())
    assert calls["step"] == calls["project"] > 24 + decoding.LEAST_STEPS


def test_each_timed_call_of_a_layer_in_place_has_the_same_input() -> None:
    made = measure.decoder(habit("StepInPlaceOnInput"), 0)
    assert made.next_input is not None
    context, following = made.context.clone(), made.next_input.clone()
    decoders.renew_between_calls(made)
    seen = []
    real = made.module.step
    made.module.step = lambda x_t, state: seen.append(x_t.clone()) or real(x_t, state)
    with torch.no_grad():
        _, after = decoding.prefills(made)
        prefilled = len(seen)
        decoding.steps(made, after)
    assert all(torch.equal(x_t, context[:, i % 24]) for i, x_t in enumerate(seen[:prefilled]))
    assert all(torch.equal(x_t, following) for x_t in seen[prefilled:])


# What is carried on


@pytest.mark.parametrize("length", [1, 16, 17, 100])
@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.name)
def test_states_of_layers_are_as_large_as_their_closed_form(spec: Any, length: int) -> None:
    made = measure.decoder(case(spec.name, seq_len=length, batch_size=3), 0)
    with torch.no_grad():
        found = decoding.state_bytes(made.prefill()[1])
    assert found == spec.costs.state_size(Shape(3, length, 16, 2, 2), 4)


@pytest.mark.parametrize(
    ("model", "length", "expected"),
    [
        ("lstm-lm", 5, 2 * 2 * 3 * 16 * 4),
        ("lstm-lm", 50, 2 * 2 * 3 * 16 * 4),
        ("gpt", 50, 2 * 2 * 3 * 50 * 16 * 4),
        ("transformer-xl", 5, 2 * (2 * 3 * 5 * 16 + 5 * 16) * 4),
        ("transformer-xl", 50, 2 * (2 * 3 * 8 * 16 + 8 * 16) * 4),
    ],
)
def test_states_of_language_models(model: str, length: int, expected: int) -> None:
    made = measure.decoder(case(model, seq_len=length, batch_size=3, memory_len=8), 0)
    with torch.no_grad():
        assert decoding.state_bytes(made.prefill()[1]) == expected


def test_parts_of_a_state_are_counted_once_wherever_they_are() -> None:
    @dataclasses.dataclass
    class Held:
        tensor: Tensor
        itself: Any = None

    shared = torch.zeros(3)
    held = Held(torch.zeros(5, dtype=torch.float64))
    held.itself = held
    assert decoding.state_bytes({"a": [shared, (shared, 7)], "b": held, "c": None}) == 3 * 4 + 5 * 8


# Times, on a clock that moves only where the module moves it


class Counted(nn.Module):
    """Its prefill takes a unit a token and its n-th step n units of its own clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.unit = 1_000_000

    def clock(self) -> int:
        return self.now

    def initial_state(self, batch_size: int) -> Tensor:
        return torch.zeros(1)

    def advance(self, tokens: Tensor, state: Tensor, last_only: bool = False) -> tuple[Tensor, Tensor]:
        self.now += self.unit * tokens.shape[1]
        return torch.zeros(tokens.shape[0], 1, 4), state

    def step(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = state + 1
        self.now += int(state) * self.unit
        self.most = max(self.most, int(state))
        return torch.zeros(token.shape[0], 4), state


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Decoder:
    module = Counted()
    for timing in (calls, decoding):
        monkeypatch.setattr(timing, "perf_counter_ns", module.clock)
    return Decoder(module, torch.zeros(1, 512, dtype=torch.long))


def test_steps_are_timed_one_by_one_after_the_untimed_ones(counted: Decoder) -> None:
    found = decoding.steps(counted, counted.prefill())
    assert found.seconds == pytest.approx([n * 1e-3 for n in range(4, 21)])  # the fourth to the 20th: 204 ms
    assert found.median == pytest.approx(12e-3)
    assert found.percentile_95 == pytest.approx((4 + 0.95 * 16) * 1e-3)


def test_fast_steps_begin_again_at_the_end_of_the_context(counted: Decoder) -> None:
    counted.context = counted.context[:, :8]
    counted.module.unit = 1_000  # ns: sixteen in a row are far from enough
    found = decoding.steps(counted, counted.prefill()).seconds
    assert found[:32] == pytest.approx([n * 1e-6 for n in range(4, 20)] * 2)
    assert sum(found) == pytest.approx(0.2, rel=1e-3)


def test_positions_are_decoded_up_to_those_that_suites_keep_free(counted: Decoder) -> None:
    """`variants gpt` kept 68 of them free and `decode` 67."""
    counted.module.unit = 1_000
    decoding.steps(counted, counted.prefill())
    assert counted.module.most == DECODED


def test_prefills_are_timed_whole_and_until_there_are_enough(counted: Decoder) -> None:
    seconds, (token, state) = decoding.prefills(counted)
    assert seconds == pytest.approx([0.512])
    assert (token.tolist(), state.tolist()) == ([0], [0.0])
    counted.context = counted.context[:, :90]
    assert decoding.prefills(counted)[0] == pytest.approx([0.09] * 3)


def test_a_long_prefill_is_taken_once(counted: Decoder) -> None:
    counted.context = counted.context.repeat(1, 4)
    assert decoding.prefills(counted)[0] == pytest.approx([2.048])
    assert counted.module.now == 2_048_000_000


# What is read out of the numbers


def at(metric: str, model: str, seq_len: int, values: list[float], **fields: Any) -> Record:
    axes = axes_of(case(model, seq_len=seq_len, **fields))
    made = of_rounds(DECODE.metric(metric, axes), axes, dict(enumerate(values)))
    return dataclasses.replace(made, suite="decode")


def records_of(gpt_step: Any, lstm_step: float, lengths: tuple[int, ...] = (64, 256, 1024)) -> list[Record]:
    found = []
    for n in lengths:
        found += [at("step_time", "gpt", n, [gpt_step(n) * (1 + r / 1000) for r in range(6)])]
        found += [at("step_time", "lstm-lm", n, [lstm_step * (1 + r / 1000) for r in range(6)])]
        found += [at("state_size", "gpt", n, [100.0 * n]), at("state_size", "lstm-lm", n, [700.0])]
    return found


def test_the_context_from_which_a_bounded_state_is_cheaper() -> None:
    """GPT's step takes n microseconds, the LSTM's 300: equal at 300; 100 bytes a token against 700: equal at 7."""
    found = {str(r.axes["of"]): r for r in derive(records_of(lambda n: n * 1e-6, 300e-6))}
    assert found["step_time"].median == pytest.approx(300, rel=1e-6)
    assert found["step_time"].low == pytest.approx(300, rel=1e-6)
    assert found["step_time"].details["faster_beyond"] == "lstm-lm"
    assert found["state_size"].median == 7
    assert found["step_time"].axes["model"] == "lstm-lm"


def test_without_a_crossing_the_side_is_said() -> None:
    records = records_of(lambda n: 1e-3, 5e-3)
    said = remarks.remarks([*records, *derive(records)])
    assert "Time a token, lstm-lm and gpt: lstm-lm is slower at every context from 64 to 1024." in said
    assert "State, lstm-lm and gpt: beyond a context of 7.00 lstm-lm carries less (exact)." in said
    assert (
        said[-1] == "What is carried from token to token: gpt 100 B more a token; lstm-lm 700 B whatever the context."
    )


def test_a_state_that_grows_unevenly_has_no_crossing() -> None:
    records = records_of(lambda n: n * 1e-6, 300e-6)
    uneven = [r for r in records if not (r.metric == "state_size" and r.axes["model"] == "gpt")]
    uneven += [at("state_size", "gpt", n, [float(n * n)]) for n in (64, 256, 1024)]
    assert [r.axes["of"] for r in derive(uneven)] == ["step_time"]


def test_batches_and_lengths_of_their_own_are_not_mixed() -> None:
    records = [*records_of(lambda n: n * 1e-6, 300e-6), at("step_time", "gpt", 64, [1.0], batch_size=8)]
    assert len(derive(records)) == 2


def test_tokens_a_second_are_those_of_the_whole_batch() -> None:
    (found,) = expand([at("step_time", "gpt", 64, [0.002], batch_size=8)])
    assert found.median == pytest.approx(4000)


# The command


def test_decode_from_the_command_line(tmp_path: Path) -> None:
    words = "--seq-len 8,32 --d-model 16 --num-layers 1 --num-heads 2 --memory-len 8 --threads 1 --rounds 1".split()
    done = run("decode", *words, "--quiet", "--json", "--output", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    models = {r["axes"]["model"] for r in found["records"] if r["metric"] == "step_time" and r["median"] > 0}
    assert models == {"lstm", "attention", "attention-relative", "lstm-lm", "gpt", "transformer-xl"}
    assert {r["metric"] for r in found["records"] if "model" in r["axes"]} >= {"prefill_time", "step_time_p95"}
    assert any(line.startswith("State, lstm and attention: beyond a context of 1.00") for line in found["remarks"])
    assert (tmp_path / "run/plots/step_time_language_models.svg").exists()
    assert (tmp_path / "run/plots/state_size_layers.svg").exists()
    again = run("compare", str(tmp_path / "run"), str(tmp_path / "run"))
    assert again.returncode == 3
    assert "too few rounds" in again.stdout


def test_a_users_module_that_cannot_decode_costs_its_own_cases(tmp_path: Path) -> None:
    words = ["--seq-len", "8", "--d-model", "16", "--num-layers", "1", "--num-heads", "2", "--rounds", "1", "--quiet"]
    done = run("decode", "--model", f"{LAYERS}:Heads,{LAYERS}:RunningMean", *words, "--output", str(tmp_path / "run"))
    assert done.returncode == 4
    assert "unsupported: it cannot decode" in done.stdout
    assert f"| {LAYERS}:RunningMean | 8 |" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bench", "--model", "gpt"], "gpt is a language model, from token ids to logits, and bench measures layers"),
        (["gradflow", "--model", "lstm-lm"], "rnn-vs-attn decode takes it"),
        (["decode", "--model", "gpt", "--d-model", "30"], "d_model 30 is not divisible by num_heads 4"),
        (["decode", "--vocab-size", "1"], "--vocab-size must be at least 2"),
        (["decode", "--model", "gtp"], "unknown model 'gtp'"),
    ],
)
def test_what_cannot_be_decoded_is_one_sentence(words: list[str], said: str) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("name", NAMES)
def test_decoding_on_cuda_is_that_of_the_cpu(name: str) -> None:
    found = []
    for device in ("cpu", "cuda"):
        made = measure.decoder(case(name, seq_len=20, dtype="float64", device="cpu"), 0)
        made.module, made.context = made.module.to(device), made.context.to(device)
        made.next_input = None if made.next_input is None else made.next_input.to(device)
        with torch.no_grad():
            given, state = made.prefill()
            for _ in range(3):
                given, state = made.step(given, state)
        found.append((given.cpu(), decoding.state_bytes(state)))
    torch.testing.assert_close(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
