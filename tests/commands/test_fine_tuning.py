"""`lm --init-from` as a user calls it: what it says and saves, how it goes on, and what it refuses."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from command import PROGRAM, assert_one_sentence, run
from hf_folders import change_config, change_tensors, made, transformers
from training_runs import values, wait_until

from rnn_vs_attn.records.folder import read_run

TEXT = "".join(f"{i} bottles of beer on the wall, {i} bottles of beer.\n" for i in range(400))
ALL = "lm --text text.txt --init-from tiny --seq-len 16 --batch-size 4 --held-out-tokens 200 --threads 1".split()
ONE = [*ALL, "--learning-rate", "1e-3"]


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made")
    made("gpt2", place / "tiny", vocab_size=256, n_positions=32)
    (place / "text.txt").write_text(TEXT)
    return place


@pytest.fixture
def place(_made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a text and a GPT-2 of bytes in the folder `tiny`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Path(shutil.copytree(_made, tmp_path / "place"))


@pytest.mark.slow
def test_it_says_what_was_taken_off_and_saves_what_transformers_loads(place: Path) -> None:
    done = run(*ALL, "--steps", "40", "--output", "run", "--anonymous", cwd=place)
    assert done.returncode == 0, done.stderr
    found = read_run(place / "run")
    label = f"tiny@{found.settings['text']['init_from']['sha256'][:12]}"
    first = done.stdout.splitlines()[0]
    assert first.startswith(f"- Fine-tuning lowers the loss of gpt ({label}): ")
    assert " bits a byte before, " in first
    assert f"text.txt@{found.settings['text']['sha256'][:12]}, bytes, from {label}, 3 seeds" in done.stdout
    assert {record.axes["init_from"] for record in found.records if "init_from" in record.axes} == {label}
    assert str(place) not in (place / "run/run.json").read_text()
    folders = sorted((place / "run/trained").iterdir())
    assert len(folders) == 5  # three learning rates by the first seed, and the best of them by the two others
    for folder in folders:
        theirs = transformers.AutoModelForCausalLM.from_pretrained(folder / "transformers")
        assert theirs.config.n_positions == 32


@pytest.mark.slow
def test_the_tokenizers_files_go_with_what_is_saved(place: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="the extra [hf] is not installed")
    made_of = tokenizers.Tokenizer(tokenizers.models.BPE())
    made_of.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made_of.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=260, initial_alphabet=alphabet, show_progress=False)
    made_of.train([str(place / "text.txt")], trainer)
    shutil.rmtree(place / "tiny")
    made("gpt2", place / "tiny", vocab_size=300, n_positions=32)
    made_of.save(str(place / "tiny/tokenizer.json"))
    (place / "tiny/vocab.json").write_text(json.dumps(made_of.get_vocab()))
    done = run(*ONE, "--steps", "10", "--rounds", "1", "--output", "run", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "gpt2, from tiny@" in done.stdout
    (saved,) = (place / "run/trained").glob("*/transformers")
    for name in ("tokenizer.json", "vocab.json"):
        assert (saved / name).read_bytes() == (place / "tiny" / name).read_bytes()
    again = run(*ONE, "--steps", "10", "--rounds", "1", "--init-from", str(saved), cwd=place)
    assert again.returncode == 0, again.stderr


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_to_the_same_numbers(place: Path) -> None:
    words = [*ONE, "--steps", "2000", "--rounds", "2", "--quiet"]
    process = subprocess.Popen([*PROGRAM, *words, "--output", "cut"], cwd=place)
    wait_until(lambda: list((place / "cut/trained").glob("*/checkpoint.json")))
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = run("lm", "--resume", "cut", "--quiet", cwd=place)
    assert resumed.returncode == 0, resumed.stderr
    assert run(*words, "--output", "whole", cwd=place).returncode == 0
    assert values(place / "cut") == values(place / "whole")


@pytest.mark.slow
def test_a_run_goes_on_from_no_other_folder(place: Path) -> None:
    words = [*ONE, "--steps", "100000", "--rounds", "1", "--quiet", "--output", "cut"]
    process = subprocess.Popen([*PROGRAM, *words], cwd=place, stdout=subprocess.DEVNULL)
    wait_until(lambda: (place / "cut/run.json").exists())
    process.send_signal(signal.SIGINT)
    process.wait()
    change_tensors(place / "tiny", lambda tensors: tensors["transformer.ln_f.bias"].add_(1))
    said = "is another one than when the run began; start a run of its own"
    assert_one_sentence(run("lm", "--resume", "cut", "--quiet", cwd=place), said)


# What is refused


def _pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def _cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (shutil.rmtree, "tiny is no folder; give one that holds config.json and model.safetensors"),
        (
            lambda folder: (folder / "config.json").unlink(),
            "config.json: No such file or directory; a model's folder has",
        ),
        (_pickle, "pytorch_model.bin is a pickle, which can run anything when it is read, and is refused"),
        (lambda folder: change_config(folder, model_type="bert"), "describes a model of type 'bert', not gpt2"),
        (lambda folder: change_config(folder, vocab_size=200), "tiny has no tokenizer.json, and its model 200 ids"),
        (_cut, "model.safetensors is damaged"),
        (lambda folder: change_tensors(folder, lambda t: t.pop("transformer.ln_f.bias")), "lacks the tensor ln_f.bias"),
        (lambda folder: change_config(folder, n_embd=24), "has shape"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_sentence_and_exit_2(
    damage: Callable[[Path], None], said: str, place: Path
) -> None:
    damage(place / "tiny")
    before = sorted(place.iterdir())
    assert_one_sentence(run(*ONE, "--steps", "10", "--quiet", cwd=place), said)
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "lstm-lm"], "--init-from fine-tunes a GPT-2, and --model has lstm-lm"),
        (["--d-model", "12"], "--d-model is not for --init-from"),
        (["--seq-len", "33"], "--seq-len 33 is more than the 32 positions"),
        (["--tokenizer", "bpe:300"], "--tokenizer bpe:300 has 300 ids, and the model in tiny knows 256"),
        (["--tokenizer", "gpt2"], "has no tokenizer.json"),
        (["--max-memory", "1MiB"], "to train the "),
    ],
)
def test_what_does_not_go_with_the_folder_is_one_sentence_and_exit_2(words: list[str], said: str, place: Path) -> None:
    assert_one_sentence(run(*ONE, "--steps", "10", "--quiet", *words, cwd=place), said)
