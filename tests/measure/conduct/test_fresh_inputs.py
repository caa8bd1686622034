"""Inputs that no call has seen."""

from __future__ import annotations

import torch

from rnn_vs_attn.measure.conduct.fresh_inputs import FreshInputs


def test_fresh_inputs_share_no_address_no_identity_and_no_values() -> None:
    inputs = FreshInputs(torch.randn(2, 3, 4))
    found = [inputs.next() for _ in range(1100)]
    assert len({x.data_ptr() for x in found}) == len({id(x) for x in found}) == 1100
    assert len({tuple(x.flatten().tolist()) for x in found}) == 1100
    assert found[0].shape == (2, 3, 4)
    assert all(x.is_contiguous() for x in found)
    assert len({tuple(FreshInputs(found[0]).next().flatten().tolist()) for _ in range(5)}) == 5


def test_fresh_token_ids_are_ids() -> None:
    ids = torch.tensor([[3, 5, 9, 11]])
    assert set(FreshInputs(ids).next().flatten().tolist()) <= {3, 5, 9, 11}
