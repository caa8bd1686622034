"""Time and memory over sequence lengths."""
