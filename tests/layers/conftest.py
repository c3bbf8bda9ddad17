"""Fixtures for the tests of layers."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest
import torch

from seqshell.kernels.batches import team


@pytest.fixture
def kernels(numba_installed: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kernels of training are used, in two threads; where a processor cannot, the test is skipped."""
    monkeypatch.delenv("NUMBA_DISABLE_JIT")
    importlib.import_module("numba")
    if not team.available(half=False):
        pytest.skip("a processor without AVX-512, or another library of threads")
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)
