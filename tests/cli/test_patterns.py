"""--pattern: beside --model or alone."""

from __future__ import annotations

import pytest
from edited_runs import called

from rnn_vs_attn.cli.patterns import with_patterns
from rnn_vs_attn.errors import UserError

WORDS = {"model": ["lstm,gru"], "seq_len": ["64"]}


def test_patterns_stand_alone_or_beside_models() -> None:
    assert with_patterns(WORDS, [], False) == WORDS
    assert with_patterns(WORDS, ["lstm+gru,gru+attention", "rnn+rnn"], False) == {
        "model": ["lstm+gru", "gru+attention", "rnn+rnn"],
        "seq_len": ["64"],
    }
    assert with_patterns(WORDS, ["rnn+rnn"], True)["model"] == ["lstm,gru", "rnn+rnn"]


def test_a_pattern_of_one_layer_is_refused() -> None:
    with pytest.raises(UserError, match="--pattern 'lstm' is no stack"):
        with_patterns(WORDS, ["rnn+rnn,lstm"], False)
    with pytest.raises(UserError, match="--pattern names no stack"):
        with_patterns(WORDS, [" ,"], False)


def test_it_does_not_go_with_resume() -> None:
    code, _, err = called("bench", "--resume", "nowhere", "--pattern", "lstm+gru")
    assert code == 2
    assert "leave out --pattern" in err


@pytest.mark.long
@pytest.mark.parametrize("command", ["bench", "gradflow", "scaling", "decode"])
def test_suites_of_layers_take_it(command: str) -> None:
    code, _, err = called(command, "--pattern", "lstm+atention", "--dry-run")
    assert code == 2
    assert "unknown layer 'atention'; did you mean 'attention'?" in err
