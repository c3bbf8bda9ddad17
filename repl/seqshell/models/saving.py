"""Save a torch module as a checkpoint that `seqshell -m` opens. torch is imported inside the functions."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, UsageError, reason_of
from seqshell.core.model import Architecture, Series
from seqshell.core.version import __version__
from seqshell.host import Registry
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.models.building import read_config
from seqshell.models.ownership import decoding_owners, tokenizer_owners
from seqshell.models.series_header import series_json
from seqshell.models.task_parts.parts import Inputs, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.tokenizers import Tokenizer


def save_checkpoint(
    path: str | Path,
    *,
    architecture: str,
    module: Any,
    tokenizer: Tokenizer | None = None,
    source_tokenizer: Tokenizer | None = None,
    data: str = "",
    config: Any = None,
    defaults: Mapping[str, Any] | None = None,
    examples: Iterable[str] = (),
    about: str = "",
    provenance: Mapping[str, Any] | None = None,
    languages: Iterable[str] = (),
    labels: Iterable[str] = (),
    series: Series | None = None,
    dtype: Literal["float32", "float16"] = "float32",
    registry: Registry | None = None,
    inputs: Inputs | None = None,
    warn: Callable[[str], None] | None = None,
) -> Path:
    """Write a trained torch module as a checkpoint that `seqshell -m` opens, and return its path.

    path: a path, or a name for a file in the user's models folder. architecture: its name, or owner/name.
    config: default, module.config.
    tokenizer, source_tokenizer: of the model's output and, for a translation model, of its input.
    data: what it was trained on, in words. defaults: its default settings ("strategy", "sampler", "max_tokens").
    languages: the names of a translation model's source and target. labels: a classifier's classes, by number.
    series: what a forecaster was trained on; it needs no tokenizer. dtype: how floating-point weights are stored.
    inputs: what the architecture's decoder and the module are compared on; default, random ones. If the decoder fails
    or its outputs differ by more than rounding explains, the checkpoint is marked to run in torch, with the module.
    warn: called with a message then; default, a RuntimeWarning.

    Raises CheckpointError if weights are not finite, a tokenizer does not fit, or the file could not be opened again.
    """
    registry = registry or load_registry()
    target = paths.output_path(path, "models")
    offered: Architecture = registry.lookup("architecture", architecture)
    owner = registry.plugin(registry.owner("architecture", architecture))
    settings = dataclasses.asdict(module.config if config is None else config)
    weights = _weights(module, dtype)
    if series is not None:
        from seqshell.core.series_tokenizer import Values

        tokenizer = Values(series.columns)
    parts = parts_of(offered.task)
    if tokenizer is None:
        raise UsageError(f"save_checkpoint needs {parts.saved_with}= for a model for the task {offered.task}")
    if offered.shares_vocabulary and source_tokenizer not in (None, tokenizer):
        raise UsageError(f"{offered.name} has one vocabulary: pass the same object as tokenizer and source_tokenizer")
    tokenizers = {"tokenizer": tokenizer, **({"source_tokenizer": source_tokenizer} if source_tokenizer else {})}
    header = {
        "kind": "model",
        "architecture": offered.name,
        "owner": owner.name,
        "owner_version": owner.version,
        **({"owner_distribution": owner.distribution} if owner.distribution and not owner.builtin else {}),
        "task": str(offered.task),
        "config": settings,
        **{key: {"name": each.name, **each.to_json()} for key, each in tokenizers.items()},
        **({"tokenizer_owners": owners} if (owners := tokenizer_owners(tokenizers, registry)) else {}),
        "defaults": (chosen := dict(defaults or {})),
        **({"decoding_owners": users} if (users := _decoding_owners(chosen, registry)) else {}),
        **({"languages": list(languages)} if (languages := tuple(languages)) else {}),
        **({"labels": list(labels)} if (labels := tuple(labels)) else {}),
        **({"series": series_json(series)} if series is not None else {}),
        "examples": list(examples),
        "about": about,
        "provenance": {**({"data": {"name": data}} if data else {}), "seqshell": __version__, **(provenance or {})},
        "parameters": sum(parameter.numel() for parameter in module.parameters())
        or sum(values.size for values in weights.values()),
    }
    read = read_config(offered, settings)
    parts.read(header, read, registry)
    reason, message = _compared(offered, read, module, inputs)
    file.write(target, {**header, "runs_in_torch": reason} if reason else header, weights)
    if message and warn is None:
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    elif message and warn is not None:
        warn(message)
    return target


def _decoding_owners(defaults: Mapping[str, Any], registry: Registry) -> Mapping[str, Any]:
    sampler, strategy = (str(defaults.get(key) or "") for key in ("sampler", "strategy"))
    return decoding_owners([sampler], strategy, registry.samplers, registry.strategies)


def _weights(module: Any, dtype: str) -> dict[str, NDArray[Any]]:
    """Return the module's state_dict in numpy, floating-point weights as `dtype`."""
    import numpy as np
    import torch

    if dtype not in ("float32", "float16"):
        raise UsageError(f"weights are stored as float32 or float16, not {dtype!r}")
    weights = {}
    for name, value in module.state_dict().items():
        value = value.detach().cpu()
        values = (value.to(getattr(torch, dtype)) if value.is_floating_point() else value).numpy()
        if not np.isfinite(values).all():
            raise CheckpointError(f"the weight {name} has values that are not finite in {dtype}")
        weights[name] = values
    return weights


def _compared(architecture: Architecture, config: Any, module: Any, inputs: Inputs | None) -> tuple[str, str]:
    """Return why the module must be used instead of the architecture's decoders, and a note for the user.

    Both are empty if the decoders give the module's outputs.
    """
    if not architecture.decoders:
        return "", ""
    from seqshell.models.decoder_comparison import disagreement

    weights = _weights(module, "float32")
    if inputs is None:
        inputs = parts_of(architecture.task).random_inputs(config)
    try:
        reason = disagreement(architecture, config, module, weights, inputs)
    except Exception as error:  # of the module: then torch could not run it either
        failed = f"its module fails: {reason_of(error)}"
        return "", f"the decoder of {architecture.name} was not compared with its module: {failed}"
    return reason, reason and f"{reason}; the checkpoint keeps the module, and the model runs in torch"
