"""`lm`: language models trained side by side on one text."""
