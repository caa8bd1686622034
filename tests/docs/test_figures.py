"""Figures in the text that no table has are formed here from the stored runs, and stand there as they come out."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from paths import REFERENCE, ROOT
from scipy.stats import chi2


def text(page: str) -> str:
    return re.sub(r"\s+", " ", (ROOT / "docs" / page).read_text())


def stored(run: str, metric: str, **axes: Any) -> list[dict[str, Any]]:
    lines = (REFERENCE / run / "records.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return [r for r in records if r["metric"] == metric and axes.items() <= r["axes"].items()]


def only(run: str, metric: str, **axes: Any) -> dict[str, Any]:
    (found,) = stored(run, metric, **axes)
    return found


def seconds(run: str) -> float:
    head = json.loads((REFERENCE / run / "run.json").read_text())
    begun, ended = (datetime.fromisoformat(head[name]) for name in ("started", "finished"))
    return (ended - begun).total_seconds()


def test_how_far_rounds_are_apart() -> None:
    times = [r for name in ("forward_time", "backward_time", "train_time") for r in stored("full/bench", name)]
    apart = {}
    for record in times:
        values = [value for value in record["samples"] if value is not None]
        apart[record["axes"]["model"], record["metric"], record["axes"]["seq_len"]] = max(values) / min(values)
    most = max(apart, key=lambda case: apart[case])
    assert most == ("attention", "train_time", 64)
    assert f"differ by up to {apart[most]:.1f} times** (`attention`, training, 64 tokens)" in text("bench.md")


def test_on_two_threads_rounds_are_of_two_kinds() -> None:
    slow = [6, 7, 8, 11]
    page, found = text("bench.md"), {}
    for model in ("lstm", "rnn", "attention"):
        times = np.array([r["samples"] for r in stored("full/bench", "train_time", model=model)])
        found[model] = np.median(times[:, slow], axis=1) / np.median(np.delete(times, slow, axis=1), axis=1)
    assert len(found["lstm"]) == 5
    assert [f"{np.median(found[model]):.1f}" for model in ("lstm", "rnn")] == ["1.6", "1.6"]
    assert min(*found["lstm"], *found["rnn"]) > 1.4
    least, most = (f"{100 * pick(found['attention']) - 100:.0f}" for pick in (min, max))
    told = "four of twelve took some 1.6 times as long at every length, where attention's took"
    assert f"{told} {least} to {most} % more" in page
    copies = np.array(only("full/bench", "peak_bandwidth")["samples"])
    usual = np.median(np.delete(copies, slow))
    assert sum(copies[slow] > 1.5 * usual) == 3
    assert f"{max(copies[slow] / usual):.0f}" == "2"


def test_how_much_more_gradient_a_recurrence_passes_on_near_by() -> None:
    rnn, attention = (
        only("full/gradflow", "gradient_norm_log10", model=model, distance=1)["median"]
        for model in ("rnn", "attention")
    )
    times = round(10 ** (rnn - attention), -1)
    assert f"by some {times:.0f} times at distance 1 (`rnn`)" in text("gradflow.md")


def test_how_low_the_median_of_eight_probes_lies() -> None:
    """Lowest where all of the gradient is along one direction, whose square is a chi-squared of one degree a probe."""
    low = 1 - np.sqrt(chi2.median(8) / 8)
    assert f"(of 8 by {100 * low:.0f} % at most)" in text("gradflow.md")


def test_how_the_slope_of_mingru_rises() -> None:
    slopes = []
    for length in (128, 1024):
        axes = {"model": "mingru", "d_model": 128, "threads": 1, "part": "layer"}
        once, twice = (only("full/scaling", "forward_time", seq_len=n, **axes)["samples"] for n in (length, 2 * length))
        slopes.append(np.median(np.log2(np.divide(twice, once))))
    assert "rises from {:.2f} between 128 and 256 tokens to {:.2f} between".format(*slopes) in text("scaling.md")


def test_what_weights_are_read_at() -> None:
    """Of four LSTM layers, and of GPT's blocks: without its embeddings, of which a token reads one row."""
    width, page = 256, text("decode.md")
    for model, weights in (("lstm", 4 * 8 * (width**2 + width)), ("gpt", 4 * (12 * width**2 + 13 * width) + 2 * width)):
        taken = only("full/decode", "step_time", model=model, seq_len=64)["median"]
        assert f"{4e-6 * weights:.1f} MB" in page
        assert f"{1e3 * taken:.3f} ms" in page
        assert f"{4e-9 * weights / taken:.0f} GB/s" in page


