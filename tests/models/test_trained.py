"""Names of trained models, which are known wherever a record is read, and hold what their layer is called."""

from __future__ import annotations

import pytest

from rnn_vs_attn.models import trained
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import TRAINED


@pytest.mark.parametrize(
    ("model", "apart"),
    [
        ("lstm", {}),
        ("lstm+attention", {"learning_rate": 0.001}),
        ("torch.nn:GRU(bias=False)", {}),
        ("torch.nn:GRU(bias=False)", {"learning_rate": 0.001, "positions": "none"}),
        ("gone.package:Mixer", {"seed": 1}),
        ("./a@b/layers.py:Mixer", {}),
    ],
)
def test_a_name_holds_its_layer(model: str, apart: dict[str, object]) -> None:
    for prefix in trained.PREFIXES:
        name = prefix + trained.key_of(model, "copy", apart)
        assert trained.layer_of(name) == model
        assert (find(name).name, find(name).family) == (name, TRAINED)


def test_a_layer_that_is_no_more_leaves_a_name_that_can_be_read() -> None:
    """Records of a plug-in that was uninstalled."""
    assert find("trained:some-plug-in@copy").target == "some-plug-in"
    assert find("trained:lstm@copy").target == find("lstm").target


def test_what_was_before_training_says_so() -> None:
    assert trained.is_initial("initial:lstm@copy")
    assert not trained.is_initial("trained:lstm@copy")
