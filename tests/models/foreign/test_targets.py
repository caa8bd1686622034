"""A target is shown as it is called, and made with each call anew."""

from __future__ import annotations

import functools

import foreign
import pytest
from torch import nn

from rnn_vs_attn.models.foreign.targets import Filled, Unfit, name_of


def test_it_is_shown_as_a_line_of_python_and_made_anew() -> None:
    config = Filled(foreign.MixerConfig, {"embedding_dim": 8, "num_heads": 2})
    call = Filled(foreign.Mixer, {"config": config, "layer_idx": 0})
    assert str(call) == "Mixer(config=MixerConfig(embedding_dim=8, num_heads=2), layer_idx=0)"
    one, other = call.make().given["config"], call.make().given["config"]
    assert one == foreign.MixerConfig(8, 2)
    assert one is not other


def test_a_configuration_object_that_refuses_says_what_it_was_given() -> None:
    config = Filled(foreign.MixerConfig, {"embedding_dim": 8, "num_heads": 3})
    with pytest.raises(Unfit, match=r"MixerConfig\(embedding_dim=8, num_heads=3\) raises ValueError: 8 is not divis"):
        Filled(foreign.Mixer, {"config": config}).make()


def test_what_is_partly_given_has_the_name_of_what_it_is_of() -> None:
    assert name_of(functools.partial(nn.GRU, 3)) == "GRU"
