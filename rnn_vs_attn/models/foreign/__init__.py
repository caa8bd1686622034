"""Layers of other people: how they are named, built and called."""
