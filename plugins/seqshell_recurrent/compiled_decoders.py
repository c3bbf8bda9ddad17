"""The architectures of this plugin with compiled steps. Cannot be imported without compiled kernels."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

from numpy.typing import NDArray

from seqshell import Rule, State
from seqshell.layers import CompiledStack, OutputStack
from seqshell_recurrent import cell_decoders, decoders


class _DrawsBlocks:
    """What a decoder offers besides its steps: see seqshell.Decoder."""

    backend: str
    stack: OutputStack

    @property
    def rows_share_weights(self) -> bool:
        """As of a Decoder."""
        assert isinstance(self.stack, CompiledStack)
        return self.stack.rows_share_weights

    def in_precision(self, precision: str) -> Self:
        """As Decoder.in_precision."""
        assert isinstance(self.stack, CompiledStack)
        other = copy.copy(self)
        other.stack = self.stack.in_precision(precision)
        return other

    def draw_block(
        self,
        outputs: NDArray[Any],
        state: State,
        rules: Sequence[Rule],
        excluded: Sequence[int],
        numbers: Sequence[float],
    ) -> tuple[list[int], Sequence[NDArray[Any]], Sequence[State]] | None:
        """As Decoder.draw_block."""
        assert isinstance(self.stack, CompiledStack)
        return self.stack.draw_block(outputs, state, rules, excluded, numbers)

    def outputs_of_steps(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """As Decoder.outputs_of_steps."""
        return self.stack.read(inputs, state)

    def surprisals(self, inputs: NDArray[Any], targets: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """As Decoder.surprisals."""
        return self.stack.surprisals(inputs, targets, state)


class RNNDecoder(_DrawsBlocks, decoders.RNNDecoder):
    """The simple recurrent network. State: one array [B, L, H]."""

    stack_class = CompiledStack


class LSTMDecoder(_DrawsBlocks, decoders.LSTMDecoder):
    """Long short-term memory. State: LSTMState(hidden, cell), [B, L, H] each."""

    stack_class = CompiledStack


class GRUDecoder(_DrawsBlocks, decoders.GRUDecoder):
    """The gated recurrent unit. State: one array [B, L, H]."""

    stack_class = CompiledStack


class ElmanDecoder(cell_decoders.ElmanDecoder):
    """The recurrent network of the tutorials. State: one array [B, H]."""

    stack_class = CompiledStack


class LSTMCellDecoder(_DrawsBlocks, cell_decoders.LSTMCellDecoder):
    """LSTM cells. State: LSTMState(hidden, cell), [B, L, H] each."""

    stack_class = CompiledStack


class GRUCellDecoder(_DrawsBlocks, cell_decoders.GRUCellDecoder):
    """GRU cells; numpy computes those whose reset gate acts before the product. State: one array [B, L, H]."""

    stack_class = CompiledStack
