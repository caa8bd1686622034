"""Token ids that cannot be are named."""

from __future__ import annotations

import pytest
from transformers_models import SMALL_GPT, tokens

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.gpt import GPT


@pytest.mark.parametrize(("wrong", "said"), [(61, "token id 61 is out of range"), (-1, "token id -1 is out of range")])
def test_token_ids_out_of_range_are_named(wrong: int, said: str) -> None:
    model, ids = GPT(SMALL_GPT[0]), tokens(SMALL_GPT[0])
    ids[1, 3] = wrong
    with pytest.raises(UserError, match=said):
        model(ids)
