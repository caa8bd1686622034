"""FLOPs of a user's own modules: against arithmetic by hand, and unknown wherever a product may hide."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from counted_operations import B, D, L, counted, heads, passes, tokens
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import flop_registry

from rnn_vs_attn.measure.operations import flops

T = B * L
LINEAR = 2 * T * D * D  # of nn.Linear(D, D)


# What has no product has no FLOPs, whatever it is called


OFFERED = {
    "num_features": D,
    "num_channels": D,
    "num_groups": 2,
    "normalized_shape": D,
    "kernel_size": 2,
    "output_size": 4,
    "output_ratio": 0.5,
    "padding": 1,
    "norm_type": 2,
    "threshold": 0.1,
    "value": 0.2,
    "upscale_factor": 2,
    "downscale_factor": 2,
    "groups": 2,
}
SHAPES: tuple[Callable[[Tensor], tuple[Tensor, ...]], ...] = (
    lambda h: (h,),
    lambda h: (h[:, None],),
    lambda h: (h.unflatten(1, (2, 2)).unflatten(2, (2, 1)),),
    lambda h: (h[..., None].expand(-1, -1, -1, 4),),
    lambda h: (h, h.detach()),
    lambda h: (h, h.detach(), h.detach().abs()),
    lambda h: (h[0], torch.arange(4)),
    lambda h: (h.sigmoid(), h.detach().sigmoid()),
)
MULTIPLIES = {
    *(
        "Bilinear",
        "Linear",
        "MultiheadAttention",
        "Transformer",
        "RNN",
        "GRU",
        "LSTM",
        "RNNCell",
        "GRUCell",
        "LSTMCell",
    ),
    *("TransformerEncoderLayer", "TransformerDecoderLayer", "AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss"),
    *(f"Conv{kind}{n}d" for kind in ("", "Transpose") for n in (1, 2, 3)),
}


def without_products() -> Iterator[tuple[str, nn.Module]]:
    """torch's modules that are neither containers nor made of products, as their defaults build them."""
    for name, kind in sorted(vars(nn).items()):
        if not inspect.isclass(kind) or not issubclass(kind, nn.Module) or name in MULTIPLIES or "Lazy" in name:
            continue
        names = list(inspect.signature(kind.__init__).parameters)[1:]
        try:
            yield name, kind(**{n: OFFERED[n] for n in names if n in OFFERED})
        except (TypeError, ValueError):
            continue


def after_linear(module: nn.Module) -> Callable[[Tensor], Tensor] | None:
    """A projection and then the module, in the first shape that it takes; None where it takes none."""
    project = nn.Linear(D, D)

    def call(x: Tensor, shaped: Callable[[Tensor], tuple[Tensor, ...]]) -> Tensor:
        y = module(*shaped(project(x)))
        return y[0] if isinstance(y, tuple) else y

    for shaped in SHAPES:
        x = torch.randn(4, 4, D, requires_grad=True)
        try:
            y = call(x, shaped)
            y.backward(torch.ones_like(y))
        except (RuntimeError, TypeError, ValueError, AssertionError, NotImplementedError, IndexError):
            continue
        return lambda x, shaped=shaped: call(x, shaped)  # type: ignore[misc]
    return None


