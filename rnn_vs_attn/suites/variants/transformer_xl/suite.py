"""`variants transformer-xl`: segments with a memory against sliding windows and a key-value cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from rnn_vs_attn import units
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import DECODED, Turn
from rnn_vs_attn.models.shapes import GPTShape, LanguageShape, TransformerXLShape
from rnn_vs_attn.records.types import AxisValue, Metric, Sample
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.suites.suite import ITEMSIZE, Case, Suite, fixed, option
from rnn_vs_attn.suites.variants import figures as variants_figures
from rnn_vs_attn.suites.variants import passes as variants_passes
from rnn_vs_attn.suites.variants.passes import NUM_PARAMS, PEAK_MEMORY, RATIO
from rnn_vs_attn.suites.variants.transformer_xl import analysis as variants_transformer_xl_reading
from rnn_vs_attn.suites.variants.transformer_xl import remarks as variants_transformer_xl_words
from rnn_vs_attn.suites.variants.transformer_xl.analysis import MEMORY, METHODS

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class TransformerXLCase(Case):
    """seq_len is the attention length: the memory, the window or the cache that stands before what is evaluated."""

    model: str = fixed("transformer-xl")
    seq_len: int = option(
        800, "Attention lengths; those of the paper's Table 9.", sweep="800,1800,2800,3800", minimum=2
    )
    batch_size: int = option(1, "Sequences a batch.", minimum=1)
    d_model: int = option(128, "Width of both models; feed-forwards are four times as wide.", minimum=1)
    num_layers: int = option(4, "Layers of both models.", minimum=1)
    threads: int = option(1, "CPU threads; 0 takes all usable cores.", minimum=0)
    causal: bool = fixed(True)
    method: str = option(
        MEMORY,
        "Segments with a memory; a window that is computed anew for each token, or for each half of it; a cache of "
        "keys and values, one token at a time or a segment.",
        sweep=",".join(METHODS),
        choices=METHODS,
    )
    vocab_size: int = option(256, "Token ids; 256 are bytes.", minimum=2)
    segment_len: int = option(128, "Tokens that are evaluated at once with a memory.", minimum=1)
    train_len: int = option(
        800, "Attention lengths up to this are trained on too, to see what that takes of memory.", minimum=0
    )

    @property
    def label(self) -> str:
        return self.method


def complete(case: TransformerXLCase) -> TransformerXLCase:
    return replace(case, model="transformer-xl" if case.method == MEMORY else "gpt")


TOKEN_TIME = Metric("token_time", "s", title="evaluation, a token")
REACH = Metric("reach", "1", "higher", exact=True, title="the largest distance at which a token changes the output")

# The small model on which the reach is measured; its memory is a multiple of its segment, as in the formula
REACH_SEGMENT, REACH_MEMORY, REACH_VOCAB = 4, 8, 16


def check(sweep: Mapping[str, Sequence[Any]]) -> None:
    """UserError where the heads do not fit the width, whichever model is asked for."""
    for d_model in sweep["d_model"]:
        for num_heads in sweep["num_heads"]:
            if d_model % num_heads:
                raise UserError(f"d_model {d_model} is not divisible by num_heads {num_heads}")


def language_shape(case: TransformerXLCase, context_len: int, memory_len: int) -> LanguageShape:
    return LanguageShape(case.d_model, case.num_heads, case.num_layers, case.vocab_size, context_len, memory_len)


def least_memory(case: TransformerXLCase) -> int:
    """Bytes of the weights, and in training of the scores of one long segment, a layer each."""
    made = language_shape(case, case.seq_len, case.seq_len).of(case.model)
    assert isinstance(made, GPTShape | TransformerXLShape)
    scores = case.num_layers * case.batch_size * case.num_heads * case.seq_len**2
    trained = case.method == MEMORY and case.seq_len <= case.train_len
    return (made.num_params + scores * trained) * ITEMSIZE[case.dtype]


# In the worker


def measure(case: TransformerXLCase, turn: Turn) -> Iterator[Sample]:
    """One round: seconds of a token; what is counted in the first."""
    import torch

    from rnn_vs_attn.measure.conduct import decoders as decoder_conduct
    from rnn_vs_attn.measure.timing import calls, decoding
    from rnn_vs_attn.models import build

    device, _ = variants_passes.place(case, turn.seed)
    with torch.no_grad():
        if case.method == "cache":
            made = _cached(case, device)
            said = decoder_conduct.not_finite(made) if turn.first else []
            steps = decoding.steps(made, made.prefill(), turn.enough)
            yield Sample("token_time", steps.median, details={"steps": len(steps.seconds)}, warnings=said)
            module = made.module
        else:
            module, call, tokens = _evaluation(case, device)
            seconds, made = calls.repeated(call, device, turn.enough)
            found = [value / tokens for value in seconds]
            yield Sample("token_time", median(found), blocks=found, warnings=_said_of(made))
    if turn.first:
        yield Sample("num_params", build.count_parameters(module))
        if case.method == MEMORY:
            yield from _reaches(case)


def _said_of(made: Any) -> list[str]:
    """What a row says where what an evaluation returned, logits alone or first, is not finite."""
    from rnn_vs_attn.measure.conduct.differences import OUTPUT_NOT_FINITE, finite

    return [] if finite([made[0] if isinstance(made, tuple) else made]) else [OUTPUT_NOT_FINITE]


def _model(case: TransformerXLCase, context_len: int, memory_len: int, device: torch.device) -> torch.nn.Module:
    from rnn_vs_attn.measure.device import DTYPES
    from rnn_vs_attn.models.language import interface as language
    from rnn_vs_attn.models.registry import find

    made = language.build(find(case.model), language_shape(case, context_len, memory_len))
    return made.to(device=device, dtype=DTYPES[case.dtype]).eval()


def _tokens(case: TransformerXLCase, length: int, device: torch.device) -> Tensor:
    import torch

    return torch.randint(case.vocab_size, (case.batch_size, length), device=device)


def _cached(case: TransformerXLCase, device: torch.device) -> Any:
    from rnn_vs_attn.measure.decoder import Decoder

    return Decoder(_model(case, case.seq_len + DECODED, 0, device), _tokens(case, case.seq_len, device))


def _evaluation(case: TransformerXLCase, device: torch.device) -> tuple[torch.nn.Module, Callable[[], object], int]:
    """A module, a call that evaluates tokens after as many as the attention length, and how many it evaluates."""
    import torch

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


def _segment_after_cache(
    case: TransformerXLCase, device: torch.device
) -> tuple[torch.nn.Module, Callable[[], object], int]:
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


def _reaches(case: TransformerXLCase) -> Iterator[Sample]:
    """How far back a small model of as many layers sees from a segment's last position, with memory and without.

    In float64 and with larger weights than at initialisation, so that nothing that passes through all layers is rounded
    off.
    """
    import torch

    from rnn_vs_attn.measure.dataflow.receptive_field import reach
    from rnn_vs_attn.models.language.transformer_xl import TransformerXL

    length = REACH_SEGMENT + case.num_layers * REACH_MEMORY + REACH_SEGMENT
    tokens = torch.randint(REACH_VOCAB, (1, length))
    for memory_len in (0, REACH_MEMORY):
        shape = LanguageShape(16, 2, case.num_layers, REACH_VOCAB, length, memory_len).of("transformer-xl")
        assert isinstance(shape, TransformerXLShape)
        model = TransformerXL(shape).double().eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(std=0.3)
        run = _last_output(model)
        axes: dict[str, AxisValue] = {"memory_len": memory_len, "position": REACH_SEGMENT - 1}
        yield Sample("reach", reach(run, tokens, REACH_VOCAB), axes)


def _last_output(model: torch.nn.Module) -> Callable[[Tensor], Tensor]:
    """Token ids (1, L) -> the output at the last one, evaluated segment by segment with the model's memory."""

    def run(tokens: Tensor) -> Tensor:
        memory, output = None, tokens
        for segment in tokens.split(REACH_SEGMENT, dim=1):
            output, memory = model(segment, memory)
        return output[:, -1]

    return run


