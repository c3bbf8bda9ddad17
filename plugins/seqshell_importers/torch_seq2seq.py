"""The translation tutorial of PyTorch: an EncoderRNN, and a DecoderRNN or AttnDecoderRNN, with the words of two Langs.

A file has weights or whole modules as entries with `enc` and `dec` in their names; or there are two files, such as
encoder.pt, which is imported, and decoder.pt beside it. The Langs are in entries whose names begin with `in` and `out`,
or the words in src_vocab.txt and trg_vocab.txt beside the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqshell import ForeignModel, StoredTensor, read_torch
from seqshell_importers.torch_chatbot import words_of
from seqshell_importers.translators import NEVER, Tensors, Words, translator, weights_in, words_beside

SIGNS = {"embedding.weight", "gru.weight_hh_l0"}


def read_tutorial(loaded: Any, path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Return None if the names are others."""
    parts = _parts(loaded, path)
    if parts is None:
        return None
    encoder, decoder = parts
    tensors = Tensors(
        {f"encoder.{name}": each for name, each in encoder.items()}
        | {f"decoder.{name}": each for name, each in decoder.items()},
        "attention_seq2seq" if "attention.Wa.weight" in decoder or "attn.weight" in decoder else "seq2seq",
    )
    attends, by_place = "attention.Wa.weight" in decoder, "attn_combine.weight" in decoder  # the newer form, the older
    (size_in, hidden), (size_out, _) = (tensors.shape(f"{part}.embedding.weight") for part in ("encoder", "decoder"))
    source, target = words = _words(loaded, path, size_in, size_out)
    weights, cell, layers, directions = tensors.layers("encoder.gru.", "encoder.", hidden, hidden)
    own, _, own_layers, _ = tensors.layers("decoder.gru.", "decoder.", 2 * hidden if attends else hidden, hidden)
    embedding = target.rows(tensors.take("decoder.embedding.weight", size_out, hidden))
    weights |= own | {
        "source_embedding.weight": source.rows(tensors.take("encoder.embedding.weight", size_in, hidden)),
        "target_embedding.weight": embedding
        if attends or by_place
        else np.maximum(embedding, 0),  # the tutorial's relu
        "readout.weight": target.rows(tensors.take("decoder.out.weight", size_out, hidden)),
        "readout.bias": target.rows(tensors.bias("decoder.out.bias", size_out), NEVER),
    }
    config: dict[str, Any] = {
        "cell": cell,
        "embed_size": hidden,
        "encoder_size": hidden,
        "encoder_layers": layers,
        "bidirectional": directions == 2,
        "hidden_size": hidden,
        "num_layers": own_layers,
    }
    if attends:
        at = "decoder.attention."
        weights |= {
            "attention.query_of.weight": tensors.take(f"{at}Wa.weight", hidden, hidden),
            "attention.keys_of.weight": tensors.take(f"{at}Ua.weight", hidden, hidden * directions),
            "attention.keys_of.bias": tensors.bias(f"{at}Wa.bias", hidden) + tensors.bias(f"{at}Ua.bias", hidden),
            "attention.vector.weight": tensors.take(f"{at}Va.weight", 1, hidden),
        }
        tensors.drop(f"{at}Va.bias")  # it adds the same to all scores
        config |= {"attention": "additive", "attention_size": hidden, "placement": "before", "readout_inputs": "hidden"}
    if by_place:
        places = tensors.shape("decoder.attn.weight")[0]
        weights |= {
            "attention.places.weight": tensors.take("decoder.attn.weight", places, 2 * hidden),
            "attention.places.bias": tensors.bias("decoder.attn.bias", places),
            "combined.weight": tensors.take("decoder.attn_combine.weight", hidden, 2 * hidden),
            "combined.bias": tensors.bias("decoder.attn_combine.bias", hidden),
        }
        read = weights["decoder.0.weight_ih_l0"]  # our layers see the embedding, too
        weights["decoder.0.weight_ih_l0"] = np.concatenate((np.zeros_like(read), read), 1)
        config |= {"attention": "position", "attention_size": places, "placement": "before", "readout_inputs": "hidden"}
    tensors.require_all_taken()
    return translator(path, words, config, weights, options, attention=attends or by_place)


def _parts(loaded: Any, path: Path) -> tuple[dict[str, StoredTensor], dict[str, StoredTensor]] | None:
    """The weights of encoder and decoder, in one file or two; None if it has others."""
    entries = loaded if isinstance(loaded, Mapping) else {}
    found = [
        next((each for key, value in entries.items() if sign in str(key).lower() and (each := weights_in(value))), {})
        for sign in ("enc", "dec")
    ]
    beside = path.with_name(path.name.replace("encoder", "decoder"))
    if not found[0] and beside != path and beside.is_file():
        found = [weights_in(loaded), weights_in(read_torch(beside))]
    if not all(each.keys() >= SIGNS for each in found) or "out.weight" not in found[1]:
        return None
    return found[0], found[1]


def _words(loaded: Any, path: Path, size_in: int, size_out: int) -> tuple[Words, Words]:
    entries = loaded if isinstance(loaded, Mapping) else {}
    found = [
        next((words for key, value in entries.items() if str(key).startswith(start) and (words := _lang(value))), None)
        for start in ("in", "out")
    ]
    if found[0] is None or found[1] is None:
        source, target = words_beside(path, size_in, size_out)
        return _marked(source), _marked(target)
    return found[0], found[1]


def _lang(value: Any) -> Words | None:
    return words_of(value, ("bos", "eos"))


def _marked(words: Words) -> Words:
    """The words of a list that begins with SOS and EOS."""
    return words if words.bos is not None and words.eos is not None else Words(words.tokens, bos=0, eos=1)
