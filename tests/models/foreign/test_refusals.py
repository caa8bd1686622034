"""A layer that cannot be called is one sentence, and lines that do work."""

from __future__ import annotations

from pathlib import Path

import foreign_layers as layers
import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import OF_CODE, UserError
from rnn_vs_attn.models.build import build
from rnn_vs_attn.models.costs import Shape
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
        (nn.Embedding(10, D), "it takes token ids .* behind its embedding instead$"),
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


@pytest.mark.parametrize(
    ("module", "seen"),
    [
        (nn.Conv1d(D, D, 4), 4),
        (nn.Conv1d(D, D, 3, padding=2), 3),
    ],
    ids=["shorter", "longer"],
)
def test_the_lines_around_a_convolution_keep_its_length_and_hide_the_future(module: nn.Conv1d, seen: int) -> None:
    """It was told of as a layer that cannot be called at all, in lines that could not be called either."""
    with pytest.raises(UserError, match=r"as \(batch, d_model, sequence\) it maps") as raised:
        fitted(module, D)
    _, *lines = str(raised.value).split(OF_CODE)
    there: dict[str, object] = {"module": module}
    exec("\n".join(lines).replace("Conv1d(...)", "module"), there)
    made, x = there["Layer"](D), torch.randn(1, 9, D)  # type: ignore[operator]
    assert made(x).shape == x.shape
    for at in range(9):
        gone = x.clone()
        gone[:, at] += 1
        changed = (made(gone) - made(x)).abs().amax((0, 2)) > 1e-6
        assert changed.nonzero().flatten().tolist() == list(range(at, min(9, at + seen)))


class Spiking(nn.Module):
    """A cell that takes its two states apart, as it gives them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(width, width)

    def forward(self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        state = None if h is None or c is None else (h, c)
        h, c = self.cell(x, state)
        return (h > 0).to(x.dtype), h, c


class WithOutput(nn.Module):
    """A cell whose output is apart from its state."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cell = nn.GRUCell(width, width)

    def forward(self, x: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h = self.cell(x, hx)
        return 2 * h, h


@pytest.mark.parametrize("kind", [Spiking, WithOutput])
def test_the_lines_around_a_cell_hand_on_its_state_as_it_takes_it(kind: type[nn.Module]) -> None:
    """One with two states was said to take one sequence and no batch."""
    module = kind(D)
    with pytest.raises(UserError, match="it is a cell, which takes one position") as raised:
        fitted(module, D)
    _, *lines = str(raised.value).split(OF_CODE)
    there: dict[str, object] = {"module": module}
    exec("\n".join(lines).replace(f"{kind.__name__}(...)", "module"), there)
    x = torch.randn(2, 5, D)
    expected, states = [], ()
    for x_t in x.unbind(1):
        y_t, *rest = module(x_t, *states)
        expected.append(y_t)
        states = tuple(rest)
    assert torch.equal(there["Layer"](D)(x), torch.stack(expected, 1))  # type: ignore[operator]


class NeedsMemory(nn.Linear):
    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        return super().forward(x) + memory.mean(1, keepdim=True)


class OfIds(nn.Module):
    """Makes its first state in float32, whatever it is."""

    def __init__(self, width: int, use_embedding: bool = True) -> None:
        super().__init__()
        self.embed, self.cell = nn.Embedding(10, width), nn.GRUCell(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        h = torch.zeros(len(x), self.cell.hidden_size)
        for x_t in self.embed(x).unbind(1):
            h = self.cell(x_t, h)
        return h


class Last(nn.GRU):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return super().forward(x)[0][:, -1]


class InBlocks(nn.Linear):
    """Refuses lengths that are no multiple of 64, and all the others for another reason."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        assert x.shape[1] % 64 == 0, "not a multiple"
        raise ValueError("a mask is needed")


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (NeedsMemory(D, D), r"its forward needs memory, and None does not do \(AttributeError"),
        (OfIds(D), "it takes token ids .*, or give --model-arg use_embedding=False"),
        (Last(D, D, batch_first=True), r"to \(3, 8\); it must keep .*, and it gives one output a sequence"),
        (InBlocks(D, D), "ValueError: a mask is needed"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_the_sentence_is_about_what_is_wrong(module: nn.Module, said: str) -> None:
    with pytest.raises(UserError, match=said):
        fitted(module, D, seq_len=64)


def test_the_lines_have_the_arguments_with_which_it_was_built(tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        build(find("torch.nn:LSTMCell(bias=False)"), Shape(2, 8, D, 2))
    _, *lines = str(raised.value).split(OF_CODE)
    (tmp_path / "layer.py").write_text("\n".join(lines))
    made = build(find(f"{tmp_path / 'layer.py'}:Layer"), Shape(2, 8, D, 2))
    assert made(torch.randn(2, 8, D)).shape == (2, 8, D)
    assert sum(p.numel() for p in made.parameters()) == 4 * 2 * D * D
