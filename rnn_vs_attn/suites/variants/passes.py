"""What the three suites of `variants` share: passes of a model of token ids, their times and peaks, its sizes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from rnn_vs_attn import units
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.models.shapes import AlbertShape, GPTShape
from rnn_vs_attn.records.query import derived, measured, without
from rnn_vs_attn.records.types import AxisValue, Metric, Record, Sample
from rnn_vs_attn.report.curves import unvaried
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.suite import ITEMSIZE, Case, axes_of

if TYPE_CHECKING:
    import torch

    from rnn_vs_attn.measure.token_passes import TokenPasses

FORWARD_TIME = Metric("forward_time", "s", title="a forward pass without gradient")
TRAIN_TIME = Metric("train_time", "s", title="forward and backward pass")
PEAK_MEMORY = Metric("peak_memory", "B", title="above the start of the call; of training the gradients are in it")
NUM_PARAMS = Metric("num_params", "1", "none", exact=True)
WEIGHTS_SIZE = Metric("weights_size", "B", "lower", exact=True, title="bytes of the parameters")
FLOPS = Metric("flops", "FLOP", "none", exact=True, title="matrix products of a forward pass, a token")
RATIO = Metric("ratio", "1", "none", title="of one case to another")

WARM = 2  # tokens of the pass that loads libraries before memory is read


# In the worker


def place(case: Case, seed: int) -> tuple[torch.device, torch.dtype]:
    """Device and dtype of a case, with the generator at its seed and full precision set."""
    import torch

    from rnn_vs_attn.isolation.seeds import seed_all
    from rnn_vs_attn.measure.device import DTYPES, set_precision

    set_precision(tf32=False)
    seed_all(seed)
    return torch.device(case.device), DTYPES[case.dtype]


def made(make: Callable[[], torch.nn.Module], case: Case, seed: int, vocab_size: int) -> TokenPasses:
    """The passes of a case with the weights and the token ids of `seed`."""
    import torch

    from rnn_vs_attn.measure.token_passes import TokenPasses, drawn

    device, dtype = place(case, seed)
    module = drawn(make, device, dtype)
    return TokenPasses.of(module, torch.randint(vocab_size, (case.batch_size, case.seq_len), device=device))


def counts(shape: AlbertShape | GPTShape, case: Case) -> dict[Metric, float]:
    """What is counted from the definition of a size."""
    return {
        NUM_PARAMS: shape.num_params,
        FLOPS: shape.forward_flops(case.batch_size, case.seq_len) / (case.batch_size * case.seq_len),
        WEIGHTS_SIZE: shape.num_params * ITEMSIZE[case.dtype],
    }


def sizes(shape: AlbertShape | GPTShape, case: Case, module: torch.nn.Module) -> Iterator[Sample]:
    """The same as samples; parameters are counted in the module itself."""
    from rnn_vs_attn.models import build

    found = counts(shape, case) | {NUM_PARAMS: build.count_parameters(module)}
    yield from (Sample(metric.name, value) for metric, value in found.items())


def times(passes: TokenPasses, turn: Turn) -> Iterator[Sample]:
    """Medians of the forward and of the training pass, seconds; CaseFault where the module runs over the batch."""
    from rnn_vs_attn.measure.timing import calls

    said = _said_of(passes) if turn.first else []
    for name, call in (("forward", passes.forward), ("train", passes.train)):
        found = calls.seconds(call, passes.tokens.device, turn.enough)
        yield Sample(f"{name}_time", median(found), blocks=found, warnings=said)


def _said_of(passes: TokenPasses) -> list[str]:
    """What the rows warn of. CaseFault where the module runs over the batch."""
    from rnn_vs_attn.measure.conduct import batch_independence

    passes.module.eval()
    found = batch_independence.of_ids(passes.module, int(passes.tokens.max()) + 1, passes.tokens.shape[1])
    found.refuse()
    return [*found.warnings, *passes.not_finite()]


def peak(call: Callable[[], object], device: torch.device) -> int | None:
    """Bytes above the start of one call; None where this system gives no peak."""
    from rnn_vs_attn.measure import memory

    if device.type == "cpu" and memory.cpu_peak_missing():
        return None
    return memory.peaks([call], device)[0]


def peaks(make: Callable[[], torch.nn.Module], case: Case, vocab_size: int) -> Iterator[Sample]:
    """Peaks of a forward and of a training pass of a module of token ids."""
    import torch

    from rnn_vs_attn.measure.token_passes import TokenPasses, filled

    device, dtype = place(case, 0)
    module = filled(make, device, dtype)
    tokens = torch.randint(vocab_size, (case.batch_size, case.seq_len), device=device)
    TokenPasses.of(module, tokens[:, :WARM]).train()
    passes = TokenPasses.of(module, tokens)
    for name, call in (("forward", passes.forward), ("train", passes.train)):
        value = peak(call, device)
        if value is not None:
            yield Sample("peak_memory", value, {"pass": name})


def least_memory(num_params: int, case: Case) -> int:
    """Bytes of the weights and of their gradients, which a training pass cannot do without."""
    return 2 * num_params * ITEMSIZE[case.dtype]


# In the parent


def exact(metric: Metric, suite: str, axes: Mapping[str, AxisValue], value: float, **details: Any) -> Record:
    """A record of what was counted and not measured."""
    return derived(metric, suite, dict(axes), [value], intervals.estimate([value], exact=True), **details)


def counted(
    records: Sequence[Record],
    case: type[Case],
    sizes: Sequence[str],
    complete: Callable[[Any], Any],
    values: Callable[[Any], Mapping[Metric, float]],
) -> list[Record]:
    """Records of sizes that this run does not measure, at the other settings of its first case."""
    first = next((r for r in records if "size" in r.axes), None)
    if first is None:
        return []
    fields: dict[str, Any] = {field.name: first.axes[field.name] for field in dataclasses.fields(case)}
    found, known = [], {r.axes["size"] for r in measured(records, NUM_PARAMS.name)}
    for size in (size for size in sizes if size not in known):
        made = complete(case(**(fields | {"size": size})))
        found += [exact(metric, first.suite, axes_of(made), value) for metric, value in values(made).items()]
    return found


def published(records: Sequence[Record], figures: Mapping[str, float]) -> list[Record]:
    """The publication's own count beside each size of this run, for the table."""
    found = []
    for record in measured(records, "num_params"):
        figure = figures.get(str(record.axes.get("size")))
        if figure is not None:
            found.append(exact(_PUBLISHED, record.suite, record.axes, figure))
    return found


