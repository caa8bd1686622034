"""What `scaling` found of the complexities of Table 1: how time grows with length n and with width d."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.models.spec import RESTRICTED, SELF_ATTENTION
from rnn_vs_attn.records.claims import HOLDS, UNDECIDED, Claim
from rnn_vs_attn.records.query import Group, measured, without
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.curves import interval
from rnn_vs_attn.suites.deciding import exponent_takes, of_exponent
from rnn_vs_attn.suites.findings import fault_of
from rnn_vs_attn.suites.metrics import EXPONENT
from rnn_vs_attn.suites.scaling import rules
from rnn_vs_attn.suites.scaling.case import MIXING
from rnn_vs_attn.suites.scaling.choosing import said_of_launches, size, spec_of
from rnn_vs_attn.suites.scaling.exponents import LEAST_POINTS, OCTAVES, table_exponent

_LETTERS = {"seq_len": "n", "d_model": "d"}
_POWERS = {1.0: "", 2.0: "²"}


def claims(mine: Sequence[Record], model: str, row: rules.Row) -> Iterator[Claim]:
    """Of a model's forward pass: of attention, of what it does between its projections."""
    for axis, claimed in row.exponents.items():
        letter, found = _LETTERS[axis], table_exponent(mine, axis)
        text = f"The time of {model} grows as {letter}{_POWERS[claimed]}"
        verdict, figure = UNDECIDED, "No exponent was fitted"
        why = [_what_to_give(mine, axis)]
        if found is not None and found.median is not None:
            verdict, figure = of_exponent(claimed, found), _figure(mine, found, letter)
            why = list(_why(mine, found, claimed, verdict))
        why.append(rules.beside(row, row.complexity))
        yield Claim(f"time-over-{letter}", text, verdict, figure, "; ".join(filter(None, why)), {"model": model})


def _figure(mine: Sequence[Record], found: Record, letter: str) -> str:
    """How a forward pass grows, and training, unless it is of another part or at another length or width."""
    part = "Between its projections a" if found.axes["part"] == MIXING else "A"
    forward, over = f"{part} forward pass grows as {letter}^{interval(found)}", _over(found, letter)
    train = table_exponent(mine, str(found.axes["in"]), "train_time")
    if train is None or train.median is None or _at(train) != _at(found):
        return f"{forward}, {over}"
    training = f"training as {letter}^{interval(train)}"
    if _over(train, letter) != over:
        return f"{forward}, {over}, and {training}, {_over(train, letter)}"
    return f"{forward} and {training}, {over}"


def _at(exponent: Record) -> Group:
    return without(exponent.axes, "of", "from", "to")


def _over(exponent: Record, letter: str) -> str:
    return f"from {letter} = {exponent.axes['from']:g} to {exponent.axes['to']:g}"


def _why(mine: Sequence[Record], found: Record, claimed: float, verdict: str) -> Iterator[str]:
    """Of what does not hold, what is left when FLOPs are taken away: speed; of what is undecided, what it takes."""
    letter = _LETTERS[str(found.axes["in"])]
    if verdict == UNDECIDED:
        yield exponent_takes(claimed, found)
    elif verdict != HOLDS:
        yield _flops(mine, found, letter)
    bent = found.details.get("bent")
    if bent:
        first, then = (units.significant(value) for value in bent)
        yield f"the line is not straight: {letter}^{first} and then {letter}^{then}"
    yield said_of_launches(mine, str(found.axes["part"]))


def _flops(mine: Sequence[Record], found: Record, letter: str) -> str:
    """How FLOPs grow, and how many times as many a second are computed at the largest size."""
    of = "mixing_flops" if found.axes["part"] == MIXING else "flops"
    exponents = (
        r for r in mine if r.metric == EXPONENT.name and r.axes["of"] == of and r.axes["in"] == found.axes["in"]
    )
    flops = next(exponents, None)
    first, last = (_speed(mine, found, size(found, end)) for end in ("from", "to"))
    if flops is None or not first or not last:
        return ""
    grown = f"its FLOPs grow as {letter}^{units.significant(flops.median or 0.0)}"
    ratio, where = units.significant(last / first, 2), f"{letter} = {found.axes['to']:g}"
    return f"{grown}, and at {where} it computes {ratio} times as many a second as at {found.axes['from']:g}"


def _speed(mine: Sequence[Record], found: Record, at: int) -> float:
    """FLOP/s of the forward pass at one end of a fit; 0 where that is not known."""
    axes = {n: v for n, v in found.axes.items() if n not in ("of", "in", "from", "to")} | {str(found.axes["in"]): at}
    time, flops = (measured(mine, metric, **axes) for metric in ("forward_time", "flops"))
    counts = [r.median for r in flops if r.axes["pass"] == "forward" and r.median]
    return counts[0] / time[0].median if counts and time and time[0].median else 0.0


def _what_to_give(mine: Sequence[Record], axis: str) -> str:
    """Why there is no exponent, and the way to one."""
    passes = [r for r in mine if r.metric == "forward_time"]
    sizes = sorted({size(r, axis) for r in passes if r.ok})
    faults = ", ".join(dict.fromkeys(fault_of(r) for r in passes if r.status != "ok"))
    if not sizes:
        return f"no pass was timed{': ' * bool(faults)}{faults}"
    if faults:
        return f"a fit takes {LEAST_POINTS} sizes or more, and some passes have no time: {faults}"
    option = "--" + axis.replace("_", "-")
    if len(sizes) < LEAST_POINTS:
        return f"a fit takes {LEAST_POINTS} sizes or more: give {option} {sizes[0]}:{4 * sizes[0]}"
    upper = [each for each in sizes if each * 2**OCTAVES >= sizes[-1]]
    if len(upper) < LEAST_POINTS:
        few = f"a fit takes {LEAST_POINTS} sizes or more in the upper {OCTAVES} octaves"
        return f"{few}: give {option} {max(1, sizes[-1] // 4)}:{sizes[-1]}"
    if spec_of(passes[0]).layer_type not in (SELF_ATTENTION, RESTRICTED):
        return (
            f"a fit takes {LEAST_POINTS} sizes or more, and the run ended before it had them: --resume goes on with it"
        )
    longest = max(size(r, "seq_len") for r in passes if r.ok)
    return (
        f"its projections have more than a tenth of the FLOPs: give longer sequences, such as --seq-len "
        f"{longest}:{16 * longest}, or a smaller --d-model"
    )
