"""Fixtures for the tests of layers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from seqshell.kernels.batches import team


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kernels of training are used, in two threads; without them the test is skipped."""
    monkeypatch.delenv("NUMBA_DISABLE_JIT")
    if not team.available(half=False):
        pytest.skip("no numba, or a processor without AVX-512")
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)
