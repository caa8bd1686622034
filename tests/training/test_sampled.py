"""Which language model a path means, with which tokenizer, and what is refused before anything is loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from language_checkpoints import change, keep, run_of
from paths import REFERENCE

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts.tokenizers import BYTES, Tokenizer, stored
from rnn_vs_attn.training.sampled import beside, sampled

LEARNT = "Recurrence is sequential, and attention is not; recurrence is cheap, and attention is not. " * 40


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is kept as it is."""
    folder = tmp_path_factory.mktemp("kept") / "gpt"
    keep(folder)
    return folder


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "run/trained/gpt-0.01-0"))


def said(path: Path) -> str:
    with pytest.raises(UserError) as error:
        sampled(path)
    return str(error.value)


# Paths


def test_a_folder_of_a_checkpoint(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = sampled(checkpoint)
    assert (found.folder, found.model, found.tokenizer) == (checkpoint, "gpt", BYTES)
    monkeypatch.chdir(checkpoint)
    assert sampled(Path()).folder == checkpoint


def test_a_run_with_one_model_and_a_model_of_a_run(tmp_path: Path) -> None:
    run = run_of(tmp_path / "one", ("lstm-lm",))
    assert sampled(run).folder == run / "trained/lstm-lm-0.01-0"
    run = run_of(tmp_path / "two", ("gpt", "carrying:Mean"))
    assert sampled(run / "gpt").model == "gpt"
    assert sampled(run / "carrying:Mean").model == "carrying:Mean"
    assert sampled(run / "trained/gpt-0.01-0").model == "gpt"
    assert said(run) == f"{run} has the models carrying:Mean, gpt; give one of them, such as {run / 'carrying:Mean'}"
    assert said(run / "gqt") == f"unknown model 'gqt'; did you mean 'gpt'? {run} has carrying:Mean, gpt"


def test_a_model_of_a_file_in_a_folder(tmp_path: Path) -> None:
    """Its name is a path too."""
    keep(tmp_path / "trained/mean", "carrying:Mean")
    change(tmp_path / "trained/mean", model="./own/layers.py:Mean")
    assert sampled(tmp_path / "own/layers.py:Mean").folder == tmp_path / "trained/mean"


def test_of_a_run_the_rate_that_ended_with_the_least_loss_and_its_first_seed(tmp_path: Path) -> None:
    for rate, seed, loss in ((0.001, 0, 2.2), (0.003, 0, 1.5), (0.003, 10, 1.1), (0.003, 2, 1.2), (0.01, 0, 2.5)):
        keep(tmp_path / f"trained/gpt-{rate}-{seed}", rate=rate, seed=seed, loss=loss)
    assert sampled(tmp_path).folder.name == "gpt-0.003-0"


def test_one_model_in_several_ways_is_asked_about(tmp_path: Path) -> None:
    for length in (16, 32):
        keep(tmp_path / f"trained/gpt-{length}", axes={"seq_len": length})
    assert said(tmp_path / "gpt").startswith(f"{tmp_path} has trained gpt in 2 ways; give the folder of one of them: ")
    assert said(tmp_path / "gpt").endswith(f"{tmp_path / 'trained/gpt-16'}, {tmp_path / 'trained/gpt-32'}")


def test_a_run_of_another_suite(copied: Path) -> None:
    run = copied.parents[1]
    shutil.copy(REFERENCE / "full/recall/run.json", run)
    assert said(run).startswith(f"{run} is a run of 'recall', which trains no language models; give ")
    assert said(run / "gpt") == said(run)
    (run / "run.json").write_text(json.dumps(json.loads((run / "run.json").read_text()) | {"suite": "lm"}))
    assert sampled(run / "gpt").folder == copied


def test_what_is_no_language_model_is_one_sentence(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "empty/trained").mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "weights.bin").write_bytes(b"")
    assert "nowhere does not exist; give a run of lm" in said(tmp_path / "nowhere")
    assert "nowhere/gpt does not exist; give a run of lm" in said(tmp_path / "nowhere/gpt")
    assert "checkpoint.json is a file; give a run of lm" in said(copied / "checkpoint.json")
    assert "weights.bin is a pickle, which can run anything when it is read" in said(tmp_path / "weights.bin")
    assert "notes holds no language model; give a run of lm" in said(tmp_path / "notes")
    assert "empty holds no trained model; lm keeps them in the folder trained" in said(tmp_path / "empty")
    assert "File name too long" in said(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"about": {"task": "copy"}}, "is of no language model: it learnt the task copy; give a run of lm"),
        ({"about": {}}, "is of no language model: it names no tokenizer; give a run of lm"),
        ({"about_tokenizer": 3}, "is of no language model: it names no tokenizer; give a run of lm"),
        ({"shape": {"vocab_size": 256}}, "is damaged: its shape is of no language model; train again"),
        ({"about_tokenizer": "bpe:300"}, "has its tokenizer bpe:300; copy tokenizer.json from its run into it"),
        ({"format": 7}, "has format 7, and this version reads 1"),
    ],
)
def test_a_checkpoint_that_is_none_of_a_language_model(changes: dict[str, Any], expected: str, copied: Path) -> None:
    change(copied, **changes)
    assert expected in said(copied)


