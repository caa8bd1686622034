"""Texts for language models: files and their parts, tokenizers, tokens on disk, and the order they are read in."""
