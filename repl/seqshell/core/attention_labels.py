"""What is read off an attention: names for its tokens, and the token of the source that each token of the target looked at most."""

from __future__ import annotations

from collections.abc import Sequence

END = "<eos>"  # stands for the token without a text that ends a text
INSIDE = "+"  # before a part that goes on with a word


def names(tokens: Sequence[str]) -> tuple[str, ...]:
    """The texts of tokens without the space before a word: " love" is love."""
    return tuple((token.removeprefix(" ") or token) if token else END for token in tokens)


def labels(tokens: Sequence[str]) -> tuple[str, ...]:
    """Names to be read beside a picture: a part that goes on with a word has a + before it, so that words can be told from parts."""
    found = []
    for before, token, name in zip(("", *tokens), tokens, names(tokens), strict=False):
        found.append(INSIDE + name if token[:1].isalnum() and before[-1:].isalnum() else name)
    return tuple(found)


def alignment(weights: Sequence[Sequence[float]]) -> tuple[int, ...]:
    """For each row the column of its largest weight, the first of equals."""
    return tuple(max(range(len(row)), key=row.__getitem__) for row in weights)
