"""Opens a session on a model, with the strategy and the sampler chain of its checkpoint."""

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
    """Open a session on a checkpoint, by name or path; without torch if the architecture has a decoder."""
    registry = registry or load_registry()
    return start_session(open_model(name, registry), registry, seed=seed)


def start_session(model: Model, registry: Registry, *, seed: int = 0, snapshot_mb: float = 256) -> Session:
    """Start a session at the initial state, with the strategy and the sampler chain of the checkpoint.

    Raises CheckpointError if one of them is not available.
    """
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
            f"{model.name} needs a sampler or strategy that is not available: {error.message}"
        ) from None
    return session
