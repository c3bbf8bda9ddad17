"""The importer `char_rnn_js`: models of char-rnn.js (https://github.com/garywang/char-rnn.js), trained by char-rnn.

The user names the .json beside the .dat of the same name. It has `vocab`, the id of each byte or null, and `arrays`,
each with its shape `dim` and its place in the .dat, in float32: weight and bias of the inputs and of the hidden state
of each LSTM layer, whose gates are input, forget, output and candidate, and those of the read-out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError, ForeignModel, Task, tokenizer_of
from seqshell_importers.json_files import floats_at, json_of, numbers_of

PER_LAYER = 4  # arrays


def read_char_rnn_js(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Import the model that this .json describes; None for other files."""
    if not isinstance(found := json_of(path), Mapping):
        return None
    vocab, entries = found.get("vocab"), found.get("arrays")
    if not isinstance(vocab, list) or not isinstance(entries, list) or len(entries) % PER_LAYER != 2:
        return None
    data = numbers_of(path.with_suffix(".dat"))
    arrays = [_array(path, data, entry, number) for number, entry in enumerate(entries)]
    *layers, readout, bias = arrays
    size, hidden, num_layers = len(bias), readout.shape[-1], len(layers) // PER_LAYER
    weights = {"readout.weight": readout, "readout.bias": bias}
    for number in range(num_layers):
        for place, part in enumerate(("weight_ih", "bias_ih", "weight_hh", "bias_hh")):
            i, f, o, g = np.array_split(layers[PER_LAYER * number + place], 4)
            weights[f"recurrent.{number}.{part}_l0"] = np.concatenate((i, f, g, o))
    for number in range(num_layers):
        inputs = hidden if number else size
        for part, shape in (("weight_ih", (4 * hidden, inputs)), ("weight_hh", (4 * hidden, hidden))):
            actual = weights[f"recurrent.{number}.{part}_l0"].shape
            if actual != shape:
                raise CheckpointError(
                    f"{path.name}: the {part} of layer {number} is {list(actual)}, "
                    f"not {list(shape)}, as the nearest architecture, lstm with {hidden} units, needs"
                )
    bytes_by_id = {number: byte for byte, number in enumerate(vocab) if type(number) is int}
    if sorted(bytes_by_id) != list(range(size)) or len(vocab) > 256:
        raise CheckpointError(f"{path.name}: its vocab does not have the ids 0 to {size - 1}, each once")
    return ForeignModel(
        Task.GENERATE,
        "lstm",
        {"vocab_size": size, "embed_size": 0, "hidden_size": hidden, "num_layers": num_layers},
        weights,
        tokenizer=tokenizer_of([bytes_by_id[number] for number in range(size)]),
        about=f"imported from {path.name}",
    )


def _array(path: Path, data: bytes, entry: Any, number: int) -> NDArray[Any]:
    """An array of the .dat."""
    shape, start = (entry.get("dim"), entry.get("offset")) if isinstance(entry, Mapping) else (None, None)
    if (array := floats_at(data, shape, start)) is None:
        raise CheckpointError(
            f"{path.name}: array {number} needs a dim and an offset in {path.stem}.dat, which has {len(data):,} bytes, "
            f"not {shape!r:.40} at {start!r:.40}"
        )
    return array
