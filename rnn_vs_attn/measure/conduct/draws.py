"""The same random numbers again, so that two calls differ only where something else than chance differs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy
import torch


@contextmanager
def same_draws(seed: int = 0) -> Iterator[None]:
    """Within, torch, NumPy and Python draw what follows from `seed`; afterwards they go on as if nothing had been."""
    used = torch.cuda.is_initialized()
    of_python, of_numpy = random.getstate(), numpy.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if used else ()):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed takes a millisecond where CUDA is not in use
        if used:
            torch.cuda.manual_seed_all(seed)
        random.seed(seed)
        numpy.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(of_python)
            numpy.random.set_state(of_numpy)
