"""From a checkpoint's name to a model and a session on it, and from a torch module to a checkpoint.

torch is imported only for models without a decoder of their own, and when a module is saved.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seqshell import __version__
from seqshell.core import paths
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.model import Architecture, Model, Series, Task
from seqshell.host import Policy, Registry, build_registry, builtin
from seqshell.models import file
from seqshell.models.building import build_decoder, difference, read_config, read_labels, read_tokenizers, try_step
from seqshell.models.ownership import find_architecture, tokenizer_owners, versions_apart
from seqshell.models.series_header import read_series, series_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.tokenizers import Tokenizer
    from seqshell.session import Session

MAX_DIFFERENCE = 1e-4  # between the logits of a module and of its decoder, in float32


def load_registry(
    policy: Policy | None = None, *, modules: Iterable[Any] = (), on_slow: Callable[[str], None] | None = None
) -> Registry:
    """What seqshell itself, the built-in plugins and the user's plugins offer. `modules`: further plugins as objects. on_slow: as
    `build_registry` has it."""
    return build_registry([builtin], policy, modules=tuple(modules), on_slow=on_slow)


def open(name: str | Path, *, registry: Registry | None = None, seed: int = 0) -> Session:
    """A live session on a checkpoint, by name or path: no terminal, and no torch where the architecture has a decoder."""
    registry = registry or load_registry()
    return start_session(open_model(name, registry), registry, seed=seed)


def start_session(model: Model, registry: Registry, *, seed: int = 0, snapshot_mb: float = 256) -> Session:
    """A session at the initial state, with the strategy and the sampler chain that the checkpoint wishes for. UsageError when they cannot be had."""
    from seqshell.decoding.syntax import parse_chain, parse_strategy
    from seqshell.session import Session

    session = Session(model, samplers=registry.samplers, strategies=registry.strategies, seed=seed, snapshot_mb=snapshot_mb)
    defaults = model.header.get("defaults", {})
    try:
        if defaults.get("sampler"):
            session.chain = parse_chain(str(defaults["sampler"]), registry.samplers)
        if defaults.get("strategy"):
            session.strategy = parse_strategy(str(defaults["strategy"]), registry.strategies)
    except UsageError as error:
        raise CheckpointError(f"{model.name} wishes for a sampler or strategy that is not here: {error.message}") from None
    return session


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
        raise CheckpointError(f"{path.name}: {error.message}{versions_apart(header, registry)}", hint=error.hint) from None
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
        from seqshell.session.tasks.value_decoder import Values

        tokenizer = Values(series.columns)
    if tokenizer is None:
        raise UsageError(f"a model for the task {offered.task} is saved with its {'series' if offered.task is Task.FORECAST else 'tokenizer'}")
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
        "parameters": sum(parameter.numel() for parameter in module.parameters()) or sum(values.size for values in weights.values()),
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
    """CheckpointError when the architecture's own decoder and the module disagree over a few steps, both in float32."""
    if architecture.decoder is None:
        return
    import copy

    from seqshell.models.torch_decoder import TorchDecoder

    reference = TorchDecoder(copy.deepcopy(module).float().cpu(), causal=architecture.causal, is_padded=architecture.task is Task.CLASSIFY)
    decoder = build_decoder(architecture, config, _weights(module, "float32"))
    apart = difference(decoder, reference, architecture, config)
    if not apart <= MAX_DIFFERENCE:  # written so that NaN is refused
        raise CheckpointError(
            f"the decoder of {architecture.name} differs from its module by {apart:.2g} in a logit; {MAX_DIFFERENCE:g} is allowed"
        )
