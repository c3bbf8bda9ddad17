"""Save a torch module as a checkpoint that `seqshell -m` opens. torch is imported inside the functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.model import Architecture, Series
from seqshell.core.version import __version__
from seqshell.host import Registry
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.models.building import fitting, read_config
from seqshell.models.decoder_checks import difference
from seqshell.models.decoders import decoders_of
from seqshell.models.ownership import tokenizer_owners
from seqshell.models.series_header import series_json
from seqshell.models.task_parts.parts import parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.tokenizers import Tokenizer

MAX_DIFFERENCE = 1e-4  # between an output of a module and of its decoder, in float32


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
) -> Path:
    """Write a trained torch module as a checkpoint that `seqshell -m` opens, and return its path.

    path: a path, or a name for a file in the user's models folder. architecture: its name, or owner/name.
    config: default, module.config.
    tokenizer, source_tokenizer: of the model's output and, for a translation model, of its input.
    data: what it was trained on, in words. defaults: its default settings ("strategy", "sampler", "max_tokens").
    languages: the names of a translation model's source and target. labels: a classifier's classes, by number.
    series: what a forecaster was trained on; it needs no tokenizer. dtype: how floating-point weights are stored.

    Raises CheckpointError if weights are not finite, a tokenizer does not fit, the file could not be opened again, or
    an output of the architecture's decoder differs from the module's by more than 1e-4.
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
        "defaults": dict(defaults or {}),
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
    _compare(offered, read, module)
    file.write(target, header, weights)
    return target


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


def _compare(architecture: Architecture, config: Any, module: Any) -> None:
    """Raise CheckpointError if a decoder of the architecture differs from the module over a few steps in float32."""
    if not architecture.decoders:
        return
    import copy

    from seqshell.models.torch_decoder import wrap_module

    reference = wrap_module(architecture, copy.deepcopy(module).float().cpu())
    weights = _weights(module, "float32")
    for name, make in decoders_of(architecture):
        with fitting(architecture):
            decoder = make(config, weights)
        apart = difference(decoder, reference, architecture, config)
        if not apart <= MAX_DIFFERENCE:  # also refuses NaN
            which = f" {name}" if len(architecture.decoders) > 1 else ""
            raise CheckpointError(
                f"an output of the decoder{which} of {architecture.name} differs from its module's by {apart:.2g}; "
                f"at most {MAX_DIFFERENCE:g} is allowed"
            )