@pytest.mark.long
def test_no_module_of_torchs_without_a_product_has_flops_of_its_own() -> None:
    """softplus_backward made minGRU's and Mamba's unknown; log_sigmoid, elu, glu, poolings and padding would have."""
    seen, wrong = set(), {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, module in without_products():
            call = after_linear(module)
            if call is None:
                continue
            seen.add(name)
            forward, train = passes(call, torch.randn(4, 4, D, requires_grad=True))
            linear = 2 * 16 * D * D
            if (forward.flops, train.flops) != (linear, 3 * linear):
                wrong[name] = (forward.flops, train.flops, forward.reason or train.reason)
    assert wrong == {}
    assert {"Softplus", "LogSigmoid", "ELU", "GLU", "ReflectionPad1d", "MaxPool1d", "AdaptiveAvgPool1d"} <= seen
    assert {"LayerNorm", "RMSNorm", "BatchNorm1d", "PReLU", "LPPool1d", "CrossEntropyLoss", "Fold"} - seen <= {"Fold"}
    assert len(seen) > 90


FREE: dict[str, Callable[[Tensor], Tensor]] = {
    "polar": lambda h: torch.polar(h.exp(), h).real,
    "cumulative": lambda h: h.cumsum(1) + h.logcumsumexp(1) + h.cummax(1)[0] + h.abs().cumprod(1),
    "sorted": lambda h: (
        h.sort(1)[0] + h.topk(1, dim=1)[0] + h.median(1, keepdim=True)[0] + h.kthvalue(2, dim=1)[0][:, None]
    ),
    "moved": lambda h: h.roll(1, 1) + h.flip(1) + h.gather(1, torch.zeros(B, L, D, dtype=torch.long)),
    "scattered": lambda h: (
        torch.zeros(L, D).index_add(0, torch.arange(L), h[0]).scatter_add(0, torch.zeros(L, D).long(), h[1])
    ),
    "grid sample": lambda h: F.grid_sample(h[:, None], torch.rand(B, L, D, 2), align_corners=False),
    "interpolated": lambda h: F.interpolate(h, scale_factor=2, mode="linear") + F.interpolate(h, scale_factor=2),
    "bicubic": lambda h: F.interpolate(h[:, None], scale_factor=2, mode="bicubic", antialias=True),
    "outer product": lambda h: torch.einsum("bld,blk->bldk", h, h),
    "embedding bag": lambda h: F.embedding_bag(torch.tensor([[0, 1], [1, 2]]), h[0], mode="mean"),
    "norms": lambda h: F.normalize(h, dim=-1) + h.norm(dim=-1, keepdim=True) + torch.linalg.vector_norm(h),
    "complex parts": lambda h: torch.view_as_real(torch.complex(h, h) * torch.complex(h, -h)).sum(-1),
    "lerp": lambda h: torch.lerp(h, h.detach(), h.sigmoid()) + torch.addcmul(h, h, h),
    "products over elements": lambda h: (h[:, :, None] * h[:, None]).sum(-1),
    "a first state without a value": lambda h: h + torch.zeros_like(torch.empty(D)),
}


@pytest.mark.parametrize("name", FREE)
def test_an_elementwise_operation_has_no_flops_and_hides_none(name: str) -> None:
    project = nn.Linear(D, D)
    assert counted(lambda x: FREE[name](project(x)), tokens()) == (LINEAR, 3 * LINEAR)


# Products, by hand


def test_inference_mode_hides_nothing() -> None:
    """Without autograd torch leaves `linear` and `lstm` whole."""
    linear, lstm = nn.Linear(D, D), nn.LSTM(D, D)

    def call() -> Tensor:
        with torch.inference_mode():
            y: Tensor = lstm(linear(torch.randn(B, L, D)))[0]
            return y

    assert flops.count(call).flops == LINEAR + 2 * T * 2 * 4 * D * D


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["script", "trace", "checkpoint"])
def test_the_form_that_a_module_is_in_changes_nothing(form: str) -> None:
    layer = nn.Sequential(nn.Linear(D, D), nn.GELU(), nn.Conv1d(L, L, 1))
    made: dict[str, Callable[..., Any]] = {
        "script": lambda: torch.jit.script(layer),
        "trace": lambda: torch.jit.trace(layer, torch.randn(B, L, D)),
        "checkpoint": lambda: lambda x: checkpoint(layer, x, use_reentrant=False),
    }
    forward = LINEAR + 2 * B * L * L * D
    again = LINEAR if form == "checkpoint" else 0  # what is computed anew; the last layer need not be
    found = counted(made[form](), tokens())
    assert found in ((forward, 3 * forward), (forward, 3 * forward + again))


# Attention that is asked of torch


@pytest.mark.parametrize("causal", [True, False])
def test_gradients_that_nobody_asks_for_are_no_products(causal: bool) -> None:
    """Of fixed keys and values: the gradient of the weights, and of the queries."""
    k = torch.randn(B, 2, L, D)
    forward, train = counted(lambda q: F.scaled_dot_product_attention(q, k, k, is_causal=causal), heads())
    assert train == 2 * forward


