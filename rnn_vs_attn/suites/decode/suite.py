"""`decode`: what the next token costs after a context, in time and in state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from rnn_vs_attn import units
from rnn_vs_attn.limits import DECODED, Turn
from rnn_vs_attn.models.registry import LANGUAGE, find
from rnn_vs_attn.models.shapes import LanguageShape
from rnn_vs_attn.records.types import Metric, Sample
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.suites.decode import analysis as decode_reading
from rnn_vs_attn.suites.decode import figures as decode_figures
from rnn_vs_attn.suites.decode import remarks as decode_words
from rnn_vs_attn.suites.suite import LayerCase, Suite, fixed, option

if TYPE_CHECKING:
    import torch

    from rnn_vs_attn.measure.conduct.batch_independence import Batch
    from rnn_vs_attn.measure.decoder import Decoder


@dataclass(frozen=True)
class DecodeCase(LayerCase):
    """seq_len is the context that stands before the tokens that are decoded; all is causal."""

    model: str = option(
        "gpt",
        "Language models (gpt, transformer-xl, lstm-lm) and layers: built-in names, entry points, "
        "package.module:Class or file.py:Class with initial_state and step.",
        sweep="lstm,attention,attention-relative,lstm-lm,gpt,transformer-xl",
    )
    seq_len: int = option(64, "Context lengths: 512, or 64:4096 (doubling).", sweep="64,256,1024,4096", minimum=1)
    batch_size: int = option(1, "Sequences decoded together.", minimum=1)
    d_model: int = option(256, "Width of the model.", minimum=1)
    threads: int = option(
        1,
        "CPU threads; 0 takes all usable cores, which helps prefills, and large models where nothing else runs.",
        minimum=0,
    )
    num_layers: int = option(4, "Layers; nothing stands between those that are no language model.", minimum=1)
    causal: bool = fixed(True)
    vocab_size: int = option(256, "Token ids of a language model; 256 are bytes.", minimum=2)
    memory_len: int = option(256, "Positions that transformer-xl remembers.", minimum=0)


PREFILL_TIME = Metric("prefill_time", "s", title="the context taken in at once, to the state after it")
STEP_TIME = Metric("step_time", "s", title="one token decoded, the median over steps")
STEP_TIME_P95 = Metric("step_time_p95", "s", title="the 95th percentile over steps")
STATE_SIZE = Metric("state_size", "B", "lower", exact=True, title="what is carried on after the context")
NUM_PARAMS = Metric("num_params", "1", "none", exact=True)


# In the worker

CHECKED = 16  # tokens on which a layer's steps are held against its forward


def decoder(case: DecodeCase, seed: int) -> Decoder:
    """The module of a case with the weights and the context of `seed`. CaseFault where it cannot decode."""
    import torch

    from rnn_vs_attn.isolation.seeds import seed_all
    from rnn_vs_attn.measure.decoder import Decoder
    from rnn_vs_attn.measure.device import DTYPES, set_precision
    from rnn_vs_attn.measure.timing import decoding
    from rnn_vs_attn.models import build

    set_precision(tf32=False)
    seed_all(seed)
    device, dtype = torch.device(case.device), DTYPES[case.dtype]
    module = build.cast(module_of(case).to(device), dtype).eval()
    if find(case.model).family == LANGUAGE:
        ids = torch.randint(case.vocab_size, (case.batch_size, case.seq_len), device=device)
        return Decoder(module, ids)
    checked = torch.randn(case.batch_size, CHECKED, case.d_model, device=device, dtype=dtype)
    if not decoding.draws_numbers(module, checked):
        decoding.check(module, checked)
    context = torch.randn(case.batch_size, case.seq_len, case.d_model, device=device, dtype=dtype)
    return Decoder(module, context, torch.randn_like(context[:, 0]))


def module_of(case: DecodeCase) -> torch.nn.Module:
    from rnn_vs_attn.models import build
    from rnn_vs_attn.models.language import interface as language

    spec = find(case.model)
    if spec.family == LANGUAGE:
        room = case.seq_len + DECODED
        size = (case.d_model, case.num_heads, case.num_layers, case.vocab_size)
        return language.build(spec, LanguageShape(*size, context_len=room, memory_len=case.memory_len))
    return build.build(spec, case.shape)


def probe(case: DecodeCase) -> None:
    """CaseFault where a user's module cannot decode."""
    decoder(case, 0)


def measure(case: DecodeCase, turn: Turn) -> Iterator[Sample]:
    """One round: prefills, then steps; the sizes, which have no noise, in the first."""
    import torch

    from rnn_vs_attn.measure.conduct import decoders as decoder_conduct
    from rnn_vs_attn.measure.timing import decoding
    from rnn_vs_attn.models import build

    with torch.no_grad():
        made = decoder(case, turn.seed)
        said = decoder_conduct.renew_between_calls(made)
        if turn.first:
            said += [*_of_batch(case, made.module).warnings, *decoder_conduct.not_finite(made)]
        prefills, after = decoding.prefills(made, turn.enough)
        yield Sample("prefill_time", median(prefills), blocks=prefills, warnings=said)
        if turn.first:
            yield Sample("state_size", decoding.state_bytes(after[1]))
            yield Sample("num_params", build.count_parameters(made.module))
        steps = decoding.steps(made, after, turn.enough)
        yield Sample("step_time", steps.median, details={"steps": len(steps.seconds)})
        yield Sample("step_time_p95", steps.percentile_95)


def _of_batch(case: DecodeCase, module: Any) -> Batch:
    """How the module treats a batch. CaseFault where a language model runs over it; of layers that is asked before."""
    from rnn_vs_attn.measure.conduct import batch_independence

    if find(case.model).family != LANGUAGE:
        return batch_independence.of(module, case.batch_size, case.seq_len, case.d_model)
    found = batch_independence.of_ids(module, case.vocab_size, case.seq_len)
    found.refuse()
    return found


# In the parent


def _time(title: str, metric: str) -> Column:
    return Column(title, metric, units.milliseconds, interval="percent", precise=True)


def _count(value: float) -> str:
    return f"{value:.0f}"


COLUMNS = (
    _time("prefill ms", "prefill_time"),
    _time("step ms", "step_time"),
    Column("step p95 ms", "step_time_p95", units.milliseconds),
    Column("tokens/s", "tokens_per_second", units.scaled),
    Column("state KiB", "state_size", lambda value: units.significant(value / 1024)),
    Column("parameters", "num_params", _count, spare=True),
)

DECODE = Suite(
    name="decode",
    help="Generation: time a token and size of the state over context length.",
    case=DecodeCase,
    metrics=(PREFILL_TIME, STEP_TIME, STEP_TIME_P95, STATE_SIZE, NUM_PARAMS, *decode_reading.METRICS),
    per_case=("prefill_time", "step_time"),
    precise=("prefill_time", "step_time"),
    measure=measure,
    probe=probe,
    trains=False,
    language_models=True,
    needs_state=True,
    derive=decode_reading.derive,
    expand=decode_reading.expand,
    remarks=decode_words.remarks,
    columns=COLUMNS,
    figures=decode_figures.figures,
    echoes=("step_time_p95",),
)
