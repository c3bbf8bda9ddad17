"""An example of the training data as the model reads it."""

from __future__ import annotations

from typing import Any

from seqshell.core.tokenizers import Tokenizer
from seqshell.training.data.batches import Ids

NUM_TOKENS = 24  # that are shown


def encoded_example(tokenizer: Tokenizer, ids: Ids, prefix: str = "") -> dict[str, Any]:
    """The first tokens of an example, as text and as ids. prefix: of the names."""
    first = [int(token) for token in ids[:NUM_TOKENS]]
    tokens = [tokenizer.piece(token).decode("utf-8", "replace") for token in first]
    return {f"{prefix}tokens": tokens, f"{prefix}ids": first}
