"""The command line: what it refuses and how, what it prints, and where."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command import PROGRAM, QUICK, TINY, assert_one_sentence, run, run_process
from paths import USER_MODULES

from rnn_vs_attn.cli import app
from rnn_vs_attn.cli.commands import ENTRIES
from rnn_vs_attn.machine import environment
from rnn_vs_attn.models.registry import BUILT_IN
from rnn_vs_attn.records.migrations import SCHEMA


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "lstmm"], "did you mean 'lstm'?"),
        (["--model", "nothing.like.it"], "rnn-vs-attn models lists all"),
        (["--model", ""], "--model has no value"),
        (["--seq-len", "0"], "--seq-len must be at least 1, not 0"),
        (["--seq-len", "4096:64"], "write 64:4096"),
        (["--seq-len", "many"], "'many' is not a whole number"),
        (["--d-model", "100", "--num-heads", "8"], "d_model 100 is not divisible by num_heads 8"),
        (["--dtype", "float31"], "did you mean 'float32'?"),
        (["--device", "gpu"], "unknown device 'gpu'"),
        (["--device", "mps"], "unknown device 'mps'; only CPUs and CUDA devices are measured"),
        (["--match", "flop"], "did you mean 'flops'?"),
        (["--threads", "4097"], "--threads 4097 is more than the"),
        (["--precision", "soon"], "--precision 'soon'"),
        (["--precision", "-5%"], "--precision '-5%'"),
        (["--max-memory", "lots"], "is not a size such as 8GiB"),
        (["--rounds", "0"], "rounds"),
        (["--model", "lstm", "--model-arg", "bias=False"], "'bias=False' is for no model"),
        (["--model", "a:B", "--model-arg", "bias"], "'bias' is not NAME=VALUE"),
        (["--model", "lstm(bias=False)"], "'lstm' is built in and takes no arguments"),
        (["--seqlen", "8"], "--seq-len"),
        (["--resume", "/nowhere/at/all"], "/nowhere/at/all"),
        (["--resume", "/tmp", "--seq-len", "8"], "leave out --seq-len"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_exit_2(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: none of these gets as far as starting another one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rnn-vs-attn", "bench", *words])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as stop:
        app.main()
    shown = capsys.readouterr()
    assert_one_sentence(subprocess.CompletedProcess(words, stop.value.code, shown.out, shown.err), said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "layers:Nothing"], "no class or function 'Nothing'"),
        (["--model", "no_such_package:Mixer"], "does not import"),
        (["--model", "torch.nn:GRU", "--model-arg", "biased=False"], "no argument 'biased'; did you mean 'bias'?"),
        (["--model", "foreign:TwoReadings"], "can be read in two ways: dim=16 with hidden_dim=16"),
        (["--model", "layers:ShortOutput"], "must keep (batch_size, seq_len, d_model)"),
        (["--cuda-graphs"], "needs --device cuda"),
    ],
)
def test_what_only_the_machine_can_tell_is_refused_before_anything_is_measured(
    words: list[str], said: str, tmp_path: Path
) -> None:
    assert_one_sentence(run("bench", *TINY, "--seq-len", "8", *words, cwd=tmp_path), said)
    assert list(tmp_path.iterdir()) == []


def test_cuda_is_refused_where_there_is_none(tmp_path: Path) -> None:
    if environment_has_cuda():
        pytest.skip("there is a CUDA device here")
    done = run("bench", "--device", "cuda", "--threads", "1", cwd=tmp_path)
    assert_one_sentence(done, "device 'cuda' is not available")
    assert "use --device cpu" in done.stderr


def environment_has_cuda() -> bool:
    return Path("/dev/nvidia0").exists()


def test_an_output_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert_one_sentence(run("bench", "--output", str(file / "run")), str(file / "run"))
    full = tmp_path / "full"
    full.mkdir()
    (full / "notes").write_text("keep me")
    assert_one_sentence(run("bench", "--output", str(full)), "is not empty")
    assert (full / "notes").read_text() == "keep me"


def test_more_threads_than_cores_run_with_force(tmp_path: Path) -> None:
    threads = str(environment.usable_cores() + 1)
    words = ["bench", *QUICK, "--seq-len", "8", "--model", "lstm", "--threads", threads, "--rounds", "1", "--force"]
    done = run(*words, "--output", str(tmp_path / "run"))
    assert done.returncode == 0
    assert f"note: {threads} threads " in done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """One anonymous run with good and odd modules, and what it printed under --json."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    models = "lstm,attention,layers:WithWeights,layers:Unseen"
    words = ["--model", models, "--seq-len", "8,16", "--rounds", "1", "--json", "--anonymous", "--output", str(folder)]
    surroundings = dict(os.environ, OMP_DISPLAY_ENV="false", PYTHONPATH=str(USER_MODULES))
    return folder, run("bench", *TINY, *words, env=surroundings)


