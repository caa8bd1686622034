"""The class of a configuration object: by annotation, by the name that it shares with the target, or none."""

from __future__ import annotations

import inspect
from typing import Any

import foreign
import pytest

from rnn_vs_attn.models.foreign.configs import Several, config_of


def parameter(target: Any, name: str) -> inspect.Parameter:
    return inspect.signature(target).parameters[name]


def test_an_annotation_names_it_also_as_a_text_and_in_a_union() -> None:
    def target(one: foreign.MixerConfig, other: foreign.OtherConfig | None = None, third: int = 3) -> None: ...

    target.__module__ = __name__
    kinds = [config_of(target, parameter(target, name)) for name in ("one", "other", "third")]
    assert kinds == [foreign.MixerConfig, foreign.OtherConfig, None]


def test_a_class_may_be_called_cfg() -> None:
    class Cfg: ...

    def target(config: Cfg) -> None: ...

    target.__annotations__["config"] = Cfg
    assert config_of(target, inspect.signature(target).parameters["config"]) is Cfg


def test_without_one_it_is_the_class_of_the_same_stem() -> None:
    assert config_of(foreign.Mixer, parameter(foreign.Mixer, "config")) is foreign.MixerConfig
    assert config_of(foreign.Mixer, parameter(foreign.Mixer, "layer_idx")) is None


def test_of_several_that_fit_alike_none_is_guessed() -> None:
    class Zebra:
        def __init__(self, config) -> None: ...  # type: ignore[no-untyped-def]

    Zebra.__module__ = "foreign"
    with pytest.raises(Several) as caught:
        config_of(Zebra, parameter(Zebra, "config"))
    assert caught.value.kinds == [foreign.MixerConfig, foreign.OtherConfig]


@pytest.mark.long
def test_a_class_of_transformers_is_found_by_its_module() -> None:
    modeling = pytest.importorskip("transformers.models.gpt2.modeling_gpt2")
    assert config_of(modeling.GPT2Attention, parameter(modeling.GPT2Attention, "config")) is modeling.GPT2Config
