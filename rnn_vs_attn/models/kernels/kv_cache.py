"""Keys and values of the tokens so far: what attention carries from one decoded token to the next."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class KeyValueCache:
    """Keys and values, (B, H, capacity, E) each; the positions from `start` to `end` count.

    limit: how many positions are remembered from before a call; None remembers all. seen: how many there have been.
    """

    keys: Tensor
    values: Tensor
    limit: int | None = None
    start: int = 0
    end: int = 0
    seen: int = 0

    @classmethod
    def empty(
        cls,
        like: Tensor,
        batch_size: int,
        num_heads: int,
        head_dim: int,
        limit: int | None = None,
        capacity: int = 16,
    ) -> KeyValueCache:
        """Room for `capacity` positions on the device and in the dtype of `like`; more is made when it is needed."""
        keys, values = (like.new_empty(batch_size, num_heads, capacity, head_dim) for _ in range(2))
        return cls(keys, values, limit)

    @property
    def length(self) -> int:
        """Positions that are remembered."""
        held = self.end - self.start
        return held if self.limit is None else min(held, self.limit)

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add positions, (B, H, C, E) each; those remembered and these, without a copy of them.

        Room is made seldom: it doubles, and with a limit there is twice as much of it as is remembered.
        """
        self.start = self.end - self.length
        added = key.shape[2]
        if self.end + added > self.keys.shape[2]:
            self._make_room(added)
        first, self.end = self.end, self.end + added
        self.seen += added
        self.keys[:, :, first : self.end] = key
        self.values[:, :, first : self.end] = value
        return self.keys[:, :, self.start : self.end], self.values[:, :, self.start : self.end]

    def _make_room(self, added: int) -> None:
        """Move what is remembered to the front of new tensors in which there is room for more."""
        needed, capacity = (1 if self.limit is None else 2) * (self.length + added), self.keys.shape[2]
        while capacity < needed:
            capacity *= 2
        self.keys, self.values = (_moved(t, self.start, self.end, capacity) for t in (self.keys, self.values))
        self.start, self.end = 0, self.end - self.start

    @property
    def nbytes(self) -> int:
        """Bytes of the positions that are remembered."""
        batch_size, num_heads, _, head_dim = self.keys.shape
        return 2 * batch_size * num_heads * self.length * head_dim * self.keys.element_size()


def _moved(cache: Tensor, start: int, end: int, capacity: int) -> Tensor:
    batch_size, num_heads, _, head_dim = cache.shape
    made = cache.new_empty(batch_size, num_heads, capacity, head_dim)
    made[:, :, : end - start] = cache[:, :, start:end]
    return made
