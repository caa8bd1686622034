"""Recurrences: one matrix a step and torch's kernels, and those that are linear in their state."""

from __future__ import annotations

from dataclasses import dataclass

from rnn_vs_attn.models.costs import Flops, Shape
from rnn_vs_attn.models.spec import BY_SCAN, LINEAR_RECURRENCE, RECURRENCE, RECURRENT, STEP_BY_STEP, ModelSpec, Traits


@dataclass(frozen=True)
class Recurrent:
    """RNN (1 gate), GRU (3) and LSTM (4): torch's modules, with two bias vectors a layer."""

    gates: int
    states: int = 1

    def num_params(self, shape: Shape) -> int:
        return shape.num_layers * self.gates * (2 * shape.d_model**2 + 2 * shape.d_model)

    def flops(self, shape: Shape) -> Flops:
        """Forward: W_ih x_t and W_hh h_(t-1). Backward: both products twice, but no gradient of the initial state."""
        product = 2 * shape.batch_size * self.gates * shape.d_model**2
        steps = shape.num_layers * shape.seq_len
        return Flops(2 * product * steps, product * (4 * steps - shape.num_layers))

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes, whatever the length: h, and c for the LSTM."""
        return self.states * shape.num_layers * shape.batch_size * shape.d_model * itemsize

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes that no kernel can do without: the output, and for training the gates and the input's gradient."""
        kept = (self.gates + 1) * shape.num_layers + 1 if train else 1
        return kept * shape.tokens * shape.d_model * itemsize


@dataclass(frozen=True)
class LinearRecurrence:
    """minGRU and minLSTM: one product for candidate and gates; the scan is no matrix product."""

    gates: int = 1

    def num_params(self, shape: Shape) -> int:
        return shape.num_layers * (1 + self.gates) * (shape.d_model**2 + shape.d_model)

    def flops(self, shape: Shape) -> Flops:
        forward = shape.num_layers * 2 * shape.tokens * (1 + self.gates) * shape.d_model**2
        return Flops(forward, 2 * forward)

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes of h, whatever the length; float32 at least."""
        return shape.num_layers * shape.batch_size * shape.d_model * max(itemsize, 4)

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes of candidate, gates and output; for training also of both coefficients, once a layer."""
        kept = (4 + self.gates) * shape.num_layers if train else 2 + self.gates
        return kept * shape.tokens * shape.d_model * itemsize


@dataclass(frozen=True)
class ComplexRecurrence:
    """LRU: a product into complex numbers and one out of them, each with two real numbers; the scan is none."""

    def num_params(self, shape: Shape) -> int:
        """B, C; modulus, phase and gamma of each number of the state, and D."""
        return shape.num_layers * 4 * (shape.d_model**2 + shape.d_model)

    def flops(self, shape: Shape) -> Flops:
        forward = shape.num_layers * 2 * shape.tokens * 4 * shape.d_model**2
        return Flops(forward, 2 * forward)

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes of h, whatever the length; float32 at least."""
        return shape.num_layers * shape.batch_size * 2 * shape.d_model * max(itemsize, 4)

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes of the states and the output; for training once a layer."""
        return 3 * (shape.num_layers if train else 1) * shape.tokens * shape.d_model * itemsize


_OF_LSTMS = ("orthogonal", "forget-bias-1", "chrono")

RECURRENCES = (
    ModelSpec(
        name="rnn",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.recurrent:RNN",
        layer_type=RECURRENT,
        source="Elman 1990; torch.nn.RNN",
        complexity=STEP_BY_STEP,
        costs=Recurrent(gates=1),
        always_causal=True,
        traits=Traits(kernel_of_its_own=True, recurrent_matrix=True, initialisations=("orthogonal", "identity")),
    ),
    ModelSpec(
        name="gru",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.recurrent:GRU",
        layer_type=RECURRENT,
        source="Cho et al. 2014; torch.nn.GRU",
        complexity=STEP_BY_STEP,
        costs=Recurrent(gates=3),
        always_causal=True,
        traits=Traits(kernel_of_its_own=True, initialisations=("orthogonal",)),
    ),
    ModelSpec(
        name="lstm",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.recurrent:LSTM",
        layer_type=RECURRENT,
        source="Hochreiter and Schmidhuber 1997; torch.nn.LSTM",
        complexity=STEP_BY_STEP,
        costs=Recurrent(gates=4, states=2),
        always_causal=True,
        traits=Traits(kept=True, kernel_of_its_own=True, initialisations=_OF_LSTMS),
    ),
    ModelSpec(
        name="lstm-cell",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.recurrent:LSTMCellLoop",
        layer_type=RECURRENT,
        source="the same LSTM; torch.nn.LSTMCell",
        complexity=STEP_BY_STEP,
        costs=Recurrent(gates=4, states=2),
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
        complexity=BY_SCAN,
        costs=LinearRecurrence(),
        always_causal=True,
    ),
    ModelSpec(
        name="minlstm",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.minlstm:MinLSTM",
        layer_type=LINEAR_RECURRENCE,
        source="Feng et al. 2024 (minLSTM), section 3.2",
        complexity=BY_SCAN,
        costs=LinearRecurrence(gates=2),
        always_causal=True,
    ),
    ModelSpec(
        name="lru",
        family=RECURRENCE,
        target="rnn_vs_attn.models.layers.lru:LRU",
        layer_type=LINEAR_RECURRENCE,
        source="Orvieto et al. 2023 (LRU), section 3",
        complexity=BY_SCAN,
        costs=ComplexRecurrence(),
        always_causal=True,
    ),
)
