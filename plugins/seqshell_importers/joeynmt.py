"""Recurrent models of JoeyNMT: a .ckpt whose `model_state` has src_embed, trg_embed, encoder.rnn and decoder.rnn.

src_vocab.txt and trg_vocab.txt are in the same folder. Without a bridge layer, the decoder starts from zeros, as with
init_hidden: zero; for init_hidden: last, write [config] bridge = "auto" in a map, and for scaled embeddings
scaled_embedding = true.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqshell import ForeignModel
from seqshell_importers.translators import NEVER, Tensors, translator, weights_in, with_last_part_first, words_beside


def read_joeynmt(loaded: Any, path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Return None if the names are others."""
    found = weights_in(loaded.get("model_state")) if isinstance(loaded, Mapping) else {}
    if not found.keys() >= {"src_embed.lut.weight", "decoder.att_vector_layer.weight", "encoder.rnn.weight_hh_l0"}:
        return None
    tensors = Tensors(found, "attention_seq2seq")
    (size_in, embed), (size_out, _) = (tensors.shape(f"{part}_embed.lut.weight") for part in ("src", "trg"))
    units, hidden = (tensors.shape(f"{part}.rnn.weight_hh_l0")[1] for part in ("encoder", "decoder"))
    source, target = words = words_beside(path, size_in, size_out)
    weights, cell, layers, directions = tensors.layers("encoder.rnn.", "encoder.", embed, units)
    feeds = tensors.shape("decoder.rnn.weight_ih_l0")[1] != embed
    own, _, own_layers, _ = tensors.layers("decoder.rnn.", "decoder.", embed + (hidden if feeds else 0), hidden)
    weights |= own
    encoded, is_additive = units * directions, "decoder.attention.query_layer.weight" in found
    keys = tensors.take("decoder.attention.key_layer.weight", hidden, encoded)
    weights["attention.keys_of.weight"] = keys if is_additive else keys * np.float32(hidden**0.5)
    if is_additive:
        weights["attention.keys_of.bias"] = np.zeros(hidden, np.float32)
        weights["attention.query_of.weight"] = tensors.take("decoder.attention.query_layer.weight", hidden, hidden)
        weights["attention.vector.weight"] = tensors.take("decoder.attention.energy_layer.weight", 1, hidden)
    has_bridge = "decoder.bridge_layer.weight" in found
    if has_bridge:
        weights["bridge.hidden.weight"] = tensors.take("decoder.bridge_layer.weight", hidden, encoded)
        weights["bridge.hidden.bias"] = tensors.bias("decoder.bridge_layer.bias", hidden)
    joint = tensors.take("decoder.att_vector_layer.weight", hidden, hidden + encoded)
    weights |= {
        "attended.weight": with_last_part_first(joint, encoded),
        "attended.bias": tensors.bias("decoder.att_vector_layer.bias", hidden),
        "source_embedding.weight": source.rows(tensors.take("src_embed.lut.weight", size_in, embed)),
        "target_embedding.weight": target.rows(tensors.take("trg_embed.lut.weight", size_out, embed)),
        "readout.weight": target.rows(tensors.take("decoder.output_layer.weight", size_out, hidden)),
        "readout.bias": target.rows(np.zeros(size_out, np.float32), NEVER),
    }
    tensors.require_all_taken()
    config = {
        "cell": cell,
        "embed_size": embed,
        "encoder_size": units,
        "encoder_layers": layers,
        "bidirectional": directions == 2,
        "hidden_size": hidden,
        "num_layers": own_layers,
        "attention": "additive" if is_additive else "general",
        "attention_size": hidden,
        "input_feeding": feeds,
        "context": "top",
        "bridge": "layer" if has_bridge else "zeros",
        "initial_cell": "hidden",
    }
    return translator(path, words, config, weights, options)
