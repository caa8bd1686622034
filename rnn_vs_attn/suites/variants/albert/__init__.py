"""ALBERT's switches."""