def test_how_long_the_stored_runs_took() -> None:
    for name in ("scaling", "recall"):
        assert f"in {seconds(f'full/{name}'):.0f} seconds on two cores" in text(f"{name}.md")
    assert seconds("full/gradflow") == 9
    assert "in nine seconds on two cores" in text("gradflow.md")
    heads = [json.loads(file.read_text()) for file in (REFERENCE / "full").glob("*/run.json")]
    begun, ended = (
        datetime.fromisoformat(pick(h[name] for h in heads)) for name, pick in (("started", min), ("finished", max))
    )
    assert f"{(ended - begun).total_seconds() / 60:.0f} minutes) on the same machine" in text("../README.md")


def test_machines_are_named_where_they_are_others() -> None:
    """accuracy.md names that of all runs but one; those of learning and of a GPU have pages that name theirs."""
    files = [*REFERENCE.glob("*/run.json"), *REFERENCE.glob("full/*/run.json"), *REFERENCE.glob("lesson/*/run.json")]
    cpu = {file.parent: json.loads(file.read_text())["environment"]["cpu"] for file in files}
    assert len(files) == 20
    others = {folder.name: found for folder, found in cpu.items() if "AMD EPYC" not in found}
    assert [(name, "Intel(R) Xeon(R)" in found) for name, found in others.items()] == [("gradflow-trained", True)]
    assert "two cores of an Intel Xeon" in text("trained.md")


def best_of_lm(run: str, metric: str, model: str, memory_len: int = 0) -> list[float]:
    """Of every seed at its best learning rate, which alone has more than one."""
    found = stored(run, metric, model=model, memory_len=memory_len)
    (of_best,) = [r["samples"] for r in found if len(r["samples"]) > 1]
    return list(of_best)


def test_what_the_readme_says_of_lm() -> None:
    readme = re.sub(r"\s+", " ", (ROOT / "README.md").read_text())
    for model in ("mingru", "lstm-lm", "gpt"):
        assert best_of_lm("full/lm", "num_params", model)[0] == pytest.approx(120_000, rel=0.02)
    beside = [r for r in stored("full/lm", "verdict") if "beside" in r["axes"]]
    words = {(r["axes"]["beside"], r["axes"]["equal"]): r["details"]["text"] for r in beside}
    assert words["mingru", "time and tokens"] == "does not hold here"
    assert words["lstm-lm", "time"] == words["lstm-lm", "tokens"] == "undecided"
    (figure,) = (r["details"]["figure"] for r in beside if r["axes"]["beside"] == "mingru")
    gpt, mingru, seconds = re.findall(r": (\S+ \[.+?\]) and (\S+ \[.+?\]) after (\d+) s; ", figure)[0]
    assert f"after {seconds} seconds of training" in readme
    assert f"a minGRU takes {mingru} bits a byte of text that it has not seen, a GPT {gpt}" in readme


def test_what_lm_found_with_as_many_tokens_for_all() -> None:
    page = text("lm.md")
    for model, memory_len in (("mingru", 0), ("gpt", 0), ("transformer-xl", 64), ("transformer-xl", 0)):
        bits = best_of_lm("lm-tokens", "bits_per_byte", model, memory_len)
        assert " ".join(f"{value:.3f}" for value in bits) in page
    speeds = [np.median(best_of_lm("lm-tokens", "tokens_per_second", model)) for model in ("lstm-lm", "gpt")]
    assert f"takes {speeds[0] / speeds[1]:.1f} times the tokens a second that GPT takes" in page
    gains = [r for r in stored("lm-tokens", "context_gain") if r["axes"]["to"] > r["axes"]["from"]]
    assert {r["details"]["text"] for r in gains} == {"does not hold here"}


def of_gpu(metric: str, model: str, dtype: str = "float32", **axes: Any) -> dict[str, Any]:
    return only("gpu-h100/bench", metric, model=model, dtype=dtype, **axes)


