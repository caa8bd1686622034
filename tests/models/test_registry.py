"""Models by their names."""

from __future__ import annotations

import pytest

from rnn_vs_attn.models import registry


def test_packages_are_searched_once_for_models_and_not_once_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line of a run of the user's own layer asks what its model is: 10 ms each, of a run of 10,000 lines."""
    asked: list[str] = []

    def looked_for(group: str) -> tuple[()]:
        asked.append(group)
        return ()

    monkeypatch.setattr(registry, "entry_points", looked_for)
    registry._found_on.cache_clear()
    for _ in range(50):
        assert registry.find("layers.py:Mine").target == "layers.py:Mine"
    assert asked == [registry.ENTRY_POINTS]
    monkeypatch.syspath_prepend("elsewhere")  # as a worker does, for the user's folder
    registry.find("layers.py:Mine")
    assert len(asked) == 2
    monkeypatch.undo()
    registry._found_on.cache_clear()
