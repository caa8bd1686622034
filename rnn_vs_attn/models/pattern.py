"""Patterns: `lstm+lstm+attention` is a model, a stack of these layers, and num_layers stacks of it; no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rnn_vs_attn.errors import UserError, unknown
from rnn_vs_attn.models.costs import Costs, Flops, Shape
from rnn_vs_attn.models.spec import PATTERN, ModelSpec, Traits


@dataclass(frozen=True)
class PatternCosts:
    """Sums over layers, each of which stands by itself: two convolutions do not dilate each other."""

    layers: tuple[Costs, ...]

    def num_params(self, shape: Shape) -> int:
        return shape.num_layers * sum(costs.num_params(_layers(shape, 1)) for costs in self.layers)

    def flops(self, shape: Shape) -> Flops:
        every = [costs.flops(_layers(shape, 1)) for costs in self.layers]
        forward, backward = (sum(getattr(flops, name) for flops in every) for name in ("forward", "backward"))
        return Flops(shape.num_layers * forward, shape.num_layers * backward)

    def state_size(self, shape: Shape, itemsize: int) -> int:
        """Bytes of the states of all layers."""
        return shape.num_layers * sum(costs.state_size(_layers(shape, 1), itemsize) for costs in self.layers)

    def least_memory(self, shape: Shape, itemsize: int, train: bool) -> int:
        """Bytes at the peak of the layer with the highest one; in training beside what all others keep."""
        alone, second = (
            [costs.least_memory(_layers(shape, number), itemsize, train) for costs in self.layers] for number in (1, 2)
        )
        if not train:  # the first layer's input is the case's own, which is not counted
            return max(*alone[:1], *second[1:], *second * (shape.num_layers > 1))
        kept = [two - one for one, two in zip(alone, second, strict=True)]
        return shape.num_layers * sum(kept) + max(one - more for one, more in zip(alone, kept, strict=True))


def _layers(shape: Shape, number: int) -> Shape:
    return replace(shape, num_layers=number)


def pattern(name: str, layers: Sequence[ModelSpec], others: Iterable[str]) -> ModelSpec | None:
    """The stack of the layers that the name has between its `+`, None where it is no pattern.

    layers: of the registry. others: names that are models and no such layers. UserError where a part is no layer of the
    registry. A path of a module of the user's own may have a `+` in it.
    """
    parts, known = name.split("+"), {spec.name: spec for spec in layers}
    if len(parts) == 1 or (":" in name and not any(part in known for part in parts)):
        return None
    wrong = next((part for part in parts if part not in known), None)
    if wrong is None:
        return _stack(name, [known[part] for part in parts])
    if not wrong:
        raise UserError(f"the pattern {name!r} has a layer without a name; write it as lstm+lstm+attention")
    if ":" in wrong or wrong in others:
        way = "stack others in a module of your own"
        raise UserError(f"patterns are of layers of the registry, and {wrong!r} in {name!r} is none; {way}")
    raise unknown("layer", wrong, known, f"in the pattern {name!r}; rnn-vs-attn models lists all")


def _stack(name: str, layers: Sequence[ModelSpec]) -> ModelSpec:
    kinds = {spec.name: spec for spec in layers}.values()
    complexities = {spec.complexity for spec in kinds}
    return ModelSpec(
        name=name,
        family=PATTERN,
        target=layers[0].target,  # whose package is that of all
        source="; ".join(dict.fromkeys(spec.source for spec in kinds)),
        complexity=complexities.pop() if len(complexities) == 1 else None,
        costs=PatternCosts(tuple(spec.costs for spec in layers if spec.costs is not None)),
        always_causal=all(spec.always_causal for spec in layers),
        uses_heads=any(spec.uses_heads for spec in layers),
        traits=_traits(layers),
    )


def _traits(layers: Sequence[ModelSpec]) -> Traits:
    """kernel_of_its_own: where any layer has one, as the graph breaks there. initialisations: those for all layers.
    backends: those of any layer.
    """
    every = [spec.traits for spec in layers]
    return Traits(
        kernel_of_its_own=any(traits.kernel_of_its_own for traits in every),
        takes=tuple(dict.fromkeys(name for traits in every for name in traits.takes)),
        initialisations=tuple(
            name for name in every[0].initialisations if all(name in traits.initialisations for traits in every)
        ),
        backends=tuple(dict.fromkeys(name for traits in every for name in traits.backends)),
        layers=tuple(layers),
    )
