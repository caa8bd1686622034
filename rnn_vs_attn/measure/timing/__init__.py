"""Clocks, warm-up, calls, decoding."""
