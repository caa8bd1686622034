"""Numbers as people read them, and as people write them."""

from __future__ import annotations

import math
import re
from decimal import Decimal

import pytest
from fakes import unhurried
from hypothesis import given
from hypothesis import strategies as st

from rnn_vs_attn import units

READABLE = st.floats(1e-6, 1e14)


@pytest.mark.long
@unhurried
@given(READABLE, st.sampled_from([-1, 1]))
def test_three_significant_digits_are_off_by_half_a_unit_of_the_third_at_most(value: float, sign: int) -> None:
    shown = float(units.significant(sign * value))
    assert shown == pytest.approx(sign * value, rel=0.5001e-2)


@pytest.mark.long
@unhurried
@given(READABLE)
def test_no_exponents_where_people_read_plain_numbers(value: float) -> None:
    assert "e" not in units.significant(value)


@pytest.mark.long
@unhurried
@given(READABLE, READABLE)
def test_a_larger_number_is_never_shown_as_a_smaller_one(a: float, b: float) -> None:
    small, large = sorted((a, b))
    assert float(units.significant(small)) <= float(units.significant(large))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1.5, "1.50"),
        (0.9996, "1.00"),
        (999.6, "1000"),
        (123456, "123000"),
        (0.00012345, "0.000123"),
        (-2.345, "-2.35"),
        (2e-9, "2.00e-09"),
        (3.14e20, "3.14e+20"),
    ],
)
def test_significant(value: float, text: str) -> None:
    assert units.significant(value) == text


def test_seconds_are_shown_as_milliseconds() -> None:
    assert units.milliseconds(0.0123) == "12.3"


def test_bytes_are_shown_as_mebibytes() -> None:
    assert units.mebibytes(3 << 20) == "3.00"
    assert units.mebibytes(10**6) == "0.954"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.5e9, "1.50 GFLOP"), (999, "999 FLOP"), (1e3, "1.00 kFLOP"), (2.5e12, "2.50 TFLOP"), (-4e6, "-4.00 MFLOP")],
)
def test_counts_get_decimal_prefixes(value: float, text: str) -> None:
    assert units.scaled(value, "FLOP") == text


def test_a_count_without_a_unit_ends_with_its_prefix() -> None:
    assert units.scaled(2.5e6) == "2.50 M"
    assert units.scaled(25) == "25.0"


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (3145728, "3.00 MiB"),
        (5 << 30, "5.00 GiB"),
        (1 << 40, "1.00 TiB"),
    ],
)
def test_sizes_get_binary_prefixes(num_bytes: int, text: str) -> None:
    assert units.size(num_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.85, "850 ms"), (12.3, "12 s"), (89, "89 s"), (185, "3 min 5 s"), (119.6, "2 min 0 s"), (7260, "2 h 1 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


@pytest.mark.parametrize(
    ("fraction", "text"), [(0.0512, "5.1%"), (0.09949, "9.9%"), (0.0996, "10%"), (1.5, "150%"), (-0.02, "-2.0%")]
)
def test_fractions_become_percentages(fraction: float, text: str) -> None:
    assert units.percent(fraction) == text


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [
        ("8GiB", 8 << 30),
        ("512M", 512 << 20),
        ("512 mib", 512 << 20),
        ("1.5K", 1536),
        ("1000000000", 10**9),
        ("2GB", 2 * 10**9),
        ("7B", 7),
    ],
)
def test_sizes_are_read(text: str, num_bytes: int) -> None:
    assert units.parse_size(text) == num_bytes


@pytest.mark.parametrize("text", ["", "lots", "8 Gibi", "-1GiB", "1e9", "GiB", "1 2"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text.strip() or "^$"):
        units.parse_size(text)


@pytest.mark.long
@unhurried
@given(st.integers(0, 1 << 45))
def test_a_size_that_was_shown_can_be_typed(num_bytes: int) -> None:
    assert units.parse_size(units.size(num_bytes)) == pytest.approx(num_bytes, rel=0.5001e-2)


@pytest.mark.parametrize(("text", "value"), [("5%", 0.05), (" 5 % ", 0.05), ("0.05", 0.05), ("150%", 1.5)])
def test_fractions_are_read(text: str, value: float) -> None:
    assert math.isclose(units.parse_fraction(text), value)


@pytest.mark.parametrize("text", ["", "%", "five", "5%%"])
def test_what_is_no_fraction_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        units.parse_fraction(text)


@pytest.mark.parametrize(
    ("log10", "text"),
    [
        (0.0, "1.0e+00"),
        (-890.3, "5.0e-891"),
        (-1.0, "1.0e-01"),
        (0.998, "1.0e+01"),  # 9.95 is 10 in two digits
        (-3.0001, "1.0e-03"),
        (2000.5, "3.2e+2000"),
        (-1e5, "1.0e-100000"),
        (math.log10(9.96), "1.0e+01"),
        (math.log10(9.94), "9.9e+00"),
        (-1e-17, "1.0e+00"),
        (-9.5, "3.2e-10"),
        (-99.5, "3.2e-100"),
        (-1234.5, "3.2e-1235"),
        (-999.0001, "1.0e-999"),
    ],
)
def test_a_power_of_ten_is_written_however_small(log10: float, text: str) -> None:
    assert units.power_of_ten(log10) == text


@pytest.mark.long
@unhurried
@given(st.floats(-1e6, 1e6))
def test_a_power_of_ten_is_off_by_half_a_unit_of_its_second_digit_at_most(log10: float) -> None:
    shown = units.power_of_ten(log10)
    assert re.fullmatch(r"[1-9]\.[0-9]e[+-][0-9]{2,}", shown)
    exponent = math.floor(log10)
    assert float(Decimal(shown).scaleb(-exponent)) == pytest.approx(10 ** (log10 - exponent), abs=0.0501)


def test_a_factor_near_1_keeps_its_digits() -> None:
    assert units.factor(0.99994) == "0.9999"
    assert units.factor(0.46011) == "0.4601"
    assert units.factor(1.00049) == "1.000"
    assert units.factor(1.0006) == "1.001"


@pytest.mark.parametrize(
    ("names", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_things_in_a_row(names: list[str], said: str) -> None:
    assert units.in_a_row(names) == said


def test_a_number_of_things_is_exact() -> None:
    told = [units.counted(number, "fault") for number in (1, 0, 60000, 12345678, 1.5, 2.0)]
    assert told == ["1 fault", "0 faults", "60000 faults", "12345678 faults", "1.5 faults", "2 faults"]