def test_json_is_one_document_and_nothing_else(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    done = finished[1]
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["run"]["status"] == "complete"
    metrics = {record["metric"] for record in document["records"]}
    assert {"forward_time", "train_time", "backward_time", "peak_memory", "num_params", "flops"} <= metrics
    assert {"saved_bytes", "exponent", "crossing", "peak_flops", "peak_bandwidth", "round_time"} <= metrics
    assert {record["metric"] for record in document["derived"]} >= {"ratio", "tokens_per_second", "flops_fraction"}


def test_a_run_folder_holds_what_the_design_says(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder = finished[0]
    head = json.loads((folder / "run.json").read_text())
    assert (head["schema"], head["suite"], head["status"]) == (SCHEMA, "bench", "complete")
    assert head["environment"]["fingerprint"]
    assert "| model | seq_len |" in (folder / "table.md").read_text()
    rows = list(csv.DictReader((folder / "table.csv").open()))
    models = ["lstm", "attention", "layers:WithWeights", "layers:Unseen"]
    assert [(row["model"], row["seq_len"]) for row in rows] == [(m, n) for n in ("8", "16") for m in models]
    assert {file.name for file in (folder / "plots").iterdir()} >= {"train_time.svg", "train_time.png"}


def test_anonymous_leaves_host_user_and_paths_out(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder = finished[0]
    text = "".join(file.read_text() for file in folder.iterdir() if file.is_file()) + finished[1].stdout
    assert json.loads(finished[1].stdout)["folder"] == folder.name
    facts = environment.describe({}, anonymous=False)
    for secret in (facts["host"], facts["folder"], facts["executable"], str(folder.parent), "OMP_DISPLAY_ENV"):
        assert secret not in text


def test_unknown_flops_are_unknown_and_never_0(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    records = json.loads(finished[1].stdout)["records"]
    flops = [r for r in records if r["metric"] == "flops" and r["axes"]["model"] == "layers:Unseen"]
    assert len(flops) == 4
    assert all(r["median"] is None and "unknown" in r["warnings"][0] for r in flops)


def test_dry_run_lists_the_cases_and_measures_none(tmp_path: Path) -> None:
    done = run("bench", *TINY, "--model", "lstm,attention", "--seq-len", "8:32", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 7
    assert "6 cases" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_compile_time_is_apart_and_a_kernel_it_cannot_touch_is_said(tmp_path: Path) -> None:
    words = ["bench", *TINY, "--model", "lstm,attention", "--seq-len", "8", "--rounds", "1", "--compile", "--json"]
    document = json.loads(run_process(*words, "--output", str(tmp_path / "run")).stdout)
    by_model = {r["axes"]["model"]: r for r in document["records"] if r["metric"] == "forward_time"}
    assert "not compiled" in by_model["lstm"]["warnings"][0]
    if by_model["attention"]["status"] == "ok":
        compile_time = [
            r for r in document["records"] if r["metric"] == "compile_time" and r["axes"]["pass"] == "forward"
        ]
        assert all(r["median"] > by_model[r["axes"]["model"]]["median"] for r in compile_time)
    else:  # no C++ compiler here
        assert by_model["attention"]["status"] == "unsupported"


@pytest.mark.long
@pytest.mark.parametrize(("module", "words"), [("pydantic", ["bench", "--dry-run"]), ("typer", ["models"])])
def test_a_package_that_is_missing_is_named(module: str, words: list[str], tmp_path: Path) -> None:
    """Without pydantic, which typer asks for at its first call, it was "a fault of rnn-vs-attn"."""
    (tmp_path / module).mkdir()
    (tmp_path / module / "__init__.py").write_text(
        f"raise ModuleNotFoundError(\"No module named '{module}'\", name='{module}')"
    )
    paths = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"], str(Path(__file__).parents[2])])
    done = run_process(*words, env=dict(os.environ, PYTHONPATH=paths))
    assert_one_sentence(done, f"needs the module '{module}', which is not installed; pip install -U {module}")


def test_models_lists_every_model_with_its_facts() -> None:
    rows = json.loads(run("models", "--json").stdout)["models"]
    assert [row["name"] for row in rows][:5] == ["rnn", "gru", "lstm", "lstm-cell", "mingru"]
    facts = ("num_params", "train_flops", "time", "memory", "sequential_operations", "path_length", "source")
    assert [row["name"] for row in rows] == [spec.name for spec in BUILT_IN]
    unknown = {(row["name"], fact) for row in rows for fact in facts if row[fact] is None}
    assert unknown == {(name, "train_flops") for name in ("lstm-lm", "gpt", "transformer-xl", "albert")}
    assert [row["name"] for row in rows if not row["decodes"]] == ["albert"]
    assert {row["name"]: row["commands"] for row in rows}["albert"] == ["variants albert"]


def test_models_describes_a_users_module_and_shows_a_broken_plug_in(tmp_path: Path) -> None:
    packages = tmp_path / "site"
    info = packages / "plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rnn_vs_attn.models]\nmean = layers:RunningMean\nlost = layers:Nothing\n")
    paths = os.pathsep.join([str(packages), os.environ["PYTHONPATH"]])
    done = run("models", "--json", "--d-model", "16", env=dict(os.environ, PYTHONPATH=paths))
    rows = {row["name"]: row for row in json.loads(done.stdout)["models"]}
    assert rows["mean"]["num_params"] == 16 * 16 + 16
    assert rows["mean"]["source"] == "package plugin"
    assert rows["mean"]["decodes"]
    assert rows["mean"]["commands"] == ["bench", "gradflow", "scaling", "recall", "decode", "lm", "ab"]
    assert rows["lost"]["note"].startswith("broken: ")
    assert rows["lost"]["commands"] == []


@pytest.mark.parametrize(("model", "decodes"), [("layers:Heads", False), ("flows:WithStateArgument", True)])
def test_models_says_whether_decode_takes_a_users_module(model: str, decodes: bool) -> None:
    (row,) = json.loads(run("models", "--json", "--model", model, "--d-model", "16").stdout)["models"]
    assert row["decodes"] == decodes
    assert ("decode" in row["commands"]) == decodes


def test_doctor_says_what_the_machine_is() -> None:
    done = run_process("doctor", "--json", "--threads", "4097")
    document = json.loads(done.stdout)
    assert document["environment"]["torch"]
    assert any("4097 threads" in finding["text"] for finding in document["findings"])
    assert all(finding["remedy"] for finding in document["findings"])
    assert document["environment"]["memory_available"] > 0


def test_debug_shows_the_stack_trace() -> None:
    done = run("bench", "--model", "lstmm", "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.rstrip().splitlines()[-1].startswith("error: ")


def test_help_names_every_command_and_the_exit_codes() -> None:
    done = run("--help")
    assert all(f"│ {entry.name} " in done.stdout for entry in ENTRIES)
    assert len(ENTRIES) == 17
    assert "130" in done.stdout


def test_a_pipe_that_closes_early_is_no_fault() -> None:
    done = subprocess.run(
        f"{' '.join(PROGRAM)} models | head -1", shell=True, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
