"""What claims of `variants` share."""

from __future__ import annotations

from fakes import record

from rnn_vs_attn.suites.variants import claims

FIGURES = {"base": 41e6, "large": 257e6}


def test_counts_agree_within_a_papers_rounding() -> None:
    """41,055,436 is 41 M; 285,170,506 is not 257 M."""
    base, large = (record("num_params", n, size=s) for s, n in (("base", 41_055_436.0), ("large", 285_170_506.0)))
    (found,) = claims.published([base], FIGURES, "It")
    assert (found.verdict, found.figure) == ("holds", "1 of 1 published sizes have as many")
    (found,) = claims.published([base, large], FIGURES, "It")
    assert found.sentence == (
        "It has as many parameters as its paper says: does not hold here. "
        "1 of 2 published sizes have as many; large has 285.2 M (paper: 257 M)."
    )


def test_without_a_published_size_nothing_is_claimed() -> None:
    assert claims.published([record("num_params", 1.0, size="4x256"), record("num_params", 1.0)], FIGURES, "It") == []
