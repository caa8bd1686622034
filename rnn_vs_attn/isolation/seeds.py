"""Random numbers: all generators begin at a case's seed, whatever another module did to them."""

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


def _seed(words: str) -> Setting:
    return Setting("seed", torch.initial_seed, torch.manual_seed, words=lambda *_: words)


SEED = _seed("the seed of torch's random numbers")
SEED_OF_WEIGHTS = _seed("the seed of torch's random numbers (its weights are the same in every round)")
