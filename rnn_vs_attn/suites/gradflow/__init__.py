"""Gradient by distance."""
