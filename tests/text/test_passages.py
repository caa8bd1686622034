"""Text that comes in parts is shown as it would be at once, and does nothing."""

from __future__ import annotations

import pytest
from build_logs import begins_a_command
from fakes import unhurried
from hypothesis import example, given
from hypothesis import strategies as st

from rnn_vs_attn.text.passages import Passage
from rnn_vs_attn.text.safe import one_line

parts = st.lists(st.text(st.sampled_from(":#[]x \n\t\r\x1bé模\u202e"), max_size=6), max_size=8)


def shown(*texts: str) -> str:
    passage = Passage()
    return "".join(map(passage.add, texts)) + passage.end()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Recurrence is\n\tsequential.\n", "Recurrence is\n\tsequential.\n"),
        ("a\x1b[31mb\r\n", "a\\x1b[31mb\\r\n"),
        ("päck 模型 🦙", "päck 模型 🦙"),
        ("std::vector c10::Error", "std::vector c10::Error"),
        ("# Title\n## Part\n### x\n#", "# Title\n## Part\n### x\n#"),
        ("x ##[error]gone", r"x \x23#[error]gone"),
        ("a\n::error::gone", "a\n\\x3a:error::gone"),
        ("", ""),
    ],
)
def test_lines_and_tabs_are_kept_and_all_else_does_nothing(text: str, expected: str) -> None:
    assert shown(text) == expected
    assert shown(*text) == expected  # character by character


@pytest.mark.long
@unhurried
@given(parts)
@example(["a", ":", ":", "x"])
@example(["#", "#", "vso", "["])
@example(["x", "\n", "#", "#["])
def test_where_parts_end_makes_no_difference(texts: list[str]) -> None:
    whole = shown(*texts)
    assert whole == shown("".join(texts))
    assert [line.split("\t") for line in whole.split("\n")] == [
        [one_line(cell) for cell in line.split("\t")] for line in "".join(texts).split("\n")
    ]
    assert not any(map(begins_a_command, whole.splitlines()))


def test_what_is_decided_is_shown_at_once() -> None:
    passage = Passage()
    assert passage.add("one two:") == "one two:"
    assert passage.add(" :") == " "
    assert passage.add("-) #") == ":-) "
    assert passage.add("1 ##") == "#1 "
    assert passage.end() == "##"
