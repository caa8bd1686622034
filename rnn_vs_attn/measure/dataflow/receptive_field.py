"""How far back an output depends on what was read: each token is changed in turn, and the output is compared."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def receptive_field(run: Callable[[Tensor], Tensor], tokens: Tensor, vocab_size: int) -> int:
    """The largest distance at which another token changes run(tokens) at all; -1 where none does.

    tokens: ids (1, L). run: to the output at the last position, the same numbers for the same ids. Every distance is
    tried, so a gap in between would not be taken for the end.
    """
    with torch.no_grad():
        expected, last, found = run(tokens), tokens.shape[1] - 1, -1
        for distance in range(last + 1):
            changed = tokens.clone()
            changed[0, last - distance] = (changed[0, last - distance] + 1) % vocab_size
            if not torch.equal(run(changed), expected):
                found = distance
        return found
