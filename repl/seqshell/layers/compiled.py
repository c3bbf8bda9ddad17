"""Recurrent stacks whose steps are compiled. Importing this module raises ImportError without compiled kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.shortlist import Rule
from seqshell.core.state import State
from seqshell.kernels.layout import step_words
from seqshell.kernels.loading import kernels
from seqshell.kernels.rounding import PRECISIONS
from seqshell.kernels.second_thread import helper_for
from seqshell.layers import compiled_chunks
from seqshell.layers.cells import (
    Parts,
)
from seqshell.layers.compiled_linear import CompiledLinear
from seqshell.layers.drawn_blocks import MOST_OUTPUTS, DrawnBlocks
from seqshell.layers.large_vocabulary import LEAST_BYTES, RoughReadout, first_keeping
from seqshell.layers.linear import Linear
from seqshell.layers.model_words import KINDS, ModelWords
from seqshell.layers.output_stack import OutputStack
from seqshell.layers.recurrent import CHUNK, RecurrentStack, gates_of, parts_of, state_of
from seqshell.layers.residual import ResidualStack
from seqshell.layers.rounded import rounded_stack
from seqshell.layers.weights import Floats

STACKS = RecurrentStack, ResidualStack
COMPILED = kernels()
BLOCK_BYTES = 1 << 28  # of weights that are read for one block, in ten milliseconds: a larger model has shorter blocks
SHARED_BYTES = 1 << 22  # of weights that take longer to read than it takes to draw a token in Python


class CompiledStack(OutputStack):
    """An OutputStack that computes a step of all rows, or many steps, read-out included, in one compiled call.

    Layers of other classes than those of this package are left to numpy; `backend` is then "numpy".

    precision: of the weights, float32, bf16 or int8; those that numpy multiplies are rounded alike. Weights of inputs
    whose products do not depend on the state, as those of tokens, stay in float32.
    """

    backend = "compiled"
    rows_share_weights = False
    _is_large = False  # the vocabulary
    _rough: RoughReadout | None = None
    _blocks: DrawnBlocks | None = None

    def __init__(self, stack: RecurrentStack, readout: Linear | None = None, *, precision: str = "float32") -> None:
        super().__init__(stack, readout)
        self.precision = precision
        self._last: State | None = None  # the state that the last step returned, whose arrays are known to fit
        self._shape = (1, len(stack.layers), stack.layers[0].hidden_size)
        if (
            type(stack) not in STACKS
            or any(type(layer) not in KINDS for layer in stack.layers)
            or stack.output_size != stack.hidden_size  # the kernels know one size
        ):
            self.backend = "numpy"
            return
        self._exact = stack, readout
        # Whether a layer passes on something else than its hidden state.
        self._has_layer_outputs = isinstance(stack, ResidualStack) and bool(stack.norms or stack.residual)
        self._linear = None if readout is None else CompiledLinear(readout, precision=precision)
        self._words = ModelWords(stack, None if self._linear is None else self._linear.words, precision)
        num_bytes = self._words.num_bytes
        self._helper = helper_for(num_bytes)
        if self._helper is not None:
            self.num_threads = 2
            self._words.use_team(self._helper.address)
        self.stack, self.readout = rounded_stack(stack, precision), self._linear
        self.layers = self.stack.layers
        self._model = self._words.address
        table = stack.table_for(1)
        self._table = None if table is None else np.ascontiguousarray(table, np.float32)
        num_outputs = 0 if readout is None else readout.weight.shape[1]
        self.rows_share_weights = precision == "float32" and num_bytes >= SHARED_BYTES
        most = BLOCK_BYTES // num_bytes
        if self._table is not None and len(self._table) == num_outputs <= MOST_OUTPUTS and most > 1:
            self._blocks = DrawnBlocks(self._model, self._table, self._shape, most, self._has_layer_outputs)
        self._is_large = precision == "float32" and 4 * num_outputs * self._shape[2] >= LEAST_BYTES

    def in_precision(self, precision: str) -> CompiledStack:
        """The same stack with its weights in another precision. Raises ValueError if there is no kernel for them."""
        if precision not in PRECISIONS or self.backend == "numpy":
            raise ValueError(f"no kernel reads these layers in {precision}")
        stack, readout = self._exact
        return CompiledStack(stack, readout, precision=precision)

    def step(self, inputs: NDArray[Any], state: State, extra: Floats | None = None) -> tuple[Floats, State]:
        """As OutputStack.step. Each row's results are those of the row alone, to the last bit."""
        if self.backend == "numpy":
            return super().step(inputs, state, extra)
        logits = None if self.readout is None else np.empty((len(inputs), self.readout.weight.shape[1]), np.float32)
        hidden, state = self._step(inputs, state, extra, logits)
        return hidden if logits is None else logits, state

    def _step(
        self, inputs: NDArray[Any], state: State, extra: Floats | None, logits: Floats | None
    ) -> tuple[Floats, State]:
        """The last layer's outputs [B, H], and the state. logits: room for them, None to leave out the read-out."""
        rows, offset = len(inputs), 0
        if self._table is not None and rows == 1 and 0 <= (token := inputs.item()) < len(self._table):
            first, offset = self._table, token * self._table.strides[0]
        else:
            first = self._first_products(inputs)
        if extra is not None:
            extra = self._checked_extra(extra, rows)
        parts = parts_of(state) if state is self._last else self._checked(state, rows)
        shape = (rows, *self._shape[1:])
        if parts[0].shape != shape:
            raise ValueError(f"the state has {len(parts[0]):,} rows, not {rows:,}")
        new = [np.empty(shape, np.float32) for _ in parts]
        outputs = np.empty(shape, np.float32) if self._has_layer_outputs else None
        if self._helper is not None:
            self._helper.wake()
        COMPILED.step(
            step_words(
                self._model,
                id(first),
                offset,
                0 if extra is None else id(extra),
                id(parts[0]),
                id(parts[-1]),
                id(new[0]),
                id(new[-1]),
                0 if outputs is None else id(outputs),
                0 if logits is None else id(logits),
                rows,
            )
        )
        self._last = state = state_of(new)
        return (new[0] if outputs is None else outputs)[:, -1], state

    def draw_block(
        self,
        outputs: Floats,
        state: State,
        rules: Sequence[Rule],
        excluded: Sequence[int],
        numbers: Sequence[float],
    ) -> tuple[list[int], Sequence[Floats], Sequence[State]] | None:
        """As Decoder.draw_block. None for rules without a kernel, and for a large model."""
        if self._is_large:
            if first_keeping(rules) is None:
                return None
            readout = self._exact[1]
            if self._rough is None and readout is not None:
                self._rough = RoughReadout(readout)
            assert self._rough is not None
            return self._rough.draw_block(outputs, state, rules, excluded, numbers, self._step_alone, self.read_out)
        if self._blocks is None:
            return None
        parts = parts_of(state) if state is self._last else self._checked(state)
        if self._helper is not None:
            self._helper.wake()
        found = self._blocks.draw(outputs, parts, rules, excluded, numbers)
        if found is not None and found[0]:
            self._last = found[2][-1]
        return found

    def _step_alone(self, token: int, state: State) -> tuple[Floats, State]:
        """A step without the read-out."""
        return self._step(np.array([token]), state, None, None)

    def feed(self, inputs: NDArray[Any], state: State, extra: Floats | None = None) -> tuple[Floats, State]:
        """As OutputStack.feed; outputs and state are those of single steps, to the last bit."""
        if self.backend == "numpy":
            return super().feed(inputs, state, extra)
        for start in range(0, inputs.shape[1], CHUNK):
            some = inputs[:, start : start + CHUNK]
            found, state = self._chunk(some, state, extra, logit_steps=1, wants_outputs=self._has_layer_outputs)
        if found.logits is not None:
            return found.logits[0], state
        return (found.parts[0][:, -1] if found.outputs is None else found.outputs[-1]), state

    def read(self, inputs: NDArray[Any], state: State, extra: Floats | None = None) -> tuple[Floats, State]:
        """As OutputStack.read, with the results of single steps."""
        if self.backend == "numpy":
            return super().read(inputs, state, extra)
        found, state = self._chunk(inputs, state, extra, logit_steps=inputs.shape[1], wants_outputs=True)
        outputs = found.outputs if found.logits is None else found.logits
        assert outputs is not None
        return outputs.swapaxes(0, 1), state

    def trace(
        self, inputs: NDArray[Any], state: State, extra: Floats | None = None
    ) -> tuple[Floats, State, State, dict[str, Floats]]:
        """As OutputStack.trace, with the results of single steps."""
        if self.backend == "numpy":
            return super().trace(inputs, state, extra)
        wanted = {"logit_steps": inputs.shape[1], "wants_outputs": True, "wants_states": True}
        found, state = self._chunk(inputs, state, extra, **wanted)
        outputs = found.outputs if found.logits is None else found.logits
        assert outputs is not None
        assert found.states is not None
        assert found.gates is not None
        steps = [part.transpose(2, 1, 0, 3) for part in found.states]
        named = dict(zip(("hidden", "cell"), steps, strict=False))
        if names := gates_of(self.layers[0]):
            gates = np.split(found.gates.transpose(2, 1, 0, 3), len(names), axis=-1)
            named |= dict(zip(names, gates, strict=True))
        return outputs.swapaxes(0, 1), state, state_of(steps), named

    def surprisals(self, inputs: NDArray[Any], targets: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """As OutputStack.surprisals, without all logits."""
        if self.backend == "numpy":
            return super().surprisals(inputs, targets, state)
        found, state = self._chunk(inputs, state, None, targets=targets)
        assert found.nats is not None
        return found.nats.T, state

    def read_out(self, hidden: Floats) -> Floats:
        """hidden: [..., H]. Returns [..., O]; those of [B, H] equal those of a step in every bit."""
        if self.backend == "numpy" or self._linear is None:
            return super().read_out(hidden)
        return self._linear(hidden)

    def _chunk(
        self, inputs: NDArray[Any], state: State, extra: Floats | None, **wanted: Any
    ) -> tuple[compiled_chunks.Chunk, State]:
        """What is wanted of inputs [B, T] or [B, T, F], and the state after them."""
        parts = self._checked(state, len(inputs))
        num_outputs = 0 if self.readout is None else self.readout.weight.shape[1]
        if not num_outputs:
            wanted["logit_steps"] = 0
        found = compiled_chunks.read_chunk(
            self._model,
            self.stack,
            inputs,
            parts,
            extra=None if extra is None else self._checked_extra(extra, len(inputs)),
            table=self._table,
            num_outputs=num_outputs,
            **wanted,
        )
        return found, state_of(found.parts)

    def _checked_extra(self, extra: Floats, rows: int) -> Floats:
        """The extra inputs as the kernels read them. Raises ValueError if they have another shape."""
        extra = np.ascontiguousarray(extra, np.float32)
        if extra.shape != (rows, len(self.stack.extra_weight)):
            raise ValueError(f"the extra inputs are {extra.shape}, not {(rows, len(self.stack.extra_weight))}")
        return extra

    def _first_products(self, inputs: NDArray[Any]) -> Floats:
        """The first layer's input products [B, G], without those of extra inputs. inputs: [B] or [B, F]."""
        products = self.stack.separate_products(inputs) if self._table is None else self._table[inputs]
        return np.ascontiguousarray(products, np.float32)

    def _checked(self, state: State, rows: int = 1) -> Parts:
        """The parts of a state as the kernels read them. Raises ValueError if they have another shape."""
        parts = [np.ascontiguousarray(part, np.float32) for part in parts_of(state)]
        shape = (rows, *self._shape[1:])
        if any(part.shape != shape for part in parts) or len(parts) != self.layers[0].num_parts:
            raise ValueError(f"the state is not {self.layers[0].num_parts} x {shape}")
        return parts
