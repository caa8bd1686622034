"""What Table 1 of Vaswani et al. 2017 claims, and the rules by which a measurement decides it."""

from __future__ import annotations

from dataclasses import dataclass

from rnn_vs_attn.models.spec import CONVOLUTIONAL, LINEAR_RECURRENCE, RECURRENT, RESTRICTED, SELF_ATTENTION
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.stats.growth import CONSTANT, LINEAR, LOGARITHMIC
from rnn_vs_attn.stats.intervals import Estimate
from rnn_vs_attn.suites.deciding import BAND

GAIN = 1.15  # a speed-up above it is a gain
RULE = (
    f"An exponent {HOLDS} where its 95% interval lies within {BAND:g} of the claimed one, {FAILS} where it lies wholly "
    f"outside of that band, and is {UNDECIDED} else; a speed-up is a gain where its interval lies above {GAIN:g}, "
    f"and none where it lies below. Counts have no noise: their growth is the claimed one, or not."
)


@dataclass(frozen=True)
class Row:
    """One row: complexity per layer with its exponents of n = seq_len and d = d_model, and how two counts grow."""

    layer_type: str
    complexity: str
    exponents: dict[str, float]
    sequential: str
    sequential_law: str
    path: str
    path_law: str


_N, _D = "seq_len", "d_model"
ROWS = (
    Row(SELF_ATTENTION, "O(n² · d)", {_N: 2, _D: 1}, "O(1)", CONSTANT, "O(1)", CONSTANT),
    Row(RECURRENT, "O(n · d²)", {_N: 1, _D: 2}, "O(n)", LINEAR, "O(n)", LINEAR),
    Row(CONVOLUTIONAL, "O(k · n · d²)", {_N: 1, _D: 2}, "O(1)", CONSTANT, "O(log_k n)", LOGARITHMIC),
    Row(RESTRICTED, "O(r · n · d)", {_N: 1, _D: 1}, "O(1)", CONSTANT, "O(n / r)", LINEAR),
    Row(LINEAR_RECURRENCE, "O(n · d²)", {_N: 1, _D: 2}, "O(log n)", LOGARITHMIC, "O(n)", LINEAR),
)
NOT_IN_THE_PAPER = frozenset([LINEAR_RECURRENCE])


def row_of(layer_type: str) -> Row | None:
    """The row about layers of a type; None for a user's own module, about which nothing is claimed."""
    return next((row for row in ROWS if row.layer_type == layer_type), None)


def of_law(claimed: str, found: str | None) -> str:
    """Whether a count grows as claimed."""
    if not found:
        return UNDECIDED
    return HOLDS if found == claimed else FAILS


def of_gain(gains: bool, found: Estimate | None) -> str:
    """Whether more threads bring something, or nothing, as claimed: a speed-up above GAIN, or at most that."""
    if found is None or found.low is None or found.high is None:
        return UNDECIDED
    if found.low > GAIN:
        return HOLDS if gains else FAILS
    return (FAILS if gains else HOLDS) if found.high <= GAIN else UNDECIDED


def of_crossing(width: float, low: float | None, high: float | None) -> str:
    """Whether attention is the cheaper one at every n below d: the crossing's interval lies at d or above it. An end of
    the interval that is not known decides nothing.
    """
    if low is not None and low >= width:
        return HOLDS
    return FAILS if high is not None and high < width else UNDECIDED


def beside(row: Row | None, cell: str) -> str:
    """The cell of the table that a measurement stands beside; "" for what is not in the paper."""
    return "" if row is None or row.layer_type in NOT_IN_THE_PAPER else f"the paper's Table 1 has {cell}"
