"""What a setting of the process is: a name, how it is read and how it is written; what changed, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Setting:
    """Something that all code of a process shares.

    write: makes it what `read` returned, None where nothing can. promised: a case's label says it, so calls that
    change it have no number. told: whether a row says that it was changed. words: what changed, from both values, ""
    where it is torch's own doing.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object] | None
    promised: bool = False
    told: bool = True
    words: Callable[[Any, Any], str] | None = None

    def look(self) -> Any:
        """What it is, or why it cannot be read: a mode that was never left may raise whatever torch is asked."""
        try:
            return self.read()
        except Exception as error:
            return error

    def put(self, value: Any) -> bool:
        """Make it `value`; whether it is that now."""
        if self.write is None:
            return False
        try:
            self.write(value)
            return same(self.read(), value)
        except Exception:  # whatever it is, the case that did this must not bend the next one
            return False


@dataclass(frozen=True)
class Change:
    """A setting that a module changed. back: whether it is again what it was."""

    setting: Setting
    before: Any
    after: Any
    back: bool

    @property
    def text(self) -> str:
        """ "torch's number of threads from 1 to 2"."""
        if self.setting.words is not None:
            return self.setting.words(self.before, self.after)
        return f"{self.setting.name} from {word(self.before)} to {word(self.after)}"


def same(a: Any, b: Any) -> bool:
    """Whether two values of a setting are equal; those that cannot be compared are not."""
    try:
        return bool(a == b)
    except Exception:  # tensors, and whatever a module has put there
        return False


def word(value: Any) -> str:
    """A value in a sentence: on, off, float64, at most 60 characters."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, set | frozenset):
        value = sorted(value)
    if isinstance(value, list | tuple | range):
        return ",".join(word(item) for item in value) or "none"
    text = " ".join(str(value).split()).removeprefix("torch.")
    return text if len(text) <= 60 else text[:57] + "..."


def listed(names: Iterable[str], most: int = 3) -> str:
    """ "a, b, c and 2 more"."""
    every = sorted(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def entries(one: str, several: str) -> Callable[[Any, Any], str]:
    """Words for a setting that is a dictionary: the keys whose values differ."""

    def words(before: Any, after: Any) -> str:
        keys = before.keys() | after.keys()
        names = [key for key in keys if not same(before.get(key, _NONE), after.get(key, _NONE))]
        return f"{one if len(names) == 1 else several} {listed(map(str, names))}"

    return words


_NONE = object()


def first_entry(before: Any, after: Any) -> str:
    """Words for a dictionary whose entries follow from one another: its first one that differs."""
    name = next(name for name in after if not same(before.get(name), after[name]))
    return f"{name} from {word(before.get(name))} to {word(after[name])}"


def available(settings: Iterable[Setting]) -> tuple[Setting, ...]:
    """Those that this torch and this system have."""

    def is_there(setting: Setting) -> bool:
        try:
            setting.read()
        except Exception:  # an attribute that this version lacks, or a device
            return False
        return True

    return tuple(setting for setting in settings if is_there(setting))


def read_all(settings: Iterable[Setting]) -> list[Any]:
    return [setting.read() for setting in settings]


def put_back(settings: Sequence[Setting], before: Sequence[Any]) -> list[Change]:
    """Make settings what they were; those that were something else."""
    changes = []
    for setting, value in zip(settings, before, strict=True):
        after = setting.look()
        if not same(after, value):
            changes.append(Change(setting, value, after, setting.put(value)))
    return changes
