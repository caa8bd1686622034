"""Texts to learn from: what they are, tokens of them, and the order in which they are read; no torch."""
