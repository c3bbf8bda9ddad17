"""Fixtures for the tests of the command line."""

from __future__ import annotations

import pytest

from seqshell.core import threads
from seqshell.testing import tiny_translation_checkpoint


@pytest.fixture(autouse=True)
def in_folder(folder):
    """All of them run in an empty current folder."""


@pytest.fixture
def as_many_threads_afterwards(monkeypatch):
    """Bulk work limits the threads of its process."""
    monkeypatch.setattr(threads, "_limit", [])


@pytest.fixture
def translator(tmp_path):
    """The path of a small translation model."""
    return str(tiny_translation_checkpoint(tmp_path / "tiny.safetensors"))
