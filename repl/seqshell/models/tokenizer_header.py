"""The tokenizers in a checkpoint's header.

The header is untrusted: a name goes through the registry, never through an import path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import CheckpointError
from seqshell.core.plugin_guard import Guard, Owner
from seqshell.core.text_output import brief, quoted
from seqshell.core.tokenizers import BOS, EOS, PAD, UNK
from seqshell.host import Registry
from seqshell.models.guarded_tokenizer import guarded_tokenizer
from seqshell.models.ownership import known_as, missing

if TYPE_CHECKING:
    from seqshell.core.tokenizers import Tokenizer


def read_tokenizers(header: Mapping[str, Any], registry: Registry) -> tuple[Tokenizer, Tokenizer | None]:
    """Return the tokenizer, and the source tokenizer or None; the same object twice if they are equal."""
    owners = header.get("tokenizer_owners", {})
    tokenizer = read_tokenizer(header["tokenizer"], registry, owners.get("tokenizer"))
    source = header.get("source_tokenizer")
    if source is None or source == header["tokenizer"]:
        return tokenizer, None if source is None else tokenizer
    return tokenizer, read_tokenizer(source, registry, owners.get("source_tokenizer"))


def read_tokenizer(data: Mapping[str, Any], registry: Registry, owner: Any = None) -> Tokenizer:
    """Build a tokenizer from its JSON values. owner: its entry in tokenizer_owners.

    If that plugin is not installed, another plugin's tokenizer of the same name is used. Raises CheckpointError with
    the package to install if there is none.
    """
    values, offers = dict(data), registry.tokenizers
    name = values.pop("name", None)
    entry = owner if isinstance(owner, dict) else {}
    plugin, distribution = (str(entry.get(key, "")) for key in ("owner", "distribution"))
    known = (known_as(offers, name, plugin, distribution) or name) if isinstance(name, str) else ""
    if known not in offers:
        title, reason, hint = missing(plugin, distribution, registry) if plugin else ("", "", "")
        installed = ", ".join(sorted(offers))
        raise CheckpointError(
            f"it needs the tokenizer {quoted(name)}{title}, which no plugin offers; installed: {installed}{reason}",
            hint=hint,
        )
    offered: type[Tokenizer] = offers[known]
    with Guard(f"the tokenizer {name}", Owner(), "cannot be read", raises=CheckpointError):
        return guarded_tokenizer(offered.from_json(values))


def check_size(tokenizer: Tokenizer, config: Any, field: str) -> None:
    """Raise CheckpointError unless the tokenizer has the config's size."""
    size = getattr(config, field, tokenizer.size)
    if tokenizer.size != size:
        raise CheckpointError(f"its config has {field} {brief(size)}, but its tokenizer has {tokenizer.size} tokens")


def check_tokenizer(tokenizer: Tokenizer, config: Any, field: str, noun: str) -> None:
    """Raise CheckpointError unless the tokenizer has the config's size and starts with the special tokens."""
    check_size(tokenizer, config, field)
    if (tokenizer.pad, tokenizer.bos, tokenizer.eos) != (PAD, BOS, EOS) or tokenizer.unk not in (None, UNK):
        raise CheckpointError(
            f"its {tokenizer.name} tokenizer does not start with PAD, BOS, EOS and UNK, as {noun} needs"
        )
