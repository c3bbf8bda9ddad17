"""Opens a session on a model, with the strategy and the sampler chain of its checkpoint."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.core.model import Model
from seqshell.host import Registry
from seqshell.host.builtin import load_registry
from seqshell.models.opening import ModelOpener, open_model
from seqshell.models.ownership import describe_missing

if TYPE_CHECKING:
    from seqshell.core.sampling import Sampler, Strategy
    from seqshell.decoding.available import Missing
    from seqshell.decoding.syntax import Available
    from seqshell.session import Session


def open(name: str | Path, *, registry: Registry | None = None, seed: int = 0, weights: str = "float32") -> Session:
    """Open a session on a checkpoint, by name or path; without torch if the architecture has a decoder.

    weights: their precision, float32, bf16 or int8; `session.model.logit_error` says what it costs.
    A sampler or strategy of the checkpoint that is not available is left out, with a RuntimeWarning.
    """
    registry, problems = registry or load_registry(), list[str]()
    session = start_session(open_model(name, registry, weights), registry, seed=seed, report=problems.append)
    for problem in problems:
        warnings.warn(problem, RuntimeWarning, stacklevel=2)
    return session


def start_session(
    model: Model,
    registry: Registry,
    *,
    seed: int = 0,
    snapshot_mb: float = 256,
    report: Callable[[str], None] = lambda problem: None,
) -> Session:
    """Start a session at the initial state, with the strategy and the sampler chain of the checkpoint.

    report: called with a message for each sampler or strategy that is not available and is left out.
    """
    from seqshell.session import Session

    session = Session(
        model,
        samplers=registry.samplers,
        strategies=registry.strategies,
        models=ModelOpener(registry),
        seed=seed,
        snapshot_mb=snapshot_mb,
    )
    chain, strategy, missing = default_decoding(model.header, registry.samplers, registry.strategies)
    session.chain = chain
    if strategy is not None:
        session.strategy = strategy
    for each in missing:
        without = describe_missing(each, model.header.get("decoding_owners"), registry)
        report(f"{model.name} is opened {without}")
    return session


def default_decoding(
    header: Mapping[str, Any], samplers: Available, strategies: Available
) -> tuple[tuple[Sampler, ...], Strategy | None, list[Missing]]:
    """The chain and the strategy of a checkpoint, as far as they are available, and what is missing.

    The strategy is None if the checkpoint names none or it is missing.
    """
    from seqshell.decoding.available import Missing, chain_of, samplers_of, strategy_of

    defaults = header.get("defaults", {})
    found = samplers_of(str(defaults.get("sampler") or ""), samplers)
    strategy = strategy_of(str(defaults["strategy"]), strategies) if defaults.get("strategy") else None
    missing = [each for each in (*found, strategy) if isinstance(each, Missing)]
    return chain_of(found), None if isinstance(strategy, Missing) else strategy, missing
