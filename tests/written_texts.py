"""Texts written for a test."""

from __future__ import annotations

from pathlib import Path

from rnn_vs_attn.texts.sources import Text, text_of


def written(folder: Path, content: bytes) -> Text:
    """A text of one file."""
    path = folder / "book.txt"
    path.write_bytes(content)
    return text_of([str(path)])


def of_files(folder: Path, *contents: bytes) -> Text:
    """A text of several."""
    paths = [folder / f"part{i}.txt" for i in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return text_of([str(path) for path in paths])
