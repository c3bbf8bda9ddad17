"""The importer `min_char_rnn`: the weights of min-char-rnn (https://gist.github.com/karpathy/d4dee566867f8291f086).

A .npz with the names of that program: Wxh [H, V], Whh [H, H], Why [V, H], bh [H, 1] and by [V, 1]. Its characters are
in an array such as `chars`, or with their numbers in a dict such as `char_to_ix`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqshell import CheckpointError, ForeignModel, Task, read_npz, recognise_file
from seqshell_importers.own_tokens import own_tokenizer

NAMES = ("Wxh", "Whh", "Why", "bh", "by")


def read_min_char_rnn(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Import a .npz with these arrays; None for other files."""
    if recognise_file(path).kind != "arrays":
        return None
    arrays = read_npz(path)
    if not all(isinstance(array := arrays.get(name), np.ndarray) and array.dtype.kind == "f" for name in NAMES):
        return None
    wxh, whh, why, bh, by = (np.asarray(arrays[name], np.float32) for name in NAMES)
    units, size = (*wxh.shape, 0, 0)[:2]
    for name, array, shape in (("Whh", whh, (units, units)), ("Why", why, (size, units))):
        if array.shape != shape:
            raise CheckpointError(
                f"{path.name}: {name} {list(array.shape)} does not fit Wxh {list(wxh.shape)}; "
                f"an rnn with these inputs has {name} {list(shape)}"
            )
    if bh.size != units or by.size != size:
        raise CheckpointError(f"{path.name}: bh and by must have {units} and {size} numbers, not {bh.size}, {by.size}")
    layer = "recurrent.0."
    return ForeignModel(
        Task.GENERATE,
        "rnn",
        {"vocab_size": size, "embed_size": 0, "hidden_size": units, "num_layers": 1, "nonlinearity": "tanh"},
        {
            f"{layer}weight_ih_l0": wxh,
            f"{layer}weight_hh_l0": whh,
            f"{layer}bias_ih_l0": bh.reshape(-1),
            f"{layer}bias_hh_l0": np.zeros(units, np.float32),
            "readout.weight": why,
            "readout.bias": by.reshape(-1),
        },
        tokenizer=own_tokenizer(arrays, size),
        about=f"imported from {path.name}",
    )
