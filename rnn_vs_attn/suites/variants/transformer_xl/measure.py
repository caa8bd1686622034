"""What the worker runs of `variants transformer-xl`: evaluation by each method, receptive fields, training peaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.limits import DECODED, Turn
from rnn_vs_attn.measure.conduct import decoders
from rnn_vs_attn.measure.conduct.differences import OUTPUT_NOT_FINITE, finite
from rnn_vs_attn.measure.dataflow.receptive_field import receptive_field
from rnn_vs_attn.measure.decoder import Decoder
from rnn_vs_attn.measure.device import DTYPES
from rnn_vs_attn.measure.timing import calls, decoding
from rnn_vs_attn.measure.workload import TokenWorkload, filled
from rnn_vs_attn.models import build
from rnn_vs_attn.models.language import interface
from rnn_vs_attn.models.language.token_ids import trust_ids
from rnn_vs_attn.models.language.transformer_xl import TransformerXL
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.shapes import LanguageShape
from rnn_vs_attn.records.types import AxisValue, Sample
from rnn_vs_attn.suites import token_passes
from rnn_vs_attn.suites.blocks import calls_bound
from rnn_vs_attn.suites.case import ITEMSIZE
from rnn_vs_attn.suites.measurement import Measurement
from rnn_vs_attn.suites.variants.transformer_xl.case import MEMORY, TOKEN, TransformerXLCase

# The small model whose receptive field is measured; its memory is a multiple of its segment, as in the formula
FIELD_SEGMENT, FIELD_MEMORY, FIELD_VOCAB = 4, 8, 16


def language_shape(case: TransformerXLCase, context_len: int, memory_len: int) -> LanguageShape:
    return LanguageShape(case.d_model, case.num_heads, case.num_layers, case.vocab_size, context_len, memory_len)


def least_memory(case: TransformerXLCase) -> int:
    """Bytes of the weights, and in training of the scores of one long segment, a layer each."""
    shape_of = find(case.model).language_shape
    assert shape_of is not None
    made = shape_of(language_shape(case, case.seq_len, case.seq_len))
    scores = case.num_layers * case.batch_size * case.num_heads * case.seq_len**2
    trained = case.method == MEMORY and case.seq_len <= case.train_len
    return (made.num_params + scores * trained) * ITEMSIZE[case.dtype]


def measure(case: TransformerXLCase, turn: Turn) -> Iterator[Sample]:
    """One round: seconds of a token; what is counted in the first."""
    device, _ = token_passes.place(case, turn.seed)
    with torch.no_grad():
        if case.method == "cache":
            made = _cached(case, device)
            said = decoders.not_finite(made) if turn.first else []
            steps = decoding.steps(made, made.prefill(), turn.enough)
            yield Sample("token_time", steps.median, details={"steps": len(steps.seconds)}, warnings=said)
            yield from calls_bound(TOKEN, steps.launch_bound)
            module = made.module
        else:
            module, call, tokens = _evaluation(case, device)
            seconds, made = calls.repeated(call, device, turn.enough)
            found = [value / tokens for value in seconds]
            yield Sample("token_time", median(found), blocks=found, warnings=_said_of(made))
            yield from calls_bound(TOKEN, calls.launch_bound_calls(call, device, median(seconds)))
    if turn.first:
        yield Sample("num_params", build.count_parameters(module))
        if case.method == MEMORY:
            yield from _receptive_fields(case)


def _said_of(made: Any) -> list[str]:
    """What a row says where what an evaluation returned, logits alone or first, is not finite."""
    return [] if finite([made[0] if isinstance(made, tuple) else made]) else [OUTPUT_NOT_FINITE]


def _model(case: TransformerXLCase, context_len: int, memory_len: int, device: torch.device) -> nn.Module:
    made = interface.build(find(case.model), language_shape(case, context_len, memory_len))
    trust_ids(made)
    return made.to(device=device, dtype=DTYPES[case.dtype]).eval()


def _tokens(case: TransformerXLCase, length: int, device: torch.device) -> Tensor:
    return torch.randint(case.vocab_size, (case.batch_size, length), device=device)


def _cached(case: TransformerXLCase, device: torch.device) -> Any:
    return Decoder(_model(case, case.seq_len + DECODED, 0, device), _tokens(case, case.seq_len, device))


def _evaluation(case: TransformerXLCase, device: torch.device) -> tuple[nn.Module, Callable[[], object], int]:
    """A module, a call that evaluates tokens after as many as the attention length, and how many it evaluates."""
    if case.method == MEMORY:  # full, and of random states: what the next segment takes does not depend on them
        module: Any = _model(case, 0, case.seq_len, device)
        kept = torch.randn(case.batch_size, case.seq_len, case.d_model, device=device, dtype=module.biases[0].dtype)
        memory = [kept] * case.num_layers
        segment = _tokens(case, case.segment_len, device)
        return module, lambda: module(segment, memory), case.segment_len
    if case.method == "cache-segment":
        return _segment_after_cache(case, device)
    module = _model(case, case.seq_len, 0, device)
    window = _tokens(case, case.seq_len, device)
    if case.method == "window-1":  # of the whole window the last token's logits alone
        return module, lambda: module.advance(window, [], last_only=True), 1
    return module, lambda: module(window), case.seq_len - case.seq_len // 2


def _segment_after_cache(case: TransformerXLCase, device: torch.device) -> tuple[nn.Module, Callable[[], object], int]:
    """A segment after a cache, which forgets it again so that the next call finds as many positions."""
    module: Any = _model(case, case.seq_len + case.segment_len, 0, device)
    _, state = module.advance(_tokens(case, case.seq_len, device), module.initial_state(case.batch_size), True)
    segment = _tokens(case, case.segment_len, device)

    def call() -> Tensor:
        logits: Tensor = module.advance(segment, state)[0]
        for cache in state:
            cache.end -= case.segment_len
        return logits

    return module, call, case.segment_len


def _receptive_fields(case: TransformerXLCase) -> Iterator[Sample]:
    """How far back a small model of as many layers sees from a segment's last position, with memory and without.

    In float64 and with larger weights than at initialisation, so that nothing that passes through all layers is rounded
    off.
    """
    length = FIELD_SEGMENT + case.num_layers * FIELD_MEMORY + FIELD_SEGMENT
    tokens = torch.randint(FIELD_VOCAB, (1, length))
    for memory_len in (0, FIELD_MEMORY):
        shape = LanguageShape(16, 2, case.num_layers, FIELD_VOCAB, length, memory_len).transformer_xl()
        model = TransformerXL(shape).double().eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(std=0.3)
        run = _last_output(model)
        axes: dict[str, AxisValue] = {"memory_len": memory_len, "position": FIELD_SEGMENT - 1}
        yield Sample("receptive_field", receptive_field(run, tokens, FIELD_VOCAB), axes)


def _last_output(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """Token ids (1, L) -> the output at the last one, evaluated segment by segment with the model's memory."""

    def run(tokens: Tensor) -> Tensor:
        memory, output = None, tokens
        for segment in tokens.split(FIELD_SEGMENT, dim=1):
            output, memory = model(segment, memory)
        return output[:, -1]

    return run


