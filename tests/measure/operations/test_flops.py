"""FLOPs of a user's own modules: against arithmetic by hand, and unknown wherever a product may hide."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.bias import causal_lower_right, causal_upper_left
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import flop_registry

from rnn_vs_attn.measure.dataflow.shadow_memory import Operation
from rnn_vs_attn.measure.operations import flops
from rnn_vs_attn.measure.operations.formulas import flops_of
from rnn_vs_attn.measure.operations.multiplies import never_multiplies

B, L, D = 2, 5, 4
T = B * L
LINEAR = 2 * T * D * D  # of nn.Linear(D, D)


def passes(call: Callable[..., Tensor], *inputs: Tensor) -> tuple[flops.OpCount, flops.OpCount]:
    """What a forward and a training pass run."""

    def train() -> Tensor:
        y = call(*inputs)
        y.backward(torch.ones_like(y))
        return y

    with torch.no_grad():
        forward = flops.count(lambda: call(*inputs))
    return forward, flops.count(train)


def counted(call: Callable[..., Tensor], *inputs: Tensor) -> tuple[int | None, int | None]:
    forward, train = passes(call, *inputs)
    return forward.flops, train.flops


def tokens(dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(B, L, D, dtype=dtype, requires_grad=True)


def heads(length: int = L, num_heads: int = 2) -> Tensor:
    return torch.randn(B, num_heads, length, D, requires_grad=True)


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

PRODUCTS: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
    "matmul": (lambda x: x @ x.mT, 2 * B * L * L * D),
    "einsum": (lambda x: torch.einsum("bld,bmd->blm", x, x), 2 * B * L * L * D),
    "tensordot": (lambda x: torch.tensordot(x, x, dims=([2], [2])), 2 * T * T * D),
    "inner": (lambda x: torch.inner(x, x), 2 * T * T * D),
    "addmm": (lambda x: torch.addmm(torch.zeros(L, L), x[0], x[1].T), 2 * L * L * D),
    "baddbmm into memory without a value": (
        lambda x: torch.baddbmm(torch.empty(B, L, L), x, x.mT, beta=0),
        2 * B * L * L * D,
    ),
    "addbmm": (lambda x: torch.addbmm(torch.zeros(L, L), x, x.mT), 2 * B * L * L * D),
    "mv": (lambda x: torch.mv(x[0], x[1, 0]), 2 * L * D),
    "matrix power": (lambda x: torch.linalg.matrix_power(x[0] @ x[1].T, 2), 2 * L * L * D + 2 * L**3),
    "vmap": (lambda x: torch.vmap(lambda a: a @ a.T)(x), 2 * B * L * L * D),
    "complex numbers written as real ones": (
        lambda x: torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (2, 2))) ** 2).flatten(2) @ x.mT,
        2 * B * L * L * D,
    ),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_counted_by_hand(name: str) -> None:
    call, expected = PRODUCTS[name]
    train = expected + 2 * expected
    if name == "mv":  # the gradients of its two factors, of which that of the matrix is no product
        train = expected + 2 * L * D
    assert counted(call, tokens()) == (expected, train)


@pytest.mark.parametrize("write", ["addmm_", "baddbmm_", "out"])
def test_products_that_are_written_in_place_are_counted(write: str) -> None:
    x = torch.randn(B, L, D)
    calls = {
        "addmm_": (lambda: torch.zeros(L, L).addmm_(x[0], x[1].T), 2 * L * L * D),
        "baddbmm_": (lambda: torch.zeros(B, L, L).baddbmm_(x, x.mT), 2 * B * L * L * D),
        "out": (lambda: torch.mm(x[0], x[1].T, out=torch.empty(L, L)), 2 * L * L * D),
    }
    call, expected = calls[write]
    assert flops.count(call).flops == expected


def test_bilinear_is_two_products_one_after_the_other() -> None:
    """x1 W and then x2; the gradient of W is one product, of what is multiplied element by element before."""
    layer, out = nn.Bilinear(D, D, 3), 3
    forward = 2 * T * out * D * D + 2 * T * out * D
    of_inputs = 2 * (2 * T * out * D * D + 2 * T * D * D) - 2 * T * D * D + 2 * T * out * D
    of_weight = 2 * T * out * D * D
    assert counted(lambda x: layer(x, x), tokens()) == (forward, forward + of_inputs + of_weight)


def test_inference_mode_hides_nothing() -> None:
    """Without autograd torch leaves `linear` and `lstm` whole."""
    linear, lstm = nn.Linear(D, D), nn.LSTM(D, D)

    def call() -> Tensor:
        with torch.inference_mode():
            y: Tensor = lstm(linear(torch.randn(B, L, D)))[0]
            return y

    assert flops.count(call).flops == LINEAR + 2 * T * 2 * 4 * D * D


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


# Complex numbers


@pytest.mark.parametrize("name", ["matmul", "einsum", "tensordot", "inner", "addbmm", "vmap"])
def test_a_multiply_add_of_complex_numbers_is_four_of_real_ones(name: str) -> None:
    call, of_real = PRODUCTS[name]
    if name == "addbmm":
        call = lambda x: torch.addbmm(torch.zeros(L, L, dtype=x.dtype), x, x.mT)  # noqa: E731
    assert counted(call, tokens(torch.complex64)) == (4 * of_real, 12 * of_real)


def test_a_real_factor_that_torch_makes_complex_is_multiplied_as_a_complex_one() -> None:
    weight = torch.randn(D, D, dtype=torch.complex64, requires_grad=True)
    forward, train = passes(lambda x: x.to(torch.complex64) @ weight, tokens())
    assert forward.flops == 4 * LINEAR
    assert train.flops == 3 * 4 * LINEAR


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kind", [nn.Conv1d, nn.ConvTranspose1d])
def test_a_complex_convolution_is_four_real_ones(kind: type[nn.Module], groups: int) -> None:
    """torch makes three of it, with more additions, which is its own affair."""
    found = []
    for dtype in (torch.complex64, torch.float32):
        layer = kind(D, 6, 3, groups=groups, dtype=dtype)
        found.append(counted(lambda x, layer=layer: layer(x.mT), tokens(dtype)))  # type: ignore[misc]
    (forward, train), (of_real, _) = found
    assert forward == 4 * of_real
    assert train == 3 * forward


def test_a_complex_convolution_gives_what_it_gives() -> None:
    layer, x = nn.Conv1d(D, 6, 3, padding=1, stride=2, dtype=torch.complex128), tokens(torch.complex128)
    found: list[Tensor] = []
    flops.count(lambda: found.append(layer(x.mT)) or found[0])  # type: ignore[func-returns-value]
    torch.testing.assert_close(found[0], layer(x.mT))


def test_a_linear_recurrence_with_a_complex_state() -> None:
    """An LRU: B and C are complex and real parts are taken of C h; its state is multiplied element by element."""
    width = 6
    b, c = (nn.Parameter(torch.randn(*size, dtype=torch.complex64)) for size in ((D, width), (width, D)))
    decay = nn.Parameter(torch.rand(width, dtype=torch.complex64) / 2)

    def call(x: Tensor) -> Tensor:
        drive, h = x.to(torch.complex64) @ b, torch.zeros(B, width, dtype=torch.complex64)
        states = []
        for t in range(L):
            h = decay * h + drive[:, t]
            states.append(h)
        return (torch.stack(states, 1) @ c).real

    forward = 8 * T * D * width * 2
    assert counted(call, tokens()) == (forward, 3 * forward)


# Attention that is asked of torch

KERNELS = ["its choice", "dropout", "math"]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("num_queries", "num_keys", "pairs"), [(5, 5, 15), (5, 7, 15), (5, 3, 12), (1, 4, 1)])
def test_causal_attention_has_the_pairs_up_to_each_position_in_every_kernel(
    kernel: str, num_queries: int, num_keys: int, pairs: int
) -> None:
    """With dropout torch's unfused kernel runs, which multiplies the future and masks it."""

    def call(q: Tensor, k: Tensor) -> Tensor:
        rate = 0.1 if kernel == "dropout" else 0.0
        if kernel == "math":
            with sdpa_kernel(SDPBackend.MATH):
                return F.scaled_dot_product_attention(q, k, k, is_causal=True)
        return F.scaled_dot_product_attention(q, k, k, dropout_p=rate, is_causal=True)

    forward, train = passes(call, heads(num_queries), heads(num_keys))
    assert (forward.flops, train.flops) == (2 * 2 * 2 * B * pairs * D, 3 * 2 * 2 * 2 * B * pairs * D)
    assert ("bmm" in train.kernels) == (kernel != "its choice")


