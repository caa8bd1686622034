"""Base units (s, B, 1) in, what people read out: the only place where numbers become text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime

MIB = 1 << 20
GIB = 1 << 30
_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = {"": 1, "B": 1, "KIB": 1 << 10, "MIB": MIB, "GIB": GIB, "TIB": 1 << 40}
_BYTES |= {
    "K": 1 << 10,
    "M": MIB,
    "G": GIB,
    "T": 1 << 40,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}


def significant(value: float, digits: int = 3) -> str:
    """`value` rounded to `digits` significant digits, never in exponent form between 1e-6 and 1e15."""
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if not -6 <= magnitude < 15:
        return f"{value:.{digits - 1}e}"
    rounded = round(value, digits - 1 - magnitude)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:.{decimals}f}"


def power_of_ten(log10: float) -> str:
    """10**log10 with two digits, however small or large: -890.3 -> "5.0e-891"."""
    exponent = math.floor(log10)
    digits = f"{10 ** (log10 - exponent):.1f}"
    return f"1.0e{exponent + 1:+03d}" if digits == "10.0" else f"{digits}e{exponent:+03d}"


def factor(value: float) -> str:
    """A factor that may be near 1: four significant digits."""
    return significant(value, 4)


def milliseconds(seconds: float) -> str:
    """Seconds as a number of milliseconds, without the unit."""
    return significant(seconds * 1e3)


def mebibytes(num_bytes: float) -> str:
    """Bytes as a number of MiB, without the unit."""
    return significant(num_bytes / MIB)


def scaled(value: float, unit: str = "") -> str:
    """A count with a decimal prefix: 1.5e9, "FLOP" -> "1.50 GFLOP"."""
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor:
            return f"{significant(value / factor)} {prefix}{unit}".rstrip()
    return f"{significant(value)} {unit}".rstrip()


def size(num_bytes: float) -> str:
    """Bytes with a binary prefix: 3145728 -> "3.00 MiB"."""
    for name in ("TiB", "GiB", "MiB", "KiB"):
        factor = _BYTES[name.upper()]
        if abs(num_bytes) >= factor:
            return f"{significant(num_bytes / factor)} {name}"
    return f"{num_bytes:.0f} B"


def counted(number: float, noun: str) -> str:
    """A number of things: 1, "core" -> "1 core"; 1.5 -> "1.5 cores"; whole numbers to the last digit."""
    shown = f"{number:.0f}" if float(number).is_integer() else f"{number:.4g}"
    return f"{shown} {noun}{'s' * (number != 1)}"


def in_a_row(names: Sequence[str]) -> str:
    """ "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def of_unit(value: float, unit: str) -> str:
    """A value in a base unit as people read it: 0.0123, "s" -> "12.3 ms"."""
    if unit == "s":
        return f"{milliseconds(value)} ms"
    return size(value) if unit == "B" else significant(value, 4)


def duration(seconds: float) -> str:
    """A length of time for progress and estimates: "850 ms", "12 s", "3 min 5 s"."""
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 90:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def now() -> str:
    """The moment: UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def percent(fraction: float) -> str:
    """A fraction as a percentage: 0.0512 -> "5.1%"."""
    value = fraction * 100
    return f"{value:.1f}%" if abs(value) < 9.95 else f"{value:.0f}%"


def parse_size(text: str) -> int:
    """Bytes from "8GiB", "512M" or "1000000000"; ValueError otherwise."""
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", text)
    if not match or match[2].upper() not in _BYTES:
        raise ValueError(text)
    return int(float(match[1]) * _BYTES[match[2].upper()])


def parse_fraction(text: str) -> float:
    """0.05 from "5%", "5 %" or "0.05"; ValueError otherwise."""
    stripped = text.strip()
    if stripped.endswith("%"):
        return float(stripped[:-1]) / 100
    return float(stripped)
