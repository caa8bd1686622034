"""`gradflow` as a user calls it: what it refuses, what it writes, and what it shows."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from command import assert_one_sentence, begin, lines_of, run

from rnn_vs_attn.records.folder import read_run

SMALL = "--d-model 8 --seq-len 32 --probes 2 --threads 1".split()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seq-len", "1"], "--seq-len must be at least 2, not 1"),
        (["--probes", "0"], "--probes must be at least 1, not 0"),
        (["--init", "chron"], "did you mean 'chrono'?"),
        (["--init", "chrono:2"], "T_max must be a number above 2"),
        (["--init", "default:3"], "takes no argument"),
        (["--reach-threshold", "0"], "--reach-threshold '0'"),
        (["--dtype", "float32"], "No such option"),
        (["--precision", "5%"], "No such option"),
        (["--init", "chrono", "--model", "lstm,gru"], "init 'chrono' does not apply to gru"),
        (["--model", "flows:Detached"], "not differentiable with respect to its input"),
        (["--model", "flows:ReturnsNaN"], "its output holds NaN or infinity"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence_and_exit_2(words: list[str], said: str, tmp_path: Path) -> None:
    assert_one_sentence(run("gradflow", *words, cwd=tmp_path), said)
    assert list(tmp_path.iterdir()) == []


def test_a_layer_that_raises_fails_by_its_errors_name_and_did_not_crash() -> None:
    """The status was `crashed`, which is of a process that died, and the reason had no error's name and two lines."""
    done = run("gradflow", *SMALL, "--model", "layers:Raises")
    assert_one_sentence(done, "model 'layers:Raises' cannot be measured: ValueError: this layer cannot do that")


@pytest.mark.slow
def test_a_run_keeps_records_tables_and_plots(tmp_path: Path) -> None:
    models = "rnn,attention,flows:WithStep,flows:Window,flows:Detached,flows:SeesTheFuture,gaps:Delay"
    done = run("gradflow", *SMALL, "--model", models, "--output", "run", cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    folder = tmp_path / "run"
    records = read_run(folder).records
    found = {(r.axes.get("model"), r.metric, r.axes.get("distance")): r for r in records}
    assert {len(r.samples) for r in records if r.metric == "gradient_norm_log10" and r.ok} == {6}

    assert found["flows:WithStep", "gradient_law", None].details["text"] == "vanishing"
    assert found["flows:WithStep", "decay", None].median == pytest.approx(0.9, abs=1e-9)
    assert found["flows:WithStep", "half_life", None].median == pytest.approx(6.578813, abs=1e-6)
    assert found["attention", "gradient_law", None].details["text"] in ("flat", "undecided")
    assert found["rnn", "spectral_radius", None].median is not None

    beyond = found["flows:Window", "gradient_norm_log10", 16]
    assert (beyond.median, beyond.zero, beyond.status) == (None, True, "ok")
    assert found["flows:Window", "reach", None].median == 7
    assert found["flows:SeesTheFuture", "gradient_norm_log10", -8].median == pytest.approx(-1.50515, abs=1e-5)
    assert found["flows:Detached", "gradient_norm_log10", None].status == "failed"
    assert found["gaps:Delay", "gradient_norm_log10", 5].median == pytest.approx(0, abs=1e-12)
    assert found["gaps:Delay", "reach", None].median == 5

    assert (folder / "plots" / "gradient_norm.svg").exists()
    assert (folder / "plots" / "gradient_norm.png").exists()
    table = (folder / "table.md").read_text()
    assert "| distance | rnn | attention | flows:WithStep |" in table
    assert "not causal: gradient from the future arrives" in table
    answers, caption = table.split("\n\n")[:2]
    assert answers.startswith("- Gradients through flows:WithStep vanish: holds. Each token back leaves 0.9000 [0.9000")
    assert (
        "\n- Gradients through flows:Window vanish: holds. From 8 tokens back on exactly nothing arrives; " in answers
    )
    assert done.stdout.startswith(f"{answers}\n\n{caption}\n\n")
    text = (folder / "records.jsonl").read_text()
    assert "Infinity" not in text
    assert "NaN" not in text


def test_json_is_one_document(tmp_path: Path) -> None:
    words = [*SMALL, "--model", "lstm", "--exact", "--block", "--rounds", "1", "--json", "--quiet"]
    done = run("gradflow", *words, cwd=tmp_path)
    document = json.loads(done.stdout)
    metrics = {record["metric"] for record in document["records"]}
    assert {"gradient_norm_log10", "reach", "identity_share", "gradient_law"} <= metrics
    assert done.stderr == ""


def test_dry_run_says_how_long_each_case_takes(tmp_path: Path) -> None:
    done = run("gradflow", *SMALL, "--model", "lstm", "--seq-len", "32,64", "--dry-run", cwd=tmp_path)
    assert [line.split("\t")[1] for line in done.stdout.splitlines()[:2]] == ["seq_len 32", "seq_len 64"]
    assert "unknown" not in done.stdout
    assert "2 cases" in done.stdout


@pytest.mark.slow
def test_a_run_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    """Cut off in its second round at the earliest, and the same numbers as without."""
    words = ["gradflow", *SMALL, "--model", "lstm,gru", "--rounds", "25", "--max-seconds", "3600", "--quiet"]
    begun = begin(*words, "--output", "run", cwd=tmp_path)
    samples = tmp_path / "run" / "samples.jsonl"
    while not (samples.exists() and "round_time" in samples.read_text()):
        assert begun.poll() is None
        time.sleep(0.01)
    begun.send_signal(signal.SIGINT)
    begun.communicate()
    assert begun.returncode == 130
    before = [line for line in lines_of(samples) if line["round"] == 0]

    done = run("gradflow", "--resume", "run", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    after = lines_of(samples)
    assert after[: len(before)] == before
    again = {
        (line["axes"]["model"], line["axes"]["distance"]): line["value"]
        for line in after
        if line["round"] == 24 and "distance" in line["axes"]
    }
    assert len(again) == 14