def test_what_a_gpu_showed_of_training() -> None:
    page = text("gpu.md")
    ratio = {}
    for model, n in (("lstm", 512), ("lstm", 4096), ("attention-naive", 4096)):
        both = [np.array(of_gpu("train_time", m, seq_len=n)["samples"]) for m in (model, "attention")]
        of_rounds = both[0] / both[1]
        assert len(of_rounds) == 6  # of which the extremes are the interval
        ratio[model, n] = f"{np.median(of_rounds):.2f} [{of_rounds.min():.2f}, {of_rounds.max():.2f}]"
    assert f"the LSTM takes {ratio['lstm', 512]} times as long at 512 tokens and {ratio['lstm', 4096]} at 4,096" in page
    assert f"(`attention-naive`) takes {ratio['attention-naive', 4096]} times as long as the fused kernel" in page
    naive, fused = (
        of_gpu("peak_memory", model, seq_len=4096, **{"pass": "train"})["median"]
        for model in ("attention-naive", "attention")
    )
    assert f"and {naive / fused:.1f} times its memory" in page
    in_16_bits = [
        of_gpu(f"{name}_time", "lstm", "bfloat16", seq_len=n)["median"]
        / of_gpu(f"{name}_time", "lstm", seq_len=n)["median"]
        for name in ("forward", "train")
        for n in (512, 4096)
    ]
    assert f"take {min(in_16_bits):.0f} to {max(in_16_bits):.0f} times as long as in float32" in page


def test_on_a_cpu_it_is_the_lstm_that_trains_faster() -> None:
    claims = (REFERENCE / "full/bench" / "table.md").read_text()
    assert (
        "- Attention trains faster than lstm: does not hold here. From 96 [90, 282] tokens on lstm is faster; "
        in claims
    )
    assert "the LSTM trains faster at 512 and 1,024 tokens" in text("gpu.md")


def test_how_many_times_on_a_gpu_are_those_of_the_host() -> None:
    page = text("gpu.md")
    found = stored("gpu-h100/bench", "launch_bound", **{"pass": "train"})
    bound = [record["axes"] for record in found if record["median"] > 0.5]
    assert f"{len(bound)} of the {len(found)} training times" in page
    of_host, of_device = [], {}
    for record in stored("gpu-h100/bench", "train_time"):
        case = record["axes"]["model"], record["axes"]["seq_len"], record["axes"]["dtype"]
        half = 50 * (record["high"] - record["low"]) / record["median"]
        if any(case == (axes["model"], axes["seq_len"], axes["dtype"]) for axes in bound):
            of_host.append(half)
        else:
            of_device[case] = half
    assert f"intervals are ±{min(of_host):.0f} % and more" in page
    widest = of_device.pop(("lstm", 512, "float32"))
    assert len(of_device) == 4
    assert (
        f"Of the 5 others, 4 are within {max(of_device.values()):.1f} %, and `lstm` at 512 tokens within {widest:.0f} %"
        in page
    )


def test_passes_of_an_lstm_in_bfloat16_on_a_gpu_are_those_of_the_host() -> None:
    found = stored("gpu-h100/bench", "launch_bound", model="lstm", dtype="bfloat16")
    assert [record["median"] for record in found] == [1.0] * 4
    assert "which is the time of the host's launches" in text("gpu.md")


def test_what_the_gpu_reaches_at_best() -> None:
    product = {dtype: only("gpu-h100/bench", "peak_flops", dtype=dtype)["median"] for dtype in ("bfloat16", "float32")}
    copies = {f"{record['median'] / 1e12:.2f}" for record in stored("gpu-h100/bench", "peak_bandwidth")}
    (copy,) = copies
    said = f"{product['bfloat16'] / 1e12:.0f} TFLOP/s; {product['float32'] / 1e12:.1f} TFLOP/s; {copy} TB/s"
    assert said in text("accuracy.md")


def test_what_a_token_takes_on_a_gpu() -> None:
    lstm, attention = (
        [r["median"] * 1e3 for r in stored("gpu-h100/decode", "step_time", model=model)]
        for model in ("lstm", "attention")
    )
    said = (
        f"takes {min(lstm):.2f} to {max(lstm):.2f} ms after 64 to 4,096 tokens, one of attention {attention[0]:.2f} ms"
    )
    assert f"{said} after 64 tokens and {attention[-1]:.2f} after 4,096" in text("gpu.md")
    of_steps = [r for r in stored("gpu-h100/decode", "launch_bound") if r["axes"].get("pass") == "step"]
    device = [
        (r["axes"]["model"], r["axes"]["seq_len"]) for r in of_steps if r["status"] == "ok" and r["median"] <= 0.5
    ]
    assert device == [("attention", 4096)]
    assert "Decoding was launch-bound but for attention after 4,096 tokens" in text("gpu.md")


