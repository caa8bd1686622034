"""One training of `lm`: its data, what is measured of it, how it ends and goes on."""

from __future__ import annotations

import errno
import itertools
import json
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from told_texts import PROSE, Tell
from torch import nn

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.isolation.patches import NAMESPACES
from rnn_vs_attn.models.registry import MODELS, find
from rnn_vs_attn.records.folder import StorageError
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites import stretches, takers
from rnn_vs_attn.suites.lm import evaluation, measure
from rnn_vs_attn.suites.lm.case import LmCase, complete
from rnn_vs_attn.suites.lm.suite import LM
from rnn_vs_attn.texts import baselines, told
from rnn_vs_attn.texts.sources import Text
from rnn_vs_attn.texts.tokenizers import tokenizer_for
from rnn_vs_attn.texts.tokens import Tokens
from rnn_vs_attn.training import checkpoint, loop
from rnn_vs_attn.training.language_model import language_model, num_params

TIMES = ("curve_seconds", "train_seconds", "tokens_per_second")
TRAINED = [spec.name for spec in MODELS if not takers.refusal(LM, spec)]
CARRY = ("lstm-lm", "transformer-xl", "mingru")


def case(model: str = "gpt", **fields: Any) -> LmCase:
    """A training of a few steps."""
    small: dict[str, Any] = {"seq_len": 16, "batch_size": 4, "d_model": 8, "num_heads": 2, "num_layers": 1, "steps": 20}
    plain: dict[str, Any] = {"mlp": 2, "memory_len": 16, "held_out_tokens": 512, "device": "cpu", "threads": 1}
    return complete(LmCase(model=model, **(small | plain | fields)))


def trained(of: LmCase, seed: int = 0, folder: Path | None = None) -> list[Sample]:
    return [each for each in measure.train(of, seed, folder) if isinstance(each, Sample)]


def found(samples: Sequence[Sample], name: str, **at: Any) -> Sample:
    (sample,) = [each for each in samples if each.metric == name and dict(each.axes) == at]
    return sample


def all_of(samples: Sequence[Sample], name: str) -> dict[Any, float | None]:
    """Values by the one axis that they have."""
    return {next(iter(dict(each.axes).values())): each.value for each in samples if each.metric == name}


def untimed(samples: Sequence[Sample]) -> list[Sample]:
    return [each for each in samples if each.metric not in TIMES]


@pytest.fixture
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word after each step, so that there are many."""
    monkeypatch.setattr(stretches, "STRETCH", -1.0)
    monkeypatch.setattr(loop, "WINDOW_STEPS", 1)


# Known losses


class Uniform:
    """A model that has learnt nothing: all its parameters are 0, so that each token has the same logit."""

    def __call__(self, *given: Any) -> nn.Module:
        model = language_model(*given)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
        return model


@pytest.mark.parametrize("model", ["gpt", "attention", *CARRY])
def test_a_uniform_model_has_8_bits_a_byte_everywhere(model: str, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every point of the curve, position and context: log2(256)."""
    NAMESPACES.see()  # or what is put there would be taken for what belongs there, by tests that follow
    tell()
    monkeypatch.setattr(measure, "language_model", Uniform())
    samples = trained(case(model, steps=3, learning_rate=1e-30))
    bits = [each for each in samples if "bits" in each.metric and each.metric != "baseline_bits"]
    assert {each.metric for each in bits} == {"bits_per_byte", "curve_bits", "bits_at_position", "bits_at_context"}
    assert [each.value for each in bits] == [pytest.approx(8, abs=1e-12)] * len(bits)
    assert len(bits) == 1 + 4 + 5 + 5


@pytest.mark.parametrize("model", ["gpt", *CARRY])
def test_a_text_of_one_repeated_byte_goes_to_0(model: str, tell: Tell) -> None:
    tell(b"a" * 5000)
    samples = trained(case(model, steps=60, learning_rate=5e-2))
    assert 0 <= (found(samples, "bits_per_byte").value or 9) < 0.01
    assert all((value or 0) < 0.02 for value in all_of(samples, "bits_at_position").values())
    assert all((value or 0) < 0.02 for value in all_of(samples, "bits_at_context").values())


