"""What operations a module runs, and their FLOPs."""
