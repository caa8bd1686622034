"""`lm sample` with a worker that is played: what is asked of it, and what is shown of its tokens."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from language_checkpoints import change, keep
from screens import Screen as Terminal

from rnn_vs_attn.errors import CaseFault, Interrupted, UserError
from rnn_vs_attn.run import sampling
from rnn_vs_attn.run.sampling import Screen, sample
from rnn_vs_attn.training.choice import Choice
from rnn_vs_attn.worker.protocol import BeginText, ContinueText, LanguageModel, LoadLanguageModel, Tokens

Answer = Sequence[int] | BaseException


class Played:
    """A worker that says what a test gives it, a part at a time."""

    def __init__(self, parts: Sequence[Answer], most_seen: int | None) -> None:
        self.alive = True
        self.asked: list[Any] = []
        self._parts, self._most_seen = list(parts), most_seen

    def ask(self, request: Any, timeout: float) -> Any:
        self.asked.append(request)
        if isinstance(request, LoadLanguageModel):
            return LanguageModel(256, self._most_seen)
        part = self._parts.pop(0)
        if isinstance(part, BaseException):
            raise part
        return Tokens(tuple(part))

    def close(self) -> None:
        self.alive = False


Play = Callable[..., Played]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "gpt"
    keep(folder)
    return folder


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    def played(*parts: Answer, most_seen: int | None = None) -> Played:
        worker = Played(parts, most_seen)
        monkeypatch.setattr(sampling, "ChildWorker", lambda debug: worker)
        return worker

    return played


def options(checkpoint: Path, **given: Any) -> sampling.SampleOptions:
    return sampling.SampleOptions(checkpoint, **given)


def test_parts_are_shown_as_one_text_after_the_prompt(
    checkpoint: Path, play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = play(b"a", b"b\xc3", b"\xa9\n\xff")
    assert sample(options(checkpoint, prompt="Hé", num_tokens=6, temperature=0.5, top_k=4, top_p=0.9, seed=7)) == 0
    shown = capsys.readouterr()
    assert shown.out == "Héabé\n\ufffd\n"
    assert shown.err == (
        f"note: gpt of {checkpoint}, trained on novel.txt for 4 steps at learning rate 0.01, seed 0; 6 tokens\n"
    )
    assert worker.asked == [
        LoadLanguageModel(str(checkpoint), of_checkpoint=True),
        BeginText(tuple("Hé".encode()), Choice(0.5, 4, 0.9), 7),
        ContinueText(5),
        ContinueText(3),
    ]
    assert not worker.alive


def test_without_a_prompt_a_text_begins_after_a_line_break_that_is_not_shown(
    checkpoint: Path, play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = play(b"a")
    sample(options(checkpoint, num_tokens=1, quiet=True))
    assert capsys.readouterr() == ("a\n", "")
    assert worker.asked[1].prompt == (10,)


def test_in_a_locale_of_ascii_a_prompt_is_its_bytes(
    checkpoint: Path, play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python gives each of them as a character that stands for it."""
    worker = play(b"!")
    sample(options(checkpoint, prompt="H\udcc3\udca9", num_tokens=1, quiet=True))
    assert capsys.readouterr() == ("Hé!\n", "")
    assert worker.asked[1].prompt == tuple("Hé".encode())


def test_of_a_training_that_was_stopped_it_is_said_how_far_it_came(
    tmp_path: Path, play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path)
    course = json.loads((tmp_path / "checkpoint.json").read_text())["course"]
    change(tmp_path, course=course | {"step": 3})
    play(b"a")
    sample(options(tmp_path, num_tokens=1))
    assert " trained on novel.txt for 3 of 4 steps at learning rate 0.01, seed 0; 1 token\n" in capsys.readouterr().err


