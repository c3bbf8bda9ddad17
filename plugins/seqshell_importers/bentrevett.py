"""Notebooks 1 to 3 of bentrevett/pytorch-seq2seq: a state_dict with encoder.rnn, decoder.rnn and decoder.fc_out.

1: an LSTM of several layers (Sutskever et al. 2014). The early version reads the source in reverse order between its
marks: [config] reversed_source = true in a map. 2: a GRU that reads the context at every step (Cho et al. 2014).
3: additive attention before the cell (Bahdanau et al. 2015). The words are in src_vocab.txt and trg_vocab.txt beside
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqshell import BOS, EOS, ForeignModel
from seqshell_importers.translators import NEVER, Tensors, translator, weights_in, words_beside

SIGNS = {"encoder.embedding.weight", "encoder.rnn.weight_hh_l0", "decoder.rnn.weight_hh_l0"}


def read_bentrevett(loaded: Any, path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Return None if the names are others."""
    found = weights_in(loaded)
    out = next((name for name in ("decoder.fc_out.", "decoder.out.") if f"{name}weight" in found), None)
    if out is None or not found.keys() >= SIGNS:
        return None
    attends = "decoder.attention.attn.weight" in found
    tensors = Tensors(found, "attention_seq2seq" if attends else "seq2seq")
    (size_in, embed), (size_out, _) = (tensors.shape(f"{part}.embedding.weight") for part in ("encoder", "decoder"))
    units, hidden = (tensors.shape(f"{part}.rnn.weight_hh_l0")[1] for part in ("encoder", "decoder"))
    source, target = words = words_beside(path, size_in, size_out)
    weights, cell, layers, directions = tensors.layers("encoder.rnn.", "encoder.", embed, units)
    encoded = units * directions
    feeds = tensors.shape("decoder.rnn.weight_ih_l0")[1] != embed
    own, _, own_layers, _ = tensors.layers("decoder.rnn.", "decoder.", embed + (encoded if feeds else 0), hidden)
    weights |= own
    weights["source_embedding.weight"] = source.rows(tensors.take("encoder.embedding.weight", size_in, embed))
    weights["target_embedding.weight"] = target.rows(tensors.take("decoder.embedding.weight", size_out, embed))
    reads = hidden + encoded + embed if feeds else hidden
    readout = target.rows(tensors.take(f"{out}weight", size_out, reads))
    config = {
        "cell": cell,
        "embed_size": embed,
        "encoder_size": units,
        "encoder_layers": layers,
        "bidirectional": directions == 2,
        "hidden_size": hidden,
        "num_layers": own_layers,
        "source_marks": "both",
    }
    if attends:
        joint = tensors.take("decoder.attention.attn.weight", hidden, hidden + encoded)
        weights["attention.query_of.weight"], weights["attention.keys_of.weight"] = np.split(joint, [hidden], 1)
        weights["attention.keys_of.bias"] = tensors.bias("decoder.attention.attn.bias", hidden)
        older = "decoder.attention.v" in tensors.names
        vector = (
            tensors.take("decoder.attention.v", hidden)
            if older
            else tensors.take("decoder.attention.v.weight", 1, hidden)
        )
        weights["attention.vector.weight"] = vector.reshape(1, hidden)
        weights["bridge.hidden.weight"] = tensors.take("encoder.fc.weight", hidden, encoded)
        weights["bridge.hidden.bias"] = tensors.bias("encoder.fc.bias", hidden)
        config |= {"attention": "additive", "attention_size": hidden, "placement": "before", "bridge": "layer"}
    elif feeds:  # [embedding; hidden; context], where ours is [hidden; context; embedding]
        readout = np.roll(readout, -embed, 1)
    if feeds:
        config["readout_inputs"] = "all"
    if feeds and not attends:
        config["feed_context"] = True
    if options.get("config", {}).get("reversed_source"):  # all is reversed, the marks, too, so they change places
        rows = weights["source_embedding.weight"]
        rows[[BOS, EOS]] = rows[[EOS, BOS]]
    weights["readout.weight"] = readout
    weights["readout.bias"] = target.rows(tensors.bias(f"{out}bias", size_out), NEVER)
    tensors.require_all_taken()
    return translator(path, words, config, weights, options, attention=attends)
