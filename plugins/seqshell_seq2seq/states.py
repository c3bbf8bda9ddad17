"""The states of the encoder-decoders. Fields that do not change while the target is read stay the same object."""

from __future__ import annotations

from typing import Any, NamedTuple

from seqshell import State


class ContextState(NamedTuple):
    """State of seq2seq with feed_context. recurrent: of the decoder's layers; context: [B, M], constant."""

    recurrent: State
    context: Any


class AttentionState(NamedTuple):
    """State of attention_seq2seq.

    recurrent: of the decoder's layers; encoded: [B, S, M], keys: [B, S, K] and mask: [B, S] (True at tokens, False at
    padding), constant; attention: [B, S], the weights of the last step, zeros before the first.
    """

    recurrent: State
    encoded: Any
    keys: Any
    mask: Any
    attention: Any


class FeedingState(NamedTuple):
    """State of attention_seq2seq with input feeding: an AttentionState and attended.

    attended: [B, R], the attentional vector of the last step, zeros before the first.
    """

    recurrent: State
    encoded: Any
    keys: Any
    mask: Any
    attention: Any
    attended: Any


class CopyState(NamedTuple):
    """State of attention_seq2seq with copy. attending: AttentionState or FeedingState; source: [B, S] ids, constant."""

    attending: State
    source: Any


class CoverageState(NamedTuple):
    """A CopyState and coverage: [B, S], the sum of the weights of all steps."""

    attending: State
    source: Any
    coverage: Any
