"""The one training loop, the model of tokens that any layer sits in, and checkpoints.

Shapes are in the letters of `models`; F features of a token that is numbers, A answers of a batch, O outputs.
"""
