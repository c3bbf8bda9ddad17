"""The states of the encoder-decoders. What does not change while the target is read is handed on as the same object."""

from __future__ import annotations

from typing import Any, NamedTuple

from seqshell import State


class ContextState(NamedTuple):
    """Without attention, the context fed at every step. recurrent: the decoder's layers; context: [B, M], constant."""

    recurrent: State
    context: Any


class AttentionState(NamedTuple):
    """recurrent: the decoder's layers; encoded: [B, S, M], keys: [B, S, K] and mask: [B, S] (True: a token, False: padding), constant;
    attention: [B, S], the weights of the last step, zeros before the first."""

    recurrent: State
    encoded: Any
    keys: Any
    mask: Any
    attention: Any


class FeedingState(NamedTuple):
    """An AttentionState with input feeding. attended: [B, R], what the read-out read at the last step, zeros before the first."""

    recurrent: State
    encoded: Any
    keys: Any
    mask: Any
    attention: Any
    attended: Any
