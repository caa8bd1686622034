"""How much gradient of the last output arrives at every input: all distances from one pass back, however small.

G(k) = ||dy_T / dx_(T-k)||_F / sqrt(D). For cotangents v with E[v v^T] = I the squared length of v^T J has the mean
||J||_F^2 (Hutchinson 1990), and one vector-Jacobian product gives v^T J for every input at once. A module with a state
is taken back in chunks of the sequence, any other in one piece; which of them, and whether what comes out is to be
trusted, is tried for every module alike.

Everything is float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.isolation.keeping import kept
from rnn_vs_attn.measure.conduct import batch_independence
from rnn_vs_attn.measure.conduct.holdings import said_of_changes
from rnn_vs_attn.measure.gradient.agreement import or_lifted
from rnn_vs_attn.measure.gradient.chunks import by_chunks
from rnn_vs_attn.measure.gradient.lifting import Lifting
from rnn_vs_attn.measure.gradient.norms import Flow
from rnn_vs_attn.measure.gradient.passes import AT_ONCE, gradient, output
from rnn_vs_attn.measure.gradient.precision import look_at_few, refuse_fewer_digits, state_of_few_digits
from rnn_vs_attn.measure.gradient.standing import changed_by_a_call, held
from rnn_vs_attn.measure.gradient.way import TRIED, Way, way
from rnn_vs_attn.measure.gradient.whole import SENSITIVE, direct
from rnn_vs_attn.models.mixer import has_state, refused_state

_STATE_LIFTED = (
    "its state has fewer digits than float64; it is lifted to float64 here, where it carries on as its forward does"
)


@contextmanager
def float64() -> Iterator[None]:
    """Modules and tensors made within are float64 unless they say otherwise."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def cotangents(num_probes: int, d_model: int, exact: bool, device: torch.device) -> Tensor:
    """(P, D) whose rows' squared lengths v^T J add up to G^2: Rademacher probes, or all D unit vectors where exact."""
    if exact:
        return torch.eye(d_model, device=device) / math.sqrt(d_model)
    signs = torch.randint(0, 2, (num_probes, d_model), dtype=torch.float64) * 2 - 1  # the same on every device
    return signs.to(device) / math.sqrt(num_probes * d_model)


def without_dropout(module: nn.Module) -> nn.Module:
    """The module in eval mode, but for recurrent layers, of which cuDNN takes gradients in training mode only."""
    module.eval()
    for layer in module.modules():
        if isinstance(layer, nn.RNNBase) and not layer.dropout:
            layer.train()
    return module


def flow_of(module: nn.Module, x: Tensor, cotangents: Tensor) -> Flow:
    """G at all distances for x (1, L, D), within `float64`. CaseFault where the module has no gradient to give.

    A module that casts to fewer digits inside is measured with its casts lifted, where that makes no other of it.
    """
    found, said = or_lifted(lambda one: _with_or_without_parameters(one, x, cotangents), module, x)
    return replace(found, warnings=[*said, *found.warnings])


def _with_or_without_parameters(module: nn.Module, x: Tensor, cotangents: Tensor) -> Flow:
    try:
        return _in_float64(module.requires_grad_(False), x, cotangents)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:  # it takes gradients itself
        pass  # and only then again: the exception holds what the first try has allocated
    return _in_float64(module.requires_grad_(True), x, cotangents)


def _in_float64(module: nn.Module, x: Tensor, cotangents: Tensor) -> Flow:
    with torch.enable_grad(), kept():
        changes = changed_by_a_call(module, x)
        warnings = [said_of_changes(changes)] if changes else []
        with held(module, changes):
            found = _of_held(module, x, cotangents)
    return replace(found, warnings=[*warnings, *found.warnings])


def _of_held(module: nn.Module, x: Tensor, cotangents: Tensor) -> Flow:
    look_at_few(module, x)
    _, seq_len, d_model = x.shape
    batch = batch_independence.of(module, 1, seq_len, d_model, every_number=True)
    batch.refuse()
    one_at_a_time = [f"{text}; cotangents are taken one at a time" for text in batch.warnings]
    found = _in_its_way(module, x, cotangents, 1 if one_at_a_time else AT_ONCE, batch.random)
    return replace(found, warnings=[*one_at_a_time, *found.warnings])


def _in_its_way(module: nn.Module, x: Tensor, cotangents: Tensor, at_once: int, random: bool) -> Flow:
    """In chunks where it has a state that carries its gradient, else in one piece, said where a state is not used."""
    taken = way(module, x) if has_state(module) and not random else Way(None, refused_state(module))
    lifting = has_state(module) and taken.reason != "" and state_of_few_digits(module, x[:, :1])
    with Lifting() if lifting else nullcontext():
        again = way(module, x) if lifting else taken
        if again.chunk is not None:
            try:
                found = _in_chunks(module, x, cotangents, again, at_once)
                return replace(found, warnings=[*found.warnings, *[_STATE_LIFTED] * lifting])
            except UserError as error:
                taken = Way(None, str(error))
    found = direct(module, x, cotangents, at_once)
    if not taken.reason or len(found.future):  # what sees the future has no state to go on from
        return found
    return replace(found, warnings=[f"{taken.reason}; measured in one piece", *found.warnings])


def _in_chunks(module: nn.Module, x: Tensor, cotangents: Tensor, taken: Way, at_once: int) -> Flow:
    assert taken.chunk is not None
    refuse_fewer_digits(module, x[:, :TRIED])
    found = by_chunks(module, x, cotangents, taken.chunk, at_once)
    return replace(found, warnings=[*found.warnings, *[SENSITIVE] * taken.sensitive])


def check(module: nn.Module, x: Tensor) -> None:
    """CaseFault where the output for x (1, L, D), within `float64`, is not finite or does not depend on x
    differentiably.
    """
    or_lifted(lambda one: _checked(one, x), module, x)


def _checked(module: nn.Module, x: Tensor) -> None:
    with torch.enable_grad(), kept():
        inputs = x.detach().clone().requires_grad_()
        gradient(output(module, inputs)[:, -1], inputs, torch.ones_like(x[:, -1]))