def test_bits_are_over_the_bytes_that_tokens_stand_for() -> None:
    """Tokens of 1, 2 and 3 bytes with 1/2, 1/4 and 1/4: 1 + 2 + 2 + 1 bits over 1 + 2 + 3 + 1 bytes."""
    nothing = numpy.empty(0, dtype=numpy.int64)
    tokens = Tokens(nothing, nothing, "by hand", 3, numpy.array([1, 2, 3]))
    nats = -sum(math.log(p) for p in (1 / 2, 1 / 4, 1 / 4, 1 / 2))
    assert measure.bits_per_byte(tokens, [0, 1, 2, 0], nats) == pytest.approx(6 / 7)


def test_bits_of_merges_are_those_of_the_bytes_they_cover(tell: Tell, tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="the extra [hf] is not installed")
    text = tell(PROSE, "bpe:300")
    of = case(tokenizer="bpe:300", held_out_tokens=256)
    samples = trained(of, folder=tmp_path / "kept")
    tokenizer = tokenizer_for("bpe:300", text, tmp_path / "cache")
    ids = tokenizer.encode(text.read(text.held_out_from, text.size)).tolist()[1:257]
    covered = len(b"".join(tokenizer.decode([each]) for each in ids))
    loss = json.loads((tmp_path / "kept" / checkpoint.NAME).read_text())["course"]["curve"][-1]["loss"]
    assert covered > 1.2 * len(ids)
    assert found(samples, "bits_per_byte").value == pytest.approx(256 * loss / math.log(2) / covered)
    assert found(samples, "bits_per_byte").details["targets"] == 256


@pytest.mark.parametrize("model", ["gpt", "attention"])
def test_bits_by_position_are_those_of_the_whole_where_segments_are_read_alone(model: str, tell: Tell) -> None:
    """Positions 1, 2, 3 to 4, 5 to 8 and 9 to 16 of all segments."""
    tell()
    samples = trained(case(model))
    by_position = all_of(samples, "bits_at_position")
    assert list(by_position) == [1, 2, 4, 8, 16]
    whole = sum(n * (bits or 0) for n, bits in zip((1, 1, 2, 4, 8), by_position.values(), strict=True)) / 16
    assert whole == pytest.approx(found(samples, "bits_per_byte").value, rel=1e-6)


