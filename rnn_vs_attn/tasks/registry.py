"""The registry of tasks, by name; no torch is imported to read it."""

from __future__ import annotations

from rnn_vs_attn.errors import unknown
from rnn_vs_attn.tasks.catalogue.memory import MEMORIES
from rnn_vs_attn.tasks.catalogue.recall import RECALLS
from rnn_vs_attn.tasks.catalogue.state_tracking import STATE_TRACKINGS
from rnn_vs_attn.tasks.spec import TaskSpec

TASKS = (*MEMORIES, *RECALLS, *STATE_TRACKINGS)


def find(name: str) -> TaskSpec:
    """The task of that name. UserError, with the nearest name, where there is none."""
    for spec in TASKS:
        if spec.name == name:
            return spec
    raise unknown("task", name, [spec.name for spec in TASKS])
