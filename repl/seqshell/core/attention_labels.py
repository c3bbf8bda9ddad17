"""Labels for the tokens of an attention matrix, and the word alignment that its largest weights give."""

from __future__ import annotations

from collections.abc import Sequence

END = "<eos>"  # the label of a token without text, the end of a sentence
CONTINUATION = "+"  # before a part that continues a word


def names(tokens: Sequence[str]) -> tuple[str, ...]:
    """Return the texts of tokens without the space before a word: " love" becomes "love"."""
    return tuple((token.removeprefix(" ") or token) if token else END for token in tokens)


def labels(tokens: Sequence[str]) -> tuple[str, ...]:
    """Return names for a picture. A part that continues a word has a + before it, to tell parts from words."""
    found = []
    for before, token, name in zip(("", *tokens), tokens, names(tokens), strict=False):
        found.append(CONTINUATION + name if token[:1].isalnum() and before[-1:].isalnum() else name)
    return tuple(found)


def alignment(weights: Sequence[Sequence[float]]) -> tuple[int, ...]:
    """Return the column of the largest weight in each row; the first one if several are equal."""
    return tuple(max(range(len(row)), key=row.__getitem__) for row in weights)