_PUBLISHED = Metric("published_params", "1", "none", exact=True)


def ratio_record(candidate: Record, baseline: Record) -> Record | None:
    """candidate / baseline within rounds, at the candidate's axes with `of`; None where no round has both."""
    found = intervals.ratio(candidate.samples, baseline.samples)
    if found is None:
        return None
    if candidate.exact:
        found = intervals.estimate([found.median], exact=True)
    pairs = zip(candidate.samples, baseline.samples, strict=False)
    samples = [c / b if c is not None and b else None for c, b in pairs]
    axes = candidate.axes | {"of": candidate.metric}
    return derived(RATIO, candidate.suite, axes, samples, found)


def like(record: Record, others: Sequence[Record], *apart: str, **axes: AxisValue) -> Record | None:
    """The record of others that differs in the axes named only, and has those given."""
    wanted = without(record.axes, *apart)
    return next((r for r in others if axes.items() <= r.axes.items() and without(r.axes, *apart) == wanted), None)


def where(axes: Mapping[str, AxisValue], records: Sequence[Record]) -> str:
    """ " (seq_len 64)": the settings of a case that differ among `records`; "" where none does."""
    skip = (*unvaried(records), *(() if len({r.axes["seq_len"] for r in records}) > 1 else ("seq_len",)))
    settings = [f"{name} {axes[name]}" for name in _SETTINGS if name in axes and name not in skip]
    return f" ({', '.join(settings)})" if settings else ""


_SETTINGS = ("seq_len", "batch_size", "dtype", "device", "threads")


def only_counted(records: Sequence[Record]) -> Iterator[str]:
    """Which sizes have counts and no times."""
    timed = {r.axes.get("size") for r in records if r.metric in ("forward_time", "train_time", "step_time")}
    names = dict.fromkeys(str(r.axes["size"]) for r in measured(records, "num_params") if "size" in r.axes)
    found = [name for name in names if name not in timed]
    if found:
        yield f"Counted and not measured: {', '.join(found)}; --size measures what it names."


def time_column(title: str, metric: str) -> Column:
    return Column(title, metric, units.milliseconds, interval="percent", precise=True)


def whole(value: float) -> str:
    return f"{value:,.0f}"


def factor(value: float) -> str:
    """A ratio: 0.107, 1.004, 1,030."""
    return f"{value:,.0f}" if value >= 1000 else units.significant(value, 3 if value < 0.9 or value >= 10 else 4)


def millions(value: float) -> str:
    """A count as publications write it: 1.17e8 -> "117 M"."""
    return f"{value / 1e6:,.0f} M"


FORWARD: dict[str, AxisValue] = {"pass": "forward"}
TRAIN: dict[str, AxisValue] = {"pass": "train"}

SIZE_COLUMNS = (
    Column("parameters", "num_params", whole),
    Column("published", "published_params", millions, spare=True),
    Column("weights MiB", "weights_size", units.mebibytes, spare=True),
    Column("FLOPs a token", "flops", units.scaled, spare=True),
    time_column("forward ms", "forward_time"),
    time_column("train ms", "train_time"),
    Column("forward MiB", "peak_memory", units.mebibytes, FORWARD),
    Column("train MiB", "peak_memory", units.mebibytes, TRAIN),
)
