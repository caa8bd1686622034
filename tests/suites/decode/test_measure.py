"""What is decoded: what the models say themselves and what their forward computes; the words on the rows."""

from __future__ import annotations

import pytest
import torch
from decoders import case, habit
from paths import USER_MODULES

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.timing import decoding
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.suites.decode import measure

FLOWS = str(USER_MODULES / "flows.py")


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


@pytest.mark.long
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


# What a row has to say, and what its calls are given


@pytest.mark.long
def test_warnings_are_on_the_rows() -> None:
    (first, *_) = measure.measure(habit("DecodesInfinity"), Turn())
    assert "its output holds NaN or infinity" in first.warnings


# What is carried on


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


def test_rows_say_in_which_part_of_calls_a_gpu_waited_for_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_steps_bound", lambda *_: [True, False, False, False])
    monkeypatch.setattr(decoding, "prefill_bound", lambda decoder, seconds: [seconds > 0])
    made = measure.measure(case("lstm", num_layers=1), Turn(first=False, enough=1e-3))
    found = [(sample.axes["pass"], sample.value) for sample in made if sample.metric == "launch_bound"]
    assert found == [("prefill", 1.0), ("step", 0.25)]
