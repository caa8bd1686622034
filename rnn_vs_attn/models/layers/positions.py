"""What softmax attention knows of where tokens stand: nothing, a rotation of queries and keys, or a bias by distance.

Rotations and distances are tables that are made once for a length, a number format and a device, from float64. They
are neither parameters nor in the state dict; layers of one length share theirs, and they go when those layers go.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn

from rnn_vs_attn.models.costs import ALIBI, KINDS_OF_POSITIONS, NO_POSITIONS, ROTARY

BASE = 10000.0  # of the angles of a rotation
_IN_PAIRS = {torch.float64: torch.complex128}  # of all others complex64


_made: WeakValueDictionary[tuple[object, ...], Tensor] = WeakValueDictionary()  # those that some layer holds


class Positions(nn.Module):
    """None of them: attention sees content alone.

    A module without weights, so that its tables are found by what looks through a layer for the tensors that it holds.
    rotates: whether `rotated` changes anything.
    """

    rotates = False

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[tuple[object, ...], Tensor] = {}

    def prepare(self, length: int, like: Tensor) -> None:
        """Make the table for a length ahead of the first call."""

    def rotated(self, heads: Tensor, begin: int = 0) -> Tensor:
        """Queries or keys (B, L, H, E) of the positions from `begin` on."""
        return heads

    def bias(self, num_queries: int, num_keys: int, like: Tensor, causal: bool) -> Tensor | None:
        """What is added to scores, (H, C, K); the queries are the last of the positions of the keys, in reverse."""
        return None

    def _table(
        self,
        kind: tuple[object, ...],
        make: Callable[[int], Tensor],
        length: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> Tensor:
        """That of a kind, for a length or up to twice that, so that decoding seldom makes a new one.

        make: from a length to the table, in float64 and on the CPU.
        """
        key = (*kind, dtype, device)
        held = self.tables.get(key)
        if held is None or self._length_of(held) < length:
            size = 1 << (length - 1).bit_length()
            held = _made.get((*key, size))
            if held is None:
                with torch.inference_mode(False), torch.no_grad(), torch.device("cpu"):
                    held = _made[(*key, size)] = make(size).to(device, dtype)
            self.tables[key] = held
        return held

    def _length_of(self, table: Tensor) -> int:
        raise NotImplementedError


class Rotary(Positions):
    """Features 2 i and 2 i + 1 of a head at position t turn by t / 10000^(2 i / E): scores depend on distances alone.

    Source: Su et al. 2021 (RoFormer), equations 15 and 34. Neighbours are pairs there and here; Llama pairs i with
    i + E / 2, which is the same but for the order of the features. A pair is a complex number, and one product turns
    it. In 16 bits it is turned in 32.
    """

    rotates = True

    def __init__(self, head_dim: int) -> None:
        if head_dim % 2:
            raise ValueError(f"rotary positions turn pairs of features, and a head of {head_dim} has one left over")
        super().__init__()
        self._head_dim = head_dim

    def prepare(self, length: int, like: Tensor) -> None:
        self._turns(length, like)

    def rotated(self, heads: Tensor, begin: int = 0) -> Tensor:
        end = begin + heads.shape[1]
        turns = self._turns(end, heads)[begin:end].unsqueeze(1)
        wide = heads.float() if heads.dtype.itemsize < 4 else heads
        pairs = torch.view_as_complex(wide.unflatten(-1, (-1, 2)))
        return torch.view_as_real(pairs * turns).flatten(-2).to(heads.dtype)

    def _length_of(self, table: Tensor) -> int:
        return len(table)

    def _turns(self, length: int, like: Tensor) -> Tensor:
        dtype = _IN_PAIRS.get(like.dtype, torch.complex64)
        return self._table((ROTARY, self._head_dim), partial(rotations, self._head_dim), length, dtype, like.device)


class Alibi(Positions):
    """A score less the head's slope times the distance, in both directions where the future is seen.

    Source: Press et al. 2022, section 3. The bias of a head is one line of distances, which every query reads one place
    further on than the query after it: a view, so that no (L, L) of it is in memory. Its rows go up one place only
    where queries are in reverse.
    """

    def __init__(self, num_heads: int) -> None:
        super().__init__()
        self._slopes = slopes(num_heads)

    def prepare(self, length: int, like: Tensor) -> None:
        for causal in (True, False):
            self._line(length, like, causal)

    def bias(self, num_queries: int, num_keys: int, like: Tensor, causal: bool) -> Tensor:
        line = self._line(num_keys, like, causal)
        here = line.shape[1] // 2  # where the distance is 0
        return line[:, here - num_keys + 1 : here + num_queries].unfold(-1, num_keys, 1)

    def _length_of(self, table: Tensor) -> int:
        return table.shape[1] // 2

    def _line(self, length: int, like: Tensor, causal: bool) -> Tensor:
        make = partial(distances, self._slopes, -math.inf if causal else -1.0)
        return self._table((ALIBI, len(self._slopes), causal), make, length, like.dtype, like.device)


def positions_of_kind(kind: str, num_heads: int, head_dim: int) -> Positions:
    """Those of a kind, one of KINDS_OF_POSITIONS. ValueError for another, and where a head cannot have them."""
    if kind == NO_POSITIONS:
        return Positions()
    if kind == ROTARY:
        return Rotary(head_dim)
    if kind == ALIBI:
        return Alibi(num_heads)
    raise ValueError(f"positions {kind!r} is none of {', '.join(KINDS_OF_POSITIONS)}")


def rotations(head_dim: int, length: int) -> Tensor:
    """(L, E / 2), complex of length 1: by how much a pair of features turns at a position."""
    frequencies = BASE ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    angles = torch.arange(length, dtype=torch.float64).unsqueeze(1) * frequencies
    return torch.polar(torch.ones_like(angles), angles)


def slopes(num_heads: int) -> list[float]:
    """Of each head: 2^(-8 i / H), i from 1 on; of a number that is no power of two those of the power below, and then
    every other one of the power above, as the paper's code has it.
    """
    whole = 1 << (num_heads.bit_length() - 1)
    of_whole = [2.0 ** (-8 * (i + 1) / whole) for i in range(whole)]
    return of_whole if whole == num_heads else of_whole + slopes(2 * whole)[0::2][: num_heads - whole]


def distances(heads: list[float], after: float, length: int) -> Tensor:
    """(H, 2 L + 1): the bias of a key that stands L to 0 before the query and 1 to L after it.

    after: what the distance of one after it is multiplied with, -inf where it is not seen.
    """
    before = -torch.arange(length, -1, -1, dtype=torch.float64)
    later = after * torch.arange(1, length + 1, dtype=torch.float64)
    return torch.tensor(heads, dtype=torch.float64).unsqueeze(1) * torch.cat([before, later])
