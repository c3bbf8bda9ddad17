"""`seqshell import` as a test calls it, and the logits of what it made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqshell
from seqshell import Session
from seqshell.cli import main
from seqshell.host.builtin import load_registry


@pytest.fixture
def imported(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Session]:
    """Import a file of the current folder with further arguments, and open the checkpoint."""

    def run(*arguments: str) -> Session:
        code = main(["import", *arguments, "--out", "./ours.safetensors"])
        out, err = capsys.readouterr()
        assert (code, err) == (0, ""), out + err
        return seqshell.open("./ours.safetensors", registry=load_registry())

    return run


@pytest.fixture
def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Import a file that is refused. Returns the only line that says why."""

    def run(*arguments: str) -> str:
        code = main(["import", *arguments, "--out", "./ours.safetensors"])
        out, err = capsys.readouterr()
        assert (code in (2, 3), out, err.count("\n")) == (True, "", 1), err
        return str(err)

    return run


def logits(session: Session, tokens: Sequence[int]) -> Any:
    """The logits after each token, [T, V], from the initial state."""
    decoder = session.model.decoder
    state, found = decoder.initial_state(1), []
    for token in tokens:
        outputs, state = decoder.step(np.array([token]), state)
        found.append(outputs[0])
    return np.array(found)


def as_cudnn(weights: Sequence[Any]) -> list[Any]:
    """What Keras's layers for CuDNN save for the kernel, recurrent_kernel and bias of an LSTM, or a GRU with
    reset_after (`_convert_rnn_weights` in its saving/legacy/hdf5_format.py).
    """
    kernel, recurrent, bias = weights
    gates = recurrent.shape[1] // len(recurrent)
    turned = [gate.ravel(order="F").reshape(gate.shape) for gate in np.hsplit(kernel, gates)]
    biases = bias.ravel() if bias.ndim == 2 else np.tile(bias / 2, 2)
    return [np.hstack(turned), np.hstack([gate.T for gate in np.hsplit(recurrent, gates)]), biases]
