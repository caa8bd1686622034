"""From --init-from to a run's cases: what the folder decides, what is refused, and the memory of a training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hf_folders import change_config, made

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.machine import environment
from rnn_vs_attn.models.language.pretrained_folder import Dropouts, GPTFolder, gpt_folder
from rnn_vs_attn.models.shapes import GPTShape
from rnn_vs_attn.run import init_from, learnt_text
from rnn_vs_attn.run.cases import AxisValues, defaults, parse
from rnn_vs_attn.run.options import TextOptions
from rnn_vs_attn.suites.lm.case import LmCase
from rnn_vs_attn.suites.lm.suite import LM

GPT2 = GPTFolder(Path("/gpt2"), GPTShape(), Dropouts(0.1, 0.1, 0.1), "0" * 64, "1" * 64)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made("gpt2", tmp_path / "tiny", vocab_size=256, n_positions=80, n_inner=24)
    return tmp_path / "tiny"


def axes_of(folder: Path | None, **typed: Sequence[str]) -> AxisValues:
    axes = parse(LM, {**defaults(LmCase), **typed})
    init_from.chosen(folder, list(typed), axes)
    return axes


def test_without_a_folder_nothing_follows() -> None:
    assert axes_of(None) == parse(LM, defaults(LmCase))


def test_a_folder_decides_the_model_its_sizes_and_its_tokenizer(folder: Path) -> None:
    axes = axes_of(folder)
    assert axes["init_from"] == [gpt_folder(folder).label]
    decided = ("model", "d_model", "num_heads", "num_layers", "mlp", "match", "tokenizer")
    assert [axes[name] for name in decided] == [["gpt"], [12], [3], [2], [2], ["none"], ["bytes"]]
    assert axes["learning_rate"] == [3e-5, 1e-4, 3e-4]
    assert (axes["held_out_tokens"], axes["seq_len"], axes["threads"]) == ([4096], [64], [1])
    (folder / "tokenizer.json").write_text("{}")
    assert axes_of(folder)["tokenizer"] == ["gpt2"]


def test_what_was_typed_stays(folder: Path) -> None:
    typed: Any = {"learning_rate": ["1e-3"], "held_out_tokens": ["100"], "tokenizer": ["bpe:300"], "model": ["gpt"]}
    axes = axes_of(folder, **typed)
    assert (axes["learning_rate"], axes["held_out_tokens"], axes["tokenizer"]) == ([1e-3], [100], ["bpe:300"])


def test_a_large_model_takes_all_cores_and_one_learning_rate(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init_from, "_LARGE", gpt_folder(folder).shape.num_params)
    axes = axes_of(folder)
    assert (axes["learning_rate"], axes["held_out_tokens"], axes["threads"]) == ([1e-4], [2048], [0])
    assert axes_of(folder, threads=["1"])["threads"] == [1]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"model": ["gpt,lstm-lm"]}, "--init-from fine-tunes a GPT-2, and --model has lstm-lm; give --model gpt"),
        ({"match": ["params"]}, "--match is not for --init-from, whose model has its own"),
        ({"d_model": ["12"]}, "--d-model is not for --init-from"),
        ({"num_heads": ["3"]}, "--num-heads is not for --init-from"),
        ({"num_layers": ["2"]}, "--num-layers is not for --init-from"),
        ({"mlp": ["4"]}, "--mlp is not for --init-from"),
        ({"memory_len": ["0"]}, "--memory-len is not for --init-from"),
        ({"seq_len": ["64,81"]}, "--seq-len 81 is more than the 80 positions that the model in tiny knows"),
    ],
)
def test_what_does_not_go_with_a_folder_is_one_sentence(typed: Any, said: str, folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        axes_of(folder, **typed)
    assert said in str(caught.value)


def test_a_model_whose_tokenizer_is_not_known_is_one_sentence(folder: Path) -> None:
    change_config(folder, vocab_size=257)
    with pytest.raises(UserError, match=r"tiny has no tokenizer.json, and its model 257 ids; put the tokenizer"):
        axes_of(folder)
    assert axes_of(folder, tokenizer=["bytes"])["tokenizer"] == ["bytes"]


def test_a_gpt_2_that_is_not_as_published_is_one_sentence(folder: Path) -> None:
    change_config(folder, activation_function="relu")
    with pytest.raises(
        UserError, match=r"--init-from tiny: this GPT-2 has activation relu, and one that can be trained"
    ):
        axes_of(folder)


def test_a_tokenizer_has_no_id_that_the_model_lacks(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("some words " * 200)
    change_config(folder, vocab_size=255)
    axes = axes_of(folder, tokenizer=["bytes"])
    with pytest.raises(UserError, match="--tokenizer bytes has 256 ids, and the model in tiny knows 255; use the tok"):
        learnt_text.for_axes([str(tmp_path / "text")], axes, gpt_folder(folder))


# What a run keeps of it


def test_a_run_that_goes_on_begins_from_the_same_weights_and_configuration(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("some words " * 2000)
    found = learnt_text.for_axes([str(tmp_path / "text")], axes_of(folder), gpt_folder(folder))
    stored = found.settings(anonymous=False)
    assert stored["init_from"]["folder"] == str(folder)
    assert learnt_text.again(stored).pretrained == found.pretrained
    anonymous = found.settings(anonymous=True)
    assert str(tmp_path) not in str(anonymous)
    with pytest.raises(UserError, match="an anonymous run does not say"):
        learnt_text.again(anonymous)
    with pytest.raises(UserError, match="an anonymous run does not say which folder it began from"):
        learnt_text.again(anonymous | {"files": stored["files"]})
    change_config(folder, attn_pdrop=0.5)
    with pytest.raises(UserError, match=r"the model in .*tiny is another one than when the run began"):
        learnt_text.again(stored)


def test_a_model_of_a_folder_is_waited_for_and_a_large_one_trained_once(folder: Path) -> None:
    options, tiny = TextOptions(), gpt_folder(folder)
    assert init_from.with_defaults(options, None, []) == options
    assert init_from.with_defaults(options, tiny, []) == dataclasses.replace(options, timeout=900)
    assert init_from.with_defaults(options, tiny, ["timeout"]) == options
    assert init_from.with_defaults(options, GPT2, []) == dataclasses.replace(options, timeout=900, rounds=1)
    assert init_from.with_defaults(options, GPT2, ["rounds"]).rounds == options.rounds


# Memory


SIZES: AxisValues = {"batch_size": [16], "seq_len": [64], "device": ["cpu"]}


def test_the_memory_of_gpt_2_is_that_of_its_checkpoint_and_of_a_step() -> None:
    """124,439,808 parameters; 1,024 tokens of 12 layers of 768, and 50,257 logits each."""
    step = 4 * 1024 * (20 * 12 * 768 + 3 * 50257)
    assert init_from.bytes_of(GPT2, SIZES) == (1 << 29) + 36 * 124_439_808 + step


def test_a_model_that_does_not_fit_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = init_from.bytes_of(GPT2, SIZES)
    monkeypatch.setattr(environment, "available_memory", lambda: needed)
    init_from.check_memory(GPT2, SIZES, None)
    monkeypatch.setattr(environment, "available_memory", lambda: needed - 1)
    with pytest.raises(
        UserError, match=r"the 124,439,808 parameters of gpt2 takes about 5.* GiB, and 5.* GiB are avai"
    ):
        init_from.check_memory(GPT2, SIZES, None)
    with pytest.raises(UserError, match=r"and 1.00 GiB is --max-memory; give a lower --batch-size"):
        init_from.check_memory(GPT2, SIZES, 1 << 30)
    init_from.check_memory(GPT2, SIZES | {"device": ["cuda:0"]}, 1 << 30)
    monkeypatch.setattr(environment, "available_memory", lambda: None)
    init_from.check_memory(GPT2, SIZES, None)
