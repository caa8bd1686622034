"""The registry: every model that can be measured, by name; no torch is imported to read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from rnn_vs_attn.errors import UserError, unknown
from rnn_vs_attn.models import costs
from rnn_vs_attn.models.shapes import GPTShape, LanguageShape, TransformerXLShape
from rnn_vs_attn.text.safe import encodable

ENTRY_POINTS = "rnn_vs_attn.models"


@dataclass(frozen=True)
class Complexity:
    """Growth in n = seq_len and d = d_model, as in Table 1 of Vaswani et al. 2017, projections included."""

    time: str
    memory: str
    sequential_operations: str
    path_length: str


@dataclass(frozen=True)
class Traits:
    """What commands ask of a model.

    baseline: whether it is the one that others like it, layers or language models, are held against.
    kept: whether it is never left out for want of time, as others are compared with it.
    kernel_of_its_own: whether torch.compile breaks the graph there.
    loop_of: the model that computes the same in the device's own kernel, where this one is a Python loop.
    recurrent_matrix: whether a step is one matrix and a nonlinearity, which Pascanu's conditions are about.
    separable: whether what it does between its projections can run alone.
    takes: those of kernel_size and window that it takes, which most models know nothing of.
    initialisations: those that apply to it beside its own.
    """

    baseline: bool = False
    kept: bool = False
    kernel_of_its_own: bool = False
    loop_of: str = ""
    recurrent_matrix: bool = False
    separable: bool = False
    takes: tuple[str, ...] = ()
    initialisations: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelSpec:
    """A model by name.

    target: `package.module:Class` or `file.py:Class`, imported in the worker only.
    layer_type: the row of Table 1 of Vaswani et al. 2017 that is about it, or LINEAR_RECURRENCE, which it lacks.
    language_shape: of a language model, its own shape out of what all of them share.
    """

    name: str
    family: str
    target: str
    source: str
    complexity: Complexity | None = None
    costs: costs.Costs | None = None
    always_causal: bool = False
    uses_heads: bool = False
    layer_type: str = ""
    note: str = ""
    traits: Traits = Traits()
    language_shape: Callable[[LanguageShape], GPTShape | TransformerXLShape | LanguageShape] | None = None


SELF_ATTENTION, RECURRENT = "self-attention", "recurrent"
CONVOLUTIONAL, RESTRICTED = "convolutional", "self-attention (restricted)"
LINEAR_RECURRENCE = "recurrent, linear in its state"

# Families
RECURRENCE, CONVOLUTION = "recurrent", "convolution"
ATTENTION, RESTRICTED_ATTENTION = "attention", "restricted attention"
LANGUAGE = "language model"  # takes token ids
ENCODER = "encoder"  # takes token ids and predicts none
USER = "user"  # an entry point or an import path

_RECURRENT = Complexity("O(n d²)", "O(n d)", "O(n)", "O(n)")
_FUSED_ATTENTION = Complexity("O(n² d + n d²)", "O(n d)", "O(1)", "O(1)")
_NAIVE_ATTENTION = Complexity("O(n² d + n d²)", "O(n² + n d)", "O(1)", "O(1)")
_OF_LSTMS = ("orthogonal", "forget-bias-1", "chrono")

MODELS = (
    ModelSpec(
        name="rnn",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.recurrent:RNN",
        layer_type=RECURRENT,
        source="Elman 1990; torch.nn.RNN",
        complexity=_RECURRENT,
        costs=costs.Recurrent(gates=1),
        always_causal=True,
        traits=Traits(kernel_of_its_own=True, recurrent_matrix=True, initialisations=("orthogonal", "identity")),
    ),
    ModelSpec(
        name="gru",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.recurrent:GRU",
        layer_type=RECURRENT,
        source="Cho et al. 2014; torch.nn.GRU",
        complexity=_RECURRENT,
        costs=costs.Recurrent(gates=3),
        always_causal=True,
        traits=Traits(kernel_of_its_own=True, initialisations=("orthogonal",)),
    ),
    ModelSpec(
        name="lstm",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.recurrent:LSTM",
        layer_type=RECURRENT,
        source="Hochreiter and Schmidhuber 1997; torch.nn.LSTM",
        complexity=_RECURRENT,
        costs=costs.Recurrent(gates=4, states=2),
        always_causal=True,
        traits=Traits(kept=True, kernel_of_its_own=True, initialisations=_OF_LSTMS),
    ),
    ModelSpec(
        name="lstm-cell",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.recurrent:LSTMCellLoop",
        layer_type=RECURRENT,
        source="the same LSTM; torch.nn.LSTMCell",
        complexity=_RECURRENT,
        costs=costs.Recurrent(gates=4, states=2),
        always_causal=True,
        note="a Python loop over cells: launch overhead, not recurrence",
        traits=Traits(loop_of="lstm", initialisations=_OF_LSTMS),
    ),
    ModelSpec(
        name="mingru",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.mingru:MinGRU",
        layer_type=LINEAR_RECURRENCE,
        source="Feng et al. 2024 (minGRU), section 3.1",
        complexity=Complexity("O(n d²)", "O(n d)", "O(log n)", "O(n)"),
        costs=costs.LinearRecurrence(),
        always_causal=True,
    ),
    ModelSpec(
        name="conv",
        family=CONVOLUTION,
        target="rnn_vs_attn.models.layers.convolution:StackedConvolution",
        layer_type=CONVOLUTIONAL,
        source="Vaswani et al. 2017, table 1; van den Oord et al. 2016 (WaveNet)",
        complexity=Complexity("O(k n d²)", "O(n d)", "O(1)", "O(log_k n)"),
        costs=costs.Convolution(),
        note="k is --kernel-size; its path is that of a stack of layers, as many as it takes",
        traits=Traits(takes=("kernel_size",)),
    ),
    ModelSpec(
        name="attention",
        family=ATTENTION,
        target="rnn_vs_attn.models.layers.attention:Attention",
        layer_type=SELF_ATTENTION,
        source="Vaswani et al. 2017; scaled_dot_product_attention",
        complexity=_FUSED_ATTENTION,
        costs=costs.Attention(),
        uses_heads=True,
        traits=Traits(baseline=True, kept=True, separable=True),
    ),
    ModelSpec(
        name="attention-local",
        family=RESTRICTED_ATTENTION,
        target="rnn_vs_attn.models.layers.local_attention:LocalAttention",
        layer_type=RESTRICTED,
        source="Vaswani et al. 2017, section 4 (restricted self-attention)",
        complexity=Complexity("O(r n d + n d²)", "O(n d)", "O(1)", "O(n/r)"),
        costs=costs.LocalAttention(),
        always_causal=True,
        uses_heads=True,
        note="r is --window; its path is that of a stack of layers, as many as it takes",
        traits=Traits(separable=True, takes=("window",)),
    ),
    ModelSpec(
        name="attention-naive",
        family=ATTENTION,
        target="rnn_vs_attn.models.layers.attention:NaiveAttention",
        layer_type=SELF_ATTENTION,
        source="Vaswani et al. 2017, as lessons write it",
        complexity=_NAIVE_ATTENTION,
        costs=costs.Attention(materialised=True),
        uses_heads=True,
        note="scores and weights materialised: the lesson's, not a baseline",
        traits=Traits(separable=True),
    ),
    ModelSpec(
        name="attention-relative",
        family=ATTENTION,
        target="rnn_vs_attn.models.layers.attention:RelativeSelfAttention",
        layer_type=SELF_ATTENTION,
        source="Dai et al. 2019 (Transformer-XL), section 3.3",
        complexity=_NAIVE_ATTENTION,
        costs=costs.RelativeAttention(),
        always_causal=True,
        uses_heads=True,
        note="training materialises the scores of distances, which no fused kernel takes",
    ),
)
BASELINE = next(spec.name for spec in MODELS if spec.traits.baseline)  # of layers
PYTHON_LOOPS = tuple(spec for spec in MODELS if spec.traits.loop_of)

LANGUAGE_MODELS = (
    ModelSpec(
        name="lstm-lm",
        family=LANGUAGE,
        target="rnn_vs_attn.models.language.lstm:LSTMLanguageModel",
        source="Zaremba et al. 2014; embeddings tied as in Press and Wolf 2017",
        complexity=_RECURRENT,
        always_causal=True,
        language_shape=lambda shape: shape,
    ),
    ModelSpec(
        name="gpt",
        family=LANGUAGE,
        target="rnn_vs_attn.models.language.gpt:GPT",
        source="Radford et al. 2019 (GPT-2)",
        complexity=_FUSED_ATTENTION,
        always_causal=True,
        uses_heads=True,
        traits=Traits(baseline=True),
        language_shape=LanguageShape.gpt,
    ),
    ModelSpec(
        name="transformer-xl",
        family=LANGUAGE,
        target="rnn_vs_attn.models.language.transformer_xl:TransformerXL",
        source="Dai et al. 2019",
        complexity=_NAIVE_ATTENTION,
        always_causal=True,
        uses_heads=True,
        language_shape=LanguageShape.transformer_xl,
    ),
)

LANGUAGE_BASELINE = next(spec.name for spec in LANGUAGE_MODELS if spec.traits.baseline)

ENCODERS = (
    ModelSpec(
        name="albert",
        family=ENCODER,
        target="rnn_vs_attn.models.language.albert:Albert",
        source="Lan et al. 2020; BERT with its switches off",
        complexity=_FUSED_ATTENTION,
        uses_heads=True,
    ),
)
BUILT_IN = (*MODELS, *LANGUAGE_MODELS, *ENCODERS)


def find(name: str) -> ModelSpec:
    """The model of that name: built in, an entry point, or an import path. UserError where it is none of them."""
    if encodable(name) != name:
        way = "use a locale of UTF-8, such as LC_ALL=C.UTF-8"
        raise UserError(f"model {name!r} has letters that are none in the encoding of this terminal; {way}")
    for spec in BUILT_IN:
        if spec.name == name:
            return spec
    for point in plug_ins():
        if point.name == name:
            return ModelSpec(name, USER, point.value, _distribution(point))
    if ":" in name:
        module, _, attribute = name.rpartition(":")
        if not module or not attribute.isidentifier():
            raise UserError(
                f"model {name!r} is not an import path; write package.module:ClassName or file.py:ClassName"
            )
        return ModelSpec(name, USER, name, "your own module")
    names = [spec.name for spec in BUILT_IN] + [point.name for point in plug_ins()]
    raise unknown("model", name, names, "rnn-vs-attn models lists all; your own is package.module:ClassName")


def plug_ins() -> list[EntryPoint]:
    """Models that installed packages offer, unimported."""
    return list(entry_points(group=ENTRY_POINTS))


def _distribution(point: EntryPoint) -> str:
    return f"package {point.dist.name}" if point.dist else "a package"
