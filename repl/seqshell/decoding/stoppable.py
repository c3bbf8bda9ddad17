"""A decoder that can be stopped between two model calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from seqshell.core.state import State
from seqshell.decoding.features import with_features


class StoppableDecoder:
    """The decoder that a search is given. check: called before each model call; raises if the search should stop."""

    def __init__(self, decoder: Any, check: Callable[[], None]) -> None:
        self._check = check
        self._decoder: Any = with_features(decoder)
        self.initial_state = decoder.initial_state

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """As Decoder.step."""
        self._check()
        found: tuple[NDArray[Any], State] = self._decoder.step(inputs, state)
        return found

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """As Decoder.feed."""
        self._check()
        found: tuple[NDArray[Any], State] = self._decoder.feed(inputs, state)
        return found

    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """As SourceDecoder.encode."""
        self._check()
        return self._decoder.encode(source, lengths)

    def features(self, state: State) -> NDArray[Any]:
        """As Decoder.features."""
        found: NDArray[Any] = self._decoder.features(state)
        return found