def peaks(case: TransformerXLCase, turn: Turn) -> Iterator[Sample]:
    """Training peaks over the attention length: half of it with a memory of half, and all of it in one segment."""
    import torch

    from rnn_vs_attn.measure.token_passes import TokenPasses, filled

    if case.method != MEMORY or case.seq_len > case.train_len:
        return
    device, dtype = variants_passes.place(case, turn.seed)
    half = case.seq_len // 2
    for segment_len, memory_len in ((case.seq_len - half, half), (case.seq_len, 0)):
        module = filled(_maker(case, memory_len), device, dtype)
        size = (case.batch_size, memory_len, case.d_model)
        memory = [torch.full(size, 0.01, device=device, dtype=dtype) for _ in range(case.num_layers)]
        run = _with_memory(module, memory if memory_len else None)
        tokens = _tokens(case, segment_len, device)
        TokenPasses.of(module, tokens[:, : variants_passes.WARM], run).train()
        value = variants_passes.peak(TokenPasses.of(module, tokens, run).train, device)
        if value is not None:
            yield Sample("peak_memory", value, {"pass": "train", "memory_len": memory_len})


def _maker(case: TransformerXLCase, memory_len: int) -> Callable[[], torch.nn.Module]:
    from rnn_vs_attn.models.language import interface as language
    from rnn_vs_attn.models.registry import find

    return lambda: language.build(find("transformer-xl"), language_shape(case, 0, memory_len))


def _with_memory(module: torch.nn.Module, memory: list[Tensor] | None) -> Callable[[Tensor], Tensor]:
    def run(tokens: Tensor) -> Tensor:
        found: Tensor = module(tokens, memory)[0]
        return found

    return run


# In the parent

COLUMNS = (
    Column("token µs", "token_time", lambda value: units.significant(value * 1e6), interval="percent", precise=True),
    Column("÷ memory", "ratio", variants_passes.factor, {"of": "token_time"}, interval="ends"),
    Column("Table 9", "published_ratio", variants_passes.factor),
    Column("train MiB, memory", "train_memory", units.mebibytes, {"segments": "memory"}),
    Column("train MiB, one segment", "train_memory", units.mebibytes, {"segments": "one"}),
    Column("parameters", "num_params", variants_passes.whole, spare=True),
)

VARIANTS_TRANSFORMER_XL = Suite(
    name="variants-transformer-xl",
    group="variants",
    help="Transformer-XL's evaluation, reach and training memory beside sliding windows and a key-value cache.",
    case=TransformerXLCase,
    metrics=(TOKEN_TIME, NUM_PARAMS, REACH, PEAK_MEMORY, RATIO),
    per_case=("token_time",),
    precise=("token_time",),
    measure=measure,
    peaks=peaks,
    least_memory=least_memory,
    check=check,
    complete=complete,
    kept=lambda case: case.method == MEMORY,
    compared=("model", "method"),
    row_axes=("method", "seq_len"),
    implied=("model",),
    derive=variants_transformer_xl_reading.derive,
    expand=variants_transformer_xl_reading.expand,
    remarks=variants_transformer_xl_words.remarks,
    columns=COLUMNS,
    figures=variants_figures.over_length,
    echoes=("ratio",),
)
