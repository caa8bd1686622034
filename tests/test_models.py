"""Contracts that every model keeps, and agreement of each with its reference."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.measure.memory import saved_bytes
from rnn_vs_attn.measure.timing.decoding import state_bytes
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models.build import build, call, cast, count_parameters, matched_shape, value
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.layers.attention import Attention, NaiveAttention
from rnn_vs_attn.models.layers.recurrent import LSTM, LSTMCellLoop
from rnn_vs_attn.models.registry import MODELS, ModelSpec, find

SHAPE = Shape(batch_size=2, seq_len=13, d_model=24, num_heads=4, num_layers=2, kernel_size=3, window=5)
ALL = pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.name)


def made(spec: ModelSpec, shape: Shape = SHAPE) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    module = build(spec, shape).double()
    return module, torch.randn(shape.batch_size, shape.seq_len, shape.d_model, dtype=torch.float64)


@ALL
def test_shape_is_kept(spec: ModelSpec) -> None:
    module, x = made(spec)
    assert call(module, x).shape == x.shape


class WritesAndTakesGradients(nn.Linear):
    """Doubles its input in place, then takes a gradient, which it cannot where none is kept."""

    tries = 0

    def forward(self, x: Tensor) -> Tensor:
        self.tries += 1
        y = super().forward(x.mul_(2))
        torch.autograd.grad(y.sum(), self.weight)
        return y


def test_a_second_try_is_given_the_input_and_not_what_the_first_has_left_of_it() -> None:
    """A layer that writes to its input and takes gradients itself was asked on four times what it was given."""
    module, x = WritesAndTakesGradients(3, 3), torch.randn(2, 5, 3)
    before = x.clone()
    torch.testing.assert_close(value(module, x.clone), nn.functional.linear(2 * x, module.weight, module.bias))
    assert module.tries == 2
    assert torch.equal(x, before)


def test_where_memory_ends_there_is_no_second_try() -> None:
    class TooLarge(WritesAndTakesGradients):
        def forward(self, x: Tensor) -> Tensor:
            self.tries += 1
            raise torch.OutOfMemoryError("no more")

    module = TooLarge(3, 3)
    with pytest.raises(torch.OutOfMemoryError):
        value(module, torch.zeros(1, 2, 3).clone)
    assert module.tries == 1


@ALL
@pytest.mark.parametrize("changed", [1, 6, 12])
def test_no_position_sees_the_future(spec: ModelSpec, changed: int) -> None:
    module, x = made(spec)
    other = x.clone()
    other[:, changed:] += 1.0
    before, after = call(module, x), call(module, other)
    assert torch.equal(before[:, :changed], after[:, :changed]) or torch.allclose(
        before[:, :changed], after[:, :changed], rtol=0, atol=1e-13
    )
    assert (before[:, changed:] - after[:, changed:]).abs().max() > 1e-4


@ALL
def test_without_causal_attention_sees_all_and_recurrence_only_the_past(spec: ModelSpec) -> None:
    module, x = made(spec, dataclasses.replace(SHAPE, causal=False))
    other = x.clone()
    other[:, -1] += 1.0
    seen = (call(module, x)[:, -2] - call(module, other)[:, -2]).abs().max()
    assert (seen < 1e-13) if spec.always_causal else (seen > 1e-6)


@ALL
@pytest.mark.parametrize("num_layers", [1, 3])
def test_steps_equal_forward(spec: ModelSpec, num_layers: int) -> None:
    shape = dataclasses.replace(SHAPE, num_layers=num_layers, seq_len=37)
    module, x = made(spec, shape)
    state = module.initial_state(shape.batch_size)
    outputs = []
    with torch.no_grad():
        for x_t in x.unbind(1):
            y_t, state = module.step(x_t, state)
            outputs.append(y_t)
        expected = call(module, x)
    assert (torch.stack(outputs, 1) - expected).abs().max() < 1e-10


@ALL
def test_gradients_are_finite_and_reach_all_parameters(spec: ModelSpec) -> None:
    module, x = made(spec)
    x.requires_grad_()
    call(module, x).backward(torch.randn_like(x))
    for tensor in (x, *module.parameters()):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
        assert tensor.grad.abs().max() > 0


@ALL
def test_parameters_follow_the_closed_form(spec: ModelSpec) -> None:
    module, _ = made(spec)
    assert count_parameters(module) == spec.costs.num_params(SHAPE)


def test_published_parameter_counts() -> None:
    """nn.RNN, GRU and LSTM of input 48 and hidden size 64 have 7,296, 21,888 and 29,184: two bias vectors each."""
    for kind, count in ((nn.RNN, 7_296), (nn.GRU, 21_888), (nn.LSTM, 29_184)):
        assert count_parameters(kind(48, 64)) == count


@ALL
@pytest.mark.parametrize("causal", [True, False])
def test_flops_equal_torchs_counter_on_the_sequential_form(spec: ModelSpec, causal: bool) -> None:
    """On the meta device no fused kernel hides a product; torch counts causal attention as full attention, as which
    restricted attention runs over its window.
    """
    shape = dataclasses.replace(SHAPE, causal=causal, window=SHAPE.seq_len)
    with torch.device("meta"):
        module = build(spec, shape)
        x = torch.randn(shape.batch_size, shape.seq_len, shape.d_model, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        call(module, x)
    forward = counter.get_total_flops()
    with FlopCounterMode(display=False) as counter:
        call(module, x).backward(torch.randn_like(x))
    full = find("attention" if spec.name == "attention-local" else spec.name)
    asked = dataclasses.replace(shape, causal=False) if spec.uses_heads else shape
    assert forward == full.costs.flops(asked).forward
    assert counter.get_total_flops() == full.costs.flops(asked).train


EDGES = [
    Shape(1, 1, 6, 2),
    Shape(3, 7, 6, 2, num_layers=2, kernel_size=9, window=64),
    Shape(2, 9, 10, 5, causal=False, kernel_size=1, window=1),
    Shape(1, 6, 6, 1, num_layers=3, kernel_size=5, window=6),
    Shape(2, 12, 2, 2, num_layers=2, kernel_size=4, window=5),
]


def needed_pairs(spec: ModelSpec, shape: Shape) -> int:
    """Of queries and keys, one by one; what is written out is multiplied whole."""
    if spec.name in ("attention-naive", "attention-relative") or (not shape.causal and not spec.always_causal):
        return shape.seq_len**2
    sees = shape.window if spec.name == "attention-local" else shape.seq_len
    return sum(0 <= i - j < sees for i in range(shape.seq_len) for j in range(shape.seq_len))


@pytest.mark.parametrize("shape", EDGES, ids=str)
@pytest.mark.parametrize("name", ["attention", "attention-local", "attention-naive"])
def test_flops_of_attention_are_of_the_pairs_that_its_definition_needs(name: str, shape: Shape) -> None:
    """attention-local had the masked pairs at the edges of its blocks too, 9 % more at small lengths."""
    spec = find(name)
    projections = 4 * 2 * shape.tokens * shape.d_model**2
    mixing = 2 * 2 * shape.batch_size * needed_pairs(spec, shape) * shape.d_model
    found = spec.costs.flops(shape)
    assert found.forward == shape.num_layers * (projections + mixing)
    assert found.train == 3 * found.forward
    assert spec.costs.mixing(shape).forward == shape.num_layers * mixing


@pytest.mark.parametrize("shape", EDGES, ids=str)
@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "lstm-cell", "mingru", "conv", "attention-relative"])
def test_flops_at_the_edges_equal_torchs_counter(name: str, shape: Shape) -> None:
    spec = find(name)
    with torch.device("meta"):
        module = build(spec, shape)
        x = torch.randn(shape.batch_size, shape.seq_len, shape.d_model, requires_grad=True)
    with FlopCounterMode(display=False) as forward:
        call(module, x)
    with FlopCounterMode(display=False) as train:
        call(module, x).backward(torch.randn_like(x))
    assert (forward.get_total_flops(), train.get_total_flops()) == (
        spec.costs.flops(shape).forward,
        spec.costs.flops(shape).train,
    )


@ALL
@pytest.mark.parametrize("shape", EDGES, ids=str)
def test_parameters_and_state_at_the_edges(spec: ModelSpec, shape: Shape) -> None:
    """The state after the last token; attention's cache is held to what it needs."""
    module, x = made(spec, shape)
    assert count_parameters(module) == spec.costs.num_params(shape)
    if not shape.causal and not spec.always_causal:
        return
    state = module.initial_state(shape.batch_size)
    with torch.no_grad():
        for x_t in x.unbind(1):
            _, state = module.step(x_t, state)
    assert state_bytes(state) == spec.costs.state_size(shape, 8)


