"""What a model did with each token of a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Trace:
    """What a model did with each of T tokens, read one after the other.

    start: the number of tokens that were read before them. ids, texts: of each token; a character of several tokens
    belongs to the last of them. before: the outputs [V] before the first token; outputs: those after each one [T, V].

    surprisal: of each token in nats [T], by the outputs before it; None if the outputs are no logits of tokens.

    arrays: by name, [T, ...]: each leaf of the state after each token, by its address (`hidden`, or `0` where it has no
    name), and what else the decoder traces, such as gates. Of a leaf that grows, what each token added to it.
    """

    start: int
    ids: tuple[int, ...]
    texts: tuple[str, ...]
    before: NDArray[Any] = field(repr=False)
    outputs: NDArray[Any] = field(repr=False)
    surprisal: NDArray[Any] | None = field(repr=False)
    arrays: Mapping[str, NDArray[Any]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.ids)
