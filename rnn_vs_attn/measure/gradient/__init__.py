"""Gradients that are measured: norms by distance, in one piece and in chunks, and what makes them right or absent."""
