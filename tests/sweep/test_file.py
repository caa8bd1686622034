"""A sweep's file, read or refused with all that is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rnn_vs_attn.errors import OF_CODE, UserError
from rnn_vs_attn.pages import beside
from rnn_vs_attn.sweep import file, folder

GOOD = """
name = "two"
max_seconds = 60

[shared]
rounds = 6
threads = 1
dtype = "float64"

[part.bench]
seq_len = ["64:256"]
model = ["lstm", "attention"]
max_seconds = 20

[part.far]
suite = "gradflow"
rounds = 9
"""


def written(path: Path, text: str) -> Path:
    (path / "s.toml").write_text(text)
    return path / "s.toml"


def faults(path: Path, text: str) -> list[str]:
    with pytest.raises(UserError) as error:
        file.read(written(path, text))
    head, *lines = str(error.value).split(OF_CODE)
    assert head == f"{path / 's.toml'} has {len(lines)} fault{'s' * (len(lines) > 1)}; nothing was measured"
    return lines


def test_parts_stand_in_order_with_their_own_and_shared_values(tmp_path: Path) -> None:
    sweep = file.read(written(tmp_path, GOOD))
    assert (sweep.name, sweep.max_seconds) == ("two", 60.0)
    bench, far = sweep.parts
    assert (bench.name, bench.asked.suite.name, bench.own_seconds) == ("bench", "bench", 20.0)
    assert bench.asked.axes["seq_len"] == [64, 128, 256]
    assert bench.asked.axes["dtype"] == ["float64"]
    assert (bench.asked.options.rounds, bench.asked.options.max_seconds) == (6, 20.0)
    assert not bench.asked.plain
    assert (far.name, far.asked.suite.name, far.own_seconds) == ("far", "gradflow", None)
    assert far.asked.options.rounds == 9
    assert far.asked.axes["threads"] == [1]
    assert far.asked.plain


def test_without_a_name_it_is_called_like_its_file(tmp_path: Path) -> None:
    assert file.read(written(tmp_path, "[part.decode]\n")).name == "s"


def test_all_faults_at_once(tmp_path: Path) -> None:
    text = """name = "../up"
