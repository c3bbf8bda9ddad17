"""Files of min-char-rnn are imported with their characters, and give the logits of its own loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.importers.conftest import logits

from seqshell import Session

CHARS = list("héy\n")
V, H = len(CHARS), 5
TOKENS = (3, 0, 1, 1, 2)


@pytest.fixture
def weights() -> dict[str, Any]:
    """As min-char-rnn makes them: in float64, biases as columns."""
    draws = np.random.default_rng(2)
    shapes = {"Wxh": (H, V), "Whh": (H, H), "Why": (V, H), "bh": (H, 1), "by": (V, 1)}
    return {name: draws.normal(size=shape) for name, shape in shapes.items()}


def original(weights: dict[str, Any]) -> Any:
    """The loop of min-char-rnn's `sample`, for given characters."""
    h, found = np.zeros((H, 1)), []
    for ix in TOKENS:
        x = np.zeros((V, 1))
        x[ix] = 1
        h = np.tanh(np.dot(weights["Wxh"], x) + np.dot(weights["Whh"], h) + weights["bh"])
        found.append((np.dot(weights["Why"], h) + weights["by"])[:, 0])
    return np.array(found)


@pytest.mark.parametrize(
    "vocabulary",
    [
        {"chars": CHARS},
        {"char_to_ix": {character: number for number, character in enumerate(CHARS)}},
        {"ix_to_char": dict(enumerate(CHARS))},
        {"chars": np.array(CHARS, dtype=object)},
    ],
    ids=["a list", "numbers by character", "characters by number", "objects"],
)
def test_logits_and_characters_are_those_of_the_original(
    imported: Callable[..., Session], weights: dict[str, Any], vocabulary: dict[str, Any]
) -> None:
    np.savez("model.npz", **weights, **vocabulary)
    session = imported("model.npz")
    np.testing.assert_allclose(logits(session, TOKENS), original(weights), atol=1e-5)
    assert [session.model.tokenizer.piece(token).decode() for token in range(V)] == CHARS
    assert session.model.header["provenance"]["imported"] == {"file": "model.npz", "importer": "min_char_rnn"}


def test_a_compressed_file_is_read(imported: Callable[..., Session], weights: dict[str, Any]) -> None:
    weights = {name: value.astype(np.float32) for name, value in weights.items()}
    np.savez_compressed("model.npz", **weights, chars=CHARS)
    np.testing.assert_allclose(logits(imported("model.npz"), TOKENS), original(weights), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("Whh", (H, V), "Whh [5, 4] does not fit Wxh [5, 4]; an rnn with these inputs has Whh [5, 5]"),
        ("Why", (H, V), "Why [5, 4] does not fit Wxh [5, 4]; an rnn with these inputs has Why [4, 5]"),
        ("Wxh", (H * V,), "Whh [5, 5] does not fit Wxh [20]"),
        ("bh", (H + 1, 1), "bh and by must have 5 and 4 numbers, not 6, 4"),
    ],
)
def test_a_wrong_shape_is_named(
    refused: Callable[..., str], weights: dict[str, Any], name: str, shape: tuple[int, ...], message: str
) -> None:
    np.savez("model.npz", **{**weights, name: np.zeros(shape)}, chars=CHARS)
    assert message in refused("model.npz")


def test_other_and_damaged_archives_are_refused_in_one_line(
    refused: Callable[..., str], weights: dict[str, Any], folder: Path
) -> None:
    np.savez("renamed.npz", **{f"{name}_": value for name, value in weights.items()}, chars=CHARS)
    assert "renamed.npz is a set of arrays of numpy that no importer knows" in refused("renamed.npz")
    np.savez("texts.npz", **weights | {"Whh": np.array([["x"]])}, chars=CHARS)
    assert "texts.npz is a set of arrays of numpy that no importer knows" in refused("texts.npz")
    np.savez("whole.npz", **weights, chars=CHARS)
    whole = (folder / "whole.npz").read_bytes()
    (folder / "cut.npz").write_bytes(whole[:-40])
    assert "cut.npz is truncated or damaged" in refused("cut.npz")
    (folder / "changed.npz").write_bytes(whole.replace(weights["Whh"].tobytes()[:8], b"changed!"))
    assert "changed.npz is not read: its archive is damaged (Bad CRC-32" in refused("changed.npz")
    (folder / "empty.npz").write_bytes(b"")
    assert "empty.npz is empty" in refused("empty.npz")
