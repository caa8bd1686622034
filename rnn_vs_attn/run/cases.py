"""From options to cases: lists and ranges, their limits, and the product of all axes. No torch."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.errors import UserError, unknown
from rnn_vs_attn.machine import environment
from rnn_vs_attn.models.costs import ROTARY
from rnn_vs_attn.models.foreign.naming import names_in, with_arguments
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import NUM_KV_HEADS, POSITIONS
from rnn_vs_attn.suites import takers
from rnn_vs_attn.suites.case import Case, Whole
from rnn_vs_attn.suites.suite import Suite

Words = Mapping[str, Sequence[str] | bool]  # what was typed of each option of a case; bool where it is a switch
AxisValues = dict[str, list[Any]]  # the values of every axis of a run
ALL_THREADS = "1:0"  # doubling up to all usable cores, for which 0 stands


def option_name(field: str) -> str:
    """seq_len -> --seq-len."""
    return "--" + field.replace("_", "-")


def parse(suite: Suite, given: Words) -> AxisValues:
    """The values of every axis from the texts given. UserError names the first that cannot be used."""
    axes: AxisValues = {}
    for field in dataclasses.fields(suite.axes.case):
        if field.metadata.get("fixed"):
            axes[field.name] = [field.default]
            continue
        values = given[field.name]
        axes[field.name] = [values] if isinstance(values, bool) else values_of(field, values)
    return axes


def with_model_arguments(models: Sequence[str], texts: Sequence[str]) -> list[str]:
    """The models with what each --model-arg gives those that are not built in. UserError where one is for none."""
    return with_arguments(models, [name for name in models if texts and find(name).takes_arguments], texts)


def defaults(case: type[Case]) -> dict[str, list[str] | bool]:
    """The words of all options of a case where none is typed."""
    return {f.name: default_words(f) for f in dataclasses.fields(case) if not f.metadata.get("fixed")}


def default_words(field: dataclasses.Field[Any]) -> list[str] | bool:
    """The words of one option of a case where none is typed."""
    if isinstance(field.default, bool):
        return field.default
    words = str(field.metadata["typed"] or field.default)
    return [words] if words else []


def values_of(field: dataclasses.Field[Any], texts: Sequence[str]) -> list[Any]:
    """The values of one axis from the texts given. UserError names the first that cannot be used."""
    if isinstance(field.metadata["parse"], Whole):
        return [field.metadata["parse"](",".join(texts))]
    parts = (names_in(text) if field.name == "model" else text.split(",") for text in texts)
    words = [word.strip() for part in parts for word in part if word.strip()]
    if not words:
        raise UserError(f"{option_name(field.name)} has no value; leave it out for the default")
    if field.metadata["parse"]:
        return list(dict.fromkeys(field.metadata["parse"](word) for word in words))
    read = _integers if isinstance(field.default, int) else _word
    return list(dict.fromkeys(value for word in words for value in read(field, word)))


def _integers(field: dataclasses.Field[Any], word: str) -> list[int]:
    """512 -> [512]; 64:512 -> [64, 128, 256, 512]."""
    name, minimum = option_name(field.name), field.metadata["minimum"]
    if field.name == "threads" and word == ALL_THREADS:
        return _doubling_to(environment.usable_cores())
    match = re.fullmatch(r"(-?\d+)(?::(-?\d+))?", word)
    if match is None:
        raise UserError(f"{name} {word!r} is not a whole number or a range such as 64:4096")
    first, last = int(match[1]), int(match[2] or match[1])
    if first < minimum:
        raise UserError(f"{name} must be at least {minimum}, not {first}")
    if last < first:
        raise UserError(f"{name} {word!r} runs backwards; write {last}:{first}")
    if first == 0 and last > 0:
        raise UserError(f"{name} {word!r} cannot double from 0; begin at 1 or more")
    values = [first]
    while match[2] and 0 < values[-1] * 2 <= last:
        values.append(values[-1] * 2)
    return values


def _doubling_to(last: int) -> list[int]:
    """1, 2, 4, ... and the last."""
    return [*(1 << i for i in range(last.bit_length()) if 1 << i < last), last]


def _word(field: dataclasses.Field[Any], word: str) -> list[str]:
    choices = field.metadata["choices"]
    if choices and word not in choices:
        raise unknown(field.name, word, choices)
    if field.name == "device" and not re.fullmatch(r"auto|cpu|cuda(:(0|[1-9][0-9]*))?", word):
        raise UserError(
            f"unknown device {word!r}; only CPUs and CUDA devices are measured: use --device cpu, cuda (the first "
            f"GPU), cuda:N (GPU number N) or auto (a GPU where there is one, else the CPU)"
        )
    return [word]


def check(suite: Suite, axes: AxisValues, force: bool) -> None:
    """UserError for what cannot be measured on any machine, or not on this one's processors."""
    for name in axes["model"]:
        reason = takers.refusal(suite, find(name))
        if reason:
            raise UserError(reason)
    check_heads(axes)
    usable = environment.usable_cores()
    axes["threads"] = list(dict.fromkeys(count or usable for count in axes["threads"]))
    too_many = [count for count in axes["threads"] if count > usable]
    if too_many and not force:
        quota = environment.quota_in_words(environment.processors())
        raise UserError(
            f"--threads {too_many[0]} is more than the {units.counted(usable, 'core')} that this process may use"
            f"{quota and f' under {quota}'}; use {usable}{' or fewer' * (usable > 1)}, or --force"
        )


def check_heads(axes: AxisValues) -> None:
    """UserError where heads do not fit the width, those of keys their number, or rotary positions their width."""
    for name, d_model, num_heads in itertools.product(axes["model"], axes["d_model"], axes["num_heads"]):
        spec = find(name)
        if not spec.uses_heads:
            continue
        if d_model % num_heads:
            raise UserError(
                f"d_model {d_model} is not divisible by num_heads {num_heads}, which {name} needs; "
                f"use --num-heads {_nearest_divisor(d_model, num_heads)} or another --d-model"
            )
        for shared in axes.get(NUM_KV_HEADS, []):
            if NUM_KV_HEADS in spec.traits.takes and shared and num_heads % shared:
                raise UserError(
                    f"num_heads {num_heads} is not divisible by num_kv_heads {shared}, which {name} needs; "
                    f"use --num-kv-heads {_nearest_divisor(num_heads, shared)} or another --num-heads"
                )
        if POSITIONS in spec.traits.takes and ROTARY in axes.get(POSITIONS, []) and d_model // num_heads % 2:
            raise UserError(
                f"rotary positions turn pairs of features, and heads of {name} have {d_model // num_heads} (d_model "
                f"{d_model}, num_heads {num_heads}); use another --num-heads or --d-model, or --positions alibi"
            )


def _nearest_divisor(number: int, wanted: int) -> int:
    return min((n for n in range(1, number + 1) if number % n == 0), key=lambda n: abs(n - wanted))


def least_cases(suite: Suite, axes: AxisValues, **given: list[Any]) -> list[Case]:
    """The cases of the first value of every axis, but for those given, at the shortest length."""
    few = {name: values[:1] for name, values in axes.items()}
    return cases_of(suite, few | {"seq_len": [min(axes["seq_len"])]} | given)


def cases_of(suite: Suite, axes: AxisValues, plain: bool = False) -> list[Case]:
    """The product of all axes, each case complete and once. plain: whether the models are those that were not typed."""
    products = itertools.product(*axes.values())
    # those that differ in what a model does not take are one
    made = (suite.axes.complete(suite.axes.case(**dict(zip(axes, values, strict=True)))) for values in products)
    return suite.axes.select(list(dict.fromkeys(made)), plain)
