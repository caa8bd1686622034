"""Clocks, warm-up, calls, decoding, CUDA graphs."""
