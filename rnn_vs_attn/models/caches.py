"""Keys and values of the tokens so far: what attention carries from one decoded token to the next."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class KeyValueCache:
    """Keys and values, (B, H, capacity, E) each; the first `length` positions count."""

    keys: Tensor
    values: Tensor
    length: int = 0

    @classmethod
    def empty(cls, like: Tensor, batch_size: int, num_heads: int, head_dim: int, capacity: int = 16) -> KeyValueCache:
        """Room for `capacity` positions on the device and in the dtype of `like`; more is made when it is needed."""
        return cls(*(like.new_empty(batch_size, num_heads, capacity, head_dim) for _ in range(2)))

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add positions, (B, H, C, E) each; all positions so far, without a copy of them (capacity doubles)."""
        end = self.length + key.shape[2]
        while end > self.keys.shape[2]:
            self.keys, self.values = _doubled(self.keys), _doubled(self.values)
        self.keys[:, :, self.length : end] = key
        self.values[:, :, self.length : end] = value
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    @property
    def nbytes(self) -> int:
        """Bytes of the positions that count."""
        return (self.keys[:, :, : self.length].nbytes + self.values[:, :, : self.length].nbytes) if self.length else 0


def _doubled(cache: Tensor) -> Tensor:
    batch_size, num_heads, capacity, head_dim = cache.shape
    larger = cache.new_empty(batch_size, num_heads, 2 * capacity, head_dim)
    larger[:, :, :capacity] = cache
    return larger
