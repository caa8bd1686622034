"""What a model is to this program: where its code is, what it costs, what commands ask of it; no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rnn_vs_attn.models.backends import TORCH
from rnn_vs_attn.models.costs import Costs
from rnn_vs_attn.models.foreign.naming import split
from rnn_vs_attn.models.shapes import GPTShape, LanguageShape, TransformerXLShape


@dataclass(frozen=True)
class Complexity:
    """Growth in n = seq_len and d = d_model, as in Table 1 of Vaswani et al. 2017, projections included."""

    time: str
    memory: str
    sequential_operations: str
    path_length: str


STEP_BY_STEP = Complexity("O(n d²)", "O(n d)", "O(n)", "O(n)")  # a recurrence, or chunks that wait for each other
BY_SCAN = Complexity("O(n d²)", "O(n d)", "O(log n)", "O(n)")  # one whose steps are not waited for
FUSED_ATTENTION = Complexity("O(n² d + n d²)", "O(n d)", "O(1)", "O(1)")
NAIVE_ATTENTION = Complexity("O(n² d + n d²)", "O(n² + n d)", "O(1)", "O(1)")  # scores are in memory


@dataclass(frozen=True)
class Traits:
    """What commands ask of a model.

    baseline: whether it is the one that others like it, layers or language models, are held against.
    kept: whether it is never left out for want of time, as others are compared with it.
    kernel_of_its_own: whether torch.compile breaks the graph there.
    loop_of: the model that computes the same in the device's own kernel, where this one is a Python loop.
    recurrent_matrix: whether a step is one matrix and a nonlinearity, which Pascanu's conditions are about.
    separable: whether what it does between its projections can run alone.
    takes: those of kernel_size, window, num_kv_heads and positions that it takes, which most models know nothing of.
    initialisations: those that apply to it beside its own.
    backends: packages of kernels that compute it too, by the names of --backend.
    layers: of a pattern, those that it is a stack of.
    """

    baseline: bool = False
    kept: bool = False
    kernel_of_its_own: bool = False
    loop_of: str = ""
    recurrent_matrix: bool = False
    separable: bool = False
    takes: tuple[str, ...] = ()
    initialisations: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    layers: tuple[ModelSpec, ...] = ()


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
    costs: Costs | None = None
    always_causal: bool = False
    uses_heads: bool = False
    layer_type: str = ""
    note: str = ""
    traits: Traits = Traits()
    language_shape: Callable[[LanguageShape], GPTShape | TransformerXLShape | LanguageShape] | None = None

    @property
    def takes_arguments(self) -> bool:
        """Whether it can be named with what tells it apart: it is the user's own, of a package, or of a checkpoint."""
        return self.family in (USER, CONFIGURED, TRAINED)

    def backend(self, asked: str) -> str:
        """Whose kernels compute it where those of a package are asked for: this program's own, if it has none there."""
        return asked if asked in self.traits.backends else TORCH

    @property
    def arguments(self) -> dict[str, Any]:
        """Of a layer that is not this program's: what its name says that it is built with beside the shape."""
        return split(self.name)[1]


SELF_ATTENTION, RECURRENT = "self-attention", "recurrent"
CONVOLUTIONAL, RESTRICTED = "convolutional", "self-attention (restricted)"
LINEAR_RECURRENCE = "recurrent, linear in its state"

NUM_KV_HEADS, POSITIONS = "num_kv_heads", "positions"  # what attention takes
BACKEND = "backend"  # what some recurrences take

# Families
RECURRENCE, CONVOLUTION = "recurrent", "convolution"
ATTENTION, RESTRICTED_ATTENTION = "attention", "restricted attention"
LANGUAGE = "language model"  # takes token ids
ENCODER = "encoder"  # takes token ids and predicts none
PATTERN = "pattern"  # a stack of layers of several families
USER = "user"  # an entry point or an import path
CONFIGURED = "transformers"  # that package's own, by its configuration; takes token ids
TRAINED = "trained"  # a model of a checkpoint, or what it was before; takes what its task gives it