@pytest.mark.parametrize(("bias", "pairs"), [(causal_lower_right, 25), (causal_upper_left, 15)])
def test_torchs_causal_biases_have_their_pairs(bias: Callable[[int, int], Tensor], pairs: int) -> None:
    mask = bias(5, 7)
    found = counted(lambda q, k: F.scaled_dot_product_attention(q, k, k, attn_mask=mask), heads(5), heads(7))
    assert found == (8 * B * pairs * D, 24 * B * pairs * D)


def test_attention_under_a_mask_that_is_a_tensor_multiplies_all_pairs() -> None:
    mask = torch.ones(L, L, dtype=torch.bool).tril()
    found = counted(lambda q: F.scaled_dot_product_attention(q, q, q, attn_mask=mask), heads())
    assert found == (8 * B * L * L * D, 24 * B * L * L * D)


def test_heads_that_share_keys_multiply_for_each_of_them() -> None:
    found = counted(lambda q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True), heads(), heads(7, 1))
    assert found == (8 * B * L * 7 * D, 24 * B * L * 7 * D)


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


@pytest.mark.parametrize("kind", GATES, ids=lambda kind: kind.__name__)
def test_the_gradient_of_a_first_state_is_counted_where_it_is_learned(kind: type[nn.RNNBase]) -> None:
    layer, h = kind(D, D, batch_first=True), nn.Parameter(torch.zeros(1, B, D))
    state = (h, h) if kind is nn.LSTM else h
    product = 2 * GATES[kind] * D * D
    forward = 2 * product * T
    assert counted(lambda x: layer(x)[0], tokens()) == (forward, 3 * forward - product * B)
    assert counted(lambda x: layer(x, state)[0], tokens()) == (forward, 3 * forward)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_cudnns_recurrence_by_hand(packed: bool, asked: bool) -> None:
    """Two LSTM layers, both ways, of 6 inputs and 4 outputs each way; a packed sequence has no axis of time."""
    gates, inputs, total = 4 * D, 6, 8 if packed else T
    of_layer = [[(gates, n), (gates, D), (gates,), (gates,)] for n in (inputs, inputs, 2 * D, 2 * D)]
    weights = [torch.empty(size, device="meta") for layer in of_layer for size in layer]
    x = torch.empty((total, inputs) if packed else (L, B, inputs), device="meta")
    h = torch.empty(4, B, D, device="meta")
    rest = (2, D, 0, 2, False, 0.0, True, True, [2, 2, 2, 1, 1] if packed else [], None)
    forward = Operation(torch.ops.aten._cudnn_rnn.default, (x, weights, 4, None, h, h, *rest), {})
    mask = [asked, asked, False, True]
    gradients = (h, h, h, h, *rest, h, mask)
    backward = Operation(torch.ops.aten._cudnn_rnn_backward.default, (x, weights, 4, h, h, h, *gradients), {})
    first, second = 2 * gates * inputs, 2 * gates * 2 * D  # both ways
    recurrent = 4 * gates * D
    expected = 2 * total * (first + second + recurrent)
    assert flops_of(forward, (x,)) == expected
    skipped = 0 if asked else 2 * total * first + 2 * B * recurrent
    assert flops_of(backward, (x,)) == 2 * expected - skipped


