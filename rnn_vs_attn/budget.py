"""How much of everything a run may take; the command's options, stored in `run.json`."""

from __future__ import annotations

from dataclasses import dataclass, field

LONG_CALL = 2.0  # seconds; above it one call that is thrown away and one block are all
MAX_BLOCKS = 20
LOOKS = (6, 9, 12)  # finished rounds after which the intervals are looked at


@dataclass(frozen=True)
class Budget:
    """What one pass of a case may take in one round; seconds, but for min_blocks."""

    warm_up: float = 0.2
    max_warm_up: float = 0.6
    block: float = 0.005
    min_blocks: int = 5
    case: float = 0.08


@dataclass(frozen=True)
class Plan:
    """loops calls a block, num_blocks blocks: fixed in a case's first round and used in all."""

    loops: int
    num_blocks: int


@dataclass(frozen=True)
class Limits:
    """When a run ends. rounds None: at LOOKS, by precision. max_memory in bytes, None where not known."""

    rounds: int | None = None
    precision: float = 0.05
    max_seconds: float = 165.0
    timeout: float = 120.0
    max_memory: int | None = None
    seed: int = 0
    budget: Budget = field(default_factory=Budget)
