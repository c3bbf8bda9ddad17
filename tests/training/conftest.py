"""Fixtures for the tests of training."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def generators() -> Iterator[None]:
    """Restore all random generators after a training, which seeds them; small models are faster in one thread."""
    states, threads = (random.getstate(), np.random.get_state(), torch.get_rng_state()), torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
