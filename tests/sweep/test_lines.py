"""Where keys stand in TOML, counted by hand."""

from __future__ import annotations

import tomllib

import pytest
from fakes import unhurried
from hypothesis import given
from hypothesis import strategies as st

from rnn_vs_attn.sweep.lines import Path, lines_of


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\nb = 2\n", ("b",), 2),
        ("a = 1\r\nb = 2\r\n".replace("\r\n", "\n"), ("b",), 2),
        ("\n\n# c = 1\n[part.bench] # x\n\nseq_len = 1", ("part", "bench", "seq_len"), 6),
        ("[part.bench]\nseq_len = 1\n", ("part", "bench"), 1),
        ("[part.bench]\nseq_len = 1\n", ("part",), 1),
        ("a = [\n1, # ]\n'[[',\n2,\n]\nb = 1", ("b",), 6),
        ('a = """\n[b]\nb = 1 \\""" \n"""""\nb = 1', ("b",), 5),
        ("a = '''\n[b]\nb = 1 \n''''\nb = 1", ("b",), 5),
        ('a = "#"  # "\nb = "]["\nc = \'"\'\nd = 1', ("d",), 4),
        ('"a.b" = 1\n"c]d"."e#f" = 2', ("c]d", "e#f"), 2),
        ("'\"' = 1\nx = 2", ("x",), 2),
        ("[part]\nbench.seq_len = 1\nbench.model = 2", ("part", "bench", "model"), 3),
        ("[part]\nbench.seq_len = 1\nbench.model = 2", ("part", "bench"), 2),
        ("a = 1\nbench = {seq_len = 1, deep = {model = 2}}", ("bench", "deep", "model"), 2),
        ('["part"."a b"]\n  x = 1\n\t[part.c]\n\ty = 1', ("part", "c", "y"), 4),
        ("[[s]]\nx = 1\n[[s]]\nx = 2\n", ("s", 1, "x"), 4),
        ("[[s]]\n[s.t]\nx = 1\n[[s]]\n[s.t]\nx = 2\n", ("s", 1, "t", "x"), 6),
    ],
)
def test_keys_stand_where_they_were_written(text: str, path: Path, line: int) -> None:
    tomllib.loads(text)
    assert lines_of(text)[path] == line


VALUES = [
    "1",
    '"]"',
    "'#'",
    "[\n1,\n[2], # ]\n]",
    '"""\n[x]\n"""',
    "{a = 1}",
    "'''\n'''",
    '"\\""',
    "1979-05-27T07:32:00Z",
]


@unhurried
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(VALUES), st.sampled_from(["", " # [", "\n\n"])), max_size=12))
def test_every_key_of_any_file(pieces: list[tuple[bool, str, str]]) -> None:
    """Each piece begins where those before it have ended."""
    text, where, table = "", {}, ()
    for number, (heads, value, after) in enumerate(pieces):
        if heads:
            table = ("t", f"t{number}")
            text += f"[t.'t{number}']\n"
        where[(*table, f"k{number}")] = text.count("\n") + 1
        text += f"k{number} = {value}{after}\n"
    tomllib.loads(text)
    found = lines_of(text)
    assert {path: found[path] for path in where} == where


def test_a_large_list_is_read_in_one_pass() -> None:
    """A megabyte over lines; one that looked again at every line would take an hour."""
    assert lines_of(f"a = [\n{'1,' * 8 + chr(10)}" + "1,\n" * 300_000 + "]\nb = 1")[("b",)] == 300_004
