"""What a case is: a frozen dataclass whose fields are options of its command and axes of its records."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rnn_vs_attn.models.backends import TORCH
from rnn_vs_attn.models.costs import KERNEL_SIZE, KINDS_OF_POSITIONS, NO_POSITIONS, WINDOW, Shape, default_kv_heads
from rnn_vs_attn.models.registry import find, recorded
from rnn_vs_attn.models.spec import ATTENTION, BACKEND, CONFIGURED, POSITIONS, TRAINED, USER, ModelSpec
from rnn_vs_attn.records.types import AxisValue, Record

DTYPES = ("float32", "float64", "float16", "bfloat16")
ITEMSIZE = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Whole:
    """Reads all that is typed of an option as one value, in which commas do not make several."""

    parse: Callable[[str], Any]

    def __call__(self, text: str) -> Any:
        return self.parse(text)


def option(
    default: Any,
    help: str,
    *,
    typed: str | None = None,
    minimum: float | None = None,
    choices: Sequence[str] = (),
    parse: Callable[[str], Any] | None = None,
    flag: str | None = None,
    shown: str | None = None,
    panel: str | None = "What",
) -> Any:
    """A field of a case, or of a command's options, that is a command-line option.

    typed: the words that the command takes where none are typed, where they are not those of `default`. parse: from one
    word to a value, UserError where it cannot be; a Whole takes all that is typed; without it by the type of the
    default. flag: what is typed, where not the field's name; shown: the default in words; panel: the heading in the
    help text.
    """
    metadata = {"help": help, "typed": typed, "minimum": minimum, "choices": tuple(choices), "parse": parse}
    return field(default=default, metadata=metadata | {"flag": flag, "shown": shown, "panel": panel})


def argument(help: str, default: Any = dataclasses.MISSING, shown: str | bool = True) -> Any:
    """A field of a command's options that is typed without a name; without `default` it must be."""
    return field(default=default, metadata={"help": help, "shown": shown, "argument": True})


def fixed(value: Any) -> Any:
    """A field of a case that this suite leaves no choice in: an axis of its records, and no option."""
    return field(default=value, metadata={"fixed": True})


@dataclass(frozen=True)
class Case:
    """The axes that every suite shares; a suite adds its own. threads 0 and device auto are resolved before a run."""

    model: str = option(
        "attention",
        "Models: built-in names, entry points, package.module:Class, file.py:Class, or hf:TYPE and hf:FOLDER "
        "of transformers.",
        typed="rnn,gru,lstm,lstm-cell,attention,attention-naive",
    )
    seq_len: int = option(64, "Sequence lengths: 512, or 64:4096 (doubling).", typed="64:1024", minimum=1)
    batch_size: int = option(4, "Sequences a batch.", minimum=1)
    d_model: int = option(128, "Width of the input and output.", minimum=1)
    num_heads: int = option(4, "Attention heads; d_model must be divisible by it.", minimum=1)
    num_layers: int = option(1, "Layers stacked, with nothing between them.", minimum=1)
    dtype: str = option("float32", "Number format of weights and inputs.", choices=DTYPES)
    device: str = option("auto", "cpu, cuda or cuda:N; auto takes a GPU where there is one.")
    threads: int = option(0, "CPU threads; 0 takes all usable cores.", minimum=0)
    causal: bool = option(True, "No position sees the future. Recurrent models are always causal.")

    @property
    def label(self) -> str:
        """What a list of cases and a line of progress call it."""
        return self.model

    @property
    def kind(self) -> tuple[object, ...]:
        """What has its libraries loaded and its kernels built once one such case has run in a process."""
        return self.model, self.device, self.dtype, self.threads

    @property
    def shape(self) -> Shape:
        """What the cost of the case depends on."""
        return Shape(self.batch_size, self.seq_len, self.d_model, self.num_heads, self.num_layers, self.causal)


