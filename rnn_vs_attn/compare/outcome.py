"""How far apart what two versions compute is, on the same weights and inputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """max_error: the largest difference as a part of the tensor's largest value; where: the tensor; equal: bit for bit;
    rounding: no more than another order of sums makes. fails: what the backward pass raises on both sides, which leaves
    the outputs. error: why they cannot be compared, and nothing else is known then. Both are "" where there is nothing
    to say.
    """

    error: str = ""
    fails: str = ""
    max_error: float = 0.0
    where: str = ""
    equal: bool = True
    rounding: bool = True

    @property
    def differs(self) -> bool:
        """Whether they are further apart than rounding, or could not be compared."""
        return bool(self.error) or not self.rounding

    @property
    def said(self) -> str:
        """How far apart they are, or why that is not known."""
        return self.error or f"{self.where} differs by up to {self.max_error:.2g} of its largest value"

    def document(self) -> dict[str, Any]:
        """What is known, by name."""
        return {"error": self.error} if self.error else asdict(self)
