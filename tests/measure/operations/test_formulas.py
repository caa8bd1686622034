"""Products by hand: complex numbers, attention, recurrences."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from counted_operations import B, D, L, counted, heads, passes, tokens
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.bias import causal_lower_right, causal_upper_left

from rnn_vs_attn.measure.dataflow.shadow_memory import Operation
from rnn_vs_attn.measure.operations import flops
from rnn_vs_attn.measure.operations.formulas import flops_of

T = B * L
LINEAR = 2 * T * D * D  # of nn.Linear(D, D)


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


@pytest.mark.parametrize("left", [True, False])
def test_a_triangular_system_is_counted_as_its_substitution(left: bool) -> None:
    """Of n unknowns n (n - 1) / 2 multiply-adds a right side; its gradients are another system, and one product."""
    n, sides = L, 3

    def solve(x: Tensor) -> Tensor:
        system = torch.eye(n).expand(B, n, n) + (x @ x.mT).tril(-1)
        right = torch.ones(B, n, sides) * x.sum()
        return torch.linalg.solve_triangular(system, right if left else right.mT, upper=False, left=left)

    by_hand = sum(2 * i for i in range(n)) * B * sides
    forward, train = counted(solve, tokens())
    product = 2 * B * n * n * D
    assert forward == product + by_hand
    assert train == 3 * product + 2 * by_hand + 2 * B * n * n * sides


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


@pytest.mark.long
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


# Recurrences


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
