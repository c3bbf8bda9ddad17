"""Open a checkpoint, or several as an ensemble, as a model.

torch is imported only for architectures without a numpy decoder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.model import Model
from seqshell.core.precisions import PRECISIONS
from seqshell.host import Registry
from seqshell.models import file
from seqshell.models.building import build_decoder, read_config
from seqshell.models.decoder_checks import check_step
from seqshell.models.ownership import find_architecture, versions_apart
from seqshell.models.precision import in_precision
from seqshell.models.task_parts.parts import parts_of


def open_model(word: str | Path, registry: Registry, precision: str = PRECISIONS[0]) -> Model:
    """Open the checkpoint with this name or path, with its weights in a precision: float32, bf16 or int8.

    A+B is an ensemble, whose probabilities are the mean of those of its models. Raises CheckpointError with what is
    wrong with the file, or which plugin it needs, and UsageError for models that do not fit together.
    """
    if members := paths.ensemble_members(word, registry.checkpoint_folders):
        return open_ensemble(members, registry, precision)
    path = paths.find_checkpoint(word, registry.checkpoint_folders)
    header, weights = file.read(path)
    file.require_kind(header, "model", path, word)
    known, architecture = find_architecture(header, registry, path.name)
    try:
        config = read_config(architecture, header["config"])
        contents = parts_of(architecture.task).read(header, config, registry)
        decoder = build_decoder(architecture, config, weights, in_torch=bool(header.get("runs_in_torch")))
        check_step(decoder, architecture, contents)
        decoder, error_of_logits = in_precision(decoder, precision, architecture)
    except CheckpointError as error:
        raise CheckpointError(
            f"{path.name}: {error.message}{versions_apart(header, registry)}", hint=error.hint
        ) from None
    return Model(
        name=path.name.removesuffix(paths.ENDING),
        task=architecture.task,
        architecture=known,
        decoder=decoder,
        tokenizer=contents.tokenizer,
        fingerprint=file.fingerprint(header, weights),
        causal=architecture.causal,
        path=path,
        header=header,
        num_parameters=header.get("parameters", sum(values.size for values in weights.values())),
        source_tokenizer=contents.source_tokenizer,
        labels=contents.labels,
        series=contents.series,
        grows=architecture.grows,
        weights=precision,
        logit_error=error_of_logits,
    )


def open_ensemble(members: Sequence[str | Path], registry: Registry, precision: str = PRECISIONS[0]) -> Model:
    """The mixture of the models with these names or paths, in equal shares. Errors as `open_model`."""
    from seqshell.models.mixture import mixed_model

    if precision != PRECISIONS[0]:
        raise UsageError(f"the models of an ensemble have weights in {PRECISIONS[0]}, not {precision}")
    for name in members:
        if members.count(name) > 1:
            raise UsageError(f"{name} is named twice; an ensemble needs different models")
    return mixed_model([open_model(name, registry) for name in members], [1.0] * len(members))


class ModelOpener:
    """Opens models by name or path, as strategies ask for them; each once, as long as its file does not change."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._models: dict[tuple[Path, int], Model] = {}

    def __call__(self, name: str) -> Model:
        """The model. Raises CheckpointError if it cannot be opened."""
        path = paths.without_links(paths.find_checkpoint(name, self._registry.checkpoint_folders))
        key = path, os.stat(path).st_mtime_ns if path.exists() else 0
        if key not in self._models:
            self._models[key] = open_model(path, self._registry)
        return self._models[key]
