"""Fixtures for the tests of training."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.training.small_runs import small
from tests.training.teachers import FILES
from tests.training.text_models import saved

from seqshell.host import Registry
from seqshell.training.data import (
    file_rows,
    large_table,
    large_text,
    token_rows,
)
from seqshell.training.loop import train


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


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """The folder of the data of each task, which is not the current one."""
    (tmp_path / "data").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    for name, text in FILES.items():
        (tmp_path / "data" / name).write_text(text)
    return tmp_path / "data"


@pytest.fixture(scope="session")
def trained(tmp_path_factory, registry):
    """A models folder with a training that has finished, and its events."""
    folder = tmp_path_factory.mktemp("models")
    events = list(train(small(folder), registry, folder / "a.safetensors"))
    return folder, events


@pytest.fixture
def models(trained, tmp_path, monkeypatch):
    """The user's models folder with that training, called `a`."""
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    return shutil.copytree(trained[0], tmp_path / "models")


@pytest.fixture
def checkpoint_path(tmp_path: Path, registry: Registry) -> Path:
    """The file of an untrained language model."""
    return saved(tmp_path / "tiny.safetensors", registry)


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is large, and is read in small blocks."""
    monkeypatch.setattr(large_text, "LARGE", 1)
    monkeypatch.setattr(large_text, "BLOCK", 50)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes every file large from now on, read in small blocks."""

    def make() -> None:
        monkeypatch.setattr(large_text, "LARGE", 1)
        monkeypatch.setattr(large_text, "BLOCK", 70)
        monkeypatch.setattr(large_table, "BEGINNING", 500)
        monkeypatch.setattr(token_rows, "TOGETHER", 16)
        monkeypatch.setattr(token_rows, "BUFFER", 32)
        monkeypatch.setattr(token_rows, "FORGOTTEN", 100)

    return make


@pytest.fixture
def small_blocks_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is large; its rows are read, encoded and sought in small blocks."""
    monkeypatch.setattr(large_text, "LARGE", 1)
    monkeypatch.setattr(large_text, "BLOCK", 90)
    monkeypatch.setattr(large_table, "BEGINNING", 300)
    monkeypatch.setattr(token_rows, "TOGETHER", 7)
    monkeypatch.setattr(file_rows, "NEAR", 40)
