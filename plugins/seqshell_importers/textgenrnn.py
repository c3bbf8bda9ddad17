"""The importer `textgenrnn`: the weights of https://github.com/minimaxir/textgenrnn, of characters or words.

A model reads the last tokens again for each one, and averages its layers by attention. NAME_weights.hdf5 has the layers
`embedding`, `rnn_1` and so on, `attention` and `output`; NAME_vocab.json beside it, the ids of the tokens, from 1 on;
NAME_config.json, the number of tokens that are read. The id 0 is that of padding and of unknown tokens. <s> begins and
ends a text, and none before it is read; here, it ends a line, if the vocabulary has no other token for that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError, ForeignModel, ListTokenizer, Task, recognise_file, vocabularies_in
from seqshell_importers.json_files import json_of
from seqshell_importers.keras_files import read_keras_weights
from seqshell_importers.keras_gates import keras_gates

META = "<s>"
LENGTH = 40  # tokens, if no config says otherwise
Layers = Mapping[str, Mapping[str, NDArray[Any]]]


def read_textgenrnn(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Import a .hdf5 with these layers; None for other files."""
    if recognise_file(path).kind != "keras":
        return None
    layers = read_keras_weights(path)
    if not layers.keys() >= {"embedding", "rnn_1", "attention", "output"}:
        return None
    try:
        config, weights = _model(layers)
    except (KeyError, ValueError, IndexError) as error:
        raise CheckpointError(
            f"{path.name}: its weights do not fit the nearest architecture, window_lstm: {str(error)[:100]}"
        ) from None
    name = re.sub("_weights.*", "", path.stem)
    described = json_of(path.with_name(f"{name}_config.json"))
    length = described.get("max_length", LENGTH) if isinstance(described, Mapping) else LENGTH
    size = config["vocab_size"]
    found = [options["vocabulary"]] if options.get("vocabulary") else []
    found = found or vocabularies_in(json_of(path.with_name(f"{name}_vocab.json")), size)
    tokens = [str(token) for token in found[0]] if len(found) == 1 and len(found[0]) == size else []
    return ForeignModel(
        Task.GENERATE,
        "window_lstm",
        {**config, "context_length": length, "start_token": tokens.index(META) if META in tokens else -1},
        {key: np.array(array, np.float32) for key, array in weights.items()},
        _tokenizer(tokens) if tokens else None,
        about=f"imported from {path.name}",
    )


def _model(layers: Layers) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The config without the window, and the weights. Raises KeyError or ValueError if they do not fit each other."""
    vectors, output = layers["embedding"]["embeddings"], layers["output"]
    (attention,) = layers["attention"].values()
    stack = [layers[f"rnn_{number}"] for number in range(1, len(layers)) if f"rnn_{number}" in layers]
    both = any(part.startswith("backward/") for part in stack[0])
    weights = {
        "embedding.weight": np.concatenate([vectors[:1], vectors]),  # what is before a text is padding, whose id is 0
        "attention.weight": attention.T,
        "readout.weight": output["kernel"].T,
        "readout.bias": output["bias"],
    }
    for number, layer in enumerate(stack):
        for prefix, suffix in (("forward/", ""), ("backward/", "_reverse")) if both else (("", ""),):
            parts = {name.removeprefix(prefix): array for name, array in layer.items() if name.startswith(prefix)}
            gates = keras_gates("lstm", parts)
            named = gates.torch_weights(f"recurrent.{number}.")
            weights |= {f"{name}{suffix}": array for name, array in named.items()}
    config = {"vocab_size": len(vectors), "embed_size": vectors.shape[1], "hidden_size": gates.size}
    return config | {"num_layers": len(stack), "bidirectional": both}, weights


def _tokenizer(tokens: list[str]) -> ListTokenizer:
    """The tokens, of which the first one stands for unknown ones."""
    roles = {"unk": 0}
    if META in tokens:
        roles["eos" if "\n" in tokens else "line_end"] = tokens.index(META)
    return ListTokenizer(tokens, unit=ListTokenizer.of(tokens).unit, **roles)
