"""Find the plugins that own what a checkpoint needs, or say which package to install."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import CheckpointError, PluginError, UsageError
from seqshell.core.model import Architecture
from seqshell.core.plugin_guard import Owner
from seqshell.core.text_output import brief, quoted
from seqshell.decoding.available import Missing
from seqshell.decoding.syntax import sampler_texts
from seqshell.host import Offers, PluginInfo, Registry

if TYPE_CHECKING:
    from seqshell.core.tokenizers import Tokenizer

PACKAGE = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?"
)  # a distribution name that is safe to print in an install command


def known_as(offers: Offers, name: str, owner: str, distribution: str) -> str | None:
    """Return the local name of a plugin's offer.

    The plugin is found by its distribution, else by its name. None if it is not installed.
    """
    return next(filter(None, (offers.of(each, name) for each in (distribution, owner) if each)), None)


def find_architecture(header: Mapping[str, Any], registry: Registry, name: str) -> tuple[str, Architecture]:
    """Return a checkpoint's architecture, from the plugin that the checkpoint names, and before it its local name.

    name: of the checkpoint, for messages. Raises CheckpointError with the installed ones and the missing package if no
    plugin offers it.
    """
    architecture_name = header["architecture"]
    owner, distribution = header.get("owner", ""), header.get("owner_distribution", "")
    offers = registry.architectures
    known = known_as(offers, architecture_name, owner, distribution) if owner else architecture_name
    if known is None or known not in offers:
        title, reason, hint = missing(owner, distribution, registry)
        raise CheckpointError(
            f"{name} needs the architecture {quoted(architecture_name)}{title}, which no plugin offers; "
            f"installed: {', '.join(sorted(offers)) or 'none'}{reason}",
            hint=hint,
        )
    architecture: Architecture = offers[known]
    if architecture.task != header["task"]:
        raise CheckpointError(
            f"{name} is for the task {brief(header['task'])}, but the architecture {known} is for {architecture.task}"
        )
    return known, architecture


def missing(owner: str, distribution: str, registry: Registry) -> tuple[str, str, str]:
    """For a plugin that a checkpoint needs: its title, why it is not loaded if that is known, and a hint, in words."""
    here = registry.named(owner)
    package = distribution if here is None and PACKAGE.fullmatch(distribution) else ""
    title = f" of {Owner(owner, package).title}" if owner else ""
    reason = f"; {here.reason}" if here is not None and here.state == "failed" else ""
    if here is not None and here.state == "disabled":
        reason = f"; the plugin {here.name} is not loaded: {here.reason}"
    return title, reason, f"pip install {package}" if package else "seqshell plugins list"


def versions_apart(header: Mapping[str, Any], registry: Registry) -> str:
    """Return a note for error messages if the checkpoint was saved with another version of its plugin, else nothing."""
    made, here = header.get("owner_version", ""), registry.named(header.get("owner", ""))
    if here is None or here.builtin or not made or here.version == made:
        return ""
    installed = here.version or "unknown"
    return f"; it was saved with version {brief(made)} of {here.title}, but version {installed} is installed"


def tokenizer_owners(tokenizers: Mapping[str, Tokenizer], registry: Registry) -> dict[str, dict[str, str]]:
    """Return the owners of tokenizers from plugins, for the header: {key: {"owner", "distribution"}}."""
    infos = {key: _owner(each, registry) for key, each in tokenizers.items()}
    return {key: _entry(info) for key, info in infos.items() if info is not None and not info.builtin}


def _owner(tokenizer: Tokenizer, registry: Registry) -> PluginInfo | None:
    for name in registry.tokenizers:
        with suppress(PluginError):  # another plugin's tokenizer of that name cannot be imported
            if name.rpartition("/")[2] == tokenizer.name and registry.tokenizers[name] is type(tokenizer):
                return registry.plugin(registry.tokenizers.owner(name))
    return None


def decoding_owners(
    chains: Iterable[str], strategy: str, samplers: Mapping[str, Any], strategies: Mapping[str, Any]
) -> dict[str, dict[str, dict[str, str]]]:
    """Return the owners of samplers and a strategy from plugins, for a header.

    chains, strategy: as text. samplers, strategies: those that are available, a registry's.
    {"sampler": {name: {"owner", "distribution"}}, "strategy": ...}; kinds without any are left out.
    """
    names: dict[str, set[str]] = {"sampler": set(), "strategy": {strategy.strip().partition(" ")[0]}}
    for text in chains:
        with suppress(UsageError):  # what cannot be read names no sampler
            names["sampler"] |= {name for name, _ in sampler_texts(text)}
    found = {
        kind: {name: _entry(offers.plugin(name)) for name in sorted(names[kind]) if _is_from_plugin(name, offers)}
        for kind, offers in (("sampler", samplers), ("strategy", strategies))
        if isinstance(offers, Offers)
    }
    return {kind: owners for kind, owners in found.items() if owners}


def describe_missing(missing_one: Missing, owners: Any, registry: Registry | None = None) -> str:
    """Say which sampler or strategy is left out, and which package to install. owners: as decoding_owners returns."""
    kind, name = missing_one.kind, missing_one.name
    if missing_one.reason:
        return f"without the {kind} {quoted(name)}: {missing_one.reason}"
    of_kind = owners.get(kind) if isinstance(owners, dict) else None
    entry = of_kind.get(name) if isinstance(of_kind, dict) else None
    owner, distribution = (
        str(entry.get(key, "")) if isinstance(entry, dict) else "" for key in ("owner", "distribution")
    )
    if registry is not None:
        title, reason, hint = missing(owner, distribution, registry)
    else:
        package = distribution if PACKAGE.fullmatch(distribution) else ""
        title, reason = f" of {Owner(owner, package).title}" if owner else "", ""
        hint = f"pip install {package}" if package else "seqshell plugins list"
    return f"without the {kind} {quoted(name)}{title}, which no plugin offers{reason}; {hint}"


def _is_from_plugin(name: str, offers: Offers) -> bool:
    return name in offers and not offers.plugin(name).builtin


def _entry(info: PluginInfo) -> dict[str, str]:
    return {"owner": info.name, "distribution": info.distribution}
