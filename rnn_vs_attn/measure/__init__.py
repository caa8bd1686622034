"""How one number is taken: clock, warm-up, memory, FLOPs, kernels, the machine's own peak."""
