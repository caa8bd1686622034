"""A size is named by what it is."""

from __future__ import annotations

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.suites.variants.albert import analysis, case


def test_a_size_is_named_by_what_it_is() -> None:
    with pytest.raises(UserError):
        case.size("albert-base+shared")
    assert analysis.bert_of("bert-large+shared") == "bert-large"
    assert analysis.bert_of("albert-large") == "bert-large"
