"""What the worker runs of `decode`: the context taken in, then token after token."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import torch
from torch import nn

from rnn_vs_attn.limits import DECODED, Turn
from rnn_vs_attn.measure.attention_kernels import only
from rnn_vs_attn.measure.conduct import batch_independence, decoders
from rnn_vs_attn.measure.decoder import Decoder
from rnn_vs_attn.measure.operations import recurrent_kernels
from rnn_vs_attn.measure.timing import decoding, kernel_choice
from rnn_vs_attn.models import build
from rnn_vs_attn.models.language import interface
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.shapes import LanguageShape
from rnn_vs_attn.models.spec import CONFIGURED, LANGUAGE
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites import configured_passes
from rnn_vs_attn.suites.blocks import calls_bound
from rnn_vs_attn.suites.decode.case import DecodeCase
from rnn_vs_attn.suites.measurement import Measurement
from rnn_vs_attn.suites.token_passes import place

CHECKED = 16  # tokens on which a layer's steps are held against its forward


def decoder(case: DecodeCase, seed: int) -> Decoder:
    """The module of a case with the weights and the context of `seed`. CaseFault where it cannot decode."""
    device, dtype = place(case, seed)
    if find(case.model).family == CONFIGURED:
        return _configured(case, seed)
    module = build.placed(module_of(case), device, dtype).eval()
    if find(case.model).family == LANGUAGE:
        ids = torch.randint(case.vocab_size, (case.batch_size, case.seq_len), device=device)
        return Decoder(module, ids)
    checked = torch.randn(case.batch_size, CHECKED, case.d_model, device=device, dtype=dtype)
    if not decoding.draws_numbers(module, checked):
        decoding.check(module, checked)
    context = torch.randn(case.batch_size, case.seq_len, case.d_model, device=device, dtype=dtype)
    return Decoder(module, context, torch.randn_like(context[:, 0]))


def _configured(case: DecodeCase, seed: int) -> Decoder:
    """The same of a model of transformers, whose steps by its own cache are held against its forward."""
    model = configured_passes.model_of(case, seed, case.seq_len).eval()
    model.initial_state(case.batch_size)
    model.refuse_beyond(case.seq_len + DECODED)
    ids = torch.randint(model.vocab_size, (case.batch_size, max(case.seq_len, CHECKED)), device=case.device)
    decoding.check(model, ids[:, :CHECKED], model.advance)
    return Decoder(model, ids[:, : case.seq_len])


def module_of(case: DecodeCase) -> nn.Module:
    spec = find(case.model)
    if spec.family == LANGUAGE:
        room = case.seq_len + DECODED
        size = (case.d_model, case.num_heads, case.num_layers, case.vocab_size)
        return interface.build(spec, LanguageShape(*size, context_len=room, memory_len=case.memory_len))
    return build.build(spec, case.shape)


def probe(case: DecodeCase) -> None:
    """CaseFault where a user's module cannot decode."""
    decoder(case, 0)


def measure(case: DecodeCase, turn: Turn) -> Iterator[Sample]:
    """One round: prefills, then steps; the sizes, which have no noise, in the first."""
    with torch.no_grad():
        made = decoder(case, turn.seed)
        said = decoders.renew_between_calls(made)
        if turn.first:
            said += [*_said_of_batch(case, made.module), *decoders.not_finite(made)]
            made.renew()
            said += recurrent_kernels.said_of_call(made.module, made.prefill, made.context.device)
        with only(kernel_choice.of_prefill(made)):
            prefills, after = decoding.prefills(made, turn.enough)
            bound = decoding.prefill_bound(made, median(prefills))
        yield Sample("prefill_time", median(prefills), blocks=prefills, warnings=said)
        yield from calls_bound("prefill", bound)
        if turn.first:
            yield Sample("state_size", decoding.state_bytes(after[1]))
            yield Sample("num_params", build.count_parameters(made.module))
        steps = decoding.steps(made, after, turn.enough)
        yield Sample("step_time", steps.median, details={"steps": len(steps.seconds)})
        yield Sample("step_time_p95", steps.percentile_95)
        yield from calls_bound("step", steps.launch_bound)


def _said_of_batch(case: DecodeCase, module: nn.Module) -> list[str]:
    """What the row says of how a language model treats a batch. CaseFault where it runs over it; of layers the worker
    asks that.
    """
    if find(case.model).family != LANGUAGE:
        return []
    found = batch_independence.of_ids(module, case.vocab_size, case.seq_len)
    found.refuse()
    return found.warnings


MEASUREMENT = Measurement(measure, probe=probe, trains=False, says_batch=True)
