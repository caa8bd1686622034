"""GPT over its size."""
