"""Fixtures for the tests of the command line."""

from __future__ import annotations

import pytest
from tests.cli.scripts import VOCABULARY

from seqshell.core import threads
from seqshell.testing import tiny_checkpoint, tiny_translation_checkpoint


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


@pytest.fixture
def tiny_file(folder, monkeypatch):
    """./tiny.safetensors, the model of tests/cli/scripts.py."""
    monkeypatch.setenv("LC_ALL", "C")  # UTF-8 whatever the locale
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    tiny_checkpoint(folder / "tiny.safetensors", VOCABULARY, defaults={"max_tokens": 5, "sampler": "temperature=0.8"})
