"""Stored runs over commits or dates: where the level of a metric changed."""
