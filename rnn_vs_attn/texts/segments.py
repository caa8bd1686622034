"""The order in which a text is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Segment:
    """What a step reads of every lane. inputs, targets: ids (B, L), targets those one further on. first: lanes begin
    anew, so that a memory or a state is dropped.
    """

    inputs: NDArray[numpy.int64]
    targets: NDArray[numpy.int64]
    first: bool
