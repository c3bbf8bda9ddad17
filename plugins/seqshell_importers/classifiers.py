"""A classifier of another program: an embedding, recurrent layers, pooling over time and a read-out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError, ForeignModel, Task
from seqshell_importers.class_tokens import labels_of, with_specials
from seqshell_importers.torch_layers import Gates


def classifier(
    cell: str,
    embedding: NDArray[Any] | None,
    stack: Sequence[Gates],
    readout: NDArray[Any],
    bias: NDArray[Any],
    path: Path,
    options: Mapping[str, Any],
    *,
    both: bool = False,
    pooling: str = "last",
) -> ForeignModel:
    """The model of an embedding [V, E], layers and a read-out [C, H], which may be one sigmoid: its input is then the
    logit of the second of two labels.

    stack: with `both`, the directions of each layer after each other. path: of the file. options: with the tokens and a
    map. Raises CheckpointError for what no architecture has, and UsageError without tokens.
    """
    if embedding is None or any(gates.reset == "before" for gates in stack):
        kind = "GRU with reset_after=False" if embedding is not None else "one-hot inputs"
        raise CheckpointError(f"a classifier with {kind} fits no architecture")
    if len(readout) == 1:
        readout, bias = np.concatenate([0 * readout, readout]), np.concatenate([0 * bias, bias])
    tokenizer, vectors = with_specials(options.get("vocabulary", ()), embedding, path.name)
    config = {"vocab_size": len(vectors), "num_classes": len(readout), "cell": cell, "embed_size": vectors.shape[1]}
    config |= {"hidden_size": stack[0].size, "num_layers": len(stack) // (2 if both else 1), "pooling": pooling}
    if cell == "rnn" and stack[0].nonlinearity:
        config["nonlinearity"] = stack[0].nonlinearity
    weights = {"embedding.weight": vectors, "readout.weight": readout, "readout.bias": bias}
    for number, gates in enumerate(stack):
        direction = f"{number // 2}.{('ahead', 'back')[number % 2]}.0" if both else number
        weights |= gates.torch_weights(f"recurrent.{direction}.")
    return ForeignModel(
        Task.CLASSIFY,
        "bidirectional_classifier" if both else "classifier",
        {**config, "max_length": 0},
        {name: np.array(array, np.float32) for name, array in weights.items()},
        tokenizer,
        about=f"imported from {path.name}",
        labels=labels_of(options, len(readout)),
    )
