"""A layer that casts to float32 inside has the gradient of its twin that does not; where that fails it is refused."""

from __future__ import annotations

from typing import Any

import casts
import digits
import flows
import pytest
import torch
from gradients import CPU, D, distance_between, flow, powers
from torch import nn

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.measure.gradient.agreement import or_lifted
from rnn_vs_attn.measure.gradient.flow import Flow, check, cotangents, flow_of
from rnn_vs_attn.measure.gradient.passes import output

LENGTH = 24
LIFTED = "lifted to float64"


def of_twins(kind: type[nn.Module], twin: type[nn.Module], length: int = LENGTH) -> tuple[Flow, Flow]:
    """Of two layers with the same weights, for the same input."""
    torch.manual_seed(0)
    one, other, x = kind(D).double(), twin(D).double(), torch.randn(1, length, D)
    other.load_state_dict(one.state_dict())
    found, expected = (flow_of(m.eval(), x, cotangents(1, D, True, CPU)) for m in (one, other))
    return found, expected


@pytest.mark.long
@pytest.mark.parametrize("kind", casts.CASTS)
def test_a_cast_however_it_is_made_leaves_the_gradient_of_its_twin(kind: type[nn.Module]) -> None:
    found, expected = of_twins(kind, casts.Recurrence)
    assert expected.warnings == []
    assert len(found.warnings) == 1
    assert "it computes in float32 inside" in found.warnings[0]
    assert LIFTED in found.warnings[0]
    assert distance_between(found.log10, expected.log10) < 1e-12


@pytest.mark.long
@pytest.mark.parametrize(("kind", "few"), [(casts.AttentionInFloat32, "float32"), (casts.AttentionInHalf, "bfloat16")])
def test_norms_softmaxes_and_tables_made_late_are_lifted(kind: type[nn.Module], few: str) -> None:
    found, expected = of_twins(kind, casts.Attention)
    assert expected.warnings == []
    assert f"within {few}'s rounding" in found.warnings[0]
    assert distance_between(found.log10, expected.log10) < 1e-12


@pytest.mark.long
@pytest.mark.parametrize("kind", [casts.StateInFloat32, casts.OnlyItsStateInFloat32])
def test_a_state_in_float32_is_lifted_and_used(kind: type[nn.Module]) -> None:
    found, expected = of_twins(kind, casts.WithState, 300)
    assert found.route == expected.route == "chunks"
    assert LIFTED in found.warnings[0]
    assert len(found.warnings) == 1
    assert distance_between(found.log10, expected.log10) < 1e-12


@pytest.mark.long
def test_a_module_that_torch_refuses_in_float64_is_held_against_itself_in_float32() -> None:
    with pytest.raises(RuntimeError, match="dtype"):
        output(casts.MixesFormats(D).double(), torch.randn(1, LENGTH, D))
    found, expected = of_twins(casts.MixesFormats, casts.Recurrence)
    assert "within float32's rounding" in found.warnings[0]
    assert distance_between(found.log10, expected.log10) < 1e-12


@pytest.mark.parametrize(("kind", "reason"), casts.REFUSED.items())
def test_where_it_cannot_work_it_is_unsupported_and_said_why(kind: type[nn.Module], reason: str) -> None:
    with pytest.raises(CaseFault, match=reason) as fault:
        flow(kind(D), LENGTH)
    assert fault.value.status == "unsupported"
    assert fault.value.reason.startswith("it computes in float32 inside")
    assert fault.value.reason.endswith("let it follow its input's dtype")


@pytest.mark.parametrize("kind", [casts.Recurrence, casts.Attention, flows.WithStep])
def test_what_casts_nothing_is_measured_as_it_is(kind: type[nn.Module]) -> None:
    """The same module, the same passes: bit for bit what it was before there was any lifting."""
    module, x = kind(D).double(), torch.randn(1, LENGTH, D)
    seen, said = or_lifted(lambda one: one, module, x)
    assert seen is module
    assert said == []


@pytest.mark.parametrize(("kind", "lifted"), [(flows.InFloat32, []), (flows.ReturnsHalf, [True])])
def test_the_probe_before_a_run_lifts_where_it_must(
    kind: type[nn.Module], lifted: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks for a finite gradient: what returns float64 has one as it is, whatever digits it lost on the way."""
    said: list[str] = []

    def noted(*given: Any) -> Any:
        found = or_lifted(*given)
        said.extend(found[1])
        return found

    monkeypatch.setattr("rnn_vs_attn.measure.gradient.flow.or_lifted", noted)
    check(kind(D).double(), torch.randn(1, LENGTH, D))
    assert [LIFTED in text for text in said] == lifted


def test_an_error_that_has_nothing_to_do_with_digits_is_told_as_it_is() -> None:
    def refuses(module: nn.Module) -> None:
        raise KeyError("no such thing")

    with pytest.raises(KeyError, match="no such thing"):
        or_lifted(refuses, casts.Recurrence(D).double(), torch.randn(1, LENGTH, D))


@pytest.mark.long
def test_a_recurrence_in_float32_has_its_closed_form() -> None:
    found = flow(flows.InFloat32(D), 100)
    assert distance_between(found.log10, powers(0.9, 100) + torch.tensor(2.0).log10()) < 1e-12


@pytest.mark.long
@pytest.mark.parametrize("kind", [digits.LateInTheSequence, digits.InAFunctionsBackward, digits.GatedLate])
def test_few_digits_late_or_on_the_way_back_alone_are_lifted(kind: type[nn.Module]) -> None:
    found = flow(kind(D), 50)
    assert LIFTED in found.warnings[0]
    assert bool(found.log10.isfinite().all())
