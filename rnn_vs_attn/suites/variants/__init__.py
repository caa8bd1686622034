"""Transformer-XL, ALBERT and GPT beside what each improves on."""
