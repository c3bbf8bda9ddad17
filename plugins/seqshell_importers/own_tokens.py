"""The characters that a file names for its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seqshell import CharTokenizer


def own_tokenizer(loaded: Any, vocab_size: int) -> CharTokenizer | None:
    """The tokenizer of the characters that a file names for its model; None if it names none, or contradicts itself.

    It names them in an entry such as `tokens` or `chars`: all different, as many as the vocabulary has, in a list in
    the order of their numbers, or with their numbers in a dict.
    """
    entries = loaded.values() if isinstance(loaded, Mapping) else ()
    found = {vocabulary for entry in entries for vocabulary in _vocabularies(entry) if len(vocabulary) == vocab_size}
    return CharTokenizer(found.pop()) if len(found) == 1 else None


def _vocabularies(entry: Any) -> Iterator[str]:
    """Yield the characters of an entry, if that is what it contains."""
    if isinstance(entry, np.ndarray) and entry.dtype.kind == "U":
        entry = entry.reshape(-1).tolist()
    if isinstance(entry, Mapping):
        for pairs in (dict(entry), {number: character for character, number in _hashable(entry)}):
            numbers = list(range(len(pairs)))
            if all(type(number) is int for number in pairs) and sorted(pairs) == numbers:
                entry = [pairs[number] for number in numbers]
                break
    if not isinstance(entry, list | tuple | str) or not entry:
        return
    if all(isinstance(character, str) and len(character) == 1 for character in entry) and len(set(entry)) == len(entry):
        yield "".join(entry)


def _hashable(entry: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    return ((key, value) for key, value in entry.items() if isinstance(value, int | str))
