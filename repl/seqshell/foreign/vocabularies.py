"""The vocabularies in what was read of a file: lists of tokens, and dicts from tokens to numbers or back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqshell.foreign.calls import StoredArray
from seqshell.foreign.records import Record

Tokens = tuple[str | int, ...]
NO_TOKENS = ("_flat_weights_names", "_all_weights")  # fields of torch's modules with names of weights
MAX_VISITED = 10_000  # values that are looked at
MOST_GAPS = 2  # ids of no token, such as that of padding
LEAST = 2  # tokens


def vocabularies_in(value: Any, size: int | None = None) -> list[Tokens]:
    """The different vocabularies in a value that `read_torch` and the like returned, in the order of their ids.

    A vocabulary is a list of different texts, or of bytes or their numbers, or a dict between them and their ids, in
    which up to two ids may be missing: they become "". size: of the vocabularies that are wanted; None: of any, but
    then only the value itself, its fields and entries are looked at.
    """
    found: dict[Tokens, None] = {}
    waiting, seen = [value], 0
    known: set[int] = set()
    while waiting and seen < MAX_VISITED:
        each = waiting.pop()
        seen += 1
        if id(each) in known:
            continue
        known.add(id(each))
        if tokens := _tokens(each, size):
            found[tokens] = None
        elif isinstance(each, Record):
            waiting += [value for name, value in each.fields.items() if name not in NO_TOKENS]
            waiting += [each.entries, each.items, each.state]
        elif isinstance(each, Mapping):
            waiting += each.values()
        elif isinstance(each, list | tuple) and len(each) < MAX_VISITED:
            waiting += each
    return list(found)


def _tokens(value: Any, size: int | None) -> Tokens:
    """The tokens of a value, if it is a vocabulary of this size; () otherwise."""
    if isinstance(value, StoredArray):
        value = value.values if value.values is not None else value.numpy()
    if isinstance(value, np.ndarray) and value.dtype.kind in "US":
        value = value.reshape(-1).tolist()
    if isinstance(value, Mapping):
        value = _in_order(value, size)
    if not isinstance(value, list | tuple | str) or len(value) < LEAST or size not in (None, len(value)):
        return ()
    texts = [_text(token) for token in value]
    if any(text is None for text in texts):
        is_subset = all(type(token) is int and 0 <= token < 256 for token in value) and size is not None
        return tuple(value) if is_subset and len(set(value)) == len(value) and value != list(range(len(value))) else ()
    named = [text for text in texts if text]
    return tuple(map(str, texts)) if named and len(set(named)) == len(named) else ()


def _in_order(pairs: Mapping[Any, Any], size: int | None) -> list[Any]:
    """The tokens of a dict in the order of their ids, whichever of both its keys are; [] if it is none."""
    by_token = {value: key for key, value in pairs.items() if isinstance(value, str | int)}
    for by_id in (by_token, pairs):
        if len(by_id) != len(pairs) or not all(_is_id(key) for key in by_id):
            continue
        ids = {int(key): token for key, token in by_id.items()}
        most = size or max(ids, default=-1) + 1
        if len(ids) == len(pairs) and max(ids, default=-1) < most <= len(ids) + MOST_GAPS:
            return [ids.get(number, "") for number in range(most)]
    return []


def _is_id(key: Any) -> bool:
    """Whether a key is a number, or one that JSON has made a text."""
    return (type(key) is int and key >= 0) or (isinstance(key, str) and key.isdecimal() and len(key) < 8)


def _text(token: Any) -> str | None:
    """A token as a text; None if it is none."""
    if isinstance(token, bytes):
        try:
            return token.decode()
        except UnicodeDecodeError:
            return None
    return token if isinstance(token, str) else None
