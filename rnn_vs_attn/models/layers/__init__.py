"""Layers from (batch, seq_len, d_model) to the same shape."""