def test_a_folder_is_named_as_it_is_seen_from_here(
    checkpoint: Path, play: Play, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for here, expected in ((checkpoint.parent, checkpoint.name), (checkpoint, str(checkpoint))):
        monkeypatch.chdir(here)
        play(b"a")
        sample(options(checkpoint, num_tokens=1))
        assert capsys.readouterr().err.startswith(f"note: gpt of {expected}, trained on ")


def test_a_text_that_ends_its_line_is_given_no_other_end(
    checkpoint: Path, play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    play(b"a", b"\n")
    sample(options(checkpoint, num_tokens=2, quiet=True))
    assert capsys.readouterr() == ("a\n", "")


def test_what_would_move_the_cursor_does_nothing(
    checkpoint: Path, play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    play(b"\x1b", b"[2J\n::err", b"or::x")
    sample(options(checkpoint, num_tokens=14, quiet=True))
    assert capsys.readouterr().out == "\\x1b[2J\n\\x3a:error::x\n"


def test_one_document_has_what_a_program_needs(
    checkpoint: Path, play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    play(b"\x1b", b"\xff!")
    sample(options(checkpoint, prompt="x", num_tokens=3, as_json=True, quiet=True, top_k=9))
    shown = capsys.readouterr()
    assert shown.err == ""
    assert json.loads(shown.out) == {
        "model": "gpt",
        "checkpoint": str(checkpoint),
        "prompt": "x",
        "text": "\x1b\ufffd!",
        "token_ids": [27, 255, 33],
        "seed": 0,
        "temperature": 1.0,
        "top_k": 9,
        "top_p": None,
    }


def test_of_a_prompt_that_is_too_long_it_is_said_how_much_is_seen(
    checkpoint: Path, play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    play(b"!", most_seen=4)
    sample(options(checkpoint, prompt="seven77", num_tokens=1))
    assert capsys.readouterr().err.startswith("note: of the prompt's 7 tokens the model sees the last 4\n")
    play(b"!", most_seen=7)
    sample(options(checkpoint, prompt="seven77", num_tokens=1))
    assert "of the prompt's" not in capsys.readouterr().err


def test_a_worker_that_ends_is_one_sentence_and_what_was_shown_stays(
    checkpoint: Path, play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = play(b"a", b"b", CaseFault("crashed", "the measuring process was killed by signal 9"))
    with pytest.raises(UserError) as caught:
        sample(options(checkpoint, num_tokens=9))
    assert str(caught.value) == f"{checkpoint} cannot be sampled: the measuring process was killed by signal 9"
    assert capsys.readouterr().out == "ab"
    assert not worker.alive


def test_on_a_terminal_an_interruption_ends_the_line(
    checkpoint: Path, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, terminal = play(b"a", b"b\xc3", Interrupted(130)), Terminal()
    monkeypatch.setattr(sampling.sys, "stdout", terminal)
    with pytest.raises(Interrupted):
        sample(options(checkpoint, prompt="x", num_tokens=9))
    assert terminal.getvalue() == "xab\n"
    assert not worker.alive


def test_nobody_who_reads_is_the_end(checkpoint: Path, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = play(b"a", b"bc", b"de")
    left = [True, False]
    monkeypatch.setattr(sampling.streams, "takes_more", lambda stream: left.pop(0))
    assert sample(options(checkpoint, num_tokens=1000, quiet=True)) == 0
    assert worker.asked[2:] == [ContinueText(999)]


def test_a_screen_shows_whole_characters_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(sampling.sys, "stdout", file)
    with Screen(silent=False) as screen:
        seen = []
        for byte in "é🦙".encode():
            screen.write(bytes([byte]))
            seen.append(file.getvalue())
    assert seen == ["", "é", "é", "é", "é", "é🦙"]
    assert file.getvalue() == "é🦙\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"prompt": ""}, "--prompt is empty; give some text to go on from, or leave it out for a line break"),
        ({"prompt": "a\udcff"}, "--prompt has bytes that are no UTF-8; type it in UTF-8"),
        ({"seed": 1 << 63}, "--seed 9223372036854775808 is too large; give a number below 2^63"),
        ({"temperature": -1.0}, "temperature -1 must be a number from 0 on"),
        ({"top_p": 0.0}, "top_p 0 must be above 0 and at most 1"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_before_a_worker_starts(
    given: dict[str, Any], said: str, checkpoint: Path, play: Play
) -> None:
    worker = play()
    with pytest.raises(UserError) as caught:
        sample(options(checkpoint, **given))
    assert str(caught.value).startswith(said)
    assert worker.asked == []
