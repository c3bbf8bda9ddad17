"""The importer `g2p_en`: the .npz of https://github.com/Kyubyong/g2p, GRUs from letters to the phonemes of a word."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqshell import CheckpointError, ForeignModel, read_npz, recognise_file
from seqshell_importers.translators import NEVER, Words, translator

LETTERS = ("<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz")
VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"
CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH UW V W Y Z ZH"
PHONEMES = (
    "<pad>",
    "<unk>",
    "<s>",
    "</s>",
    *sorted([f"{v}{n}" for v in VOWELS.split() for n in "012"] + CONSONANTS.split()),
)
SIDES = {"encoder": "enc", "decoder": "dec"}
PARTS = {"weight_ih": "w_ih", "weight_hh": "w_hh", "bias_ih": "b_ih", "bias_hh": "b_hh"}


def read_g2p_en(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Import a .npz with these arrays; None for other files."""
    if recognise_file(path).kind != "arrays":
        return None
    arrays = read_npz(path)
    names = [f"{side}_{part}" for side in SIDES.values() for part in ("emb", *PARTS.values())]
    names += ["fc_w", "fc_b"]
    if not all(isinstance(array := arrays.get(name), np.ndarray) and array.dtype.kind == "f" for name in names):
        return None
    found = {name: np.asarray(arrays[name], np.float32) for name in names}
    embed, hidden = (found[name].shape[-1] if found[name].ndim == 2 else 0 for name in ("enc_emb", "enc_w_hh"))
    shapes: dict[str, tuple[int, ...]] = {"enc_emb": (len(LETTERS), embed), "dec_emb": (len(PHONEMES), embed)}
    shapes |= {"fc_w": (len(PHONEMES), hidden), "fc_b": (len(PHONEMES),)}
    for side in SIDES.values():
        shapes |= {f"{side}_w_ih": (3 * hidden, embed), f"{side}_w_hh": (3 * hidden, hidden)}
        shapes |= {f"{side}_b_ih": (3 * hidden,), f"{side}_b_hh": (3 * hidden,)}
    for name, shape in shapes.items():
        if found[name].shape != shape:
            raise CheckpointError(
                f"{path.name}: {name} is {list(found[name].shape)}; seq2seq with a gru from {len(LETTERS)} letters to "
                f"{len(PHONEMES)} phonemes has {list(shape)}"
            )
    source, target = words = Words.named(LETTERS), Words.named(PHONEMES)
    weights = {
        f"{ours}.0.{part}_l0": found[f"{side}_{name}"] for ours, side in SIDES.items() for part, name in PARTS.items()
    }
    weights |= {
        "source_embedding.weight": source.rows(found["enc_emb"]),
        "target_embedding.weight": target.rows(found["dec_emb"]),
        "readout.weight": target.rows(found["fc_w"]),
        "readout.bias": target.rows(found["fc_b"], NEVER),
    }
    config = {"cell": "gru", "embed_size": embed, "encoder_size": hidden, "hidden_size": hidden, "bidirectional": False}
    return translator(path, words, config, weights, options, attention=False, units=("characters", "words"))
