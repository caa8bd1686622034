"""The joined table: which settings, which values, which of them is the best."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fakes import record
from planted_reports import H100, accuracy, entry, memory, state, time

from rnn_vs_attn.pages.entries import Entry
from rnn_vs_attn.pages.joined import ABSENT, Joined, joined
from rnn_vs_attn.pages.report import models_table
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.tables import LAUNCHES

AMD = "AMD EPYC, 2 cores"


def cells(found: Joined, machine: str = AMD) -> dict[tuple[str, str], str]:
    """What stands in each cell, with a star at the best."""
    return {
        (model, measure.title): found.value(at, model, measure).text(measure)
        + " ★" * found.value(at, model, measure).best
        for at, model in found.rows
        if at == machine
        for measure in found.measures
    }


def of_bench(*records: Record) -> dict[str, str]:
    """The training pass of each model."""
    found = cells(joined([entry("bench", *records)]))
    return {model: text for (model, title), text in found.items() if title == "training pass, ms"}


def test_a_model_has_one_row_with_what_each_suite_measured_of_it() -> None:
    bench = entry("bench", time("lstm", 0.010, 0.009, 0.011), memory("lstm", 3 << 20, 2 << 20, 4 << 20))
    decode = entry("decode", state("lstm", 8192), state("gpt", 33_554_432))
    recall = entry("recall", accuracy("lstm", "mqar", 1e-3, 0.25), accuracy("lstm", "mqar", 1e-2, 0.27))
    recall.run.records.append(accuracy("lstm", "parity", 1e-3, 1.0))
    lm = entry("lm", record("bits_per_byte", 2.06, unit="1", model="gpt", seq_len=64, learning_rate=0.1, device="cpu"))
    found = joined([bench, decode, recall, lm])
    assert [measure.title for measure in found.measures] == [
        "training pass, ms",
        "memory of training, MiB",
        "state, KiB",
        "accuracy, mqar",
        "accuracy, parity",
        "bits a byte",
    ]
    assert found.rows == [(AMD, "lstm"), (AMD, "gpt")]
    assert [text for (model, _), text in cells(found).items() if model == "lstm"] == [
        "10.0 ±10%",
        "3.00 ±33%",
        "8.00 ★",
        "0.270",
        "1.00",
        ABSENT,
    ]
    assert [text for (model, _), text in cells(found).items() if model == "gpt"] == [
        *[ABSENT] * 2,
        "32,768",
        *[ABSENT] * 2,
        "2.06",
    ]


def test_the_longest_length_is_taken_that_all_models_have() -> None:
    short = [time("lstm", 0.01, 0.009, 0.011), time("attention", 0.02, 0.019, 0.021)]
    longer = [time("lstm", 0.1, 0.09, 0.11, 512), time("attention", 0.4, 0.39, 0.41, 512)]
    failed = time("attention", None, None, None, 1024, status="out_of_memory", error="too large")
    found = joined([entry("bench", *short, *longer, time("lstm", 0.2, 0.19, 0.21, 1024), failed)])
    assert found.chosen[0].settings["seq_len"] == 512
    assert of_bench(*short, *longer)["lstm"] == "100 ±10% ★"


def test_a_fault_is_shown_with_its_reason_and_nothing_is_best_of_one() -> None:
    failed = time("attention", None, None, None, status="out_of_memory", error="too large")
    found = joined([entry("bench", time("lstm", 0.01, 0.009, 0.011), failed)])
    value = found.value(AMD, "attention", found.measures[0])
    assert value.text(found.measures[0]) == "out of memory"
    assert value.fault == "out_of_memory: too large"
    assert of_bench(time("lstm", 0.01, 0.009, 0.011), failed)["lstm"] == "10.0 ±10%"


@pytest.mark.parametrize(
    ("ends", "best"),
    [
        (((0.009, 0.011), (0.012, 0.014)), True),
        (((0.009, 0.0125), (0.012, 0.014)), False),  # they overlap
        (((None, None), (0.012, 0.014)), False),
        (((0.009, 0.011), (None, None)), False),
    ],
)
def test_the_best_is_apart_from_all_others(ends: tuple[tuple[float | None, float | None], ...], best: bool) -> None:
    (low, high), (other_low, other_high) = ends
    found = of_bench(time("lstm", 0.010, low, high), time("attention", 0.013, other_low, other_high))
    assert found["lstm"].endswith("★") == best
    assert not found["attention"].endswith("★")


def test_of_exact_numbers_the_lower_is_best_and_a_tie_is_none() -> None:
    title = "state, KiB"
    apart = cells(joined([entry("decode", state("lstm", 8192), state("gru", 8193))]))
    assert (apart["lstm", title], apart["gru", title]) == ("8.00 ★", "8.00")
    tie = cells(joined([entry("decode", state("lstm", 8192), state("gru", 8192), state("gpt", 9000))]))
    assert not any(text.endswith("★") for text in tie.values())


def test_higher_is_better_where_the_metric_says_so() -> None:
    both = accuracy("lstm", "mqar", 1, 0.3, 0.1), accuracy("attention", "mqar", 1, 0.9, 0.1)
    assert cells(joined([entry("recall", *both)]))["attention", "accuracy, mqar"] == "0.900 ±11% ★"


def test_each_model_has_its_own_best_learning_rate() -> None:
    rates = [accuracy("lstm", "mqar", rate, value) for rate, value in ((1e-3, 0.2), (1e-2, 0.7), (1e-1, 0.1))]
    assert cells(joined([entry("recall", *rates)]))["lstm", "accuracy, mqar"] == "0.700"


def test_the_learning_rate_that_went_on_counts_and_none_that_was_given_up_after_the_first_seed() -> None:
    """The best by its first seed, 0.9, which two others do not reach: 0.8 of one seed is not what it does best."""
    given_up = accuracy("lstm", "mqar", 1e-3, 0.8)
    went_on = replace(accuracy("lstm", "mqar", 1e-2, 0.5), samples=[0.9, 0.5, 0.4])
    assert cells(joined([entry("recall", given_up, went_on)]))["lstm", "accuracy, mqar"] == "0.500"
    lost = replace(accuracy("lstm", "mqar", 1e-2, 0.9), samples=[0.9], status="failed", error="NaN")
    assert cells(joined([entry("recall", given_up, lost)]))["lstm", "accuracy, mqar"] == "failed"
    diverged = replace(lost, samples=[], median=None)
    assert cells(joined([entry("recall", given_up, diverged)]))["lstm", "accuracy, mqar"] == "0.800"


def test_a_word_in_place_of_a_number_is_shown_and_the_column_has_no_best() -> None:
    """A gradient that does not vanish has no half-life, and is better than any."""
    axes = {"seq_len": 64, "device": "cpu"}
    lives = [
        record("half_life", value, value - 0.1, value + 0.1, unit="1", better="higher", model=model, **axes)
        for model, value in (("rnn", 0.9), ("lstm", 1.4))
    ]
    law = record("gradient_law", None, unit="text", details={"text": "flat"}, model="attention", **axes)
    found = cells(joined([entry("gradflow", *lives, law)]))
    assert found["attention", "gradient's half-life, tokens"] == "flat"
    assert not any(text.endswith("★") for text in found.values())


def test_a_reach_to_the_end_of_the_sequence_may_be_any_longer_one() -> None:
    axes = {"unit": "1", "better": "higher", "seq_len": 64, "device": "cpu"}
    reaches = [record("reach", value, value, value, model=model, **axes) for model, value in (("rnn", 9), ("gpt", 63))]
    found = cells(joined([entry("gradflow", *reaches)]))
    assert list(found.values()) == ["9", "≥ 63 ★"]


def machines() -> list[Entry]:
    here = entry("bench", time("lstm", 0.010, 0.009, 0.011), time("attention", 0.020, 0.019, 0.021))
    fast = [time(m, v, v * 0.9, v * 1.1, 256, device="cuda") for m, v in (("lstm", 0.004), ("attention", 0.001))]
    return [here, entry("bench", *fast, environment=H100)]


def test_machines_have_rows_settings_and_a_best_of_their_own() -> None:
    found = joined(machines())
    assert found.rows == [(at, m) for at in (AMD, "NVIDIA H100") for m in ("lstm", "attention")]
    assert cells(found)["lstm", "training pass, ms"] == "10.0 ±10% ★"
    assert cells(found, "NVIDIA H100")["attention", "training pass, ms"] == "1.00 ±10% ★"
    assert [chosen.settings["seq_len"] for chosen in found.chosen] == [64, 256]


def test_nothing_that_has_noise_is_best_beside_another_run() -> None:
    """Runs differ by more than their intervals say; what is counted is the same in all of them."""
    first = entry("bench", time("lstm", 0.010, 0.009, 0.011), path="results/a")
    second = entry("bench", time("attention", 0.020, 0.019, 0.021), path="results/b")
    assert not any(text.endswith("★") for text in cells(joined([first, second])).values())
    states = [entry("decode", state("lstm", 8192)), entry("decode", state("gpt", 9000))]
    assert cells(joined(states))["lstm", "state, KiB"] == "8.00 ★"


def test_runs_of_as_many_steps_stand_beside_each_other_and_those_of_other_steps_do_not() -> None:
    """Where all train for the same time each model has its own steps."""

    def bits(model: str, value: float, steps: int, seconds: int) -> Entry:
        axes: dict[str, Any] = {"steps": steps, "seconds_per_model": seconds, "memory_len": 0, "device": "cpu"}
        return entry("lm", record("bits_per_byte", value, unit="1", model=model, learning_rate=0.1, **axes))

    found = joined([bits("gpt", 2.5, 100, 0), bits("mingru", 2.0, 1000, 0), bits("lstm-lm", 2.1, 1000, 0)])
    assert list(cells(found).values()) == [ABSENT, "2.00", "2.10"]
    assert found.chosen[0].settings["steps"] == 1000
    timed = joined([bits("gpt", 2.5, 100, 17), bits("mingru", 2.0, 1000, 17)])
    assert list(cells(timed).values()) == ["2.50", "2.00"]
    assert timed.chosen[0].settings["seconds_per_model"] == 17


def test_of_two_runs_the_later_one_counts_in_whatever_order_they_are_given() -> None:
    monday = entry("bench", time("lstm", 0.010, 0.009, 0.011), started="2026-11-23T05:00:00+00:00")
    tuesday = entry("bench", time("lstm", 0.020, 0.019, 0.021), started="2026-11-24T05:00:00+00:00")
    for runs in ([monday, tuesday], [tuesday, monday]):
        assert cells(joined(runs))["lstm", "training pass, ms"].startswith("20.0")


def test_a_word_of_the_later_run_counts_and_not_a_number_of_the_earlier_one() -> None:
    axes: dict[str, Any] = {"seq_len": 64, "device": "cpu", "model": "lstm"}
    first = entry("gradflow", record("half_life", 1.4, 1.3, 1.5, unit="1", better="higher", **axes))
    second = entry("gradflow", record("gradient_law", None, unit="text", details={"text": "flat"}, **axes))
    assert cells(joined([first, second]))["lstm", "gradient's half-life, tokens"] == "flat"


def test_settings_of_which_there_are_several_are_named() -> None:
    ways = [time(m, v, v, v, positions=kind) for kind, v in (("none", 0.01), ("rotary", 0.02)) for m in ("lstm", "gru")]
    (chosen,) = joined([entry("bench", *ways)]).chosen
    assert chosen.several == ("positions",)
    assert chosen.settings["positions"] == "none"


def test_of_two_runs_the_later_one_counts_and_the_other_fills_up() -> None:
    first = entry("bench", time("lstm", 0.010, 0.009, 0.011), time("gru", 0.030, 0.029, 0.031))
    second = entry("bench", time("lstm", 0.012, 0.011, 0.013), time("attention", 0.02, 0.019, 0.021))
    found = cells(joined([first, second]))
    assert [found[m, "training pass, ms"].split()[0] for m in ("lstm", "gru", "attention")] == ["12.0", "30.0", "20.0"]


def test_a_model_that_decides_its_own_width_stands_beside_the_others() -> None:
    own = time("hf:gpt2", 0.5, 0.49, 0.51, d_model=None)
    found = of_bench(time("lstm", 0.010, 0.009, 0.011), own)
    assert found == {"lstm": "10.0 ±10%", "hf:gpt2": "500 ±2.0%"}  # it is of another size, so that none is the best


def test_a_size_that_a_task_chooses_does_not_stand_beside_one_that_was_typed() -> None:
    """None is what its task takes, and not any size."""
    own = [replace(each, axes=each.axes | {"vocab_size": None}) for each in map(_mqar, ("lstm", "gru"))]
    typed = [replace(each, axes=each.axes | {"vocab_size": 256}) for each in map(_mqar, ("rnn", "mingru", "conv"))]
    found = cells(joined([entry("recall", *own), entry("recall", *typed)]))
    assert list(found.values()) == [ABSENT, ABSENT, "0.500", "0.500", "0.500"]


def _mqar(model: str) -> Record:
    return accuracy(model, "mqar", 1e-3, 0.5)


def test_runs_without_such_metrics_have_no_table() -> None:
    assert joined([entry("scaling", record("exponent", 1.0, model="lstm"))]).rows == []


def test_a_time_that_is_that_of_the_hosts_launches_is_marked() -> None:
    times = [time(m, v, v * 0.99, v * 1.01, device="cuda") for m, v in (("lstm", 0.010), ("attention", 0.020))]
    said = [
        record("launch_bound", part, unit="1", better="none", **(of.axes | {"pass": "train"}))
        for of, part in zip(times, (1.0, 0.0), strict=True)
    ]
    forward = record("launch_bound", 1.0, unit="1", better="none", **(times[1].axes | {"pass": "forward"}))
    found = joined([entry("bench", *times, *said, forward, environment=H100)])
    assert list(cells(found, "NVIDIA H100").values()) == ["10.0^ ±1.0% ★", "20.0 ±1.0%"]
    table = models_table(found)
    assert table.notes == [LAUNCHES]
