"""Recurrent models of OpenNMT-py: a checkpoint with `model`, `generator` and `vocab`, with or without input feeding.

The vocabularies are fields of torchtext, pairs of a name and a vocabulary or, since version 3, lists of tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqshell import CheckpointError, ForeignModel, Record
from seqshell_importers.translators import NEVER, Tensors, Words, translator, weights_in

EMBEDDING = "{}.embeddings.make_embedding.emb_luts.0.weight"
MOST_VALUES = 10_000  # that are looked at for a vocabulary
# Options that change the outputs without a trace in the tensors -> the values that seqshell can represent.
READABLE = {
    "global_attention_function": ("softmax",),
    "generator_function": ("softmax", "log_softmax"),
    "copy_attn": (False,),
}


def read_opennmt(loaded: Any, path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Return None if the names are others."""
    if not isinstance(loaded, Mapping) or not loaded.keys() >= {"model", "generator", "vocab"}:
        return None
    found = weights_in(loaded["model"])
    if EMBEDDING.format("encoder") not in found or "encoder.rnn.weight_hh_l0" not in found:
        return None
    _check_options(loaded.get("opt"))
    generator = {f"generator.{name.removeprefix('0.')}": each for name, each in weights_in(loaded["generator"]).items()}
    tensors = Tensors(_in_layers(found) | generator, "attention_seq2seq")
    source, target = words = (_words(loaded["vocab"], "src"), _words(loaded["vocab"], "tgt"))
    embed = tensors.shape(EMBEDDING.format("encoder"))[1]
    units, hidden = (tensors.shape(f"{part}.rnn.weight_hh_l0")[1] for part in ("encoder", "decoder"))
    weights, cell, layers, directions = tensors.layers("encoder.rnn.", "encoder.", embed, units)
    feeds = tensors.shape("decoder.rnn.weight_ih_l0")[1] != embed
    own, _, own_layers, _ = tensors.layers("decoder.rnn.", "decoder.", embed + (hidden if feeds else 0), hidden)
    is_dot = "decoder.attn.linear_in.weight" not in found
    keys = (
        np.eye(hidden, dtype=np.float32) if is_dot else tensors.take("decoder.attn.linear_in.weight", hidden, hidden).T
    )
    sizes = len(source.tokens), len(target.tokens)
    weights |= own | {
        "attention.keys_of.weight": keys * np.float32(hidden**0.5),
        "attended.weight": tensors.take("decoder.attn.linear_out.weight", hidden, 2 * hidden),
        "attended.bias": np.zeros(hidden, np.float32),
        "source_embedding.weight": source.rows(tensors.take(EMBEDDING.format("encoder"), sizes[0], embed)),
        "target_embedding.weight": target.rows(tensors.take(EMBEDDING.format("decoder"), sizes[1], embed)),
        "readout.weight": target.rows(tensors.take("generator.weight", sizes[1], hidden)),
        "readout.bias": target.rows(tensors.bias("generator.bias", sizes[1]), NEVER),
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
        "attention": "general",
        "input_feeding": feeds,
        "source_marks": "none",
    }
    return translator(path, words, config, weights, options)


def _check_options(options: Any) -> None:
    """Raise CheckpointError for options of the training with which the model computes something else."""
    given = options.fields if isinstance(options, Record) else options if isinstance(options, Mapping) else {}
    for name, readable in READABLE.items():
        if name in given and given[name] not in readable:
            raise CheckpointError(f"its option {name} is {str(given[name])[:40]!r}, which no architecture has")


def _in_layers(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The cells of a decoder with input feeding, decoder.rnn.layers.N.weight_ih, named as layers: weight_ih_lN."""
    named, start = {}, "decoder.rnn.layers."
    for name, tensor in tensors.items():
        layer, _, part = name.removeprefix(start).partition(".")
        named[f"decoder.rnn.{part}_l{layer}" if name.startswith(start) else name] = tensor
    return named


def _words(vocab: Any, side: str) -> Words:
    """The vocabulary of a side: the first list of tokens in what the file has for it."""
    found = vocab.get(side) if isinstance(vocab, Mapping) else None
    if isinstance(vocab, list):
        found = next(
            (each[1] for each in vocab if isinstance(each, tuple | list) and each[:1] in ((side,), [side])), None
        )
    waiting = [found]
    for each in waiting:
        if isinstance(each, list) and each and all(isinstance(token, str) for token in each):
            return Words.named(each)
        if isinstance(each, Record):
            waiting += [each.fields.get("itos"), *each.fields.values(), each.state]
        elif isinstance(each, list | tuple | Mapping) and len(waiting) < MOST_VALUES:
            waiting += each.values() if isinstance(each, Mapping) else each
    raise CheckpointError(f"the file names no tokens for {side} in its vocab")
