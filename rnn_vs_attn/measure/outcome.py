"""What a module computes: output and all gradients, kept by one process and compared by another on the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rnn_vs_attn.isolation.seeds import seed_all
from rnn_vs_attn.measure.workload import Workload

# The largest difference, as a part of a tensor's largest value, that another order of the same sums may make.
ROUNDING = {torch.float64: 1e-10, torch.float32: 1e-4, torch.float16: 5e-3, torch.bfloat16: 5e-2}


def keep(made: Workload, path: Path, seed: int) -> None:
    """Write weights, input and what comes out of them to `path`."""
    given = {"weights": made.module.state_dict(), "x": made.x.detach(), "grad_output": made.grad_output}
    torch.save(_on_cpu(given | {"outcome": _outcome(made, seed)}), path)


def difference(made: Workload, path: Path, seed: int) -> dict[str, Any]:
    """How far this module's outcome is from the one kept at `path`, on that one's weights and input.

    max_error: the largest difference as a part of the tensor's largest value; where: the tensor; equal: bit for bit;
    rounding: no more than another order of sums makes. error: why they cannot be compared, else "".
    """
    kept = torch.load(path, weights_only=True, map_location=made.x.device)
    problem = _give_weights(made, kept)
    if problem:
        return {"error": problem}
    theirs, ours = kept["outcome"], _outcome(made, seed)
    if theirs.keys() != ours.keys():
        names = sorted(theirs.keys() ^ ours.keys())
        return {"error": f"only one version has {', '.join(names[:3])}"}
    errors = {name: _error(ours[name], theirs[name]) for name in ours}
    where = max(errors, key=lambda name: errors[name])
    return {
        "error": "",
        "max_error": min(errors[where], 1e308),
        "where": where,
        "equal": all(torch.equal(ours[name].nan_to_num(), theirs[name].nan_to_num()) for name in ours),
        "rounding": errors[where] <= ROUNDING[made.x.dtype],
    }


def _give_weights(made: Workload, kept: dict[str, Any]) -> str:
    """Put the kept weights and input into `made`; why that cannot be, else ""."""
    if made.x.shape != kept["x"].shape:
        return f"the input is {tuple(made.x.shape)} and was {tuple(kept['x'].shape)}"
    try:
        made.module.load_state_dict(kept["weights"])
    except (RuntimeError, ValueError) as error:
        return "the weights of one do not fit the other: " + " ".join(str(error).split())[:160]
    with torch.no_grad():
        made.x.copy_(kept["x"])
        made.grad_output.copy_(kept["grad_output"])
    return ""


def _outcome(made: Workload, seed: int) -> dict[str, Tensor]:
    """Output, and the gradients of the input and of every parameter that has one."""
    made.module.train()
    seed_all(seed)  # a module that draws numbers draws the same
    y = made.train_forward()
    made.backward(y)
    assert made.x.grad is not None
    found = {"output": y.detach(), "gradient of the input": made.x.grad}
    for name, parameter in made.module.named_parameters():
        if parameter.grad is not None:
            found[f"gradient of {name}"] = parameter.grad
    made.clear_gradients()
    return found


def _error(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference over the largest value; infinite where NaN or infinity stands in one of them only."""
    a, b = ours.double(), theirs.double()
    if a.shape != b.shape or not torch.equal(a.isfinite(), b.isfinite()):
        return float("inf")
    a, b = (t.where(t.isfinite(), torch.zeros_like(t)) for t in (a, b))
    if not a.numel() or torch.equal(a, b):
        return 0.0
    return float((a - b).abs().max() / torch.maximum(a.abs().max(), b.abs().max()))


def _on_cpu(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().cpu()
    return {name: _on_cpu(item) for name, item in value.items()}