def test_bytes_are_256_ids(tmp_path: Path) -> None:
    keep(tmp_path, vocab_size=31)
    assert said(tmp_path).endswith("checkpoint.json is damaged: of bytes there are 256 ids, and its model has 31")


# GPT-2 in Hugging Face's layout


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "pytorch_model.bin"])
def test_a_folder_with_weights_is_looked_at_by_what_loads_them(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("")
    found = sampled(tmp_path)
    assert (found.folder, found.kept, found.tokenizer, found.model) == (tmp_path, None, None, "gpt")


def test_the_tokenizer_beside_weights(tmp_path: Path) -> None:
    assert beside(tmp_path, 256) is BYTES
    with pytest.raises(UserError, match=r"has no tokenizer\.json, and its 300 ids are no bytes; download it too"):
        beside(tmp_path, 300)
    tokenizer = learnt(tmp_path / "tokenizer.json", 280)
    assert beside(tmp_path, 280).encode(b"recurrence").tolist() == tokenizer.encode(b"recurrence").tolist()
    assert beside(tmp_path, 320).vocab_size == 280  # ids beyond it fill up the model's
    with pytest.raises(UserError, match=r"tokenizer\.json has 280 ids, and the model 279: it is of another model"):
        beside(tmp_path, 279)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match=r"tokenizer\.json is damaged"):
        beside(tmp_path, 280)


# Tokenizers


def learnt(file: Path, vocab_size: int, text: str = LEARNT) -> Tokenizer:
    tokenizers = pytest.importorskip("tokenizers", reason="the extra [hf] is not installed")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=vocab_size, show_progress=False, initial_alphabet=alphabet)
    made.train_from_iterator([text], trainer)
    file.write_text(made.to_str())
    return stored(f"bpe:{vocab_size}", file)


def test_the_tokenizer_of_a_run_or_one_that_was_copied_with_the_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "run/trained/gpt"
    keep(folder, vocab_size=280)
    tokenizer = learnt(tmp_path / "run/tokenizer.json", 280)
    change(folder, about_tokenizer="bpe:280", about_tokenizer_sha256=tokenizer.sha256)
    found = sampled(tmp_path / "run").tokenizer
    assert found is not None
    assert (found.name, found.sha256, found.vocab_size) == ("bpe:280", tokenizer.sha256, 280)
    copied = shutil.copytree(folder, tmp_path / "elsewhere/gpt")
    assert "has its tokenizer bpe:280; copy tokenizer.json from its run into it" in said(copied)
    shutil.copy(tmp_path / "run/tokenizer.json", copied)
    assert sampled(copied).tokenizer == found


def test_another_tokenizer_than_that_of_the_checkpoint(tmp_path: Path) -> None:
    keep(tmp_path, vocab_size=280)
    tokenizer = learnt(tmp_path / "tokenizer.json", 280)
    change(tmp_path, about_tokenizer="bpe:280", about_tokenizer_sha256=tokenizer.sha256)
    learnt(tmp_path / "tokenizer.json", 280, LEARNT.upper())
    assert said(tmp_path) == (
        f"{tmp_path / 'tokenizer.json'} is not the tokenizer that {tmp_path} was trained with; copy that of its run "
        "into this folder"
    )
    learnt(tmp_path / "tokenizer.json", 270)
    assert "it has 270 ids, and the model 280; copy that of its run into this folder" in said(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    assert "tokenizer.json is damaged" in said(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes(b"\xff")
    assert "cannot read the tokenizer" in said(tmp_path)
