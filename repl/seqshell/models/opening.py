"""From a checkpoint's name to a model. torch is imported only for models without a decoder of their own."""

from __future__ import annotations

from pathlib import Path

from seqshell.core import paths
from seqshell.core.errors import CheckpointError
from seqshell.core.model import Model
from seqshell.host import Registry
from seqshell.models import file
from seqshell.models.building import build_decoder, read_config, read_labels, read_tokenizers, try_step
from seqshell.models.ownership import find_architecture, versions_apart
from seqshell.models.series_header import read_series


def open_model(word: str | Path, registry: Registry) -> Model:
    """The model of a name or path. CheckpointError says what is wrong with the file, or which plugin it needs."""
    path = paths.find_checkpoint(word, registry.checkpoint_folders)
    header, weights = file.read(path)
    if header["kind"] != "model":
        raise CheckpointError(f"{path.name} is a saved session, not a model", hint=f"/restore {word}")
    known, architecture = find_architecture(header, registry, path.name)
    try:
        config = read_config(architecture, header["config"])
        tokenizer, source_tokenizer = read_tokenizers(header, architecture.task, config, registry)
        decoder = build_decoder(architecture, config, weights)
        series = read_series(header, architecture.task, config)
        labels = read_labels(header, architecture.task, config)
        try_step(decoder, architecture, tokenizer, series, labels)
    except CheckpointError as error:
        raise CheckpointError(
            f"{path.name}: {error.message}{versions_apart(header, registry)}", hint=error.hint
        ) from None
    return Model(
        name=path.name.removesuffix(paths.ENDING),
        task=architecture.task,
        architecture=known,
        decoder=decoder,
        tokenizer=tokenizer,
        fingerprint=file.fingerprint(header, weights),
        causal=architecture.causal,
        path=path,
        header=header,
        num_parameters=header.get("parameters", sum(values.size for values in weights.values())),
        source_tokenizer=source_tokenizer,
        labels=labels,
        series=series,
    )
