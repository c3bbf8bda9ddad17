"""The importer `mamba2`: language models of Mamba-2 in safetensors, named as Hugging Face's Mamba2ForCausalLM.

    backbone.embeddings.weight [V, D], backbone.norm_f.weight [D], lm_head.weight [V, D] unless it is the embedding
    backbone.layers.{layer}.norm.weight, and below backbone.layers.{layer}.mixer.: A_log, D, dt_bias, conv1d.weight,
    conv1d.bias, in_proj.weight, norm.weight, out_proj.weight

The shapes give all sizes but the number of groups, which is 1, or n_groups of a config.json beside the file, or in a
map:

    [config]
    num_groups = 8
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError, ForeignModel, Task, UsageError, recognise_file

OUTER = {
    "backbone.embeddings.weight": "embedding.weight",
    "backbone.norm_f.weight": "norm.weight",
    "lm_head.weight": "readout.weight",
}
INNER = {
    "norm.weight": "norm.weight",
    "mixer.A_log": "cell.decay",
    "mixer.D": "cell.skip",
    "mixer.dt_bias": "cell.step_bias",
    "mixer.conv1d.weight": "cell.conv.weight",
    "mixer.conv1d.bias": "cell.conv.bias",
    "mixer.in_proj.weight": "cell.input.weight",
    "mixer.norm.weight": "cell.norm.weight",
    "mixer.out_proj.weight": "cell.output.weight",
}
LAYER = re.compile(r"backbone\.layers\.(\d{1,3})\.(.+)")
MARK = "backbone.layers.0.mixer.A_log"


def read_mamba2(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Import a Mamba-2 language model. Returns None for files of another kind, and for Mamba-1.

    Raises CheckpointError if tensors are missing, unknown or do not fit, and UsageError for an invalid map.
    """
    if recognise_file(path).kind != "safetensors":
        return None
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:  # with torch, because numpy has no bfloat16
            names = set(file.keys())
            if MARK not in names or len(file.get_slice(MARK).get_shape()) != 1:  # Mamba-1 has a decay for each number
                return None
            weights = {own: _floats(path, name, file.get_tensor(name)) for name, own in _own_names(path, names)}
    except SafetensorError as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path.name}: not a readable safetensors file: {reason}") from None
    config = _sizes(path, weights) | _other_settings(path, options)
    groups = config["num_groups"]
    config["state_size"] //= 2 * groups
    return ForeignModel(Task.GENERATE, "mamba2", config, weights, tokenizer=None, about=f"imported from {path.name}")


def _own_names(path: Path, names: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the name of each tensor in the file and in our architecture."""
    for name in sorted(names):
        match = LAYER.fullmatch(name)
        if match and match[2] in INNER:
            yield name, f"blocks.{int(match[1])}.{INNER[match[2]]}"
        elif name in OUTER:
            yield name, OUTER[name]
        else:
            raise CheckpointError(f"{path.name}: {name} is no tensor of Mamba2ForCausalLM with its default settings")


def _floats(path: Path, name: str, tensor: Any) -> NDArray[Any]:
    if not tensor.is_floating_point():
        kind = str(tensor.dtype).removeprefix("torch.")
        raise CheckpointError(f"{path.name}: {name} is of type {kind}; weights must be floating-point tensors")
    return np.ascontiguousarray(tensor.float().numpy())


def _sizes(path: Path, weights: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """The settings that the shapes show; state_size: still of all groups, for B and C. Adds the read-out's biases."""
    try:
        vocab_size, size = weights["embedding.weight"].shape
        (heads,), (inner,) = weights["blocks.0.cell.decay"].shape, weights["blocks.0.cell.norm.weight"].shape
        channels, _, conv_size = weights["blocks.0.cell.conv.weight"].shape
    except KeyError as error:
        raise CheckpointError(f"{path.name}: the weights of Mamba-2 are incomplete: no {error.args[0]}") from None
    except ValueError:
        raise CheckpointError(f"{path.name}: the weights do not have the shapes of Mamba-2") from None
    weights["readout.bias"] = np.zeros(vocab_size, np.float32)
    layers = {name.split(".")[1] for name in weights if name.startswith("blocks.")}
    return {
        "vocab_size": vocab_size,
        "embed_size": size,
        "num_layers": len(layers),
        "num_heads": heads,
        "head_size": inner // max(1, heads),
        "state_size": channels - inner,
        "conv_size": conv_size,
        "mlp_size": 0,
        "tied": "readout.weight" not in weights,
    }


def _other_settings(path: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """num_groups, from the map or config.json. Raises CheckpointError for settings that mamba2 does not have."""
    import json

    chosen = options.get("config", {})
    if not isinstance(chosen, Mapping) or chosen.keys() - {"num_groups"}:
        raise UsageError("[config] of a map for mamba2 can have num_groups alone")
    found: Any = {}
    beside = path.parent / "config.json"
    if beside.is_file() and beside.stat().st_size < 1_000_000:
        try:
            found = json.loads(beside.read_bytes())
        except (ValueError, RecursionError):
            raise CheckpointError(f"{beside.name} beside {path.name} is not JSON; correct or remove it") from None
    found = found if isinstance(found, dict) else {}
    for key, expected in (("hidden_act", "silu"), ("layer_norm_epsilon", 1e-5), ("use_bias", False)):
        if found.get(key, expected) != expected:
            raise CheckpointError(f"{path.name}: {key} is {found[key]!r:.40}; mamba2 has {expected}")
    groups = chosen.get("num_groups", found.get("n_groups", 1))
    if type(groups) is not int or groups < 1:
        raise UsageError(f"num_groups must be a number of at least 1, not {groups!r:.40}")
    return {"num_groups": groups}