@dataclass(frozen=True)
class LayerCase(Case):
    """The axes of suites that measure layers. num_kv_heads 0 is resolved at once."""

    kernel_size: int = option(KERNEL_SIZE, "Tokens that a layer of conv reads.", minimum=1)
    window: int = option(WINDOW, "Tokens that each one of attention-local attends to, itself included.", minimum=1)
    num_kv_heads: int = option(
        0,
        "Heads of keys and values of attention-gqa, which divide num_heads; 0 takes a quarter of num_heads, or 1.",
        minimum=0,
    )
    positions: str = option(
        NO_POSITIONS,
        "What softmax attention knows of where tokens stand; attention-relative has positions of its own.",
        choices=KINDS_OF_POSITIONS,
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "num_kv_heads", self.num_kv_heads or default_kv_heads(self.num_heads))

    @property
    def shape(self) -> Shape:
        taken = {name: getattr(self, name) for name in OF_FEW_MODELS}
        return dataclasses.replace(super().shape, **taken)


_BY_MODEL = ("d_model", "num_heads", "num_layers", "causal", "vocab_size", "memory_len")
AnyCase = TypeVar("AnyCase", bound=Case)


def as_configured(case: AnyCase) -> AnyCase:
    """The case, without the axes that its model decides: one of transformers by its configuration, or a trained one."""
    names = decided_by(case.model)
    own = [f.name for f in dataclasses.fields(case) if f.name in names and not f.metadata.get("fixed")]
    nothing: dict[str, Any] = dict.fromkeys(own)
    return dataclasses.replace(case, **nothing)


def decided_by(model: str) -> tuple[str, ...]:
    """The axes that a model decides by itself, so that its cases have None there."""
    return _BY_MODEL if find(model).family in (CONFIGURED, TRAINED) else ()


_OF_ANYBODY = ("kernel_size", "window")  # what layers of the user's own are given, among these:
OF_FEW_MODELS = ("kernel_size", "window", "num_kv_heads", "positions")
_PLAIN = {POSITIONS: NO_POSITIONS, BACKEND: TORCH}  # values that say nothing where all records have them


def untaken(records: Sequence[Record]) -> tuple[str, ...]:
    """Axes that no model of these records has a use for, and those that say nothing, as all is as it is by itself."""
    specs = [recorded(name) for name in {str(record.axes["model"]) for record in records if "model" in record.axes}]
    found = tuple(name for name in OF_FEW_MODELS if not any(_takes(spec, name) for spec in specs))
    plain = [name for name, value in _PLAIN.items() if all(r.axes.get(name, value) == value for r in records)]
    return tuple(dict.fromkeys((*found, *plain)))


def _takes(spec: ModelSpec, name: str) -> bool:
    """Whether a model has a use for an axis; one of the user's own may have it for those that it is given."""
    return name in spec.traits.takes or (spec.family == USER and name in _OF_ANYBODY)


def _has_its_own_positions(spec: ModelSpec) -> bool:
    return any(of.family == ATTENTION and POSITIONS not in of.traits.takes for of in (spec, *spec.traits.layers))


def axes_of(case: Case) -> dict[str, AxisValue]:
    """A case's fields as the axes of its records."""
    return dataclasses.asdict(case)


def warnings_for(case: Case) -> list[str]:
    """What a reader of this case's numbers must know, from its fields alone."""
    spec = find(case.model)
    found = []
    if spec.always_causal and not case.causal:
        found.append(f"{case.model} is always causal; --no-causal does not change it")
    if getattr(case, "positions", NO_POSITIONS) != NO_POSITIONS and _has_its_own_positions(spec):
        found.append(f"{case.model} has positions of its own; --positions does not change it")
    backend = getattr(case, BACKEND, TORCH)
    if spec.backend(backend) != backend:
        found.append(f"{case.model} has no kernels of {backend}; its own of torch were measured")
    if getattr(case, "compile", False) and spec.traits.kernel_of_its_own:
        found.append(f"torch.compile leaves torch's own recurrent kernels as they are; {case.model} is not compiled")
    return found