max_second = 3
[shared]
rounds = 6
thread = 1
dtype = "float31"
[part.bench]
seq_len = ["64:4096", "x"]
model = ["lstm", "atention"]
[part.far]
suite = "gradflow"
d_model = 100
num_heads = 3
[part.cool]
suite = "benhc"
[part.recall]
model = ["lstm", "absent.py:A", "gpt"]
rounds = "six"
"""
    assert [line.partition("; ")[0] for line in faults(tmp_path, text)] == [
        "line 1: name '../up' is none for a folder",
        "line 2: unknown key 'max_second'",
        "line 5: unknown key 'thread'",
        "line 6: unknown dtype 'float31'",
        "line 8: seq_len 'x' is not a whole number or a range such as 64:4096",
        "line 9: unknown model 'atention'",
        "line 12: d_model 100 is not divisible by num_heads 3, which attention needs",
        "line 15: unknown suite 'benhc'",
        "line 17: gpt is a language model, from token ids to logits, and recall measures layers",
        "line 17: model: there is no file 'absent.py' here",
        "line 18: rounds: 'six' is no whole number",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "line 1: there is no part"),
        ("[shared]\nrounds = 1\n", "line 1: there is no part"),
        ("[part]\nbench = 3\n", "line 2: part 'bench' is no table"),
        ("part = 3\n", "line 1: part: write"),
        ("shared = 3\n[part.bench]\n", "line 1: shared is no table"),
        ("max_seconds = true\n[part.bench]\n", "line 1: max_seconds True is no number of seconds"),
        ("max_seconds = inf\n[part.bench]\n", "line 1: max_seconds inf is no number of seconds"),
        ("max_seconds = -1\n[part.bench]\n", "line 1: max_seconds -1 is no number of seconds"),
        (f"max_seconds = {10**400}\n[part.bench]\n", "line 1: max_seconds 1000"),
        ('name = ["a"]\n[part.bench]\n', "line 1: name ['a'] is none for a folder"),
        ('[part.bench]\nsuite = ["a"]\n', "line 2: suite ['a'] is no text"),
        ("[part.long]\n", "line 1: part 'long' says no suite; add suite = one of bench"),
        ('[part."a\\u001b[2J/b"]\nsuite = "bench"\n', "line 1: part 'a\\x1b[2J/b' is no name for a folder"),
        ('[part."..".x]\n', "line 1: part '..' is no name for a folder"),
        ('[part.bench]\n"seq\\u0000len" = 1\n', "line 2: unknown key of bench 'seq\\x00len'; did you mean 'seq_len'?"),
        ("[part.bench]\nsaet_len = 1979-05-27\n", "line 2: unknown key of bench 'saet_len'"),
        ("[part.bench]\nseq_len = 1979-05-27\n", "line 2: seq_len: datetime.date(1979, 5, 27) is no number or text"),
        ("[part.bench]\ntf32 = true\ndevice = 'cpu'\n", "line 2: tf32 needs device cuda"),
        ("[part.scaling]\nbatch_size = [1, 2]\n", "line 2: batch_size 1,2 is several values"),
        ("[part.bench]\nthreads = 100000\n", "line 2: threads 100000 is more than"),
        ("[part.lm]\nsteps = [1, 2]\n", "line 2: steps takes one value, not 2"),
        ("[part.lm]\ntext = 'absent.txt'\n", "line 2: "),
        ("[part.bench]\ncheckpoint = 'absent'\n", "line 2: "),
        ("[part.bench]\ncolumns = 'none such'\n", "line 2: "),
        ("[part.variants-gpt]\nmodel = 'lstm'\n", "line 2: unknown key of variants gpt 'model'"),
    ],
)
def test_each_fault_has_its_line(text: str, line: str, tmp_path: Path) -> None:
    assert line in faults(tmp_path, text)[0]


def test_threads_of_another_machine_are_not_this_one_s(tmp_path: Path) -> None:
    path = written(tmp_path, "[part.bench]\nthreads = 100000\n")
    assert file.read(path, elsewhere=True).parts[0].asked.axes["threads"] == [100000]


def test_a_gpu_that_auto_may_find_is_no_fault(tmp_path: Path) -> None:
    assert file.read(written(tmp_path, "[part.bench]\ntf32 = true\n")).parts


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe[\x00", "line 1 is not UTF-8"),
        (b"a = 1\n# \xe9\n", "line 2 is not UTF-8"),
        (b"a = \n", r"is not TOML: .*line 1"),
        (b"[part.bench]\nx = 1\nx = 2\n", r"is not TOML: .*line 3"),
        (b"\x00", "is not TOML"),
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"a = " + b"9" * 10_000, "is not TOML"),
        (b"#" * (1 << 20) + b"#", "larger than 1 MiB"),
    ],
)
def test_what_is_no_toml_is_one_sentence(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_bytes(content)
    with pytest.raises(UserError, match=said):
        file.read(tmp_path / "s.toml")


def test_what_is_no_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    for path, said in [
        (tmp_path, "is a folder; give a sweep's file"),
        (tmp_path / "loop", "cannot read"),
        (tmp_path / "pipe", "it is no file"),
        (tmp_path / "absent", "No such file"),
        (Path("a\x00b"), "cannot read"),
    ]:
        with pytest.raises(UserError, match=said):
            file.read(path)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """Some editors begin every file with one."""
    (tmp_path / "s.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert [part.name for part in file.read(tmp_path / "s.toml").parts] == ["bench", "far"]


def test_a_part_without_a_suite_names_what_was_meant(tmp_path: Path) -> None:
    misspelt, near, far = faults(tmp_path, '[part.wide]\nsuit = "bench"\n[part.gradflo]\n[part.zebra]\n')
    assert misspelt == "line 2: unknown key 'suit'; did you mean 'suite'?"
    assert near.startswith(
        "line 3: part 'gradflo' says no suite; did you mean [part.gradflow]? Else add suite = one of"
    )
    assert far.startswith("line 4: part 'zebra' says no suite; add suite = one of bench, gradflow, ")


@pytest.mark.parametrize("name", [folder.FILE, folder.HEAD, folder.SUMMARY, beside.NAME, "Summary.MD"])
def test_no_part_is_called_like_what_stands_beside_it(name: str, tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, f'[part."{name}"]\nsuite = "bench"\n')
    assert fault == f"line 1: part '{name}' is a file of the sweep's folder; use another name"


def test_parts_differ_in_more_than_capitals(tmp_path: Path) -> None:
    """On some file systems both would write into one folder."""
    (fault,) = faults(tmp_path, '[part.bench]\n[part.Bench]\nsuite = "bench"\n')
    assert fault == "line 2: part 'Bench' differs from 'bench' in capitals alone; use another name"


@pytest.mark.parametrize("text", ["{} = 1\n[part.bench]\n", "[{}]\nx = 1\n", "[part.bench]\nseq_len.{} = 1\n"])
@pytest.mark.parametrize("depth", [150, 5000])
def test_tables_within_tables_without_end_are_one_sentence(text: str, depth: int, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nested too deeply"):
        file.read(written(tmp_path, text.format(".".join("a" * depth))))


@pytest.mark.parametrize("text", ["", "[part]\n", "part = {}\n"])
def test_a_sweep_of_no_part_is_refused(text: str, tmp_path: Path) -> None:
    """It ended well and left a folder with nothing in it."""
    assert faults(tmp_path, text) == [
        'line 1: there is no part; write [part.bench], or [part.NAME] with suite = "bench"'
    ]


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("my sweep (2)", "my-sweep-2"),
        ("größe", "gr-e"),
        ("x" * 90, "x" * 64),
        ("\udcff\n", "sweep"),
        ("a.b-c_d", "a.b-c_d"),
    ],
)
def test_a_sweep_is_called_like_its_file_as_far_as_a_folder_can_be(stem: str, name: str, tmp_path: Path) -> None:
    (tmp_path / f"{stem}.toml").write_text("[part.bench]\n")
    assert file.read(tmp_path / f"{stem}.toml").name == name