@ALL
def test_no_pass_is_refused_for_memory_that_it_does_not_need(spec: ModelSpec) -> None:
    """A layer more takes at least what autograd keeps of it: attention-naive was said to take a tensor more."""
    shape = Shape(4, 24, 16, 2, kernel_size=3, window=5)
    kept, least = [], []
    for num_layers in (3, 4, 5):
        asked = dataclasses.replace(shape, num_layers=num_layers)
        x = torch.randn(4, 24, 16)
        kept.append(saved_bytes(Workload.of(build(spec, asked), x)))
        least.append(spec.costs.least_memory(asked, 4, train=True))
    assert least[1] - least[0] <= kept[1] - kept[0]
    assert least[2] - least[1] <= kept[2] - kept[1]


@ALL
def test_state_size_is_that_of_the_state_held(spec: ModelSpec) -> None:
    """After 16 tokens attention's cache is full to its capacity, so bytes held are bytes needed."""
    shape = dataclasses.replace(SHAPE, seq_len=16)
    module, x = made(spec, shape)
    state = module.initial_state(shape.batch_size)
    with torch.no_grad():
        for x_t in x.unbind(1):
            _, state = module.step(x_t, state)
    assert bytes_in(state) == spec.costs.state_size(shape, 8)


def bytes_in(state: object) -> int:
    if isinstance(state, torch.Tensor):
        return state.nbytes
    if getattr(state, "limit", None) is not None:  # what it holds beyond its limit is room, and counts as none
        return state.nbytes
    if dataclasses.is_dataclass(state):
        return sum(bytes_in(value) for value in vars(state).values())
    return sum(map(bytes_in, state)) if isinstance(state, list | tuple) else 0


