"""Options of `ab`."""

from __future__ import annotations

import pytest

from rnn_vs_attn.ab.options import AbOptions
from rnn_vs_attn.errors import UserError


def test_a_screen_of_too_few_pairs_is_refused() -> None:
    with pytest.raises(UserError, match="--screen 4 pairs give no interval; use 5 or more"):
        _ = AbOptions(screen=4).limits
