"""The seam between sessions and models: a Decoder speaks numpy and reads one token, or many, for a batch of rows."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from seqshell.core.state import State


class Decoder(Protocol):
    """A model ready to be stepped, built as Decoder(config, weights) with weights named as in the module's state_dict.

    V is the vocabulary. A state is never written to after it was returned.
    """

    def initial_state(self, batch_size: int = 1) -> State:
        """Leaves [batch_size, ...]."""

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs [B] int64, or [B, F] float32 for values. Returns outputs [B, V] (or [B, C], ...), state."""

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs [B, T], or [B, T, F]; T >= 1. Returns the outputs [B, V] after the last, state.

        CLASSIFY: rows may be padded right with PAD; outputs and state are then those after a row's last token that is not PAD.
        """


class SourceDecoder(Decoder, Protocol):
    """A Decoder of TRANSLATE: its states come from a source text. Its initial_state is the encoding of the empty source, EOS alone."""

    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """source [B, S] int64, each ending with EOS and padded right; lengths [B] without the padding. Returns the state before BOS is read.

        Rows do not depend on how far they are padded. A leaf that steps do not change, such as the encoder's outputs, is handed on
        by them as the same object. A NamedTuple field called `attention`, [B, S], holds the weights of the last step over the source.
        """
