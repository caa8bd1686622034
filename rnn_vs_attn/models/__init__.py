"""Layers and language models, each to be read beside its paper."""
