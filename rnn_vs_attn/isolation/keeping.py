"""Around all code of a user: settings are put back, and what was changed is remembered for the case's row."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.isolation import patches, process_settings, torch_own, torch_settings
from rnn_vs_attn.isolation.modules import Modules
from rnn_vs_attn.isolation.settings import Change, Setting, available, listed, put_back, read_all, same
from rnn_vs_attn.isolation.threads import THREADS

HELD = available((*torch_settings.HELD, *process_settings.HELD))
OWN = (*available((*process_settings.OWN, *torch_own.OWN)), patches.PATCHES)


class Notes:
    """What modules changed since it was last told, and how they were built.

    spoilt: whether something could not be put back.
    """

    def __init__(self) -> None:
        self.spoilt = False
        self._changes: dict[str, Change] = {}
        self._built: list[tuple[int, str]] = []

    def built_as(self, text: str, seq_len: int) -> None:
        """Remember how a module was built for a length, in one line of Python or in words."""
        self._built.append((seq_len, text))

    def built(self, seq_len: int | None = None) -> list[str]:
        """How the last module was built, of those for a length where there are any; [] where none was."""
        of_length = [text for length, text in self._built if length == seq_len] or [text for _, text in self._built]
        return [f"built as {text}" for text in of_length[-1:]]

    def add(self, changes: Sequence[Change]) -> None:
        self.spoilt = self.spoilt or not all(change.back for change in changes)
        for change in changes:
            if change.setting.told and change.text:
                self._changes.setdefault(change.text, change)

    def tell(self, seq_len: int | None = None) -> list[str]:
        """How a module was built for a length, and at most one sentence on what was put back, one on what cannot be;
        they are forgotten then.
        """
        back = [text for text, change in self._changes.items() if change.back]
        lost = [text for text, change in self._changes.items() if not change.back]
        found = self.built(seq_len)
        if back:
            several = len(back) > 1 or ", " in back[0]
            found.append(f"it changed {'; '.join(back)}, which {'were' if several else 'was'} put back")
        if lost:
            ending = "which cannot be put back: the cases after it are measured in another process"
            found.append(f"it changed {'; '.join(lost)}, {ending}")
        self._changes, self._built = {}, []
        return found


NOTES = Notes()


_PROMISED = tuple(setting for setting in HELD if setting.promised)
_PROMISED_AROUND: list[list[Any]] = []


@contextmanager
def kept(*others: Setting, timed: bool = False) -> Iterator[list[Change]]:
    """Code of a user runs within; afterwards all settings that are held are what they were, and the others given.

    Yields a list that holds the changes afterwards. timed: the code within was timed, so that a change of what its
    label promises is a CaseFault. One within another begins with what the outer one promised.
    """
    settings = (*HELD, *others)
    if _PROMISED_AROUND:
        NOTES.add(put_back(_PROMISED, _PROMISED_AROUND[-1]))
    THREADS.forget()
    before = read_all(settings)
    _PROMISED_AROUND.append([value for setting, value in zip(settings, before, strict=True) if setting.promised])
    changes: list[Change] = []
    try:
        yield changes
    finally:
        _PROMISED_AROUND.pop()
        changes += put_back(settings, before)
        NOTES.add(changes)
    if timed:
        check_labels(changes)


def check_labels(changes: Sequence[Change]) -> None:
    """CaseFault where calls that were timed changed what their label promises."""
    broken = [change.text for change in changes if change.setting.promised]
    if broken:
        what = f"it changed {'; '.join(broken)} in calls that are timed"
        raise CaseFault("failed", f"{what}, which its row's label excludes; leave it as it is when it is called")


def note_grad_mode(wanted: bool) -> None:
    """Remember that calls left another grad mode behind than the one around them, which ends now."""
    if torch.is_grad_enabled() != wanted:
        setting = next(setting for setting in HELD if setting.name == "grad mode")
        NOTES.add([Change(setting, wanted, not wanted, back=True)])


def note_import() -> None:
    """Remember that what a module has changed up to now it changed when it was imported."""
    if Own.entered is not None:
        Own.entered.imported()


class Own:
    """What a model changes for itself: it stands while the model is measured, and not while another one is.

    So a file may set a variable that it reads in each call, or put a folder on sys.path and import from it later. What
    a file changes when it is imported is so for all of its models, and what a model changes is so for that one alone.
    """

    entered: ClassVar[Own | None] = None  # the one that has begun with a model

    def __init__(self) -> None:
        self._modules = Modules(self._lend)
        self._of: dict[str, list[tuple[Setting, Any]]] = {}  # by source, and by source and model
        self._before: list[Any] = []
        self._key: str | None = None
        self._model = ""
        sys.meta_path.insert(0, self._modules)

    def enter(self, key: str, model: str = "") -> None:
        """Begin with one model of a source, `key`; what they had changed before is so again."""
        self.leave()
        patches.NAMESPACES.see()
        self._key, self._model = key, f"{key} {model}"
        self._before = [*read_all(OWN[:-1]), {}]  # patches are those since all was first seen
        self._give(self._model if self._model in self._of else key)
        self._modules.enter(key)
        Own.entered = self

    def imported(self) -> None:
        """What is changed now is so for all models of the source: it has been imported by this one."""
        assert self._key is not None
        now = [(setting, before, setting.look()) for setting, before in zip(OWN, self._before, strict=True)]
        self._of[self._key] = [(setting, after) for setting, before, after in now if not same(before, after)]

    def leave(self) -> None:
        """End with it, if there is one: everything is as it was before."""
        key, self._key = self._key, None
        if key is None:
            return
        Own.entered = None
        replaced = self._modules.leave()
        if replaced:
            setting = Setting("modules", lambda: None, None, words=lambda *_: f"the modules {listed(replaced)}")
            NOTES.add([Change(setting, None, None, back=True)])
        changes = put_back(OWN, self._before)
        self._of[self._model] = [(change.setting, change.after) for change in changes if change.back]
        NOTES.add(changes)

    def _give(self, key: str) -> None:
        for setting, value in self._of.get(key, ()):
            setting.put(value)

    def _lend(self, other: str) -> None:
        """What two models share has run for the other one, and what it changed then is this one's own too."""
        if self._model not in self._of:
            self._give(other)
