"""The tasks by what they ask for, each with the closed forms of its sizes; no torch."""
