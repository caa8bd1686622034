"""The machine: facts, limits, processors, and whether it is fit to measure on."""
