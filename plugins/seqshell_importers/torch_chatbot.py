"""The chatbot tutorial of PyTorch: a checkpoint with `en`, `de` and `voc_dict`, GRUs with the attention of Luong et al.

The outputs of both directions are added, and the decoder's layers start from the encoder's first states.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqshell import CheckpointError, ForeignModel
from seqshell_importers.translators import NEVER, Tensors, Words, translator, weights_in, with_last_part_first


def read_chatbot(loaded: Any, path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Return None if the names are others."""
    if not isinstance(loaded, Mapping) or not loaded.keys() >= {"en", "de", "voc_dict"}:
        return None
    parts = {side: weights_in(loaded[side]) for side in ("en", "de")}
    tensors = Tensors(
        {f"{side}.{name}": each for side, found in parts.items() for name, each in found.items()}, "attention_seq2seq"
    )
    words = words_of(loaded["voc_dict"], ("pad", "bos", "eos"))
    if words is None:
        raise CheckpointError("its voc_dict has no index2word with the numbers 0, 1, 2, ...")
    size, hidden = tensors.shape("de.embedding.weight")
    weights, cell, layers, directions = tensors.layers("en.gru.", "encoder.", hidden, hidden)
    own, _, own_layers, _ = tensors.layers("de.gru.", "decoder.", hidden, hidden)
    joint = None
    if "de.attn.attn.weight" in tensors.names:
        columns = tensors.shape("de.attn.attn.weight")[1]
        joint = tensors.take("de.attn.attn.weight", hidden, 2 * hidden if columns != hidden else hidden)
    bias = tensors.bias("de.attn.attn.bias", hidden)
    if "de.attn.v" in tensors.names:
        if joint is None or joint.shape[1] != 2 * hidden:
            raise CheckpointError(f"de.attn.attn.weight must be {[hidden, 2 * hidden]} for concat attention")
        query, keys = np.split(joint, [hidden], 1)
        attention = {
            "keys_of.weight": keys,
            "keys_of.bias": bias,
            "query_of.weight": query,
            "vector.weight": tensors.take("de.attn.v", hidden).reshape(1, hidden),
        }
    else:  # the bias adds the same to all scores
        keys = np.eye(hidden, dtype=np.float32) if joint is None else joint
        attention = {"keys_of.weight": keys * np.float32(hidden**0.5)}
    weights |= own | {f"attention.{name}": each for name, each in attention.items()}
    weights |= {
        "target_embedding.weight": words.rows(tensors.take("de.embedding.weight", size, hidden)),
        "attended.weight": with_last_part_first(tensors.take("de.concat.weight", hidden, 2 * hidden), hidden),
        "attended.bias": tensors.bias("de.concat.bias", hidden),
        "readout.weight": words.rows(tensors.take("de.out.weight", size, hidden)),
        "readout.bias": words.rows(tensors.bias("de.out.bias", size), NEVER),
    }
    weights["source_embedding.weight"] = words.rows(tensors.take("en.embedding.weight", size, hidden))
    tensors.require_all_taken()
    config = {
        "cell": cell,
        "embed_size": hidden,
        "encoder_size": hidden,
        "encoder_layers": layers,
        "bidirectional": directions == 2,
        "directions": "summed",
        "bridge": "directions",
        "hidden_size": hidden,
        "num_layers": own_layers,
        "attention": "additive" if "vector.weight" in attention else "general",
        "attention_size": hidden,
    }
    return translator(path, (words, words), config, weights, options)


def words_of(value: Any, specials: tuple[str, ...]) -> Words | None:
    """The tokens of a Voc or Lang by their numbers; None if it is none. specials: what the first numbers are."""
    found = value.get("index2word") if hasattr(value, "get") else None
    if not isinstance(found, Mapping) or set(found) != set(range(len(found))) or len(found) <= len(specials):
        return None
    return Words([str(found[number]) for number in range(len(found))], **{name: i for i, name in enumerate(specials)})