@pytest.mark.parametrize("num_layers", [1, 2])
def test_lstm_cell_equals_lstm_with_the_same_weights(num_layers: int) -> None:
    fused, loop = LSTM(24, num_layers).double(), LSTMCellLoop(24, num_layers).double()
    loop.copy_weights(fused)
    x = torch.randn(2, 13, 24, dtype=torch.float64)
    assert_same_with_gradients(fused, loop, x)


def assert_same_with_gradients(a: nn.Module, b: nn.Module, x: torch.Tensor, atol: float = 1e-12) -> None:
    """Outputs and gradients of the input agree."""
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    outputs = [module(i) for module, i in zip((a, b), inputs, strict=True)]
    gradient = torch.randn_like(x)
    for output in outputs:
        output.backward(gradient)
    assert (outputs[0] - outputs[1]).abs().max() < atol
    assert (inputs[0].grad - inputs[1].grad).abs().max() < atol


@pytest.mark.parametrize("causal", [True, False])
def test_attention_equals_attention_naive_with_the_same_weights(causal: bool) -> None:
    fused, naive = Attention(24, 4, causal).double(), NaiveAttention(24, 4, causal).double()
    naive.load_state_dict(fused.state_dict())
    assert_same_with_gradients(fused, naive, torch.randn(2, 13, 24, dtype=torch.float64))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("name", ["attention", "attention-naive"])
def test_attention_equals_torchs_multihead_attention(name: str, causal: bool) -> None:
    shape = dataclasses.replace(SHAPE, num_layers=1, causal=causal)
    module, x = made(find(name), shape)
    theirs = nn.MultiheadAttention(24, 4, batch_first=True).double()
    theirs.load_state_dict(
        {
            "in_proj_weight": module.in_proj.weight,
            "in_proj_bias": module.in_proj.bias,
            "out_proj.weight": module.out_proj.weight,
            "out_proj.bias": module.out_proj.bias,
        }
    )
    mask = torch.ones(13, 13, dtype=torch.bool).triu(1) if causal else None
    expected, weights = theirs(x, x, x, attn_mask=mask, need_weights=True, average_attn_weights=False)
    assert (call(module, x) - expected).abs().max() < 1e-12
    if name == "attention-naive":
        y, ours = module(x, return_weights=True)
        assert (ours - weights).abs().max() < 1e-12
        assert (y - expected).abs().max() < 1e-12


def test_naive_weights_are_a_distribution_over_the_past() -> None:
    module, x = made(find("attention-naive"), dataclasses.replace(SHAPE, num_layers=1))
    _, weights = module(x, return_weights=True)
    assert torch.allclose(weights.sum(-1), torch.ones_like(weights[..., 0]))
    assert weights.triu(1).abs().max() == 0


