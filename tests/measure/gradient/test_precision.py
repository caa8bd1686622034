"""Fewer digits than float64's are noticed wherever they are on the gradient's way, and only there."""

from __future__ import annotations

import digits
import pytest
from gradients import D, flow
from torch import nn

from rnn_vs_attn.errors import CaseFault


@pytest.mark.long
@pytest.mark.parametrize("kind", digits.REFUSED)
def test_fewer_digits_are_refused_at_whatever_depth(kind: type[nn.Module]) -> None:
    """A float32 operation before 3,000 others was not noticed; nor one of a module that is taken in chunks and refuses
    few positions, or has it later than at few.
    """
    with pytest.raises(CaseFault, match=r"it computes in (float32|bfloat16|complex64) inside") as fault:
        flow(kind(D), 50)
    assert fault.value.status == "unsupported"


@pytest.mark.long
@pytest.mark.parametrize("kind", digits.MEASURED)
def test_what_is_beside_the_gradients_way_may_have_few(kind: type[nn.Module]) -> None:
    found = flow(kind(D), 50)
    assert found.warnings == []
    assert bool(found.log10.isfinite().all())
    assert found.route == ("chunks" if kind is digits.GatedInFloat64 else "direct")
