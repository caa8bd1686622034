"""Streams take everything, whoever reads."""

from __future__ import annotations

import io
import os
import subprocess

from rnn_vs_attn.text import streams

# Letters


def test_a_sign_without_a_likeness_stands_as_its_escape() -> None:
    assert streams.in_letters_of("ascii", "±5% ÷ – é\ud800") == r"+/-5% / - \xe9\ud800"
    assert streams.in_letters_of("latin-1", "±5% ÷ – é") == "±5% ÷ - é"
    assert streams.in_letters_of("utf-8", "±5% ÷ – é") == "±5% ÷ – é"


def test_a_stream_takes_all_after_its_reader_has_gone() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    taker = streams._Takes(writing)
    assert taker.write(b"abc") == 3
    assert isinstance(taker.error, BrokenPipeError)
    assert taker.write(memoryview(b"de")) == 2
    os.close(writing)


def test_a_stream_takes_more_until_its_reader_has_gone() -> None:
    reading, writing = os.pipe()
    stream = io.TextIOWrapper(io.BufferedWriter(streams._Takes(writing)))
    stream.write("a")
    assert streams.takes_more(stream)
    assert os.read(reading, 9) == b"a"  # it has been written
    os.close(reading)
    stream.write("b")
    assert not streams.takes_more(stream)
    os.close(writing)
    assert streams.takes_more(io.StringIO())


def test_a_terminal_that_does_not_wait_gets_every_byte() -> None:
    """A pipe that is full says so in place of waiting; it is emptied from another process."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with subprocess.Popen(["wc", "-c"], stdin=reading, stdout=subprocess.PIPE, text=True) as counter:
        os.close(reading)
        taker = streams._Takes(writing)
        assert taker.write(b"x" * (1 << 20)) == 1 << 20
        os.close(writing)
        counted, _ = counter.communicate()
    assert taker.error is None
    assert int(counted) == 1 << 20
