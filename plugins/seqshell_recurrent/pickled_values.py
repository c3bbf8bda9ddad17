"""Plain values beside the weights of a torch file: which types are harmless to read, and the tokens of the model."""

from __future__ import annotations

import codecs
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy._core import multiarray

from seqshell import CharTokenizer


def plain_types() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """What torch's weights_only may read besides tensors: bags of attributes, and scalars and arrays of numpy.

    None of them runs code of the file. numpy 1 and 2 have other names for the same functions.
    """
    functions = [
        (function, f"numpy.{core}.multiarray.{function.__name__}")
        for function in (multiarray.scalar, multiarray._reconstruct)
        for core in ("core", "_core")
    ]
    dtypes = {type(np.dtype(code)) for code in np.typecodes["All"]}
    namespace = types.SimpleNamespace, "argparse.Namespace"  # read as the plain bag of attributes that it is
    return [namespace, types.SimpleNamespace, np.ndarray, np.dtype, codecs.encode, *functions, *dtypes]


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
