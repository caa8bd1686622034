"""Layers and language models, each to be read beside its paper.

The letters of shapes, in all docstrings of this program: B batch, L sequence, D d_model, H num_heads, E head_dim,
V vocab_size. Beside them C positions of one call, chunk or block, W window, M memory, K = M + L keys, N num_layers,
P cotangents. A file that needs another letter says what it is.
"""
