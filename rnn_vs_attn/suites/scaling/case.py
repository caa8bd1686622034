"""What `scaling` measures: layers over lengths, widths and threads, and the graphs of their operations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import LINEAR_RECURRENCE, RECURRENT, SELF_ATTENTION, USER, ModelSpec
from rnn_vs_attn.suites.case import OF_FEW_MODELS, LayerCase, fixed, option

LAYER, MIXING, GRAPH, ROUTE = "layer", "mixing", "graph", "route"
FEW = 4  # positions that a window or a kernel has in a graph, at most: routes are counted over few of them
CHAIN_LENGTHS = tuple(1 << i for i in range(4, 11))
ROUTE_LENGTHS = tuple(n for i in range(2, 8) for n in (1 << i, 3 << (i - 1)))  # 4, 6, 8, 12, ... 192
_ONE_VALUE = ("batch_size", "num_heads", "num_layers", "dtype", "device", *OF_FEW_MODELS)


@dataclass(frozen=True)
class ScalingCase(LayerCase):
    """part: the whole layer; what attention does between its projections, which is what the table's cell is about; the
    graph of its operations; or that of positions. Graphs are counted and not timed.
    """

    model: str = option(
        "attention",
        "Models: built-in names, entry points, package.module:Class or file.py:Class.",
        typed="attention,lstm,conv,attention-local,mingru",
    )
    seq_len: int = option(256, "Sequence lengths: 512, or 64:4096 (doubling).", typed="64:2048", minimum=2)
    batch_size: int = option(1, "Sequences a batch.", minimum=1)
    d_model: int = option(128, "Widths of the input and output: 128, or 64:512 (doubling).", typed="64:256", minimum=1)
    threads: int = option(
        1,
        "CPU threads; lengths and widths are measured with the fewest of them. 1:0 doubles up to all usable cores.",
        typed="1:0",
        minimum=0,
    )
    part: str = fixed(LAYER)

    @property
    def label(self) -> str:
        width = f"{self.model} d_model {self.d_model}"
        return width if self.part == LAYER else f"{width} {self.part}"


def check(values: Mapping[str, Sequence[Any]]) -> None:
    """UserError where an axis has several values that no table of this suite would tell apart."""
    for name in _ONE_VALUE:
        if len(values[name]) > 1:
            given = ",".join(map(str, values[name]))
            raise UserError(
                f"--{name.replace('_', '-')} {given} is several values; scaling varies model, seq_len, d_model and "
                f"threads, and takes one of each other; run it once for each"
            )


def select(cases: list[ScalingCase], plain: bool = False) -> list[ScalingCase]:
    """The cells that a claim needs, of all that were asked for, and the graphs that are counted beside them.

    With the fewest threads: every length at the middle width and every width at the longest length; attention and what
    it is compared with, and the user's own modules, at every other one too, for where they cross. With more threads:
    the longest length at the largest width, on a CPU. Beside attention what it does between its projections.
    """
    if not cases:
        return []
    fewest, longest = min(c.threads for c in cases), max(c.seq_len for c in cases)
    widths = sorted({c.d_model for c in cases})
    middle = widths[len(widths) // 2]
    found = []
    for case in cases:
        spec = find(case.model)
        on_axes = case.d_model == middle or case.seq_len == longest
        if case.threads != fewest:
            if case.seq_len == longest and case.d_model == widths[-1] and case.device == "cpu":
                found.append(case)
            continue
        if on_axes or crosses(spec) or spec.layer_type == SELF_ATTENTION:
            found.append(case)
        if on_axes and spec.traits.separable and case.num_layers == 1:
            found.append(dataclasses.replace(case, part=MIXING))
    graphs = [
        graph for case in cases if case.threads == fewest and case.d_model == widths[0] for graph in _graphs(case)
    ]
    return [*found, *dict.fromkeys(graphs)]


def _graphs(case: ScalingCase) -> Iterator[ScalingCase]:
    """Chains at the case's length and at those that tell how they grow, and the routes: each costs only itself.

    Neither depends on the width, so that of a built-in layer is small; a user's own has the width it was asked for.
    """
    small: dict[str, Any] = {"batch_size": 1, "dtype": "float32", "device": "cpu"}
    small |= {"window": min(case.window, FEW), "kernel_size": min(case.kernel_size, FEW)}
    if find(case.model).family != USER:
        small |= {"d_model": 8, "num_heads": 2, "num_kv_heads": 2 if case.num_kv_heads == case.num_heads else 1}
    for length in dict.fromkeys((case.seq_len, *CHAIN_LENGTHS)):
        yield dataclasses.replace(case, seq_len=length, part=GRAPH, **small)
    yield dataclasses.replace(case, seq_len=ROUTE_LENGTHS[0], num_layers=1, part=ROUTE, **small)


def crosses(spec: ModelSpec) -> bool:
    """Whether it is asked where attention becomes the dearer one: of recurrences and of a user's own modules."""
    return spec.layer_type in (RECURRENT, LINEAR_RECURRENCE) or spec.family == USER


def owes(case: ScalingCase) -> tuple[str, ...]:
    """Times of layers; of graphs one count."""
    counts = {GRAPH: ("sequential_operations",), ROUTE: ("path_length",)}
    return counts.get(case.part, ("forward_time", "train_time"))
