"""Models of checkpoints by name: `trained:lstm@copy`, and `initial:lstm@copy` as it was before it was trained.

Where the checkpoints are is known in the worker alone (`training.chosen`), so a name is one whether or not they are
there: records of a run can be read anywhere, and hold no paths.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnn_vs_attn.models.foreign.naming import joined, split
from rnn_vs_attn.models.spec import TRAINED, ModelSpec

TRAINED_PREFIX, INITIAL_PREFIX = "trained:", "initial:"
PREFIXES = (TRAINED_PREFIX, INITIAL_PREFIX)
UNKNOWN = (
    "{!r} is how rows of a trained model are called, and no model to be named; give the folder of its checkpoint to "
    "gradflow or bench by --checkpoint"
)


def key_of(model: str, task: str, apart: Mapping[str, Any]) -> str:
    """What both names of a model have behind their prefix. apart: what tells it from others of that model and task.

    >>> key_of("lstm", "copy", {"learning_rate": 0.001})
    'lstm@copy(learning_rate=0.001)'
    """
    return joined(f"{model}@{task}" if task else model, apart)


def unprefixed(name: str) -> str:
    """What a name has behind its prefix.

    >>> unprefixed("initial:lstm@copy")
    'lstm@copy'
    """
    return name.partition(":")[2]


def is_initial(name: str) -> bool:
    """Whether a name is that of the model before it was trained."""
    return name.startswith(INITIAL_PREFIX)


def layer_of(name: str) -> str:
    """The name of the layer that a model consists of.

    >>> layer_of("trained:torch.nn:GRU(bias=False)@copy(learning_rate=0.001)")
    'torch.nn:GRU(bias=False)'
    """
    path = unprefixed(split(name)[0])
    return path.rpartition("@")[0] or path


def spec_of(name: str, target: str) -> ModelSpec:
    """The model of a name with one of both prefixes. target: where the code of its layer is."""
    return ModelSpec(name, TRAINED, target, "a checkpoint")
