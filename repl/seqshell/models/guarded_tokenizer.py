"""Tokenizers of plugins: their faults name them, here where texts and tokens are still theirs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from operator import index
from typing import Any

from seqshell.core.plugin_guard import Guard, owner_of
from seqshell.core.tokenizers import Tokenizer


def guarded_tokenizer(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer, whose methods raise a PluginError if they fail or return what is no id or no bytes."""
    owner = owner_of(type(tokenizer))
    if owner.builtin:
        return tokenizer
    with tokenizer_guard(tokenizer, "failed in size"):
        size = index(tokenizer.size)

    def ids(found: Any) -> list[int]:
        checked = [index(each) for each in found]
        if checked and not 0 <= min(checked) <= max(checked) < size:
            raise ValueError(f"it returned the ids {min(checked)} to {max(checked)}; it has 0 to {size - 1}")
        return checked

    def piece(found: Any) -> bytes:
        if not isinstance(found, bytes):
            raise TypeError(f"it returned {type(found).__name__} instead of bytes")
        return found

    with suppress(AttributeError):  # its class has slots
        tokenizer.encode = _checked(tokenizer_guard(tokenizer, "failed in encode"), tokenizer.encode, ids)  # type: ignore[method-assign]  # of this object alone
        tokenizer.piece = _checked(tokenizer_guard(tokenizer, "failed in piece"), tokenizer.piece, piece)  # type: ignore[method-assign]  # as well
    return tokenizer


def tokenizer_guard(tokenizer: Any, doing: str) -> Guard:
    """The guard for a call of a tokenizer or of its class."""
    kind = tokenizer if isinstance(tokenizer, type) else type(tokenizer)
    owner = owner_of(kind)
    return Guard(f"the tokenizer {kind.name}{owner.suffix}", owner, doing)  # type: ignore[attr-defined]  # each has one


def _checked(guard: Guard, method: Callable[..., Any], check: Callable[[Any], Any]) -> Callable[..., Any]:
    def call(*values: Any, **options: Any) -> Any:
        with guard:
            return check(method(*values, **options))

    return call
