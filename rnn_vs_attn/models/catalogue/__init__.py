"""The built-in models by family, each with the closed forms of its costs; no torch."""
