"""A run from options to its folder: cases, schedule, rounds, progress, output."""
