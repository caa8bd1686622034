"""What a worker answers about text, without a process."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from language_checkpoints import SEGMENT, keep

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.training.checkpoint import read
from rnn_vs_attn.training.choice import Choice
from rnn_vs_attn.training.generation import tokens_after
from rnn_vs_attn.worker.protocol import BeginText, ContinueText, LanguageModel, LoadLanguageModel
from rnn_vs_attn.worker.text import Text

PROMPT = tuple(b"Recurrence is")


def generated(text: Text, seed: int, number: int) -> Iterator[int]:
    yield from text.begin(BeginText(PROMPT, Choice(0.9, top_k=50), seed)).ids
    left = number - 1
    while left:
        ids = text.go_on(ContinueText(left)).ids
        assert 0 < len(ids) <= left
        left -= len(ids)
        yield from ids


@pytest.mark.parametrize(("name", "most_seen"), [("gpt", SEGMENT), ("lstm-lm", None)])
def test_parts_of_a_text_are_the_tokens_after_its_prompt(name: str, most_seen: int | None, tmp_path: Path) -> None:
    model, text = keep(tmp_path, name), Text()
    assert text.load(LoadLanguageModel(str(tmp_path), of_checkpoint=True)) == LanguageModel(256, most_seen)
    for seed in (0, 1, 0):
        expected = list(islice(tokens_after(model, PROMPT, Choice(0.9, top_k=50), seed, SEGMENT), 40))
        assert list(generated(text, seed, 40)) == expected


def test_gpt_of_a_folder_in_hugging_faces_layout(tmp_path: Path) -> None:
    hf_folders = pytest.importorskip("hf_folders", reason="the extra [hf] is not installed")
    hf_folders.made("gpt2", tmp_path, vocab_size=256)
    text = Text()
    assert text.load(LoadLanguageModel(str(tmp_path), of_checkpoint=False)) == LanguageModel(256, 11)
    model = hf_folders.LOAD["gpt2"](tmp_path)
    expected = list(islice(tokens_after(model, PROMPT, Choice(0.9, top_k=50), 3, 11), 30))
    assert list(generated(text, 3, 30)) == expected


def test_what_cannot_be_loaded_is_one_sentence(tmp_path: Path) -> None:
    keep(tmp_path)
    weights = tmp_path / read(tmp_path).weights
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match="is damaged: it is not what was written"):
        Text().load(LoadLanguageModel(str(tmp_path), of_checkpoint=True))
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text('{"model_type": "gpt2"}')
    (pickled / "pytorch_model.bin").write_bytes(b"cos\nsystem\n")
    with pytest.raises(UserError, match="is a pickle, which can run anything when it is read, and is refused"):
        Text().load(LoadLanguageModel(str(pickled), of_checkpoint=False))
