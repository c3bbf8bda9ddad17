"""The tokens that a file names for its model."""

from __future__ import annotations

from typing import Any

from seqshell import Tokenizer, tokenizer_of, vocabularies_in


def own_tokenizer(loaded: Any, vocab_size: int) -> Tokenizer | None:
    """The tokenizer of the only vocabulary of this size in a file; None if it has none, or several different ones.

    The vocabulary is anywhere in the file, such as in an entry `tokens`, or in a field `int2char` of a module.
    """
    found = vocabularies_in(loaded, vocab_size)
    return tokenizer_of(found[0], ends_lines=True) if len(found) == 1 else None
