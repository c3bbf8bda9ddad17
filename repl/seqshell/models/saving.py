"""From a torch module to a checkpoint that `seqshell -m` opens. torch is imported inside the functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.model import Architecture, Series, Task
from seqshell.core.version import __version__
from seqshell.host import Registry
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.models.building import difference, fitting, read_config, read_labels, read_tokenizers
from seqshell.models.decoders import decoders_of
from seqshell.models.ownership import tokenizer_owners
from seqshell.models.series_header import read_series, series_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.tokenizers import Tokenizer

MAX_DIFFERENCE = 1e-4  # between the logits of a module and of its decoder, in float32


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
    """Write a trained torch module as a checkpoint that `seqshell -m` opens, and return where it was written.

    path: a name goes to the user's models folder. architecture: its name, or owner/name. config: default, module.config.
    tokenizer, source_tokenizer: of what it writes and, for a model that translates, of what it reads.
    data: what it was trained on, in words. defaults: how the model wants to be used ("strategy", "sampler", "max_tokens").
    languages: what source and target of a model that translates are called. labels: the classes of a model that classifies, by number.
    series: what a model that forecasts was trained on; it needs no tokenizer. dtype: how floating-point weights are stored.
    CheckpointError when the weights are not finite, when a tokenizer does not fit, when the file could not be opened again, or when
    the architecture's decoder differs from the module by more than 1e-4 in a logit.
    """
    registry = registry or load_registry()
    target = paths.place(path, "models")
    offered: Architecture = registry.lookup("architecture", architecture)
    owner = registry.plugin(registry.owner("architecture", architecture))
    settings = dataclasses.asdict(module.config if config is None else config)
    weights = _weights(module, dtype)
    if series is not None:
        from seqshell.core.series_tokenizer import Values

        tokenizer = Values(series.columns)
    if tokenizer is None:
        raise UsageError(
            f"a model for the task {offered.task} is saved with its {'series' if offered.task is Task.FORECAST else 'tokenizer'}"
        )
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
    read_tokenizers(header, offered.task, read, registry)
    read_series(header, offered.task, read)
    read_labels(header, offered.task, read)
    _compare(offered, read, module)
    file.write(target, header, weights)
    return target


def _weights(module: Any, dtype: str) -> dict[str, NDArray[Any]]:
    """The module's state_dict in numpy, floating-point weights as `dtype`."""
    import numpy as np
    import torch

    if dtype not in ("float32", "float16"):
        raise UsageError(f"weights are stored as float32 or float16, not {dtype!r}")
    weights = {}
    for name, value in module.state_dict().items():
        value = value.detach().cpu()
        values = (value.to(getattr(torch, dtype)) if value.is_floating_point() else value).numpy()
        if not np.isfinite(values).all():
            raise CheckpointError(f"the weight {name} holds values that are no finite {dtype}")
        weights[name] = values
    return weights


def _compare(architecture: Architecture, config: Any, module: Any) -> None:
    """CheckpointError if a decoder of the architecture and the module disagree over a few steps, both in float32."""
    if not architecture.decoders:
        return
    import copy

    from seqshell.models.torch_decoder import TorchDecoder

    reference = TorchDecoder(
        copy.deepcopy(module).float().cpu(), causal=architecture.causal, is_padded=architecture.task is Task.CLASSIFY
    )
    weights = _weights(module, "float32")
    for name, make in decoders_of(architecture):
        with fitting(architecture):
            decoder = make(config, weights)
        apart = difference(decoder, reference, architecture, config)
        if not apart <= MAX_DIFFERENCE:  # written so that NaN is refused
            which = f" {name}" if len(architecture.decoders) > 1 else ""
            raise CheckpointError(
                f"the decoder{which} of {architecture.name} differs from its module by {apart:.2g} in a logit; "
                f"{MAX_DIFFERENCE:g} is allowed"
            )
