"""The next token after a context."""
