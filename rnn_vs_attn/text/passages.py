"""Text of several lines that is shown part by part, as it comes, and is safe as one."""

from __future__ import annotations

import re

from rnn_vs_attn.text.safe import one_line

_WITHIN_LINES = re.compile(r"[^\n\t]+")
_UNDECIDED = re.compile(r"(?:(?<!\S)::?|#(?:#\w*)?)\Z")  # what may yet become a command to a CI's log


class Passage:
    """Line breaks and tabs are kept; all else is as in `one_line`, wherever the parts end."""

    def __init__(self) -> None:
        self._before = " "  # what stands before the next part
        self._held = ""

    def add(self, text: str) -> str:
        """What can be shown now."""
        text = self._before + self._held + text
        undecided = _UNDECIDED.search(text, 1)
        end = undecided.start() if undecided else len(text)
        self._held = text[end:]
        return self._shown(text[:end])

    def end(self) -> str:
        """What is left to show."""
        rest, self._held = self._held, ""
        return self._shown(self._before + rest)

    def _shown(self, text: str) -> str:
        self._before = " " if text[-1].isspace() else "x"
        return _WITHIN_LINES.sub(lambda found: one_line(found[0]), text)[1:]