def test_bits_by_context_are_the_mean_of_their_targets(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the last two of each window, half as many as the shortest has; what is kept is the last one of each."""
    tell()
    taken: list[torch.Tensor] = []
    losses = evaluation.losses
    monkeypatch.setattr(evaluation, "losses", lambda *given: taken.append(losses(*given)) or taken[-1])
    samples = trained(case("mingru"), seed=2)
    contexts = [each for each in samples if each.metric == "bits_at_context"]
    assert [each.axes["context"] for each in contexts] == [4, 8, 16, 32, 64]
    for each, nats in zip(contexts, taken, strict=True):
        assert nats.shape == (256, 2)
        assert each.value == pytest.approx(float(nats.mean()) / math.log(2))
        assert each.details["nats_2"] == pytest.approx(nats[:, -1].tolist(), abs=1e-4)


@pytest.mark.parametrize(
    ("model", "memory_len", "sees"),
    [("gpt", 0, 16), ("transformer-xl", 0, 16), ("transformer-xl", 16, 32), ("mingru", 0, 64)],
)
def test_how_far_a_model_sees_stands_beside_its_loss(model: str, memory_len: int, sees: int, tell: Tell) -> None:
    tell()
    samples = trained(case(model, memory_len=memory_len, steps=2))
    assert found(samples, "bits_at_context", context=64).details["sees"] == sees
    assert found(samples, "bits_at_context", context=8).details["sees"] == 8
    if sees == 16:
        assert (
            found(samples, "bits_at_context", context=64).value == found(samples, "bits_at_context", context=16).value
        )


# What is measured


def test_a_training_gives_its_curve_its_ends_and_its_sizes(tell: Tell) -> None:
    tell()
    of = case("lstm-lm", steps=40)
    samples = trained(of)
    assert list(all_of(samples, "curve_bits")) == list(range(0, 41, 4))
    assert list(all_of(samples, "curve_seconds")) == list(range(4, 41, 4))  # no time is 0 s
    assert found(samples, "bits_per_byte").value == found(samples, "curve_bits", step=40).value
    assert found(samples, "curve_bits", step=0).value == pytest.approx(8, abs=0.1)
    assert found(samples, "width").value == measure.shape_of(of).layer.d_model
    assert found(samples, "num_params").value == num_params(find("lstm-lm"), measure.shape_of(of))
    seconds = found(samples, "train_seconds").value or 0
    assert found(samples, "tokens_per_second").value == pytest.approx(40 * 4 * 16 / seconds)
    assert found(samples, "curve_seconds", step=40).value == seconds
    assert {each.metric for each in samples} <= {row.metric.name for row in LM.metrics}


def test_each_held_out_token_is_a_target_once_up_to_the_number_that_was_asked_for(tell: Tell) -> None:
    text = tell()
    whole = text.size - text.held_out_from - 1
    for asked, number in ((64, 64), (500, 500), (10**6, whole)):
        segments = measure.held_out(case(held_out_tokens=asked), told.tokens())
        targets = sorted(int(i) for segment in segments for i in segment.targets.flatten())
        assert len(targets) == number
        assert targets == sorted(text.read(text.held_out_from + 1, text.held_out_from + 1 + number))


def test_memory_of_training_is_four_times_the_parameters_and_what_autograd_keeps(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    NAMESPACES.see()
    tell()
    plain = trained(case(steps=2))
    monkeypatch.setattr(measure, "kept_by_autograd", lambda forward, given: 1000)
    samples = trained(case(steps=2))
    params = found(samples, "num_params").value or 0
    assert found(samples, "train_memory").value == 4 * 4 * params + 1000
    kept = (found(plain, "train_memory").value or 0) - 16 * params
    assert kept > 4 * 16 * 256 * 4  # logits alone


def test_a_state_is_that_of_one_text(tell: Tell) -> None:
    """An LSTM of a layer keeps two vectors, a memory of 16 positions 16 of them, and gpt nothing."""
    tell()
    for model, memory_len, vectors in (("lstm-lm", 0, 2), ("transformer-xl", 16, 16), ("transformer-xl", 40, 40)):
        samples = trained(case(model, memory_len=memory_len, steps=2, match="none"))
        assert found(samples, "state_size").value == vectors * 8 * 4
    assert not [each for each in trained(case(steps=2)) if each.metric == "state_size"]


def test_a_memory_costs_memory_while_it_is_trained(tell: Tell) -> None:
    """Keys and values of its positions in each head, and the chances of attending to them, for each text at least."""
    tell()
    without, short, long = (
        found(trained(case("transformer-xl", memory_len=n, steps=2, match="none")), "train_memory").value or 0
        for n in (0, 16, 32)
    )
    batch_size, seq_len, num_heads, itemsize = 4, 16, 2, 4
    assert long - short >= batch_size * num_heads * seq_len * 16 * itemsize
    assert short > without


def test_the_text_is_named_with_what_it_costs_without_a_network(tell: Tell) -> None:
    text = tell()
    samples = trained(case(steps=2))
    looked_at = 512 + 1  # the targets, before which one stands
    assert all_of(samples, "baseline_bits") == {
        each.name: each.bits_per_byte for each in baselines.baselines_of(text, looked_at)
    }
    details = found(samples, "baseline_bits", method="bigram").details
    assert (details["name"], details["size"], details["sha256"]) == ("book.txt", len(PROSE), text.sha256)
    assert details["train_tokens"] + details["held_out_tokens"] == len(PROSE)


@pytest.mark.parametrize("model", ["lstm-lm", "transformer-xl", "mingru"])
def test_widths_match_the_parameters_of_gpt(model: str, tell: Tell) -> None:
    """No width beside it comes nearer."""
    tell()
    of, spec = case(model, d_model=32, num_layers=2), find(model)
    target = num_params(find("gpt"), measure.shape_of(replace(of, model="gpt")))
    width = measure.shape_of(of).layer.d_model

    def away(width: int) -> int:
        return abs(num_params(spec, measure.shape_of(of).at_width(width)) - target)

    step = 2 if model == "transformer-xl" else 1
    assert all(away(width) <= away(other) for other in (width - step, width + step))
    assert measure.shape_of(replace(of, match="none")).layer.d_model == 32


@pytest.mark.parametrize("model", TRAINED)
def test_every_layer_trains(model: str, tell: Tell) -> None:
    tell()
    samples = trained(case(model, d_model=16, steps=2, match="none"))
    assert 0 < (found(samples, "bits_per_byte").value or 0) < 9
    assert all(value is not None for value in all_of(samples, "bits_at_context").values())
    assert len(all_of(samples, "bits_at_context")) == 5


def test_a_layer_of_ones_own_that_takes_no_more_tokens_says_so(tell: Tell) -> None:
    tell()
    samples = trained(case(f"{__name__}:Fixed", steps=2, token_positions="none"))
    values = all_of(samples, "bits_at_context")
    assert [context for context, value in values.items() if value is not None] == [4, 8, 16]
    assert "not tested after 32 tokens: " in found(samples, "bits_at_context", context=32).warnings[0]
    assert "16 tokens at most" in found(samples, "bits_at_context", context=32).warnings[0]


class Fixed(nn.Module):
    """A layer that knows a number of places and no more."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.randn(16, d_model))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[1] > len(self.places):
            raise ValueError("16 tokens at most")
        return x + self.places[: x.shape[1]]


def test_a_held_out_part_that_is_short_is_tested_with_the_contexts_that_it_has(tell: Tell) -> None:
    tell(PROSE[:1000])  # of which 100 are held out
    samples = trained(case(steps=2))
    assert list(all_of(samples, "bits_at_context")) == [4, 8, 16, 32]


# What is trained on


def test_nothing_that_is_held_out_is_trained_on(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Place by place, over several epochs."""
    text, of = tell(), case()
    places: list[tuple[int, int]] = []
    read = Text.read

    def noted(self: Text, begin: int, end: int) -> bytes:
        places.append((begin, end))
        return read(self, begin, end)

    monkeypatch.setattr(Text, "read", noted)
    data = measure.data_of(of, told.tokens(), 0)
    assert places
    assert min(begin for begin, _ in places) == text.held_out_from
    places.clear()
    for step in range(3 * text.size // (of.batch_size * of.seq_len)):
        data.batch(step)
    assert max(end for _, end in places) <= text.held_out_from
    assert {place for part in places for place in range(*part)} == set(range(text.held_out_from))


def test_what_a_step_reads_is_of_its_seed_and_number_alone(tell: Tell) -> None:
    """Whatever was read before it, whichever model reads it."""
    tell()
    one, other = (measure.data_of(case(model), told.tokens(), 1) for model in ("gpt", "mingru"))
    forwards = [one.batch(step) for step in range(300)]
    for step in (299, 5, 0, 150):
        assert numpy.array_equal(other.batch(step).inputs, forwards[step].inputs)
    seeds = [measure.data_of(case(), told.tokens(), seed).batch(0).inputs for seed in range(4)]
    assert len({each.tobytes() for each in map(numpy.asarray, seeds)}) > 1


@pytest.mark.parametrize("model", ["gpt", *CARRY])
def test_a_seed_has_weights_and_data_of_its_own_and_the_same_again(model: str, tell: Tell) -> None:
    tell()
    first, again, other = (untimed(trained(case(model), seed)) for seed in (0, 0, 1))
    assert first == again
    assert found(first, "bits_per_byte").value != found(other, "bits_per_byte").value
    assert found(first, "curve_bits", step=0).value != found(other, "curve_bits", step=0).value


def test_a_curve_begins_without_any_training(tell: Tell) -> None:
    tell()
    one, other = (trained(case(learning_rate=rate)) for rate in (1e-3, 1e-1))
    assert found(one, "curve_bits", step=0).value == found(other, "curve_bits", step=0).value
    assert found(one, "bits_per_byte").value != found(other, "bits_per_byte").value


# How it ends and goes on


def test_a_disk_that_is_full_costs_no_checkpoint_that_was_there(
    tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third one does not come to be, and the training goes on from the second."""
    NAMESPACES.see()
    tell()
    of, folder, calls = case("mingru", steps=40), tmp_path / "kept", itertools.count()
    sync = os.fsync

    def full(descriptor: int) -> None:
        if next(calls) >= 4:  # two of each checkpoint
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match=r"cannot write .*: No space left on device; make room and go on"):
            trained(of, 1, folder)
    kept = checkpoint.read(folder)
    assert 0 < kept.course.step < 40
    assert kept.course.curve[-1].step == kept.course.step
    assert untimed(trained(of, 1, folder)) == untimed(trained(of, 1))


@pytest.mark.usefixtures("short_stretches")
@pytest.mark.parametrize("model", ["gpt", *CARRY])
@pytest.mark.parametrize("cut_off", [1, 7, 19])
def test_a_training_that_was_cut_off_goes_on_bit_for_bit(model: str, cut_off: int, tell: Tell, tmp_path: Path) -> None:
    """It was kept at its last evaluation, in the middle of an epoch."""
    tell()
    of = case(model, steps=40)
    list(itertools.islice(measure.train(of, 3, tmp_path / "kept"), cut_off))
    assert untimed(trained(of, 3, tmp_path / "kept")) == untimed(trained(of, 3))


def test_a_training_that_has_ended_is_not_trained_again(tell: Tell, tmp_path: Path) -> None:
    tell()
    assert trained(case(), 0, tmp_path / "kept") == trained(case(), 0, tmp_path / "kept")


def test_a_checkpoint_names_the_text_and_the_tokenizer_and_no_folder(tell: Tell, tmp_path: Path) -> None:
    text = tell()
    trained(case(text=f"{text.name}@{text.sha256[:12]}"), 4, tmp_path / "kept")
    content = (tmp_path / "kept" / checkpoint.NAME).read_text()
    about = json.loads(content)["about"]
    assert (about["text"], about["tokenizer"], about["round"]) == (f"book.txt@{text.sha256[:12]}", "bytes", 4)
    assert str(tmp_path) not in content


def test_a_damaged_checkpoint_says_what_to_remove_and_no_folder_above_the_run(tell: Tell, tmp_path: Path) -> None:
    tell()
    folder = tmp_path / "trained" / "one"
    folder.mkdir(parents=True)
    (folder / checkpoint.NAME).write_text("nothing")
    with pytest.raises(CaseFault, match="remove trained/one of the run") as fault:
        trained(case(), folder=folder)
    assert fault.value.reason.startswith("trained/one/checkpoint.json is damaged")
    assert str(tmp_path) not in fault.value.reason


def test_a_loss_that_becomes_nan_is_a_fault_with_its_step(tell: Tell) -> None:
    tell()
    with pytest.raises(CaseFault, match="the loss became nan at step 8 of 20") as raised:
        trained(case("trainings:Diverges", match="none"))
    assert raised.value.status == "failed"
