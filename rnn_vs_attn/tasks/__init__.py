"""Synthetic tasks of long-range memory, recall and state tracking: what each one asks, and examples drawn of it."""
