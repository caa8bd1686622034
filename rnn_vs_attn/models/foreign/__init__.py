"""Layers of other people as mixers: how they are built, called, and carried on from a state."""
