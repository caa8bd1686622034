"""How one layer is called: what it is given, in which order of axes, and where in its result the output stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Self

from torch import Tensor, nn

from rnn_vs_attn.models.foreign import outputs
from rnn_vs_attn.models.foreign.call_arguments import Arguments
from rnn_vs_attn.models.foreign.companions import Companion, CompanionCache


class Layout(Enum):
    """The order of a layer's own axes, and which two of (B, L, D) are exchanged for it."""

    BATCH_FIRST = "(B, L, D)"
    SEQUENCE_FIRST = "(L, B, D)"
    CHANNELS_FIRST = "(B, D, L)"

    def exchanged(self, x: Tensor) -> Tensor:
        """From (B, L, D) to the layer's own order, and back."""
        if self is Layout.BATCH_FIRST:
            return x
        return x.transpose(0, 1) if self is Layout.SEQUENCE_FIRST else x.transpose(1, 2)


@dataclass(frozen=True)
class Convention:
    """arguments: what forward is given. where: the place of the output in its result, see `outputs.place`."""

    arguments: Arguments
    layout: Layout = Layout.BATCH_FIRST
    where: int | str | None = None

    def __str__(self) -> str:
        order = "" if self.layout is Layout.BATCH_FIRST else f", x as {self.layout.value}"
        taken = "" if self.where is None else f", [{self.where!r}] of its result"
        return f"{self.arguments}{order}{taken}"

    def result(self, module: nn.Module, x: Tensor, cache: CompanionCache, more: Mapping[str, Any]) -> Any:
        """What the layer returns for x (B, L, D). more: further keywords."""
        given = self.layout.exchanged(x)
        beside = cache.of(self.arguments.beside, x)
        if self.arguments.keyword:
            return module(**{self.arguments.keyword: given}, **beside, **more)
        return module(*[given] * self.arguments.times, **beside, **more)

    def placed(self, result: Any, x: Tensor) -> Convention:
        """The same with the place of the output for x in this result. LookupError where there is none."""
        return replace(self, where=outputs.place(result, self.layout.exchanged(x).shape))

    def output(self, result: Any) -> Tensor:
        """The output (B, L, D) of a result."""
        return self.layout.exchanged(outputs.taken(result, self.where))


@dataclass
class Caller:
    """A module and its convention, to be called on (B, L, D) by those who look what it does."""

    module: nn.Module
    convention: Convention
    cache: CompanionCache = field(default_factory=CompanionCache)

    def __call__(self, x: Tensor) -> Tensor:
        return self.convention.output(self.result(x))

    def result(self, x: Tensor, **more: Any) -> Any:
        return self.convention.result(self.module, x, self.cache, more)

    def with_convention(self, convention: Convention) -> Self:
        """The same by another convention."""
        return replace(self, convention=convention, cache=CompanionCache())

    def with_beside(self, **more: Companion) -> Self:
        """The same with more beside x."""
        return self.with_convention(replace(self.convention, arguments=self.convention.arguments.with_beside(**more)))
