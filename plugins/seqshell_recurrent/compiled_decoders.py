"""The architectures rnn, lstm and gru with compiled steps. Cannot be imported without compiled kernels."""

from __future__ import annotations

from seqshell.layers import CompiledStack
from seqshell_recurrent import decoders


class RNNDecoder(decoders.RNNDecoder):
    """The simple recurrent network. State: one array [B, L, H]."""

    stack_class = CompiledStack


class LSTMDecoder(decoders.LSTMDecoder):
    """Long short-term memory. State: LSTMState(hidden, cell), [B, L, H] each."""

    stack_class = CompiledStack


class GRUDecoder(decoders.GRUDecoder):
    """The gated recurrent unit. State: one array [B, L, H]."""

    stack_class = CompiledStack
