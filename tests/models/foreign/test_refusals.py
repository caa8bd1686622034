"""A layer that cannot be called is one sentence, and lines that do work."""

from __future__ import annotations

from pathlib import Path

import foreign_layers as layers
import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import OF_CODE, UserError
from rnn_vs_attn.models.foreign.calling import fitted
from rnn_vs_attn.models.load import load
from rnn_vs_attn.models.registry import find

D = 8


class NeedsMore(nn.Linear):
    def forward(self, x: Tensor, temperature: float) -> Tensor:
        return super().forward(x) / temperature


class Raises(nn.Linear):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        raise ValueError("this layer\ncannot do that")


class NoCopy(nn.Linear):
    def __deepcopy__(self, memo: object) -> NoCopy:
        raise TypeError("cannot pickle this")

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x)


@pytest.mark.long
@pytest.mark.parametrize(
    ("module", "said"),
    [
        (nn.GRU(D, 2 * D), r"it maps \(3, 16, 8\) to \(3, 16, 16\) and \(1, 16, 16\); it must keep"),
        (nn.GRU(D, D // 2, batch_first=True), r"it maps \(3, 16, 8\) to \(3, 16, 4\) and"),
        (nn.GRU(D, D, bidirectional=True), "its two directions stand side by side"),
        (nn.GRUCell(D, D), "it is a cell, which takes one position"),
        (nn.Embedding(10, D), "it takes token ids"),
        (layers.OneSequence(D), "one sequence .* and no batch"),
        (NeedsMore(D, D), "its forward needs temperature, of which nothing is known"),
        (Raises(D, D), r"it cannot be called .*; forward\(x\).*: ValueError: this layer cannot do that"),
        (NoCopy(D, D), "no copy of it can be made to be tried: TypeError: cannot pickle this"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_does_not_fit_is_one_sentence(module: nn.Module, said: str) -> None:
    with pytest.raises(UserError, match=said) as raised:
        fitted(module, D)
    assert "\n" not in str(raised.value).split(OF_CODE)[0]


@pytest.mark.long
def test_the_lines_for_two_directions_work() -> None:
    with pytest.raises(UserError) as raised:
        fitted(nn.GRU(D, D, bidirectional=True), D)
    _, *lines = str(raised.value).split(OF_CODE)
    there: dict[str, object] = {}
    exec("\n".join(lines), there)
    x = torch.randn(2, 5, D)
    assert fitted(there["layer"](D), D)(x).shape == x.shape  # type: ignore[operator]


@pytest.mark.long
@pytest.mark.parametrize("module", [nn.GRUCell(D, D), nn.LSTMCell(D, D), nn.GRU(D, D // 2, batch_first=True)])
def test_the_lines_around_a_layer_work(module: nn.Module) -> None:
    with pytest.raises(UserError) as raised:
        fitted(module, D)
    _, *lines = str(raised.value).split(OF_CODE)
    width = D // 2 if isinstance(module, nn.GRU) else D
    arguments = f"(d_model, {width}{', batch_first=True' if isinstance(module, nn.GRU) else ''})"
    there: dict[str, object] = {}
    exec("\n".join(lines).replace("(...)", arguments), there)
    x = torch.randn(2, 5, D)
    assert fitted(there["Layer"](D), D)(x).shape == x.shape  # type: ignore[operator]


@pytest.mark.long
def test_the_lines_import_a_file_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from torch import nn\nclass Half(nn.GRU):\n    pass\n")
    kind = load(find(f"{tmp_path / 'mine.py'}:Half"))
    with pytest.raises(UserError, match="from mine import Half"):
        fitted(kind(D, D // 2, batch_first=True), D)
