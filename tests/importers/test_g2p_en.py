"""The .npz of g2p_en, against its forward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seqshell import BOS, EOS, Session
from seqshell_importers.g2p_en import LETTERS, PHONEMES

E, H = 5, 6


def arrays() -> dict[str, Any]:
    random = np.random.default_rng(5)
    shapes: dict[str, tuple[int, ...]] = {"enc_emb": (29, E), "dec_emb": (74, E), "fc_w": (74, H), "fc_b": (74,)}
    for side in ("enc", "dec"):
        shapes |= {f"{side}_w_ih": (3 * H, E), f"{side}_w_hh": (3 * H, H)}
        shapes |= {f"{side}_b_ih": (3 * H,), f"{side}_b_hh": (3 * H,)}
    return {name: random.normal(0, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}


def cell(found: dict[str, Any], side: str, x: Any, h: Any) -> Any:
    """As in g2p_en: r, z = sigmoid(...), n = tanh(x + r * h)."""
    of_x = found[f"{side}_w_ih"] @ x + found[f"{side}_b_ih"]
    of_h = found[f"{side}_w_hh"] @ h + found[f"{side}_b_hh"]
    r, z = np.split(1 / (1 + np.exp(-(of_x + of_h)[: 2 * H])), 2)
    n = np.tanh(of_x[2 * H :] + r * of_h[2 * H :])
    return (1 - z) * n + z * h


def original(found: dict[str, Any], word: str, length: int) -> tuple[list[int], list[Any]]:
    """The phonemes of a greedy search, and the logits of each step."""
    h = np.zeros(H, np.float32)
    for letter in [*word, "</s>"]:
        h = cell(found, "enc", found["enc_emb"][LETTERS.index(letter) if letter in LETTERS else 1], h)
    tokens, logits = [2], []
    while len(tokens) <= length:
        h = cell(found, "dec", found["dec_emb"][tokens[-1]], h)
        logits.append(found["fc_w"] @ h + found["fc_b"])
        best = logits[-1].copy()
        best[:4] = -np.inf  # only phonemes, so that all steps are compared
        tokens.append(int(best.argmax()))
    return tokens[1:], logits


def test_logits_are_those_of_the_original(imported: Callable[..., Session], folder: Any) -> None:
    found = arrays()
    np.savez("checkpoint.npz", **found)
    session = imported("checkpoint.npz")
    decoder: Any = session.model.decoder
    reader, tokenizer = session.model.source_tokenizer, session.model.tokenizer
    assert reader is not None
    phonemes, logits = original(found, "hi-fi", 5)
    ids = [*reader.encode("hi-fi"), EOS]
    state = decoder.encode(np.array([ids]), np.array([len(ids)]))
    ours = [0, 2, 3, 1]  # the file's numbers of our PAD, BOS, EOS and UNK
    for number, expected in zip([2, *phonemes], logits, strict=False):
        token = BOS if number == 2 else tokenizer.encode(PHONEMES[number])[0]
        outputs, state = decoder.step(np.array([token]), state)
        np.testing.assert_allclose(outputs[0], expected[[*ours, *range(4, 74)]], atol=1e-5)


def test_arrays_of_other_shapes_are_named(refused: Callable[..., str], folder: Any) -> None:
    np.savez("checkpoint.npz", **arrays() | {"fc_w": np.zeros((70, H))})
    assert "fc_w is [70, 6]; seq2seq with a gru from 29 letters to 74 phonemes has [74, 6]" in refused("checkpoint.npz")


@pytest.mark.parametrize("name", ["enc_emb", "fc_b"])
def test_other_arrays_are_left_to_other_importers(refused: Callable[..., str], folder: Any, name: str) -> None:
    found = arrays()
    del found[name]
    np.savez("other.npz", **found)
    assert "other.npz is a set of arrays of numpy that no importer knows" in refused("other.npz")
    np.savez("texts.npz", **found | {name: np.array(["a", "b"])})
    assert "texts.npz is a set of arrays of numpy that no importer knows" in refused("texts.npz")
