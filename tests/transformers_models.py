"""Models of transformers with small shapes, and their weights in ours."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.models.shapes import AlbertShape, GPTShape

SMALL_GPT = (GPTShape(2, 24, 3, 61, 40), GPTShape(3, 32, 4, 97, 24), GPTShape(1, 16, 1, 50, 64))
SMALL_ALBERT = (AlbertShape(3, 32, 4, 12, "all", 71, 40), AlbertShape(2, 24, 2, 24, "all", 50, 33))


def tokens(shape: GPTShape | AlbertShape, batch_size: int = 2, length: int = 17) -> Tensor:
    """Never 0, which transformers takes for padding: the gradient of its row is left out."""
    return torch.randint(1, shape.vocab_size, (batch_size, length), generator=torch.Generator().manual_seed(5))


def with_biases(model: Any) -> Any:
    """Biases start at 0 and norms at 1, which would hide a wrong one."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def assert_equal_logits_and_gradients(ours: nn.Module, theirs: Any, ids: Tensor, sources: dict[str, Any]) -> None:
    """In float64 to 1e-10, and every parameter's gradient."""
    ours, theirs = ours.double(), theirs.double()
    a, b = ours(ids), theirs(ids).logits
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
    weight = torch.randn(a.shape, generator=torch.Generator().manual_seed(3), dtype=a.dtype)
    (a * weight).sum().backward()
    (b * weight).sum().backward()
    prefixes = ("", "transformer.", "albert.", "bert.")
    gradients = {
        name.removeprefix(p): v.grad for name, v in theirs.named_parameters() for p in prefixes if name.startswith(p)
    }
    for name, parameter in ours.named_parameters():
        source = sources[name]
        parts = [gradients[n].T if source.transposed else gradients[n] for n in source.names]
        torch.testing.assert_close(parameter.grad, torch.cat(parts), rtol=1e-9, atol=1e-9)
