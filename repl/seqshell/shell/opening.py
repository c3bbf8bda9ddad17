"""From a model to a live session on it, with the strategy and the sampler chain that the checkpoint asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.model import Model
from seqshell.host import Registry
from seqshell.host.builtin import load_registry
from seqshell.models.opening import open_model

if TYPE_CHECKING:
    from seqshell.session import Session


def open(name: str | Path, *, registry: Registry | None = None, seed: int = 0) -> Session:
    """A live session on a checkpoint, by name or path: no terminal, and no torch where the architecture has a decoder."""
    registry = registry or load_registry()
    return start_session(open_model(name, registry), registry, seed=seed)


def start_session(model: Model, registry: Registry, *, seed: int = 0, snapshot_mb: float = 256) -> Session:
    """A session at the initial state, with the strategy and the sampler chain that the checkpoint wishes for. UsageError when they cannot be had."""
    from seqshell.decoding.syntax import parse_chain, parse_strategy
    from seqshell.session import Session

    session = Session(
        model, samplers=registry.samplers, strategies=registry.strategies, seed=seed, snapshot_mb=snapshot_mb
    )
    defaults = model.header.get("defaults", {})
    try:
        if defaults.get("sampler"):
            session.chain = parse_chain(str(defaults["sampler"]), registry.samplers)
        if defaults.get("strategy"):
            session.strategy = parse_strategy(str(defaults["strategy"]), registry.strategies)
    except UsageError as error:
        raise CheckpointError(
            f"{model.name} wishes for a sampler or strategy that is not here: {error.message}"
        ) from None
    return session
