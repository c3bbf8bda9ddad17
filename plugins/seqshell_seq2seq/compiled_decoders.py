"""The encoder-decoders with compiled steps over the target. Cannot be imported without compiled kernels.

Recurrent layers and read-out are compiled; the encoder and the attention are those in numpy.
"""

from __future__ import annotations

from typing import ClassVar

from seqshell.layers import CompiledLinear, CompiledStack, Linear, OutputStack
from seqshell.layers.weights import Weights
from seqshell_seq2seq import attention_decoders, copying_decoder, decoders
from seqshell_seq2seq.config import AttentionConfig


class _Compiled:
    """What both decoders compile."""

    stack_class: ClassVar[type[OutputStack]] = CompiledStack

    def stepped(self, layer: Linear) -> Linear:
        """The same layer, compiled."""
        return CompiledLinear(layer)


class Seq2SeqDecoder(_Compiled, decoders.Seq2SeqDecoder):
    """Decoder of seq2seq. State: LSTMState or [B, L, H]; with feed_context a ContextState."""


class AttentionSeq2SeqDecoder(_Compiled, attention_decoders.AttentionSeq2SeqDecoder):
    """Decoder of attention_seq2seq. State: AttentionState; with input feeding a FeedingState."""


class CopyingDecoder(_Compiled, copying_decoder.CopyingDecoder):
    """Decoder of attention_seq2seq with copy. State: CopyState; with coverage_weight a CoverageState."""


def attention_decoder(config: AttentionConfig, weights: Weights) -> AttentionSeq2SeqDecoder | CopyingDecoder:
    """The decoder of attention_seq2seq for a config."""
    return (CopyingDecoder if config.copy else AttentionSeq2SeqDecoder)(config, weights)
