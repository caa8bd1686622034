"""Lines of the ledger about what gradients reach and what is learnt."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_vs_attn import units
from rnn_vs_attn.lesson.readings import Found, Lacking, Readings, one
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.curves import interval
from rnn_vs_attn.suites.deciding import of_all
from rnn_vs_attn.suites.recall.claims import claims

_AT_START = "of weights at initialisation; training moves them"


def _law(records: Sequence[Record], model: str) -> Record:
    """What the norm of a model's gradient follows. Lacking where it was not measured."""
    found = next((r for r in records if r.metric == "gradient_law" and r.axes["model"] == model), None)
    return found if found is not None else one(records, "gradient_norm_log10", model=model)


def _verdict(law: Record, claimed: str) -> str:
    return HOLDS if law.text == claimed else UNDECIDED if law.text == UNDECIDED else FAILS


def vanishing(runs: Readings) -> Found:
    """The gradient of a plain RNN and of an LSTM over the distance."""
    records = runs.of("gradflow")
    laws = [_law(records, model) for model in ("rnn", "lstm")]
    verdict = of_all([_verdict(law, "vanishing") for law in laws])
    figure = "norm of the gradient: " + ", ".join(_halving(records, law) for law in laws)
    return Found(verdict, figure, _AT_START if verdict != UNDECIDED else _reasons(laws))


def _halving(records: Sequence[Record], law: Record) -> str:
    model = str(law.axes["model"])
    lives = measured(records, "half_life", model=model)
    return f"{model} halves every {interval(lives[0])} tokens" if lives else f"{model} {law.text}"


def _reasons(laws: Sequence[Record]) -> str:
    return "; ".join(f"{law.axes['model']}: {law.details['reason']}" for law in laws if "reason" in law.details)


def every_distance(runs: Readings) -> Found:
    """The gradient of attention over the distance."""
    records = runs.of("gradflow")
    law = _law(records, "attention")
    norms = sorted(
        (r for r in measured(records, "gradient_norm_log10", model="attention") if int(r.axes["distance"] or 0) > 0),
        key=lambda record: int(record.axes["distance"] or 0),
    )
    if not norms:
        raise Lacking("attention: no distance has a norm of its gradient")
    ends = (f"{interval(r, units.power_of_ten)} at distance {r.axes['distance']}" for r in (norms[0], norms[-1]))
    verdict = _verdict(law, "flat")
    return Found(verdict, f"norm of the gradient: {', '.join(ends)}", _AT_START if law.text == "flat" else _why(law))


def _why(law: Record) -> str:
    return str(law.details.get("reason", f"it is {law.text}"))


def recall(runs: Readings) -> Found:
    return _learnt(runs, "mqar", "attention", "lstm")


def parity(runs: Readings) -> Found:
    return _learnt(runs, "parity", "lstm", "attention")


def _learnt(runs: Readings, task: str, solver: str, other: str) -> Found:
    """Whether the one learns the task and the other does not, as `recall` says. Lacking where not both were trained."""
    wanted = {"task": task, "model": solver, "beside": other}
    claim = next((c for c in claims(runs.of("recall")) if wanted.items() <= c.axes.items()), None)
    if claim is None:
        trained = (r for r in runs.of("recall") if r.metric == "loss" and r.axes["task"] == task)
        lost = next((r for r in trained if r.axes["model"] in (solver, other) and r.status != "ok"), None)
        if lost is not None:
            raise Lacking(f"{lost.axes['model']}: {lost.error or lost.status}")
        raise Lacking(f"not both {solver} and {other} were trained on {task} yet")
    return Found(claim.verdict, f"{task} over {claim.axes['seq_len']} tokens: {claim.figure}", claim.why)
