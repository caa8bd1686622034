"""From what was typed to cases, and what is said of what cannot be measured."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest
from fakes import unhurried
from hypothesis import given
from hypothesis import strategies as st

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.machine import control_groups, environment
from rnn_vs_attn.models.registry import MODELS
from rnn_vs_attn.run import cases
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.case import warnings_for
from rnn_vs_attn.suites.recall.case import RecallCase
from rnn_vs_attn.suites.recall.suite import RECALL

USABLE = 4


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "cores", lambda: list(range(USABLE)))
    under_quota(monkeypatch, None)


def under_quota(monkeypatch: pytest.MonkeyPatch, quota: float | None) -> None:
    monkeypatch.setattr(control_groups, "cpu_quota", lambda: quota)


def typed(**options: Any) -> dict[str, Any]:
    """All options of `bench`, those given as they were typed and the others at their defaults."""
    defaults = {f.name: f.default if isinstance(f.default, bool) else [str(f.default)] for f in fields()}
    return defaults | options


def fields() -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(BenchCase)


def axes(**options: Any) -> cases.AxisValues:
    return cases.parse(BENCH, typed(**options))


def checked(force: bool = False, **options: Any) -> cases.AxisValues:
    found = axes(**options)
    cases.check(BENCH, found, force)
    return found


def refusal(**options: Any) -> str:
    with pytest.raises(UserError) as caught:
        checked(**options)
    return str(caught.value)


# Lists and ranges


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["64"], [64]),
        (["64,128"], [64, 128]),
        (["64", "128"], [64, 128]),
        (["128, 64", "32"], [128, 64, 32]),
        (["64,64", "64"], [64]),
        (["64:512"], [64, 128, 256, 512]),
        (["64:500"], [64, 128, 256]),
        (["3:24"], [3, 6, 12, 24]),
        (["64:64"], [64]),
        (["8:32,100", "16"], [8, 16, 32, 100]),
        (["64,,"], [64]),
    ],
)
def test_lists_and_ranges(texts: list[str], values: list[int]) -> None:
    assert axes(seq_len=texts)["seq_len"] == values


@pytest.mark.long
@unhurried
@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_a_range_doubles_from_its_first_number_and_stays_below_its_last(first: int, more: int) -> None:
    values = axes(seq_len=[f"{first}:{first + more}"])["seq_len"]
    assert values[0] == first
    assert all(b == 2 * a for a, b in itertools.pairwise(values))
    assert values[-1] <= first + more < 2 * values[-1]


def test_names_are_lists_too() -> None:
    assert axes(model=["lstm,gru", "attention"])["model"] == ["lstm", "gru", "attention"]


def test_a_switch_is_one_value() -> None:
    assert axes(causal=False, compile=True)["causal"] == [False]


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["512:64"], "--seq-len '512:64' runs backwards; write 64:512"),
        (["0"], "--seq-len must be at least 1, not 0"),
        (["-5"], "--seq-len must be at least 1, not -5"),
        (["64", "many"], "--seq-len 'many' is not a whole number or a range such as 64:4096"),
        (["1.5"], "--seq-len '1.5' is not a whole number or a range such as 64:4096"),
        (["64:"], "--seq-len '64:' is not a whole number or a range such as 64:4096"),
        (["64-512"], "--seq-len '64-512' is not a whole number or a range such as 64:4096"),
        (["1:2:3"], "--seq-len '1:2:3' is not a whole number or a range such as 64:4096"),
        ([""], "--seq-len has no value; leave it out for the default"),
        ([",", " "], "--seq-len has no value; leave it out for the default"),
    ],
)
def test_what_is_no_length_is_named_with_the_way_out(texts: list[str], sentence: str) -> None:
    assert refusal(seq_len=texts) == sentence


@pytest.mark.parametrize("name", ["batch_size", "d_model", "num_heads", "num_layers"])
def test_every_count_begins_at_one(name: str) -> None:
    assert refusal(**{name: ["0"]}) == f"{cases.option_name(name)} must be at least 1, not 0"


def test_a_range_cannot_double_from_zero() -> None:
    assert refusal(threads=["0:4"]) == "--threads '0:4' cannot double from 0; begin at 1 or more"


@pytest.mark.timeout(2)
def test_a_range_from_zero_to_zero_ends() -> None:
    assert axes(threads=["0:0"])["threads"] == [0]


# What cannot be measured


def test_an_unknown_model_gives_the_nearest_name() -> None:
    sentence = refusal(model=["lstm,atention"])
    assert sentence.startswith("unknown model 'atention'; did you mean 'attention'? ")
    assert "rnn-vs-attn models lists all" in sentence


def test_a_model_that_is_like_no_other_lists_all_names() -> None:
    layers = ", ".join(spec.name for spec in MODELS)
    assert f"unknown model 'zzz'; allowed: {layers}, lstm-lm, gpt, transformer-xl, albert. " in refusal(model=["zzz"])


def test_a_path_that_names_no_class_is_refused() -> None:
    assert "write package.module:ClassName or file.py:ClassName" in refusal(model=["layers:"])


def test_heads_that_do_not_divide_the_width_name_both_and_a_way_out() -> None:
    sentence = refusal(model=["attention"], d_model=["128,130"], num_heads=["4"])
    assert sentence.startswith("d_model 130 is not divisible by num_heads 4, which attention needs; ")
    assert "use --num-heads 5 or another --d-model" in sentence


@pytest.mark.parametrize("name", ["attention-gqa", "lstm+attention-gqa"])
def test_shared_heads_that_do_not_divide_the_heads_name_both_and_a_way_out(name: str) -> None:
    sentence = refusal(model=[name], num_heads=["8"], num_kv_heads=["2,3"])
    assert sentence.startswith(f"num_heads 8 is not divisible by num_kv_heads 3, which {name} needs; ")
    assert "use --num-kv-heads 2 or another --num-heads" in sentence
    checked(model=["attention"], num_heads=["8"], num_kv_heads=["3"])


def test_rotary_positions_of_an_odd_head_are_refused_where_they_are_turned() -> None:
    sentence = refusal(model=["lstm,attention-local"], d_model=["20"], num_heads=["4"], positions=["none,rotary"])
    assert "heads of attention-local have 5 (d_model 20, num_heads 4)" in sentence
    checked(model=["lstm", "attention-relative"], d_model=["20"], num_heads=["4"], positions=["rotary"])
    assert "did you mean 'rotary'?" in refusal(positions=["rotery"])


def test_the_way_out_of_heads_that_do_not_divide_is_one() -> None:
    checked(model=["attention"], d_model=["130"], num_heads=["5"])
    assert "use --num-heads 1 " in refusal(model=["attention-naive"], d_model=["7"], num_heads=["3"])


def test_models_without_heads_take_any_number_of_them() -> None:
    assert checked(model=["lstm,rnn"], d_model=["130"], num_heads=["4"])["d_model"] == [130]


def test_more_threads_than_cores_are_refused_with_the_number_that_is_not_too_many() -> None:
    sentence = refusal(threads=["2,8"])
    assert sentence.startswith(f"--threads 8 is more than the {USABLE} cores that this process may use; ")
    assert f"use {USABLE} or fewer, or --force" in sentence


def test_more_threads_than_cores_are_measured_where_forced() -> None:
    assert checked(force=True, threads=["2,8"])["threads"] == [2, 8]


def test_zero_threads_are_all_usable_cores_and_no_case_twice() -> None:
    assert checked(threads=["0,1,4"])["threads"] == [USABLE, 1]


@pytest.mark.parametrize(
    ("quota", "all_of_them", "doubled"),
    [
        (0.2, 1, [1]),
        (0.5, 1, [1]),
        (1.0, 1, [1]),
        (1.5, 1, [1]),
        (3.5, 3, [1, 2, 3]),
        (4.0, 4, [1, 2, 4]),
        (64.0, 4, [1, 2, 4]),
    ],
)
def test_all_usable_cores_are_as_many_as_the_quota_keeps_running(
    monkeypatch: pytest.MonkeyPatch, quota: float, all_of_them: int, doubled: list[int]
) -> None:
    under_quota(monkeypatch, quota)
    assert checked()["threads"] == [all_of_them]
    assert checked(threads=["0"])["threads"] == [all_of_them]
    assert checked(threads=["1:0"])["threads"] == doubled


@pytest.mark.parametrize(
    ("quota", "sentence"),
    [
        (0.5, "the 1 core that this process may use under a CPU quota of 0.5 cores on 4 processors; use 1, or --force"),
        (1.5, "the 1 core that this process may use under a CPU quota of 1.5 cores on 4 processors; use 1, or --force"),
        (3.0, "the 3 cores that this process may use under a CPU quota of 3 cores on 4 processors; use 3 or fewer, or"),
        (9.0, "the 4 cores that this process may use; use 4 or fewer, or --force"),
    ],
)
def test_more_threads_than_a_quota_keeps_running_are_refused(
    monkeypatch: pytest.MonkeyPatch, quota: float, sentence: str
) -> None:
    under_quota(monkeypatch, quota)
    assert refusal(threads=["8"]).startswith(f"--threads 8 is more than {sentence}")
    assert checked(force=True, threads=["8"])["threads"] == [8]


def test_an_unknown_dtype_gives_the_nearest_name() -> None:
    assert refusal(dtype=["float31"]).startswith("unknown dtype 'float31'; did you mean 'float32'?")


@pytest.mark.parametrize(
    "device",
    [
        *"mps mps:0 xpu hip rocm xla tpu hpu meta gpu GPU CPU Cuda cpu:0 cuda: cuda:x cuda:-1 cuda:01 cuda:0:0".split(),
        *("cuda:\N{ARABIC-INDIC DIGIT THREE}", "cuda :0", "cuda:0\n;"),
    ],
)
def test_a_device_that_is_not_measured_is_refused_with_all_that_are(device: str) -> None:
    sentence = refusal(device=[device])
    assert sentence.startswith(f"unknown device {device!r}; only CPUs and CUDA devices are measured: ")
    assert all(word in sentence for word in ("--device cpu, cuda", "cuda:N", "auto"))


def test_one_wrong_device_among_others_is_refused() -> None:
    assert refusal(device=["cpu,mps"]).startswith("unknown device 'mps'; ")


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:3"])
def test_devices_are_left_to_the_worker_that_sees_them(device: str) -> None:
    assert checked(device=[device])["device"] == [device]


def test_an_unknown_match_lists_what_is_allowed() -> None:
    assert refusal(match=["width"]).startswith("unknown match 'width'; allowed: none, params, flops.")


# Cases


def test_cases_are_the_product_of_all_axes_each_once() -> None:
    found = cases.cases_of(BENCH, checked(model=["lstm,gru"], seq_len=["8:32"], threads=["1,2"]))
    assert len(found) == len(set(found)) == 2 * 3 * 2
    assert {(c.model, c.seq_len, c.threads) for c in found} == {
        (model, length, threads) for model in ("lstm", "gru") for length in (8, 16, 32) for threads in (1, 2)
    }


def test_what_was_not_typed_is_at_its_default_in_every_case() -> None:
    (case,) = cases.cases_of(BENCH, checked(model=["gru"], device=["cpu"]))
    assert case == BenchCase(model="gru", device="cpu", threads=USABLE)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"cuda_graphs": True, "device": ["cpu"]}, "--cuda-graphs needs --device cuda; this run is on cpu"),
        ({"tf32": True, "device": ["cpu"]}, "--tf32 needs --device cuda; this run is on cpu"),
        (
            {"cuda_graphs": True, "compile": True, "device": ["cuda"]},
            "--compile and --cuda-graphs exclude each other; ",
        ),
        (
            {"backend": ["fla"], "model": ["lstm,mamba2"], "device": ["cuda"]},
            "^--backend fla changes none of these models; it computes linear-attention, retention, gated-deltanet and "
            "rwkv7, alone or in a pattern$",
        ),
        (
            {"backend": ["torch,mamba-ssm"], "model": ["mamba2"], "device": ["cpu"]},
            "^--backend mamba-ssm needs --device cuda; this run is on cpu$",
        ),
        (
            {"backend": ["fla"], "model": ["rwkv7"], "device": ["cuda"], "compile": True},
            "^--compile and --backend fla exclude each other; a kernel of fla is compiled already$",
        ),
        (
            {"backend": ["mamba-ssm"], "model": ["mamba2"], "device": ["cuda:1"]},
            "^--backend mamba-ssm needs the package mamba-ssm, which is not here; "
            r"pip install 'rnn-vs-attn\[mamba-ssm\]'$",
        ),
        ({"backend": ["triton"]}, "^unknown backend 'triton'; allowed: torch, fla, mamba-ssm"),
    ],
)
def test_options_that_exclude_each_other_are_refused(
    options: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnn_vs_attn.suites.bench.case.find_spec", lambda name: None)
    with pytest.raises(UserError, match=sentence):
        BENCH.axes.check(axes(**options))


def test_a_backend_is_taken_where_one_of_the_models_has_kernels_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_vs_attn.suites.bench.case.find_spec", lambda name: {"fla": "found"}.get(name))
    found = axes(backend=["torch,fla"], model=["lstm,lstm+rwkv7,attention"], device=["cuda"])
    BENCH.axes.check(found)
    made = cases.cases_of(BENCH, found)
    assert [(case.model, case.backend) for case in made] == [
        ("lstm", "torch"),
        ("lstm+rwkv7", "torch"),
        ("lstm+rwkv7", "fla"),
        ("attention", "torch"),
        ("attention", "fla"),  # beside which the one above stands
    ]
    assert {case.shape.backend for case in made if case.model == "lstm+rwkv7"} == {"torch", "fla"}
    alone = cases.cases_of(BENCH, axes(backend=["fla"], model=["lstm,lstm+rwkv7,attention"], device=["cuda"]))
    said = {case.model: warnings_for(case) for case in alone}
    none = "has no kernels of fla; its own of torch were measured"
    assert said == {"lstm": [f"lstm {none}"], "lstm+rwkv7": [], "attention": [f"attention {none}"]}
    assert not any(warnings_for(case) for case in made if case.backend == "torch")


def test_what_no_given_package_computes_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_vs_attn.suites.bench.case.find_spec", lambda name: "found")
    found = axes(backend=["fla,mamba-ssm"], model=["lstm,mamba2,rwkv7,rwkv7+mamba2"], device=["cuda"])
    assert [(case.model, case.backend) for case in cases.cases_of(BENCH, found)] == [
        ("lstm", "fla"),
        ("mamba2", "fla"),
        ("mamba2", "mamba-ssm"),
        ("rwkv7", "fla"),
        ("rwkv7", "mamba-ssm"),
        ("rwkv7+mamba2", "fla"),
        ("rwkv7+mamba2", "mamba-ssm"),
    ]


def test_an_option_that_takes_all_that_is_typed_is_one_value() -> None:
    given = cases.defaults(RecallCase) | {"test_seq_len": ["64:128", "32"]}
    assert cases.parse(RECALL, given)["test_seq_len"] == ["32,64,128"]


def test_an_option_without_a_value_has_no_words_and_one_of_its_own_has_a_word() -> None:
    defaults = cases.defaults(RecallCase)
    assert defaults["test_seq_len"] == []
    assert defaults["num_pairs"] == ["auto"]
    values = cases.parse(RECALL, defaults)
    assert (values["test_seq_len"], values["num_pairs"]) == ([""], [None])
