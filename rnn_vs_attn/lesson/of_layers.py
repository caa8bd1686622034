"""Lines of the ledger about layers: computing in parallel, time, memory, complexity, generation."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_vs_attn.lesson.readings import Found, Lacking, Readings, one, takes
from rnn_vs_attn.records.claims import FAILS, UNDECIDED
from rnn_vs_attn.records.query import measured, record_at
from rnn_vs_attn.records.types import LAUNCH_BOUND, Record
from rnn_vs_attn.report.curves import by_round, interval, seq_len_of
from rnn_vs_attn.stats import growth, intervals
from rnn_vs_attn.suites.deciding import beside, decided, of_all, of_exponent
from rnn_vs_attn.suites.findings import HOSTS_TIME
from rnn_vs_attn.suites.metrics import EXPONENT
from rnn_vs_attn.suites.scaling import rules
from rnn_vs_attn.suites.scaling.laws import grows, law_of, open_because
from rnn_vs_attn.units import counted, size

ALIKE = 1.15  # a ratio of times up to which they count as the same
_OF_HOST = f"{HOSTS_TIME}; --cuda-graphs of bench removes it"


def _law(runs: Readings, model: str) -> Record:
    """How the longest chain of a model's operations grows. Lacking where it was not counted."""
    mine = [record for record in runs.of("scaling") if record.axes.get("model") == model]
    law = law_of(mine, "sequential_operations")
    if law is None or not {"lengths", "counts"} <= law.details.keys():
        raise Lacking(f"{model}: its operations were not counted")
    return law


def _chain(law: Record) -> str:
    """ "lstm 7169"."""
    return f"{law.axes['model']} {law.details['counts'][-1]:,}"


def _is(law: Record) -> str:
    """ "is constant", "grows as n"; of what is undecided what it would take."""
    if law.text == UNDECIDED:
        return f"is undecided ({open_because(law)})"
    return f"{'is ' * (law.text == growth.CONSTANT)}{grows(law.text)}"


def _of_laws(*pairs: tuple[Record, str]) -> str:
    return of_all([UNDECIDED if law.text == UNDECIDED else rules.of_law(claimed, law.text) for law, claimed in pairs])


def in_parallel(runs: Readings) -> Found:
    """Chains of operations: constant of attention, as long as the sequence of an LSTM."""
    attention, lstm = _law(runs, "attention"), _law(runs, "lstm")
    verdict = _of_laws((attention, growth.CONSTANT), (lstm, growth.LINEAR))
    at = f"at {lstm.details['lengths'][-1]:,} tokens"
    figure = f"longest chain of operations {at}: {_chain(attention)}, {_chain(lstm)}"
    return Found(verdict, figure, f"counted: attention's {_is(attention)}, the LSTM's {_is(lstm)}")


def one_step_after_the_other(runs: Readings) -> Found:
    """The chain of a recurrence that a scan computes; its time beside attention's where there is one."""
    law, lstm = _law(runs, "mingru"), _law(runs, "lstm")
    figure = f"longest chain of operations at {law.details['lengths'][-1]:,} tokens: {_chain(law)}, {_chain(lstm)}"
    why = f"counted: a scan computes a recurrence that is linear in its state, and its chain {_is(law)}"
    try:
        ratio = one(runs.of("bench"), "ratio", of="train_time", model="mingru")
    except Lacking:
        return Found(_of_laws((law, growth.LINEAR)), figure, why)
    timed = f"; mingru trains in {interval(ratio)} of attention's time at {ratio.axes['seq_len']} tokens"
    return Found(_of_laws((law, growth.LINEAR)), figure + timed, why)


def _where(ratio: Record) -> str:
    axes = ratio.axes
    device = str(axes.get("device", "cpu"))
    computes = device if device != "cpu" else counted(int(axes["threads"] or 0), "thread")
    return f"{axes['seq_len']} tokens, d_model {axes['d_model']}, {computes}"


def _beside_attention(runs: Readings, model: str) -> list[Record]:
    """Ratios of the times of training, from the shortest length on. Lacking where there is none."""
    ratios = measured(runs.of("bench"), "ratio", of="train_time", model=model)
    if not ratios:
        one(runs.of("bench"), "train_time", model=model)
        raise Lacking("attention: its training was not timed beside it")
    return sorted(ratios, key=seq_len_of)


def _faster(ratio: Record) -> str:
    """Whether attention is, at one length."""
    return beside(ratio.estimate, 1.0, "above")


def _launched(runs: Readings, ratio: Record) -> str:
    """Said where one of the two times of a ratio is that of the host's launches, on a GPU."""
    case = {name: value for name, value in ratio.axes.items() if name != "of"} | {"pass": "train"}
    said = (
        record_at(runs.of("bench"), LAUNCH_BOUND, case | {"model": model}) for model in (case["model"], "attention")
    )
    return _OF_HOST if any(record is not None and record.holds for record in said) else ""


def _at(ratio: Record) -> str:
    return f"; {interval(ratio)} at {ratio.axes['seq_len']}"


def loop(runs: Readings) -> Found:
    """Training an LSTM of one cell after the other beside attention: at the shortest length, and at all others."""
    short, *longer = ratios = _beside_attention(runs, "lstm-cell")
    verdict, decides = decided(ratios, _faster)
    figure = f"an LSTM as a loop over its cells takes {interval(short)} times attention's time to train at "
    why = takes(decides.estimate) if verdict == UNDECIDED else _launched(runs, decides)
    return Found(verdict, figure + _where(short) + "".join(map(_at, longer)), why)


