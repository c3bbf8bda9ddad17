"""What the root of a text can be besides the initial state: the source of a translation, or a state that was given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from numpy.typing import NDArray

from seqshell.core.state import State


@dataclass(frozen=True)
class TranslationSource:
    """The text that a translation is of.

    ids: its tokens, with EOS; prefix: the ids that the answers must begin with.
    """

    text: str
    ids: tuple[int, ...]
    prefix: tuple[int, ...] = ()


@dataclass(frozen=True)
class Given:
    """Where a state is from that the user put in the place of what was read.

    name: e.g. "quotes", or "main@120 with cell[0,3] = 2". text: the last characters before it. position: the number of
    tokens that were read up to it. scale: by which a series was normalised [2F], see Values. interventions: the names
    of those that were active there, which do not come with the state.
    """

    name: str
    text: str = ""
    position: int = 0
    scale: tuple[float, ...] = ()
    interventions: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class StateRecord:
    """A state of arrays [1, ...], the outputs [1, V] for the next token, where it is from, and a translation's source.

    is_stale: the outputs are those before an edit of the state, because the decoder cannot compute the new ones.
    """

    state: State = field(repr=False)
    outputs: NDArray[Any] = field(repr=False)
    given: Given
    source: TranslationSource | None = None
    is_stale: bool = False


Start: TypeAlias = TranslationSource | StateRecord | None  # what a text begins with; None: the initial state
