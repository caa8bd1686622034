"""Initialisations by name: what is accepted, and the weights that they give."""

from __future__ import annotations

import pytest
from fakes import unhurried
from hypothesis import given
from hypothesis import strategies as st

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models import initialisation
from rnn_vs_attn.models.registry import MODELS


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("default", "default"),
        ("orthogonal", "orthogonal"),
        ("orthogonal:0.90", "orthogonal:0.9"),
        ("chrono:512", "chrono:512"),
        ("orthogonal:1e-1", "orthogonal:0.1"),
        ("orthogonal:.5", "orthogonal:0.5"),
        ("orthogonal:2.", "orthogonal:2"),
        ("chrono:512.0", "chrono:512"),
        ("chrono", "chrono"),
        ("forget-bias-1", "forget-bias-1"),
        ("identity", "identity"),
    ],
)
def test_names_are_written_one_way(text: str, name: str) -> None:
    assert initialisation.parse(text) == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("orthogona", "did you mean 'orthogonal'?"),
        ("", "allowed: default, orthogonal, forget-bias-1, chrono, identity."),
        ("xavier", "orthogonal:GAIN and chrono:T_MAX take a number"),
        ("identity:2", "--init identity takes no argument, but 'identity:2' has one"),
        ("default:", "--init default takes no argument"),
        ("forget-bias-1:1", "--init forget-bias-1 takes no argument"),
        ("orthogonal:much", "--init 'orthogonal:much': gain must be a number above 0"),
        ("orthogonal:.", "gain must be a number above 0"),
        ("orthogonal:1:2", "gain must be a number above 0"),
        ("orthogonal:1_0", "gain must be a number above 0"),
        ("orthogonal:inf", "gain must be a number above 0"),
        ("chrono:1e-400", "T_max must be a number above 2"),
        ("orthogonal:", "gain must be a number above 0"),
        ("orthogonal:0", "gain must be a number above 0"),
        ("orthogonal:-1", "gain must be a number above 0"),
        ("orthogonal:nan", "gain must be a number above 0"),
        ("chrono:2", "T_max must be a number above 2"),
        ("chrono:1e999", "T_max must be a number above 2"),
    ],
)
def test_what_is_no_initialisation(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("?", r"\?")):
        initialisation.parse(text)


@pytest.mark.long
@unhurried
@given(st.integers(3, 10**14))
def test_a_whole_number_is_named_as_it_is_written(number: int) -> None:
    assert initialisation.parse(f"chrono:{number}") == f"chrono:{number}"
    assert initialisation.parse(f"orthogonal:{number}.0") == f"orthogonal:{number}"


@pytest.mark.long
@unhurried
@given(st.floats(1e-9, 1e9))
def test_a_name_that_was_shown_can_be_typed_and_means_the_same(gain: float) -> None:
    name = initialisation.parse(f"orthogonal:{gain:.17f}")
    assert initialisation.parse(name) == name
    assert float(name.partition(":")[2]) == pytest.approx(gain, rel=1e-8)


def test_an_initialisation_is_for_some_models_only() -> None:
    initialisation.check(["default", "chrono:9"], ["lstm", "lstm-cell"])
    with pytest.raises(UserError, match="init 'chrono:9' does not apply to gru; it is for lstm, lstm-cell"):
        initialisation.check(["default", "chrono:9"], ["lstm", "gru"])
    with pytest.raises(UserError, match="does not apply to mine:Layer"):
        initialisation.check(["orthogonal"], ["mine:Layer"])
    with pytest.raises(UserError, match="so measure attention in a run of its own with --init default"):
        initialisation.check(["identity"], ["rnn", "attention"])


@pytest.mark.parametrize(
    ("init", "models"),
    [
        ("default", {*(spec.name for spec in MODELS), "mine:Layer"}),
        ("orthogonal:2", {"rnn", "gru", "lstm", "lstm-cell"}),
        ("chrono:9", {"lstm", "lstm-cell"}),
        ("forget-bias-1", {"lstm", "lstm-cell"}),
        ("identity", {"rnn"}),
    ],
)
def test_the_models_that_an_initialisation_is_for(init: str, models: set[str]) -> None:
    assert {name for name in (*(spec.name for spec in MODELS), "mine:Layer") if applies(init, name)} == models


def applies(init: str, model: str) -> bool:
    try:
        initialisation.check([init], [model])
    except UserError:
        return False
    return True
