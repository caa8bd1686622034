"""Every model of the registry works in place on nothing and keeps nothing: there is no word to say of its conduct."""

from __future__ import annotations

import pytest
import torch
from registry_models import LAYERS

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.conduct import decoders
from rnn_vs_attn.measure.conduct.layers import Conduct, renew_between_calls
from rnn_vs_attn.measure.timing.clock import PASSES
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models.build import build
from rnn_vs_attn.models.catalogue.language import LANGUAGE_MODELS
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import MODELS
from rnn_vs_attn.models.spec import ModelSpec
from rnn_vs_attn.records.timing import Care
from rnn_vs_attn.suites.decode import measure
from rnn_vs_attn.suites.decode.case import DecodeCase


@pytest.mark.long
@LAYERS
def test_nothing_is_to_be_said_of_the_layers_of_this_program(spec: ModelSpec) -> None:
    torch.manual_seed(0)
    made = Workload.of(build(spec, Shape(3, 12, 8, 2, 2, window=4)), torch.randn(3, 12, 8))
    assert [renew_between_calls(made, name) for name in PASSES] == [Conduct(Care())] * 2


@pytest.mark.long
@pytest.mark.parametrize("spec", [*MODELS, *LANGUAGE_MODELS], ids=lambda spec: spec.name)
def test_nothing_is_to_be_said_of_the_models_of_this_program(spec: ModelSpec) -> None:
    small = {"d_model": 16, "num_heads": 2, "num_layers": 2, "vocab_size": 11, "device": "cpu", "threads": 1}
    case = DecodeCase(model=spec.name, seq_len=9, **small)
    made = measure.decoder(case, 0)
    assert (decoders.renew_between_calls(made), made.care) == ([], Care())
    assert decoders.not_finite(made) == []
    samples = list(measure.measure(case, Turn()))
    assert all(sample.warnings == [] for sample in samples)
