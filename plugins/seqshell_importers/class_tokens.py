"""The tokens and labels of an imported classifier, whose first four ids are PAD, BOS, EOS and UNK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CharTokenizer, Tokenizer, UsageError, tokenizer_of

SPECIALS = ("<pad>", "<s>", "</s>", "<unk>")
UNKNOWN = ("<unk>", "[unk]", "<oov>", "<UNK>", "<OOV>", "[UNK]")  # what programs call the token of unknown words


def with_specials(
    tokens: Sequence[str | int], vectors: NDArray[Any], name: str
) -> tuple[Tokenizer, NDArray[np.float32]]:
    """The tokenizer, and the vectors [4 + V, E] of its ids, from those of the original's tokens, [V, E].

    name: of the file. Raises UsageError if the tokens are not as many as the vectors.
    """
    if len(tokens) != len(vectors):
        has = f"--vocab has {len(tokens):,}" if tokens else "--vocab FILE names them, one in each line"
        raise UsageError(f"{name} has {len(vectors):,} tokens without their texts; {has}")
    texts = [str(token) for token in tokens]
    unknown = next((vectors[texts.index(token)] for token in UNKNOWN if token in texts), np.zeros_like(vectors[0]))
    rows = np.concatenate([np.zeros_like(vectors[:1]).repeat(3, 0), unknown[None], vectors])
    if all(len(text) == 1 for text in texts) and len(set(texts)) == len(texts):
        return CharTokenizer("".join(texts), specials=True), rows
    return tokenizer_of([*SPECIALS, *texts]), rows


def labels_of(options: Mapping[str, Any], number: int, own: Sequence[str] = ()) -> tuple[str, ...]:
    """The labels that a map names, or the file's own ones, else 0, 1 and so on; UsageError if they do not fit."""
    named = options.get("labels", list(own) or [str(label) for label in range(number)])
    if not isinstance(named, list) or len(named) != number or not all(isinstance(label, str) for label in named):
        raise UsageError(f"the model has {number} labels; write labels = [...] in the map with as many texts")
    return tuple(named)
