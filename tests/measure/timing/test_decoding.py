"""Decoding: steps against forward, states counted exactly, times on a clock that only the module moves."""

from __future__ import annotations

import dataclasses
from statistics import median
from typing import Any

import habits
import pytest
import torch
from decoders import case
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import DECODED
from rnn_vs_attn.measure.decoder import Decoder
from rnn_vs_attn.measure.timing import decoding
from rnn_vs_attn.models.catalogue.language import LANGUAGE_MODELS
from rnn_vs_attn.models.mixer import advance
from rnn_vs_attn.models.registry import MODELS
from rnn_vs_attn.suites.decode import measure

NAMES = [spec.name for spec in (*MODELS, *LANGUAGE_MODELS)]


# What is decoded


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


def test_a_table_that_the_first_step_fills_is_there_for_the_forward() -> None:
    """It was made empty again, and what said that it is filled was not: its steps were said not to be its forward."""
    torch.manual_seed(0)
    module, x = habits.DecodesByATable(8), torch.randn(1, 12, 8)
    decoding.check(module, x)
    assert module.table.item() == (2 if module.filled else 0)  # together, either way
    with torch.no_grad():
        y, _ = advance(module, x, module.initial_state(1))
        torch.testing.assert_close(module(x), y)


def test_outputs_that_are_not_finite_are_compared_all_the_same() -> None:
    decoding.check(habits.DecodesInfinity(8), torch.randn(1, 12, 8))

    class Other(habits.DecodesInfinity):
        def forward(self, x: Tensor) -> Tensor:
            return self.computed(x)

    with pytest.raises(CaseFault, match="its steps are not its forward"):
        decoding.check(Other(8), torch.randn(1, 12, 8))


# What is carried on


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


def test_steps_are_timed_one_by_one_after_the_untimed_ones(counted: Decoder) -> None:
    found = decoding.steps(counted, counted.prefill())
    assert found.seconds == pytest.approx([n * 1e-3 for n in range(4, 21)])  # the fourth to the 20th: 204 ms
    assert found.median == pytest.approx(12e-3)
    assert found.percentile_95 == pytest.approx((4 + 0.95 * 16) * 1e-3)


@pytest.mark.long
def test_fast_steps_begin_again_at_the_end_of_the_context(counted: Decoder) -> None:
    counted.context = counted.context[:, :8]
    counted.module.unit = 1_000  # ns: sixteen in a row are far from enough
    found = decoding.steps(counted, counted.prefill()).seconds
    assert found[:32] == pytest.approx([n * 1e-6 for n in range(4, 20)] * 2)
    assert sum(found) == pytest.approx(0.2, rel=1e-3)


@pytest.mark.long
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


# The command


@pytest.mark.cuda
def test_steps_of_little_work_on_cuda_are_launch_bound() -> None:
    """A token through an LSTM of 64 is some kernels of microseconds."""
    made = measure.decoder(case("lstm", seq_len=32, device="cuda"), 0)
    with torch.no_grad():
        prefills, after = decoding.prefills(made, enough=0.02)
        assert len(decoding.prefill_bound(made, median(prefills))) == 1
        steps = decoding.steps(made, after, enough=0.02)
    assert sum(steps.launch_bound) >= 3


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
