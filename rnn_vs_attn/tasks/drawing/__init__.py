"""Examples of the tasks, drawn in integer arithmetic: the same on every machine."""
