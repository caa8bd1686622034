"""Token ids that cannot be are named, and none is looked at in a call that is timed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from registry_models import LANGUAGE, OF_TOKENS, of_tokens, outputs
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from transformers_models import SMALL_GPT, tokens

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.measure.decoder import Decoder
from rnn_vs_attn.measure.workload import TokenWorkload
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.spec import ModelSpec


class Reads(TorchDispatchMode):
    """Notes what makes the host wait for the value of a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.name() in ("aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero"):
            self.found.append(func.name())
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("wrong", "said"), [(61, "token id 61 is out of range"), (-1, "token id -1 is out of range")])
def test_token_ids_out_of_range_are_named(wrong: int, said: str) -> None:
    model, ids = GPT(SMALL_GPT[0]), tokens(SMALL_GPT[0])
    ids[1, 3] = wrong
    with pytest.raises(UserError, match=said):
        model(ids)


@pytest.mark.parametrize("wrong", [11, -1])
@LANGUAGE
def test_all_language_models_name_them_wherever_ids_come_in(spec: ModelSpec, wrong: int) -> None:
    """`gpt` took a prompt's ids as they were: on a GPU that ends the process's use of it."""
    model, ids = of_tokens(spec)
    ids[1, 3] = wrong
    said = f"token id {wrong} is out of range"
    with torch.no_grad():
        for call in (
            lambda: model(ids),
            lambda: model.advance(ids, model.initial_state(2)),
            lambda: model.step(ids[:, 3], model.initial_state(2)),
        ):
            with pytest.raises(UserError, match=said):
                call()


@LANGUAGE
def test_no_step_reads_a_token_id_while_it_is_timed(spec: ModelSpec) -> None:
    """Two of three did, and so waited for the GPU before each step began."""
    model, ids = of_tokens(spec)
    with torch.no_grad():
        (expected, state), seen = model.advance(ids[:, :4], model.initial_state(2), last_only=True), Reads()
        decoder = Decoder(model, ids[:, :4])
        with seen:
            given, state = decoder.prefill()
            decoder.step(given, state)
    assert seen.found == []
    torch.testing.assert_close(given, expected[:, -1].argmax(-1))


@OF_TOKENS
def test_no_timed_pass_reads_one_either(spec: ModelSpec) -> None:
    model, ids = of_tokens(spec)
    with Reads() as checked:
        expected: Tensor = outputs(model, ids)
    assert checked.found
    workload = TokenWorkload.of_ids(model, ids, lambda ids: outputs(model, ids))
    with Reads() as seen:
        y = workload.train_forward()
        workload.backward(y)
    assert seen.found == []
    torch.testing.assert_close(y, expected)


@pytest.mark.cuda
@LANGUAGE
def test_ids_out_of_range_on_a_gpu_are_named_and_cost_no_context(spec: ModelSpec) -> None:
    model, ids = of_tokens(spec)
    model, ids = model.cuda(), ids.cuda()
    ids[1, 3] = 11
    with pytest.raises(UserError, match="token id 11 is out of range"):
        model(ids)
    torch.cuda.synchronize()


@pytest.mark.cuda
@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@LANGUAGE
def test_no_step_waits_for_a_gpu(spec: ModelSpec) -> None:
    """torch itself raises where a call would wait."""
    model, ids = of_tokens(spec)
    with torch.no_grad():
        decoder = Decoder(model.cuda(), ids[:, :4].cuda())
        given, state = decoder.prefill()
        given, state = decoder.step(given, state)
        torch.cuda.set_sync_debug_mode("error")
        try:
            given, _ = decoder.step(given, state)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert len(given) == len(ids)