def fused(runs: Readings) -> Found:
    """Training torch's own LSTM beside attention: at the longest length, and where it is otherwise at a shorter one."""
    *shorter, longest = ratios = _beside_attention(runs, "lstm")
    verdict, decides = decided(ratios, _faster)
    by_host = _launched(runs, decides)
    why = by_host or "a fused kernel has no overhead a step, and attention's work grows with the square of the length"
    figure = f"torch's own LSTM takes {interval(longest)} times attention's time to train at {_where(longest)}"
    other = [ratio for ratio in shorter if _faster(ratio) != _faster(longest)]
    return Found(
        verdict,
        figure + "".join(map(_at, other)),
        {FAILS: why, UNDECIDED: takes(decides.estimate)}.get(verdict, by_host),
    )


def table_1(runs: Readings) -> Found:
    """From which n on attention has more FLOPs than an LSTM; and how both grow."""
    records = runs.of("scaling")
    crossing = one(records, "flop_crossing", model="lstm", by="formula", **{"pass": "forward"})
    width = int(crossing.axes["d_model"] or 0)
    figure = f"at d = {width} attention has more FLOPs from n = {crossing.median:.0f} on"
    grown = f"counted, forward, projections included; {_grown(records, 'attention')}, {_grown(records, 'lstm')}"
    return Found(rules.of_crossing(width, crossing.low, crossing.high), figure, grown)


def _grown(records: Sequence[Record], model: str) -> str:
    """ "lstm as n^1 d^2": by FLOPs, of attention those between its projections."""
    of = "mixing_flops" if model == "attention" else "flops"
    found = [one(records, EXPONENT.name, model=model, of=of, **{"in": axis}) for axis in ("seq_len", "d_model")]
    n, d = (f"{record.median:.2f}".rstrip("0").rstrip(".") for record in found)
    return f"{model}'s grow as n^{n} d^{d}" + (" between its projections" if model == "attention" else "")


def memory(runs: Readings) -> Found:
    """How the memory of training grows over the last doubling: of the fused kernel, and of scores written out."""
    curve, result = _memory(runs, "attention")
    verdict = of_exponent(2.0, result)
    span = f"from {seq_len_of(curve[0]):.0f} to {seq_len_of(curve[1]):.0f} tokens"
    figure = f"memory of training {span}: by n^{interval(result)} with the fused kernel{_naively(runs, curve)}"
    if verdict == UNDECIDED:
        return Found(verdict, figure, takes(result))
    least, most = (size(record.median or 0.0) for record in curve)
    why = "a fused kernel keeps no matrix of scores: " if verdict == FAILS else "with the fused kernel "
    return Found(verdict, figure, f"{why}{least}, then {most}")


def _naively(runs: Readings, curve: Sequence[Record]) -> str:
    """How that of scores which are written out grows over the same lengths, where it was measured."""
    try:
        written, result = _memory(runs, "attention-naive")
    except Lacking:
        return ""
    return f", by n^{interval(result)} naively" if [*map(seq_len_of, written)] == [*map(seq_len_of, curve)] else ""


def _memory(runs: Readings, model: str) -> tuple[list[Record], intervals.Estimate]:
    """The peaks at the two longest lengths, and their exponent. Lacking where there are not two."""
    peaks = measured(runs.of("bench"), "peak_memory", model=model, **{"pass": "train"})
    curve = sorted(peaks, key=seq_len_of)[-2:]
    if len(curve) < 2:
        one(runs.of("bench"), "peak_memory", model=model, **{"pass": "train"})
        raise Lacking(f"{model}: its memory was measured at one length only")
    rounds = by_round(curve)
    if any(min(both) <= 0 for both in rounds):
        raise Lacking(f"{model}: its memory was too little to be read, so that it has no exponent")
    found = intervals.exponents([seq_len_of(record) for record in curve], rounds)
    if not found:
        raise Lacking(f"{model}: no round has its memory at both lengths")
    return curve, intervals.estimate(found)


def generation(runs: Readings) -> Found:
    """What a token after the longest context takes beside one after the shortest."""
    records = runs.of("decode")
    of_attention, shortest, longest = _longer(records, "attention")
    of_lstm, _, _ = _longer(records, "lstm")
    verdicts = [beside(of_attention, ALIKE, "above"), beside(of_lstm, ALIKE, "below")]
    verdict = of_all(verdicts)
    figure = (
        f"a token after {longest:,} tokens beside one after {shortest}: attention {interval(of_attention)} times the "
        f"time, lstm {interval(of_lstm)}"
    )
    if verdict == UNDECIDED:
        return Found(verdict, figure, takes((of_attention, of_lstm)[verdicts.index(UNDECIDED)]))
    states = (size(one(records, "state_size", model=model).median or 0.0) for model in ("attention", "lstm"))
    return Found(verdict, figure, "carried on: attention {}, lstm {}".format(*states))


def _longer(records: Sequence[Record], model: str) -> tuple[intervals.Estimate, int, int]:
    """The ratio of its times a token, and the two contexts. Lacking where there are not two."""
    times = sorted(measured(records, "step_time", model=model), key=seq_len_of)
    result = intervals.ratio(times[-1].samples, times[0].samples) if len(times) > 1 else None
    if result is None:
        one(records, "step_time", model=model)
        raise Lacking(f"{model}: a token was timed after one context only")
    return result, int(seq_len_of(times[0])), int(seq_len_of(times[-1]))
