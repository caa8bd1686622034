"""What an anonymous run says names no folder, host or user: by hand, whatever this machine is called."""

from __future__ import annotations

import getpass
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rnn_vs_attn.machine import anonymity
from rnn_vs_attn.machine.anonymity import names_a_folder, without_names


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "abacus-7")
    monkeypatch.setattr(getpass, "getuser", lambda: "ferdinand")
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ferdi nand"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("No such file or directory: '/srv/work/net/weights.bin'", "No such file or directory: 'weights.bin'"),
        ('File "/srv/work/net.py", line 3', 'File "net.py", line 3'),
        ("cannot read ~/secret/net.py", "cannot read net.py"),
        ("/home/ferdi nand/net/w.bin is missing", "w.bin is missing"),
        ("no route from abacus-7:29500 for ferdinand", "no route from HOST:29500 for USER"),
        ("forward/backward at 3 MiB/s, 1/s or n/a", "forward/backward at 3 MiB/s, 1/s or n/a"),
        ("see https://docs.example.org/a/b.html", "see https://docs.example.org/a/b.html"),
        ("runs/mine/records.jsonl, line 3", "runs/mine/records.jsonl, line 3"),
        ("ferdinand_net and abacus-70 are others", "ferdinand_net and abacus-70 are others"),
    ],
)
def test_a_text_keeps_the_last_names_of_its_paths(text: str, said: str) -> None:
    assert without_names(text) == said


def test_the_folder_that_this_is_called_in_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "of mine"
    here.mkdir()
    monkeypatch.chdir(here)
    assert without_names(f"cannot read {here}/a.txt") == "cannot read a.txt"


@dataclass(frozen=True)
class Told:
    reason: str
    axes: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def test_it_goes_through_all_that_json_holds_but_keys_and_axes() -> None:
    given = {"/a/b/key": ["/a/b/c", 1, None, True], "axes": {"model": "/a/b/net.py:Net"}}
    assert without_names(given) == {"/a/b/key": ["c", 1, None, True], "axes": {"model": "/a/b/net.py:Net"}}
    told = Told("/a/b/c", {"model": "ferdinand"}, ("/a/b/d",))
    assert without_names(told) == Told("c", {"model": "ferdinand"}, ("d",))


def test_names_that_many_have_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "root")
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    assert without_names("the square root, on localhost") == "the square root, on localhost"


@pytest.mark.parametrize("name", ["/srv/net.py:Net", "../net.py:Net", "hf:/srv/gpt", "net:Net(path='/srv/w.bin')"])
def test_a_name_with_a_folder(name: str) -> None:
    assert names_a_folder(name)


@pytest.mark.parametrize("name", ["lstm", "net.py:Net", "below/net.py:Net", "package.net:Net(size=3)", "hf:./gpt"])
def test_a_name_without_one(name: str) -> None:
    assert not names_a_folder(name)


def test_a_user_whom_the_system_does_not_know_has_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(getpass, "getuser", nobody)
    monkeypatch.setattr(Path, "home", homeless)
    assert without_names("/a/b/c of ferdinand on abacus-7") == "c of ferdinand on HOST"


def test_known_folders_are_never_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/"))
    assert "/" not in anonymity._known_folders()
