"""What a module computes: output and all gradients, kept by one process and compared by another on the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rnn_vs_attn.compare.outcome import Outcome
from rnn_vs_attn.errors import first_line
from rnn_vs_attn.isolation.seeds import same_draws
from rnn_vs_attn.measure.conduct.differences import ROUNDING, distance, same
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models.foreign import layer_weights

_NAMED = 3  # weights, of those that only one side has


def keep(made: Workload, path: Path, seed: int) -> None:
    """Write weights, input and what comes out of them to `path`."""
    given = {"weights": layer_weights.of(made.module), "x": made.x, "grad_output": made.grad_output}
    kept = _own(given)  # what the passes may change stands there as it was before them
    found, fails = _outcome(made, seed)
    torch.save(kept | {"outcome": _own(found), "fails": fails}, path)


def difference(made: Workload, path: Path, seed: int) -> Outcome:
    """How far this module's outcome is from the one kept at `path`, on that one's weights and input."""
    kept = torch.load(path, weights_only=True, map_location=made.x.device)
    problem = _give_weights(made, kept)
    if problem:
        return Outcome(problem)
    theirs, (ours, fails) = kept["outcome"], _outcome(made, seed)
    if fails != kept["fails"]:
        which, text = ("candidate", fails) if fails else ("baseline", kept["fails"])
        return Outcome(f"the backward pass of the {which} alone fails: {text}")
    if theirs.keys() != ours.keys():
        names = sorted(theirs.keys() ^ ours.keys())
        return Outcome(f"only one version has {', '.join(names[:3])}")
    errors = {name: distance(ours[name], theirs[name]) for name in ours}
    where = max(errors, key=lambda name: errors[name])
    return Outcome(
        fails=fails,
        max_error=min(errors[where], 1e308),
        where=where,
        equal=all(same(ours[name], theirs[name]) for name in ours),
        rounding=errors[where] <= ROUNDING[made.grad_output.dtype],
    )


def _give_weights(made: Workload, kept: dict[str, Any]) -> str:
    """Put the kept weights and input into `made`; why that cannot be, else ""."""
    if made.x.shape != kept["x"].shape:
        return f"the input is {tuple(made.x.shape)} and was {tuple(kept['x'].shape)}"
    problem = _unlike(kept["weights"], layer_weights.of(made.module))
    if problem:
        return f"the weights of one do not fit the other: {problem}"
    try:
        layer_weights.give(made.module, kept["weights"])
    except (RuntimeError, ValueError) as error:
        return f"the weights of one do not fit the other: {first_line(error)}"
    with torch.no_grad():
        made.x.copy_(kept["x"])
        made.grad_output.copy_(kept["grad_output"])
    return ""


def _unlike(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """In what the weights of the baseline differ from the candidate's before any is given, "" where in nothing."""
    for side, own, other in (("baseline", theirs, ours), ("candidate", ours, theirs)):
        alone = [name for name in own if name not in other]
        if alone:
            more = f" and {len(alone) - _NAMED} more" if len(alone) > _NAMED else ""
            return f"only the {side} has {', '.join(alone[:_NAMED])}{more}"
    shapes = {name: (_shape(theirs[name]), _shape(ours[name])) for name in ours}
    for name, (before, now) in shapes.items():
        if before != now:
            return f"{name} is {now} in the candidate and {before} in the baseline"
    return ""


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _outcome(made: Workload, seed: int) -> tuple[dict[str, Tensor], str]:
    """Output, and the gradients of the input and of every parameter that has one, or why there are none.

    The passes are given copies, and the output is copied before the backward pass: a module may work in place on any of
    them, or hand out memory of its own.
    """
    made.module.train()
    with made.kernel("train"), same_draws(seed):  # a module that draws numbers draws the same
        y = made.run(made.x.clone())
        output = y.detach().clone()
        fails = _failure(y, made.grad_output.clone())
    leaves = {} if fails else {"the input": made.x, **dict(made.module.named_parameters())}
    found = {f"gradient of {name}": leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
    made.clear_gradients()
    return {"output": output} | found, fails


def _failure(y: Tensor, gradient: Tensor) -> str:
    """What going back from an output raises, "" where nothing."""
    try:
        y.backward(gradient)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        return first_line(error)
    return ""


def _own(value: Any) -> Any:
    """The same in memory of its own, on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {name: _own(item) for name, item in value.items()}
    return value
