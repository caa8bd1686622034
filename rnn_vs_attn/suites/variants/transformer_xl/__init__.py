"""Transformer-XL's memory."""
