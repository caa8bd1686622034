"""`lm` as a user calls it: what it refuses, writes, shows and keeps."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import PROGRAM, assert_one_sentence, begin, lines_of, run
from paths import ROOT
from told_texts import PROSE
from training_runs import values, wait_until

from rnn_vs_attn.records.folder import read_run
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.training.chosen import FOLDER

SHAPE = "--d-model 8 --num-heads 2 --num-layers 1 --batch-size 4 --seq-len 16 --held-out-tokens 512 --threads 1".split()
OWN = [*SHAPE, "--text", "book.txt"]
ONE = [*OWN, *"--model gpt --learning-rate 1e-2 --rounds 1".split()]
SHORT = [*ONE, "--steps", "20"]
LONG = [*ONE, "--steps", "2000"]
OWN_RUN = "start a run of its own"


@pytest.fixture(autouse=True)
def _book(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_bytes(PROSE)


@pytest.fixture
def own_cache(tmp_path: Path) -> dict[str, str]:
    """Variables with a cache folder of the test's own."""
    return {**os.environ, "HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def ends_of(folder: Path) -> dict[Any, Record]:
    """What each model came to, of one learning rate."""
    return {each.axes["model"]: each for each in read_run(folder).records if each.metric == "bits_per_byte"}


def kept(folder: Path) -> list[Path]:
    """Checkpoints of trainings."""
    return list(folder.glob(f"{FOLDER}/*/checkpoint.json"))


def killed(folder: Path, *words: str) -> None:
    """A run into `run` whose parent was killed in the middle of a training, after an evaluation."""
    begun = subprocess.Popen([*PROGRAM, "lm", *words, "--output", "run"], cwd=folder, stderr=subprocess.PIPE)
    wait_until(lambda: begun.poll() is not None or kept(folder / "run"))
    begun.kill()
    begun.communicate()
    assert json.loads((folder / "run" / "run.json").read_text())["status"] == "interrupted"


def without_text(folder: Path) -> None:
    folder.mkdir()
    (folder / "picture").write_bytes(b"\0\1\2" * 100)


# What is refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--text", "empty.txt"], "--text empty.txt is empty; give a file with text in it"),
        (["--text", "short.txt"], "has 54 tokens; --batch-size 4 of --seq-len 16 needs at least 65: give more text"),
        (["--text", "few.txt"], "which is held out, has 10 tokens, and --seq-len 16 needs more than 16: give more te"),
        (["--text", "pictures"], "--text pictures is a folder without text; give one with files of text in it, or a"),
        (["--text", "pipe"], "--text pipe is neither a file nor a folder"),
        (["--text", "nosuch.txt"], "cannot read --text 'nosuch.txt': No such file or directory; give files or folders"),
        (["--text", ""], "--text has an empty name"),
        (
            ["--text", "latin.txt", "--tokenizer", "bpe:300"],
            "latin.txt is not UTF-8 at byte 3; convert it, or use",
        ),
        (["--tokenizer", "gpt2"], "--tokenizer gpt2 comes with weights; give their folder by --init-from FOLDER"),
        (["--tokenizer", "bpe:10"], "--tokenizer bpe:10: give "),
        (["--tokenizer", "byte"], "did you mean 'bytes'?"),
        (["--tokenizer", "bytes,bpe:300"], "--tokenizer takes one value, not 2: all trainings of a run share it"),
        (["--steps", "10,20"], "--steps takes one value, not 2"),
        (["--steps", "10", "--seconds-per-model", "5"], "--steps is equal tokens and --seconds-per-model equal time"),
        (["--seq-len", "1"], "--seq-len must be at least 2, not 1"),
        (["--held-out-tokens", "1"], "--held-out-tokens must be at least 64, not 1"),
        (["--learning-rate", "2"], "--learning-rate '2'"),
        (["--model", "gptt"], "did you mean 'gpt'?"),
        (["--model", "albert"], "albert"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence_and_exit_2(words: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "short.txt").write_text("abc" * 20)
    (tmp_path / "few.txt").write_text("a" * 99)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 " * 3000)
    without_text(tmp_path / "pictures")
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.iterdir())
    own = [] if "--text" in words else ["--text", "book.txt"]
    assert_one_sentence(run("lm", *SHAPE, *own, *words, cwd=tmp_path), said)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads all files")
@pytest.mark.parametrize("what", ["unread.txt", "folder"])
def test_a_file_that_must_not_be_read_is_one_sentence(what: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "unread.txt", tmp_path / "folder" / "unread.txt"):
        path.write_bytes(PROSE)
        path.chmod(0)
    assert_one_sentence(run("lm", *SHAPE, "--text", what, cwd=tmp_path), "unread.txt: Permission denied; ")


# What is written


@pytest.mark.slow
def test_a_run_keeps_records_tables_plots_and_models(tmp_path: Path) -> None:
    words = [*OWN, *"--model gpt,transformer-xl --learning-rate 3e-3,1e-2 --steps 20 --rounds 2 --output run".split()]
    done = run("lm", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "run"
    records = read_run(folder).records
    counts: dict[str, list[int]] = {}
    for each in records:
        if each.metric == "bits_per_byte":
            counts.setdefault(str(each.axes["model"]), []).append(len(each.samples))
    assert {model: sorted(found) for model, found in counts.items()} == {"gpt": [1, 2], "transformer-xl": [1, 2]}
    assert {each.axes["steps"] for each in records if "steps" in each.axes} == {20}
    assert len(list((folder / FOLDER).iterdir())) == 6
    assert not (folder / "tokenizer.json").exists()  # bytes need none
    assert {path.suffix for path in (folder / "plots").iterdir()} == {".svg", ".png"}
    assert {path.name for path in folder.iterdir()} >= {"run.json", "samples.jsonl", "records.jsonl", "table.md"}
    settings = json.loads((folder / "run.json").read_text())["settings"]
    assert settings["text"]["files"] == [str(tmp_path / "book.txt")]
    assert (settings["text"]["size"], settings["text"]["held_out_from"]) == (len(PROSE), len(PROSE) * 9 // 10)
    table = (folder / "table.md").read_text()
    for part in (
        "bits/byte",
        "gpt has a lower loss than transformer-xl (memory 64) at equal time and tokens: undecided. ",
        "a verdict takes 3 seeds",
    ):
        assert part in done.stdout
        assert part in table
    assert f"Text: book.txt, {len(PROSE):,} bytes" in table
    assert "4 of 4 trained" in done.stderr
    assert "2 of 2 trained" in done.stderr


@pytest.mark.slow
def test_json_is_one_document_and_quiet_is_quiet(tmp_path: Path) -> None:
    done = run("lm", *SHORT, "--json", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    metrics = {record["metric"] for record in document["records"]}
    assert {"bits_per_byte", "curve_bits", "bits_at_position", "bits_at_context", "baseline_bits"} <= metrics
    assert document["run"]["settings"]["axes"]["steps"] == [20]


@pytest.mark.slow
def test_dry_run_lists_trainings_and_writes_nothing(tmp_path: Path) -> None:
    done = run("lm", *SHORT, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "gpt" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["book.txt"]


@pytest.mark.slow
def test_seconds_for_each_model_may_be_more_than_max_seconds_is_by_default(tmp_path: Path) -> None:
    """Which are 285: only what was typed bounds them."""
    done = run("lm", *ONE, "--seconds-per-model", "600", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "steps" in done.stdout


@pytest.mark.slow
def test_a_run_of_so_many_seconds_keeps_its_steps(tmp_path: Path) -> None:
    """Each model has those that fit into them, and a run with these gives the same."""
    words = [*OWN, *"--model gpt,lstm-lm --learning-rate 1e-2 --rounds 1 --quiet --seconds-per-model 1".split()]
    done = run("lm", *words, "--output", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    settings = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]
    ends = {
        each.axes["model"]: each.axes["steps"]
        for each in read_run(tmp_path / "run").records
        if each.metric == "bits_per_byte"
    }
    assert sorted(settings["steps_of"]) == sorted(ends.values())
    steps = ends["gpt"]
    again = run("lm", *ONE, "--quiet", "--steps", str(steps), "--output", "again", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert ends_of(tmp_path / "run")["gpt"].samples == ends_of(tmp_path / "again")["gpt"].samples


@pytest.mark.slow
def test_bytes_take_what_is_no_utf_8_and_a_folder_with_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_bytes(b"caf\xe9 " * 3000)
    (tmp_path / "texts" / "b.bin").write_bytes(b"\0\1" * 100)
    done = run("lm", *SHORT, "--text", "texts", "--output", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = (tmp_path / "run" / "table.md").read_text()
    assert "Text: a.txt, 15,000 bytes" in table or "Text: 2 files" in table
    assert "1 file left out as no text" in table


@pytest.mark.slow
def test_merges_are_kept_with_the_run(tmp_path: Path, own_cache: dict[str, str]) -> None:
    pytest.importorskip("tokenizers", reason="the extra [hf] is not installed")
    done = run("lm", *SHORT, "--tokenizer", "bpe:300", "--output", "run", "--quiet", cwd=tmp_path, env=own_cache)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "run" / "tokenizer.json").read_text())
    assert len(document["model"]["vocab"]) <= 300
    (checkpoint,) = kept(tmp_path / "run")
    settings = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]["text"]
    assert json.loads(checkpoint.read_text())["about"]["tokenizer_sha256"] == settings["tokenizer_sha256"]
    assert list((tmp_path / "cache" / "rnn-vs-attn").iterdir())


@pytest.mark.slow
def test_an_own_layer_becomes_a_language_model(tmp_path: Path) -> None:
    layer = f"{ROOT / 'examples' / 'running_mean.py'}:RunningMean"
    done = run(
        "lm", *OWN, *"--learning-rate 1e-2 --rounds 1 --steps 20 --output run --model".split(), layer, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    ends = ends_of(tmp_path / "run")
    assert ends[layer].ok


@pytest.mark.slow
def test_a_case_that_diverges_is_exit_4_and_costs_nobody_else(tmp_path: Path) -> None:
    words = [*OWN, *"--learning-rate 1e-2 --rounds 1 --steps 20 --output run --model trainings:Diverges,gpt".split()]
    done = run("lm", *words, cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    ends = ends_of(tmp_path / "run")
    assert ends["trainings:Diverges"].status == "failed"
    assert "the loss became nan at step 8 of 20" in ends["trainings:Diverges"].error
    assert ends["gpt"].ok


# Ended before its end


@pytest.mark.slow
@pytest.mark.parametrize("model", ["gpt", "transformer-xl", "lstm-lm"])
def test_a_run_whose_parent_was_killed_goes_on_bit_for_bit(model: str, tmp_path: Path) -> None:
    """kill -9 in the middle of a training: with its checkpoint, and without its end."""
    words = [*LONG, "--model", model]
    killed(tmp_path, *words)
    done = run("lm", "--resume", "run", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert run("lm", *words, "--quiet", "--output", "straight", cwd=tmp_path).returncode == 0
    assert values(tmp_path / "run") == values(tmp_path / "straight")


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_trained_and_the_run_goes_on(tmp_path: Path) -> None:
    words = [*LONG, "--learning-rate", "1e-3,3e-3,1e-2,3e-2"]
    begun = begin("lm", *words, "--output", "run", cwd=tmp_path)
    samples = tmp_path / "run" / "samples.jsonl"
    wait_until(lambda: begun.poll() is not None or (samples.exists() and '"baseline_bits"' in samples.read_text()))
    begun.send_signal(signal.SIGINT)
    out, err = begun.communicate()
    assert begun.returncode == 130, err
    assert "go on with rnn-vs-attn lm --resume run" in err
    assert "bits/byte" in out
    before = [line["value"] for line in lines_of(samples) if line["metric"] == "bits_per_byte"]
    done = run("lm", "--resume", "run", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = read_run(tmp_path / "run")
    ends = [record.samples for record in found.records if record.metric == "bits_per_byte"]
    assert (found.status, len(ends)) == ("complete", 4)
    assert [before[0]] in ends


def changed(book: Path) -> None:
    book.write_bytes(PROSE.replace(b"beer", b"wine"))


def grown(book: Path) -> None:
    """At one stroke: a file that is written anew is empty for a moment, which a run may see."""
    with book.open("ab") as text:
        text.write(b"one more\n")


def touched(book: Path) -> None:
    os.utime(book, (1, 1))


@pytest.mark.slow
def test_a_text_that_is_another_one_when_a_run_goes_on_is_one_sentence_and_nothing_is_lost(tmp_path: Path) -> None:
    """The same text goes on, whenever it was written."""
    killed(tmp_path, *LONG)
    book, before = tmp_path / "book.txt", {path: path.read_bytes() for path in (tmp_path / "run").rglob("*.json*")}
    for change in (grown, changed):
        change(book)
        said = f"the text book.txt is another one than when the run began; {OWN_RUN}"
        assert_one_sentence(run("lm", "--resume", "run", cwd=tmp_path), said)
    book.unlink()
    assert_one_sentence(run("lm", "--resume", "run", cwd=tmp_path), "book.txt': No such file or directory; give files")
    assert {path: path.read_bytes() for path in before} == before
    book.write_bytes(PROSE)
    touched(book)
    assert run("lm", "--resume", "run", "--quiet", cwd=tmp_path).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Path.unlink, "cannot read book.txt, a file of the text: No such file or directory"),
        (grown, f"the text's file book.txt had {len(PROSE)} bytes and now has {len(PROSE) + 9}"),
        (touched, "the text's file book.txt was written again since the run began"),
    ],
)
def test_a_text_that_becomes_another_one_costs_the_trainings_that_read_it(
    change: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    """Each says why, as an own run is what there is to do; the exit code is that of unfinished cases."""
    begun = begin("lm", *ONE, "--steps", "50000", "--output", "run", cwd=tmp_path)
    wait_until(lambda: begun.poll() is not None or kept(tmp_path / "run"))
    change(tmp_path / "book.txt")
    out, err = begun.communicate()
    assert begun.returncode == 4, err
    assert "Traceback" not in err
    assert said in out
    end = ends_of(tmp_path / "run")["gpt"]
    assert end.status == "failed"
    assert end.error.startswith(said)
    assert OWN_RUN in end.error
    assert str(tmp_path) not in end.error


@pytest.mark.slow
def test_a_disk_that_is_full_ends_the_run_with_what_was_kept_before(tmp_path: Path) -> None:
    """Of files above 40 KB nothing is taken, which only weights are: no checkpoint is there, and the run goes on."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))

    words = [*PROGRAM, "lm", *SHORT, "--d-model", "64", "--output", "run"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "File too large" in done.stderr
    assert not kept(tmp_path / "run")
    resumed = run("lm", "--resume", "run", "--quiet", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert run("lm", *SHORT, "--d-model", "64", "--quiet", "--output", "straight", cwd=tmp_path).returncode == 0
    assert values(tmp_path / "run") == values(tmp_path / "straight")


# Nobody's


@pytest.mark.slow
def test_an_anonymous_run_names_no_folder_and_cannot_find_its_text_again(tmp_path: Path) -> None:
    killed(tmp_path, *LONG, "--anonymous")
    for path in (tmp_path / "run").rglob("*.json*"):
        assert str(tmp_path) not in path.read_text()
    said = f"an anonymous run does not say where its text is; {OWN_RUN}"
    assert_one_sentence(run("lm", "--resume", "run", cwd=tmp_path), said)


@pytest.mark.slow
def test_an_anonymous_run_of_the_text_by_default_goes_on(tmp_path: Path, own_cache: dict[str, str]) -> None:
    words = [*SHAPE, *"--model gpt --learning-rate 1e-2 --rounds 1 --steps 20 --quiet --anonymous --output run".split()]
    done = run("lm", *words, cwd=tmp_path, env=own_cache)
    assert done.returncode == 0, done.stderr
    assert "Text: pydoc_data.topics, " in (tmp_path / "run" / "table.md").read_text()
    head = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps(head | {"status": "interrupted", "finished": None}))
    for name in ("samples.jsonl", "records.jsonl"):
        (tmp_path / "run" / name).write_text("")
    shutil.rmtree(tmp_path / "cache")
    resumed = run("lm", "--resume", "run", "--quiet", cwd=tmp_path, env=own_cache)
    assert resumed.returncode == 0, resumed.stderr
    assert str(tmp_path) not in (tmp_path / "run" / "run.json").read_text()
