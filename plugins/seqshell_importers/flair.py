"""The importer `flair`: character language models of flair (Akbik et al. 2018, https://aclanthology.org/C18-1139).

A .pt with a dict: `state_dict` with encoder [V, E], rnn (an nn.LSTM), perhaps proj [P, H], and decoder [V, H or P]; the
sizes; `is_forward_lm`; and `dictionary`, an object with the characters by id, as bytes, <unk> first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError, ForeignModel, SeqshellError, StoredTensor, read_torch, recognise_file
from seqshell_importers.state_dict import language_model
from seqshell_importers.weight_sets import Weight

KEYS = {"state_dict", "is_forward_lm", "hidden_size", "nlayers", "embedding_size"}


class _Product:
    """The read-out after a projection, which is linear, too: one matrix or one vector."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values
        self.shape, self.kind, self.is_float = values.shape, "float32", True

    def numpy(self) -> NDArray[Any]:
        return self._values


def read_flair(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Import a language model of flair; None for other files."""
    if not recognise_file(path).is_torch:
        return None
    loaded = read_torch(path)
    if not isinstance(loaded, Mapping) or not loaded.keys() >= KEYS:
        return None
    try:
        if not isinstance(state := loaded["state_dict"], Mapping):
            raise CheckpointError("its state_dict is no dict of weights")
        tensors = {str(name): each for name, each in state.items() if isinstance(each, StoredTensor)}
        model = language_model(loaded, _without_projection(tensors), options.get("weights", {}), options)
    except SeqshellError as error:
        raise type(error)(f"{path.name}: {error.message}") from None
    backward = "" if loaded["is_forward_lm"] else "; it reads and writes text backwards, from its last character"
    return replace(model, about=f"imported from {path.name}{backward}")


def _without_projection(tensors: Mapping[str, Weight]) -> dict[str, Weight]:
    """The weights with decoder and proj as one decoder. Raises CheckpointError if their shapes do not fit."""
    rest = {name: tensor for name, tensor in tensors.items() if not name.startswith("proj.")}
    parts = [tensors.get(name) for name in ("proj.weight", "proj.bias", "decoder.weight", "decoder.bias")]
    if parts[0] is None:
        return rest
    shapes = [None if part is None else tuple(part.shape) for part in parts]
    size, hidden = shapes[0] if shapes[0] and len(shapes[0]) == 2 else (0, 0)
    vocab = shapes[2][0] if shapes[2] else 0
    if shapes != [(size, hidden), (size,), (vocab, size), (vocab,)] or not size:
        raise CheckpointError(
            f"proj.weight {shapes[0]}, proj.bias {shapes[1]}, decoder.weight {shapes[2]} and decoder.bias {shapes[3]} "
            "do not fit; the nearest architecture is lstm with one read-out [V, H]"
        )
    proj, proj_bias, decoder, bias = (np.asarray(part.numpy(), np.float32) for part in parts if part is not None)
    return {
        **rest,
        "decoder.weight": _Product(decoder @ proj),
        "decoder.bias": _Product(decoder @ proj_bias + bias),
    }