def test_what_gradients_on_a_gpu_show_is_what_they_show_on_a_cpu() -> None:
    for metric in ("spectral_radius", "largest_singular_value"):
        here, there = (only(run, metric)["samples"] for run in ("full/gradflow", "gpu-h100/gradflow"))
        assert here == pytest.approx(there, rel=1e-12)
    said = []
    for run in ("full/gradflow", "gpu-h100/gradflow"):
        lines = (REFERENCE / run / "table.md").read_text().splitlines()
        first = next(i for i, line in enumerate(lines) if line.startswith("| rnn |"))
        laws = [(row[0], row[5]) for line in lines[first : first + 4] for row in [line.strip("| ").split(" | ")]]
        compared = [line.partition(" tokens; ")[2] for line in lines if "more than through" in line]
        assert (len(laws), len(compared)) == (4, 3)
        said.append((laws, compared))
    assert said[0] == said[1]
    assert "every law, comparison and distance at which float32 ends is that run's" in text("gpu.md")


def test_with_what_the_gpu_was_used() -> None:
    for run in ("bench", "decode", "gradflow"):
        used = json.loads((REFERENCE / "gpu-h100" / run / "run.json").read_text())["environment"]
        (card,) = used["gpus"]
        assert card["name"].startswith("NVIDIA H100 80GB")
        torch_version = used["torch"].rpartition(".")[0]
        cudnn = f"{used['cudnn'] // 10000}.{used['cudnn'] // 100 % 100}"
        assert f"NVIDIA H100 80GB with torch {torch_version}, CUDA {used['cuda']} and cuDNN {cudnn}" in text("gpu.md")


def test_what_is_learnt_stands_in_the_readme_as_the_stored_run_has_it() -> None:
    readme = re.sub(r"\s+", " ", (ROOT / "README.md").read_text())
    best = {
        ("mqar", "attention"): 0.005,
        ("mqar", "lstm"): 0.005,
        ("parity", "attention"): 0.002,
        ("parity", "lstm"): 0.005,
    }
    of = {
        (name, *case): only("full/recall", name, task=case[0], model=case[1], learning_rate=rate)["samples"]
        for case, rate in best.items()
        for name in ("accuracy", "steps_to_solve")
    }
    recalled, tracked = (
        f"{np.median(of['steps_to_solve', *case]):.0f}" for case in (("mqar", "attention"), ("parity", "lstm"))
    )
    assert min(of["accuracy", "mqar", "attention"]) == min(of["accuracy", "parity", "lstm"]) == 1
    never, at_best = (
        int(1000 * max(of["accuracy", *case])) / 1000 for case in (("mqar", "lstm"), ("parity", "attention"))
    )
    assert f"after {recalled} steps and the LSTM never more than {never:g} of them" in readme
    assert f"every answer after {tracked} steps, attention {at_best:g} of them at best" in readme
    solved = stored("learning/rates", "steps_to_solve", num_layers=1)
    by_one_layer = {r["axes"]["model"] for r in solved if r["samples"][0] is not None}
    assert by_one_layer == {"gated-deltanet", "mamba2"}


def test_the_bisection_on_the_page_is_the_stored_one() -> None:
    folder = REFERENCE / "bisection/trial-00"
    log, outcome = (folder / "log.txt").read_text().splitlines(), json.loads((folder / "outcome.json").read_text())
    page = (ROOT / "docs/limits.md").read_text().splitlines()
    shown = [line.strip() for line in page if line.startswith("    bisect: HEAD")]
    assert len(shown) == 4
    assert [line for line in shown if line not in log] == []
    assert (outcome["slowdown"], outcome["named"], sum(outcome["answers"].values())) == (28, [28], 7)
    assert round(outcome["seconds"] / 60) == 26
    assert "Git tried seven commits in 26 minutes" in text("limits.md")
