"""Random numbers: all generators begin at a seed, whatever another module did, or go on as if nothing had been."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy
import torch

from rnn_vs_attn.isolation.settings import Setting


def seed_all(seed: int) -> None:
    """Let torch, numpy and Python draw the numbers of `seed`, so that what a module draws follows from it alone."""
    torch.manual_seed(seed)
    numpy.random.seed(seed % (1 << 32))
    random.seed(seed)


@contextmanager
def undrawn() -> Iterator[None]:
    """Numbers that are drawn within, and seeds that are set, are of no account afterwards."""
    state, of_numpy, of_python = torch.get_rng_state(), numpy.random.get_state(legacy=False), random.getstate()
    of_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        torch.set_rng_state(state)
        numpy.random.set_state(of_numpy)
        random.setstate(of_python)
        if of_cuda is not None:
            torch.cuda.set_rng_state_all(of_cuda)


@contextmanager
def same_draws(seed: int = 0) -> Iterator[None]:
    """Within, torch, NumPy and Python draw what follows from `seed`; afterwards they go on as if nothing had been."""
    with undrawn():
        torch.default_generator.manual_seed(seed)  # torch.manual_seed takes a millisecond where CUDA is not in use
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(seed)
        numpy.random.seed(seed)
        random.seed(seed)
        yield


def _seed(words: str) -> Setting:
    return Setting("seed", torch.initial_seed, torch.manual_seed, words=lambda *_: words)


SEED = _seed("the seed of torch's random numbers")
SEED_OF_WEIGHTS = _seed("the seed of torch's random numbers (its weights are the same in every round)")
