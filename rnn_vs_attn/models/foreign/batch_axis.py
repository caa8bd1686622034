"""Which axis of a layer is the batch: the one across which its outputs are independent. It is asked, never assumed."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.foreign.axes import apart, mixes
from rnn_vs_attn.models.foreign.convention import Caller, Layout


def settled(caller: Caller, x: Tensor, batch_first: bool | None) -> Caller:
    """The caller whose batch is the first axis of x (B, L, D).

    batch_first: what the user says, asked where the outputs do not tell. UserError where neither does.
    """
    if not bool(caller(x).isfinite().all()):
        return caller  # nothing can be compared, and whoever measures it will say so
    over_batch, over_length = mixes(caller, x, 0), mixes(caller, x, 1)
    if over_length and not over_batch:
        return caller
    other = _exchanged(caller, x)
    if other is not None and over_batch and not over_length and not mixes(other, x, 0):
        return other
    if not over_batch and (other is None or not apart(caller(x), other(x))):
        return caller  # it acts on each position alone: both readings give the same
    if batch_first is None:
        raise _unknown(over_batch and over_length)
    as_said = caller if batch_first else other
    if as_said is None:
        raise UserError("it does not take (L, B, D), as batch_first=False says")
    return as_said


def _exchanged(caller: Caller, x: Tensor) -> Caller | None:
    """The caller that takes the first two axes the other way round, None where it does not run so."""
    convention = caller.convention
    if convention.layout is Layout.CHANNELS_FIRST:
        return None
    others = {Layout.BATCH_FIRST: Layout.SEQUENCE_FIRST, Layout.SEQUENCE_FIRST: Layout.BATCH_FIRST}
    made = replace(convention, layout=others[convention.layout])
    try:
        return caller.with_convention(made.placed(caller.with_convention(made).result(x), x))
    except Exception:
        return None


def _unknown(both: bool) -> UserError:
    depends = "outputs depend on each other across both axes" if both else "no output depends on another's input"
    return UserError(
        f"its batch cannot be told from its sequence, as {depends}; say --model-arg batch_first=True where it takes "
        "(batch, sequence, d_model), batch_first=False where it takes (sequence, batch, d_model)"
    )