def test_causal_attention_under_the_counter_has_its_own_gradients() -> None:
    q, k, v = (torch.randn(B, 2, L, D, dtype=torch.float64, requires_grad=True) for _ in range(3))

    def gradients() -> tuple[Tensor, ...]:
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return torch.autograd.grad((y * y.detach().cos()).sum(), (q, k, v))

    found: list[Tensor] = []
    flops.count(lambda: found.extend(gradients()) or found[0])  # type: ignore[func-returns-value]
    for ours, theirs in zip(found, gradients(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_gradient_of_a_gradient_through_attention_is_unknown() -> None:
    def call(q: Tensor) -> Tensor:
        y = F.scaled_dot_product_attention(q, q, q, is_causal=True)
        return torch.autograd.grad(y.sum(), q, create_graph=True)[0]

    counter = flops.count(lambda: call(heads()))
    assert counter.flops is None
    assert "gradient of a gradient" in counter.reason


def test_causal_attention_under_vmap_is_unknown() -> None:
    """Below the transform it is not known how many there are of it, nor which kernel masks what it multiplies."""
    attend = torch.vmap(lambda q: F.scaled_dot_product_attention(q, q, q, is_causal=True))
    counter = flops.count(lambda: attend(heads()))
    assert counter.flops is None
    assert "vmap" in counter.reason


def test_multihead_attention_with_dropout_has_what_it_has_without() -> None:
    mask = nn.Transformer.generate_square_subsequent_mask(L)
    forward = 2 * 4 * T * D * D + 4 * B * (L * (L + 1) // 2) * D
    for rate in (0.0, 0.1):
        layer = nn.MultiheadAttention(D, 2, dropout=rate, batch_first=True)

        def call(x: Tensor, layer: nn.Module = layer) -> Tensor:
            y: Tensor = layer(x, x, x, attn_mask=mask, is_causal=True, need_weights=False)[0]
            return y

        assert counted(call, tokens()) == (forward, 3 * forward)


def test_the_counter_leaves_torchs_fused_layers_on() -> None:
    layer = nn.TransformerEncoderLayer(D, 2, 8, batch_first=True).eval()
    with torch.no_grad():
        counter = flops.count(lambda: layer(torch.randn(B, L, D)))
    assert counter.kernels == {"_transformer_encoder_layer_fwd": 1}
    assert counter.flops == 2 * T * (4 * D * D + 2 * 8 * D) + 4 * B * L * L * D


# Recurrences


GATES = {nn.RNN: 1, nn.GRU: 3, nn.LSTM: 4}


@pytest.mark.parametrize("kind", GATES, ids=lambda kind: kind.__name__)
def test_a_packed_sequence_is_torchs_own_recurrence(kind: type[nn.RNNBase]) -> None:
    """It was "a kernel outside torch's dispatcher": torch writes the lengths of what it unpacks by pointer."""
    layer, lengths = kind(D, D, batch_first=True), torch.tensor([3, 5])

    def call(x: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=L)[0]

    product = 2 * GATES[kind] * D * D
    forward = 2 * product * int(lengths.sum())
    assert counted(call, tokens()) == (forward, 3 * forward - product * B)


@pytest.mark.long
@pytest.mark.parametrize("kind", GATES, ids=lambda kind: kind.__name__)
def test_the_gradient_of_a_first_state_is_counted_where_it_is_learned(kind: type[nn.RNNBase]) -> None:
    layer, h = kind(D, D, batch_first=True), nn.Parameter(torch.zeros(1, B, D))
    state = (h, h) if kind is nn.LSTM else h
    product = 2 * GATES[kind] * D * D
    forward = 2 * product * T
    assert counted(lambda x: layer(x)[0], tokens()) == (forward, 3 * forward - product * B)
    assert counted(lambda x: layer(x, state)[0], tokens()) == (forward, 3 * forward)


# Unknown, and never too low


HIDING: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "inverse": (lambda x: torch.linalg.inv(x[:, :D]), "aten::linalg_inv_ex"),
    "solve": (lambda x: torch.linalg.solve(x[:, :D] @ x[:, :D].mT, x[:, :D]), "aten::_linalg_solve_ex"),
    "exponential": (lambda x: torch.matrix_exp(x[:, :D]), "aten::linalg_matrix_exp"),
    "determinant": (lambda x: torch.linalg.det(x[:, :D]), "aten::_linalg_det"),
    "transform": (lambda x: torch.fft.irfft(torch.fft.rfft(x, dim=1), n=L, dim=1), "aten::_fft_r2c"),
    "distances": (lambda x: torch.cdist(x, x), "aten::_cdist_forward"),
    "weighted bag": (
        lambda x: F.embedding_bag(torch.tensor([[0, 1]]), x[0], per_sample_weights=torch.rand(1, 2), mode="sum"),
        "aten::_embedding_bag",
    ),
    "sparse": (lambda x: torch.sparse.mm(torch.eye(L).to_sparse(), x[0]), "aten::_sparse_addmm"),
}


@pytest.mark.parametrize("name", HIDING)
def test_flops_are_unknown_where_a_product_may_hide_and_the_operation_is_named(name: str) -> None:
    call, operation = HIDING[name]
    project = nn.Linear(D, D)
    for counter in passes(lambda x: call(project(x)), tokens()):
        assert counter.flops is None
        assert operation in counter.reason


@pytest.mark.parametrize("leave", ["numpy", "data_ptr", "__array__"])
def test_flops_are_unknown_where_memory_is_handed_to_what_torch_does_not_see(leave: str) -> None:
    def call() -> Tensor:
        x = torch.randn(L, D)
        getattr(x, leave)()
        return x @ x.T

    assert "outside torch's dispatcher" in flops.count(call).reason
    assert getattr(torch.randn(3), leave)() is not None  # as before


def test_an_operator_of_the_users_is_unknown_until_its_formula_is_given() -> None:
    library = torch.library.Library("rnn_vs_attn_tests", "FRAGMENT")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: x * 2, "CPU")
    packet = torch.ops.rnn_vs_attn_tests.twice
    x = torch.randn(L, D)
    assert "rnn_vs_attn_tests::twice" in flops.count(lambda: packet(x) @ x.T).reason
    try:
        flop_registry[packet] = lambda x, out_val=None: 7
        assert flops.count(lambda: packet(x) @ x.T).flops == 7 + 2 * L * L * D
    finally:
        del flop_registry[packet]
        library._destroy()


def test_a_module_that_does_not_run_under_the_counter_has_unknown_flops_and_goes_on() -> None:
    def call() -> Tensor:
        raise RuntimeError("not with a mode")

    assert "not with a mode" in flops.count(call).reason
