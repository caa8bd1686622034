"""What a run is given beside its options: the models of checkpoints, and a text. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnn_vs_attn.run import init_from, learnt_text
from rnn_vs_attn.run.cases import AxisValues
from rnn_vs_attn.run.learnt_text import LearntText
from rnn_vs_attn.training import chosen
from rnn_vs_attn.training.chosen import TrainedModel

_CHECKPOINTS, _TEXT = "checkpoints", "text"


@dataclass(frozen=True)
class Given:
    """Those of one run."""

    trained: Sequence[TrainedModel] = ()
    text: LearntText | None = None

    @property
    def variables(self) -> dict[str, str]:
        """What tells them to a worker."""
        return chosen.variables(self.trained) | (self.text.variables if self.text is not None else {})

    def bytes_of_training(self, axes: AxisValues) -> int | None:
        """What a training takes, where a folder of weights says it."""
        folder = self.text.pretrained if self.text is not None else None
        return None if folder is None else init_from.bytes_of(folder, axes)

    def check_memory(self, axes: AxisValues, max_memory: int | None) -> None:
        """UserError where weights that were given do not fit. max_memory: as --max-memory has it."""
        if self.text is not None and self.text.pretrained is not None:
            init_from.check_memory(self.text.pretrained, axes, max_memory)

    def settings(self, anonymous: bool) -> dict[str, Any]:
        """What a run keeps of them; no paths where anonymous."""
        kept: dict[str, Any] = {}
        if self.trained:
            kept[_CHECKPOINTS] = chosen.settings_of(self.trained, anonymous)
        if self.text is not None:
            kept[_TEXT] = self.text.settings(anonymous)
        return kept


NOTHING = Given()


def of_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a run's settings keep of it."""
    return {name: settings[name] for name in (_CHECKPOINTS, _TEXT) if name in settings}


def again(settings: Mapping[str, Any]) -> Given:
    """What a run that goes on was given. UserError where they are not what they were.

    KeyError or TypeError where the settings are none.
    """
    text = settings.get(_TEXT)
    return Given(chosen.again(settings.get(_CHECKPOINTS, [])), None if text is None else learnt_text.again(text))