# Unknown, and never too low


def hides_in_numpy(x: Tensor) -> Tensor:
    return x + torch.from_numpy(x.detach().numpy() @ x[0].detach().numpy().T)[..., :D]


HIDING: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "inverse": (lambda x: torch.linalg.inv(x[:, :D]), "aten::linalg_inv_ex"),
    "solve": (lambda x: torch.linalg.solve_triangular(x[:, :D], x[:, :D], upper=True), "aten::linalg_solve_triangular"),
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


REVIEWED = """
_addmm_activation _cdist_backward _cdist_forward _cholesky_solve_helper _compute_linear_combination _conv_depthwise2d
_convolution _cslt_sparse_mm _cudnn_rnn _cudnn_rnn_backward _dyn_quant_matmul_4bit _efficient_attention_backward
_efficient_attention_forward _embedding_bag _embedding_bag_per_sample_weights_backward _euclidean_dist _fft_c2c
_fft_c2r _fft_r2c _flash_attention_backward _flash_attention_forward _foreach_mm _grouped_mm _int_mm _linalg_det
_linalg_eigh _linalg_eigvals _linalg_slogdet _linalg_solve_ex _linalg_svd _lstm_mps _mixed_dtypes_linear
_mps_convolution _native_multi_head_attention _nnpack_spatial_convolution _pdist_backward _pdist_forward
_scaled_dot_product_cudnn_attention _scaled_dot_product_efficient_attention _scaled_dot_product_flash_attention
_scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_flash_attention_for_cpu_backward
_scaled_dot_product_fused_attention_overrideable _scaled_grouped_mm _scaled_mm _slow_conv2d_backward
_slow_conv2d_forward _sparse_addmm _sparse_mm_reduce_impl _sparse_semi_structured_addmm
_sparse_semi_structured_apply_dense _sparse_semi_structured_linear _sparse_semi_structured_mm _sparse_sparse_matmul
_spsolve _transformer_encoder_layer_fwd _trilinear _triton_multi_head_attention _triton_scaled_dot_attention
_weight_int4pack_mm _weight_int8pack_mm addbmm addmm addmv addr affine_grid_generator baddbmm bmm cholesky
cholesky_inverse cholesky_solve conv_depthwise3d conv_tbc convolution convolution_backward cudnn_convolution
cudnn_convolution_add_relu dot geqrf hspmm linalg_cholesky_ex linalg_eig linalg_eigvals linalg_householder_product
linalg_inv_ex linalg_ldl_factor_ex linalg_ldl_solve linalg_lstsq linalg_lu linalg_lu_factor_ex linalg_lu_solve
linalg_matrix_exp linalg_pinv linalg_qr linalg_solve_triangular linear linear_backward matmul_backward
miopen_convolution miopen_rnn mkldnn_convolution mkldnn_linear mkldnn_linear_backward mkldnn_rnn_layer
mkldnn_rnn_layer_backward mm mv ormqr quantized_gru quantized_lstm slow_conv3d_forward slow_conv_dilated2d
slow_conv_transpose2d sparse_sampled_addmm sspaddmm triangular_solve vdot
""".split()
TAKES_ELEMENTS = """
_adaptive_avg_pool2d_backward _ctc_loss _ctc_loss_backward _foreach_add_ _foreach_addcmul _fused_rms_norm
_index_put_impl_ _log_softmax_backward_data _native_batch_norm_legit _prelu_kernel_backward _softmax
_softmax_backward_data _thnn_fused_gru_cell _thnn_fused_lstm_cell_backward_impl _unsafe_index_put
_weight_norm_interface_backward adaptive_max_pool2d_backward addcmul avg_pool2d_backward batch_norm_backward
binary_cross_entropy_backward cat copy_ cumprod cumsum elu_backward fractional_max_pool2d gelu_backward glu_backward
grid_sampler_2d_backward hardswish_backward huber_loss index_add_ index_copy index_put_ lerp linalg_cross
linalg_vector_norm log_sigmoid_backward logcumsumexp masked_scatter max_pool2d_with_indices_backward max_unpool2d
mish_backward mse_loss_backward native_group_norm_backward native_layer_norm_backward nll_loss_backward polar put
reflection_pad1d_backward replication_pad2d_backward scatter_add_ scatter_reduce searchsorted segment_reduce
sigmoid_backward slice_scatter softplus_backward softshrink_backward stack tanh_backward threshold_backward
unfold_backward upsample_bicubic2d_backward upsample_linear1d_backward where
""".split()


def forms(names: list[str]) -> Iterator[tuple[str, Any]]:
    for name in names:
        packet = getattr(torch.ops.aten, name, None)
        for overload in packet.overloads() if packet is not None else []:
            yield name, getattr(packet, overload)


def test_no_operation_that_may_multiply_is_taken_for_one_that_does_not() -> None:
    """All that were found among torch's some 1,700 operators, and all that torch has a formula for."""
    assert {name for name, func in forms(REVIEWED) if never_multiplies(func)} == set()
    known = [packet for packet in flop_registry if hasattr(packet, "overloads")]
    assert len(known) > 15
    for packet in known:
        assert not any(never_multiplies(getattr(packet, overload)) for overload in packet.overloads()), packet


def test_operations_that_take_elements_are_told_by_their_tags_arguments_and_kind() -> None:
    assert {name for name, func in forms(TAKES_ELEMENTS) if not never_multiplies(func)} == set()
