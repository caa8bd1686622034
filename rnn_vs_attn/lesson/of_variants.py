"""Lines of the ledger about Transformer-XL, ALBERT and GPT."""

from __future__ import annotations

from rnn_vs_attn.lesson.readings import Found, Lacking, Readings, one, takes
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.report.curves import interval
from rnn_vs_attn.suites.columns import factor, whole
from rnn_vs_attn.suites.deciding import BAND, beside, of_exponent

_XL, _ALBERT, _GPT = "transformer-xl", "albert", "gpt"


def beyond_the_segment(runs: Readings) -> Found:
    """The receptive field with a memory and without one, of a small model."""
    fields = measured(runs.of(_XL), "receptive_field")
    without = next((r for r in fields if not r.axes["memory_len"]), None)
    memory = next((r for r in fields if r.axes["memory_len"]), None)
    if without is None or memory is None or without.median is None or memory.median is None:
        raise Lacking("its receptive field was not measured")
    verdict = HOLDS if memory.median > without.median else FAILS
    layers, length = memory.axes["num_layers"], memory.axes["memory_len"]
    figure = f"{memory.median:.0f} tokens back with a memory of {length}, {without.median:.0f} without one"
    return Found(verdict, figure, f"counted by changing each token: {layers} layers see {layers} memories far")


def cheaper_evaluation(runs: Readings) -> Found:
    """A window that is computed anew for each token, beside segments with a memory; and a cache beside them."""
    records = runs.of(_XL)
    window = one(records, "ratio", of="token_time", method="window-1")
    verdict = beside(window.estimate, 1.0, "above")
    length = window.axes["seq_len"]
    figure = f"a window of {length} tokens, computed anew for each, takes {interval(window)} times as long"
    if verdict == UNDECIDED:
        return Found(verdict, figure, takes(window.estimate))
    caches = measured(records, "ratio", of="token_time", method="cache-segment", seq_len=length)
    beside_it = [
        f"a Transformer that keeps its keys and values takes {interval(cache)} times as long" for cache in caches
    ]
    return Found(verdict, figure, "".join(beside_it[:1]))


def fewer_parameters(runs: Readings) -> Found:
    """The parameters of ALBERT-base beside those of BERT-base."""
    ours, theirs = _counts(runs, "num_params")
    figure = f"albert-base {whole(ours)}, bert-base {whole(theirs)}: {factor(ours / theirs)} times as many"
    return Found(HOLDS if ours < theirs else FAILS, figure, "counted: one layer's weights serve all layers")


def less_computation(runs: Readings) -> Found:
    """What sharing does not save: the FLOPs a token of ALBERT-base beside those of BERT-base."""
    ours, theirs = _counts(runs, "flops_per_token")
    figure = f"albert-base has {factor(ours / theirs)} times the FLOPs a token of bert-base"
    why = "counted: every layer is computed, whether its weights are shared or not"
    return Found(HOLDS if ours / theirs < 1 - BAND else FAILS, figure, why)


def _counts(runs: Readings, metric: str) -> tuple[float, float]:
    """Of ALBERT-base and of BERT-base, which is counted beside it."""
    ours, theirs = (one(runs.of(_ALBERT), metric, size=size).median or 0.0 for size in ("albert-base", "bert-base"))
    if not theirs:
        raise Lacking(f"bert-base: its {metric} cannot be 0")
    return ours, theirs


def growth_with_size(runs: Readings) -> Found:
    """How the FLOPs a token of GPT-2 grow with its parameters; and how the time of a generated one does."""
    records = runs.of(_GPT)
    exponent = one(records, "exponent", of="flops_per_token")
    small, large = ("gpt2", "gpt2-xl")
    more, dearer = (
        (one(records, metric, size=large).median or 0.0) / (one(records, metric, size=small).median or 1.0)
        for metric in ("num_params", "flops_per_token")
    )
    figure = f"{large} has {factor(more)} times the parameters of {small} and {factor(dearer)} times its FLOPs a token"
    times = measured(records, "exponent", of="step_time")
    ends = f"{exponent.axes['size_from']} to {exponent.axes['size_to']}"
    timed = f"; time of a generated one by parameters^{interval(times[0])}" if times else ""
    verdict = of_exponent(1.0, exponent.estimate)
    return Found(verdict, figure, f"counted: FLOPs grow by parameters^{exponent.median:.2f}{timed} from {ends}")
