"""Whose the parts of a checkpoint are: its architecture and tokenizers, found again by plugin or distribution, or named with what to install."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import CheckpointError, PluginError
from seqshell.core.model import Architecture
from seqshell.host import Offers, PluginInfo, Registry
from seqshell.host.imports import title_of

if TYPE_CHECKING:
    from seqshell.core.tokenizers import Tokenizer

PACKAGE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")  # a name that may be told as one to install


def known_as(offers: Offers, name: str, owner: str, distribution: str) -> str | None:
    """What `name` of a plugin is called here; the plugin is known by its distribution, else by its own name. None when it is not here."""
    return next(filter(None, (offers.of(each, name) for each in (distribution, owner) if each)), None)


def find_architecture(header: Mapping[str, Any], registry: Registry, name: str) -> tuple[str, Architecture]:
    """The architecture that a checkpoint (called `name`) was made with, of the plugin that made it, and what it is called here.

    CheckpointError, with what is installed and which package is missing, when no plugin offers it.
    """
    wanted, owner, distribution = header["architecture"], header.get("owner", ""), header.get("owner_distribution", "")
    offers = registry.architectures
    known = known_as(offers, wanted, owner, distribution) if owner else wanted
    if known is None or known not in offers:
        whose, reason, hint = missing(owner, distribution, registry)
        raise CheckpointError(
            f"{name} needs the architecture {wanted!r}{whose}, which no plugin offers; installed: {', '.join(sorted(offers)) or 'none'}{reason}",
            hint=hint,
        )
    architecture: Architecture = offers[known]
    if architecture.task != header["task"]:
        raise CheckpointError(f"{name} was made for the task {header['task']}, but {known} is for {architecture.task}")
    return known, architecture


def missing(owner: str, distribution: str, registry: Registry) -> tuple[str, str, str]:
    """Of a plugin that a checkpoint needs: whose the thing is, why it is not here where that is known, and the way to it, in words."""
    here = registry.named(owner)
    package = distribution if here is None and PACKAGE.fullmatch(distribution) else ""
    whose = f" of {title_of(owner, package)}" if owner else ""
    reason = f"; {here.reason}" if here is not None and here.state == "failed" else ""
    if here is not None and here.state == "disabled":
        reason = f"; the plugin {here.name} is not loaded: {here.reason}"
    return whose, reason, f"pip install {package} brings it" if package else "seqshell plugins list"


def versions_apart(header: Mapping[str, Any], registry: Registry) -> str:
    """What is to be added to the complaint about a checkpoint where its architecture's plugin had another version when it was made."""
    made, here = header.get("owner_version", ""), registry.named(header.get("owner", ""))
    if here is None or here.builtin or not made or here.version == made:
        return ""
    return f"; it was made with the version {made} of {here.title}, and {here.version or 'one without a number'} is installed"


def tokenizer_owners(tokenizers: Mapping[str, Tokenizer], registry: Registry) -> dict[str, dict[str, str]]:
    """Whose the tokenizers of a header are, as it remembers them: {key: {"owner", "distribution"}}, without the built-in ones."""
    infos = {key: _owner(each, registry) for key, each in tokenizers.items()}
    return {
        key: {"owner": info.name, "distribution": info.distribution}
        for key, info in infos.items()
        if info is not None and not info.builtin
    }


def _owner(tokenizer: Tokenizer, registry: Registry) -> PluginInfo | None:
    for name in registry.tokenizers:
        with suppress(PluginError):  # another plugin's of that name, which cannot be imported
            if name.rpartition("/")[2] == tokenizer.name and registry.tokenizers[name] is type(tokenizer):
                return registry.plugin(registry.tokenizers.owner(name))
    return None