def peaks(case: TransformerXLCase, turn: Turn) -> Iterator[Sample]:
    """Training peaks over the attention length: half of it with a memory of half, and all of it in one segment."""
    if case.method != MEMORY or case.seq_len > case.train_len:
        return
    device, dtype = token_passes.place(case, turn.seed)
    half = case.seq_len // 2
    for segment_len, memory_len in ((case.seq_len - half, half), (case.seq_len, 0)):
        module = filled(_maker(case, memory_len), device, dtype)
        size = (case.batch_size, memory_len, case.d_model)
        memory = [torch.full(size, 0.01, device=device, dtype=dtype) for _ in range(case.num_layers)]
        run = _with_memory(module, memory if memory_len else None)
        tokens = _tokens(case, segment_len, device)
        TokenWorkload.of_ids(module, tokens[:, : token_passes.WARM], run).train()
        yield token_passes.peak(TokenWorkload.of_ids(module, tokens, run), "train", memory_len=memory_len)


def _maker(case: TransformerXLCase, memory_len: int) -> Callable[[], nn.Module]:
    return lambda: interface.build(find(TransformerXLCase.model), language_shape(case, 0, memory_len))


def _with_memory(module: nn.Module, memory: list[Tensor] | None) -> Callable[[Tensor], Tensor]:
    def run(tokens: Tensor) -> Tensor:
        found: Tensor = module(tokens, memory)[0]
        return found

    return run


MEASUREMENT = Measurement(measure, peaks=peaks, least_memory=least_memory)
