"""Models of token ids, and weights that were released."""