def test_attention_that_sees_the_future_does_not_decode() -> None:
    with pytest.raises(ValueError, match="causal"):
        Attention(24, 4, causal=False).initial_state(1)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_every_layer_chooses_its_kernel_and_computes_the_same(num_layers: int) -> None:
    shape = dataclasses.replace(SHAPE, num_layers=num_layers)
    module, x = made(find("attention"), shape)
    layers = [layer for layer in module.modules() if isinstance(layer, Attention)]
    module.choose_kernel(x)
    assert [layer.backends for layer in layers] == [{}] * num_layers  # torch's own, the faster one in 64 bits
    module, x = module.bfloat16(), x.bfloat16()
    before = call(module, x)
    module.choose_kernel(x)
    assert [set(layer.backends) for layer in layers] == [{True, False}] * num_layers
    assert (call(module, x) - before).abs().max() < 0.02


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_complex_parameter_keeps_its_imaginary_part_in_every_dtype(dtype: torch.dtype) -> None:
    module = nn.ParameterDict({"turn": torch.full((3,), 1j), "gain": torch.ones(3)})
    cast(module, dtype)
    assert module["turn"].dtype == torch.complex64
    assert (module["turn"].imag == 1).all()
    assert module["gain"].dtype == dtype


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "lstm-cell"])
def test_match_params_comes_as_near_as_a_whole_width_can(name: str) -> None:
    spec, shape = find(name), Shape(1, 8, 128, 4)
    target = find("attention").costs.num_params(shape)
    width = matched_shape(spec, shape, "params", lambda *_: None).d_model

    def distance(w: int) -> int:
        return abs(spec.costs.num_params(dataclasses.replace(shape, d_model=w)) - target)

    assert distance(width) == min(distance(w) for w in range(1, 300))


def test_match_flops_moves_with_the_length() -> None:
    spec = find("lstm")

    def flops(model: ModelSpec, shape: Shape) -> int:
        return model.costs.flops(shape).train

    for seq_len in (64, 4096):
        shape = Shape(1, seq_len, 128, 4)
        width = matched_shape(spec, shape, "flops", flops).d_model
        reached = flops(spec, dataclasses.replace(shape, d_model=width))
        assert abs(reached / flops(find("attention"), shape) - 1) < 0.02
    assert matched_shape(spec, Shape(1, 4096, 128, 4), "flops", flops).d_model > 128


def test_match_keeps_heads_whole_for_a_users_module() -> None:
    shape = Shape(1, 8, 64, 4)
    assert matched_shape(find("layers:Heads"), shape, "params", lambda *_: None).d_model % 4 == 0


def test_match_flops_of_an_uncountable_module_is_unsupported() -> None:
    with pytest.raises(CaseFault, match="unknown"):
        matched_shape(find("layers:Heads"), Shape(1, 8, 64, 4), "flops", lambda *_: None)


def test_a_users_module_takes_the_keywords_of_its_signature() -> None:
    module = build(find("layers:Heads"), Shape(1, 8, 64, 8, causal=False))
    assert (module.heads, module.causal) == (8, False)


def test_a_users_module_is_stacked() -> None:
    module = build(find("layers:RunningMean"), Shape(1, 8, 16, num_layers=3))
    assert len(module) == 3


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no_such_package.layers:Mixer", "does not import"),
        ("layers:Nothing", "no class or function 'Nothing'"),
        ("layers:NOT_CALLABLE", "no class or function"),
        ("layers:NeedsMore", "needs state_size"),
        ("layers:OtherKeyword", "no keyword d_model"),
        ("nowhere.py:Mixer", "does not exist"),
    ],
)
def test_a_module_that_cannot_be_built_is_one_sentence(path: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        build(find(path), Shape(1, 8, 16))


def test_a_file_is_a_module_too() -> None:
    import layers

    assert isinstance(build(find(f"{layers.__file__}:RunningMean"), Shape(1, 8, 16)), nn.Module)


def test_another_shape_is_refused() -> None:
    module = build(find("layers:ShortOutput"), Shape(1, 8, 16))
    with pytest.raises(UserError, match=r"maps \(1, 8, 16\) to \(1, 1, 16\)"):
        call(module, torch.randn(1, 8, 16))
