"""What `recall` trains: a layer in a model of tokens, on a task, at a learning rate."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.costs import KINDS_OF_POSITIONS, ROTARY
from rnn_vs_attn.models.registry import BASELINE
from rnn_vs_attn.suites.case import LayerCase, Whole, fixed, option
from rnn_vs_attn.suites.learning_rates import rate
from rnn_vs_attn.tasks.registry import TASKS, find
from rnn_vs_attn.tasks.spec import STATE_TRACKING, Sizes
from rnn_vs_attn.training.course import Point, accurate, close
from rnn_vs_attn.training.token_shape import AUTO, KINDS

OF_TASKS = ("num_pairs", "num_symbols", "vocab_size", "modulus")
OWN = "auto"  # what is typed for a size that the task chooses
EVALUATIONS = 20  # of a training, evenly
EXAMPLES = 256  # to test on, each time
SOLVED_ACCURACY = 0.99  # from which on a task is solved
SOLVED_LOSS = 0.01  # squared error, up to which a task of real numbers is
DEFAULT_STEPS = {"mqar": 360, "parity": 360, "adding": 1000, "induction": 2000}  # within which some model solves it
_OTHERS_STEPS = 3000
_OF_CLAIM = (BASELINE, "lstm")
_LONGEST_LIST = 32
_WARM_UP_STEPS = 50
_PART_OF_STEPS = 10  # that are warm-up at most


def size(text: str) -> int | None:
    """A size of a task, None for its own."""
    if text == OWN:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise UserError(f"{text!r} is no size of a task: give a whole number from 1 to 999999999, or {OWN}")
    return int(text)


def task_name(text: str) -> str:
    """The name of a task. UserError with the nearest where there is none."""
    return find(text).name


def lengths(text: str) -> str:
    """ "32:128" or "32,64,128" as "32,64,128"; "" stays what it is."""
    found: set[int] = set()
    for word in filter(None, (word.strip() for word in text.split(","))):
        match = re.fullmatch(r"([0-9]{1,9})(?::([0-9]{1,9}))?", word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 0 < first <= last:
            raise UserError(f"--test-seq-len {word!r} is not a length or a range such as 32:1024")
        while first <= last:
            found.add(first)
            first *= 2
    if len(found) > _LONGEST_LIST:
        raise UserError(f"--test-seq-len has {len(found)} lengths; give {_LONGEST_LIST} at most")
    return ",".join(map(str, sorted(found)))


@dataclass(frozen=True)
class RecallCase(LayerCase):
    """One training: in float32, of causal models. steps 0 is resolved before a run; sizes None are the task's own."""

    model: str = option(
        BASELINE,
        "Models: built-in names, entry points, package.module:Class or file.py:Class. Without any, tasks of state "
        "tracking such as parity have attention and lstm alone.",
        typed="attention,lstm,gru,mingru",
    )
    task: str = option(
        "mqar",
        f"What is to be learnt: {', '.join(spec.name for spec in TASKS)}.",
        typed="mqar,parity",
        parse=task_name,
    )
    seq_len: int = option(32, "Sequence lengths to train at: 64, or 64:256 (doubling).", minimum=1)
    batch_size: int = option(64, "Sequences a step, each drawn anew.", minimum=1)
    d_model: int = option(64, f"Width of {BASELINE}; of the others as --match says.", minimum=1)
    num_heads: int = option(1, "Attention heads; d_model must be divisible by it.", minimum=1)
    num_layers: int = option(2, "Blocks, each with one layer.", minimum=1)
    dtype: str = fixed("float32")
    threads: int = option(1, "CPU threads of a training; as many trainings as the cores have room for.", minimum=0)
    causal: bool = fixed(True)
    positions: str = option(
        ROTARY,
        "What softmax attention knows of where tokens stand; without any its model learns a vector for each position.",
        choices=KINDS_OF_POSITIONS,
    )
    learning_rate: float = option(
        3e-3, "Highest learning rates; each model goes on with its best one.", typed="1e-3,2e-3,5e-3", parse=rate
    )
    steps: int = option(
        0, "Steps of a training; 0 takes what fits into --max-seconds, up to what the tasks need.", minimum=0
    )
    test_seq_len: str = option(
        "",
        "Lengths to test at: 32:1024, or 32,64. Without any at that of training, twice and four times it.",
        parse=Whole(lengths),
    )
    match: str = option(
        "params", f"Choose widths so that parameters equal those of {BASELINE}.", choices=("none", "params")
    )
    mlp: int = option(0, "Width of each block's MLP, in widths of the model; 0 for none.", minimum=0)
    token_positions: str = option(
        AUTO,
        "Vectors of positions, beside what layers know: auto learns them for models that are blind to order.",
        choices=KINDS,
    )
    num_pairs: int | None = option(None, "Pairs of key and value of mqar.", typed=OWN, parse=size)
    num_symbols: int | None = option(
        None, "Symbols of copy, selective-copy and lookup-prefix, or that permutation permutes.", typed=OWN, parse=size
    )
    vocab_size: int | None = option(None, "Tokens of tasks that leave a choice.", typed=OWN, parse=size)
    modulus: int | None = option(None, "Of mod-arithmetic, a prime.", typed=OWN, parse=size)

    @property
    def label(self) -> str:
        return f"{self.task} {self.model} {self.learning_rate:g}"

    @property
    def sizes(self) -> Sizes:
        """Of an example to train on."""
        return find(self.task).sizes(self.seq_len, **{name: getattr(self, name) for name in OF_TASKS})

    @property
    def enough(self) -> Callable[[Point], bool]:
        """Whether an evaluation counts as solved."""
        return close(SOLVED_LOSS) if find(self.task).real else accurate(SOLVED_ACCURACY)

    @property
    def tested(self) -> list[int]:
        """The lengths that it is tested at, beside others its own."""
        found = [int(word) for word in self.test_seq_len.split(",") if word]
        return sorted({*found, self.seq_len})

    @property
    def warm_up(self) -> int:
        """Steps."""
        return min(_WARM_UP_STEPS, self.steps // _PART_OF_STEPS)

    @property
    def evaluate_every(self) -> int:
        """Steps."""
        return max(1, self.steps // EVALUATIONS)


def complete(case: RecallCase) -> RecallCase:
    """The case without the sizes that its task does not have, and with the lengths that it is tested at."""
    spec = find(case.task)
    dropped: dict[str, Any] = {name: None for name in OF_TASKS if name not in spec.takes}
    tested = case.test_seq_len or ",".join(str(times * case.seq_len) for times in (1, 2, 4))
    return dataclasses.replace(case, test_seq_len=tested, **dropped)


def select(cases: list[RecallCase], plain: bool) -> list[RecallCase]:
    """All of them; where no models were typed, on tasks of state tracking those of the claim alone."""
    return [case for case in cases if not plain or find(case.task).family != STATE_TRACKING or case.model in _OF_CLAIM]


def wanted_steps(cases: Iterable[RecallCase]) -> int:
    """As many as the hardest of the tasks needs."""
    return steps_for({case.task for case in cases})


def steps_for(tasks: Iterable[str]) -> int:
    """The same, of tasks by name."""
    return max(DEFAULT_STEPS.get(task, _OTHERS_STEPS) for task in tasks)


def check(values: Mapping[str, Sequence[Any]]) -> None:
    """UserError where a task does not fit its length, now or when it is tested, or no task has a size."""
    specs = [find(name) for name in values["task"]]
    for name in OF_TASKS:
        typed = [value for value in values[name] if value is not None]
        if typed and not any(name in spec.takes for spec in specs):
            raise UserError(f"--{name.replace('_', '-')} is no size of {' or '.join(values['task'])}; leave it out")
    for task, seq_len, *sizes in itertools.product(values["task"], values["seq_len"], *(values[n] for n in OF_TASKS)):
        given = dict(zip(OF_TASKS, sizes, strict=True))
        for tested in values["test_seq_len"]:
            _check_lengths(complete(RecallCase(task=task, seq_len=seq_len, test_seq_len=tested, **given)))
    if len(values["steps"]) > 1:
        raise UserError(f"--steps takes one number, not {len(values['steps'])}: all trainings of a run have as many")


def _check_lengths(case: RecallCase) -> None:
    """UserError where an example does not fit, to train on or to test on."""
    spec, sizes = find(case.task), case.sizes
    for seq_len in case.tested:
        spec.at(sizes, seq_len)
