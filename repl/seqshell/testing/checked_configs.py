"""The configs that an architecture is checked with: small sizes, each choice of a setting, and its own examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seqshell.core.errors import UsageError
from seqshell.core.model import Architecture
from seqshell.core.plugin_api import build, settings_of
from seqshell.host import resolve
from seqshell.testing.task_examples import task_example

# Values for settings with these names, instead of their defaults.
SMALL = {
    "embed_size": 12,
    "encoder_size": 8,
    "hidden_size": 16,
    "num_layers": 2,
    "attention_size": 8,
    "table_size": 1000,
    "mlp_size": 16,
    "num_heads": 2,
    "head_size": 4,
    "state_size": 4,
    "context_length": 4,
}


def sizes_of(architecture: Architecture) -> Mapping[str, int]:
    """The fields of a config that the host fills in."""
    sizes = task_example(architecture.task).sizes
    return {**sizes, "source_vocab_size": sizes["target_vocab_size"]} if architecture.shares_vocabulary else sizes


def small_sizes(architecture: Architecture) -> Mapping[str, int]:
    """SMALL, as far as the config has such settings."""
    known = {item.name for item in settings_of(resolve(architecture.config))}
    return {name: value for name, value in SMALL.items() if name in known}


def small_config(architecture: Architecture, settings: Mapping[str, Any] | None = None) -> Any:
    """Return a config with these settings and small sizes or, if those are invalid, its defaults.

    Raises UsageError if both are invalid.
    """
    offered = resolve(architecture.config)
    given = {**sizes_of(architecture), **(settings or {})}
    try:
        return build(offered, {**small_sizes(architecture), **given})
    except UsageError:
        return build(offered, given)


def choices(architecture: Architecture, config: Any) -> Iterator[Mapping[str, Any]]:
    """The choices of each setting that a config has not made, one at a time."""
    for item in settings_of(resolve(architecture.config)):
        for choice in item.choices:
            if choice != getattr(config, item.name):
                yield {item.name: choice}
