"""Tokens of a small vocabulary that kernels draw and read, several in one compiled call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqshell.core.shortlist import Rule
from seqshell.core.state import State
from seqshell.kernels import layout
from seqshell.kernels.loading import kernels
from seqshell.layers.cells import Parts
from seqshell.layers.rule_codes import rule_codes
from seqshell.layers.states import LSTMState
from seqshell.layers.weights import Floats

COMPILED = kernels()
MOST_OUTPUTS = 512  # of a model that draws blocks; numpy sorts more logits faster
SINGLE = np.dtype(np.float32)  # which numpy takes sooner than the type


class DrawnBlocks:
    """The blocks of a model.

    model: the address of its words. table: the first layer's input products of each token. shape: of a part of the
    state. most: the tokens of a block.
    """

    def __init__(
        self, model: int, table: Floats, shape: tuple[int, int, int], most: int, has_layer_outputs: bool
    ) -> None:
        self._model, self._table, self._shape, self._most = model, table, shape, most
        self._layer_outputs = np.empty(shape, np.float32) if has_layer_outputs else None
        self._scratch = np.empty(3 * len(table), np.float64)
        self._coded: tuple[Any, Any] = ((), ())
        self._codes = rule_codes((), (), 0)

    def draw(
        self, outputs: Floats, parts: Parts, rules: Sequence[Rule], excluded: Sequence[int], numbers: Sequence[float]
    ) -> tuple[list[int], list[Floats], list[State]] | None:
        """As Decoder.draw_block. parts: of the state. None for rules without a kernel."""
        if (rules, excluded) != self._coded:
            self._coded, self._codes = (rules, excluded), rule_codes(rules, excluded, len(self._table))
        if self._codes is None:
            return None
        given = np.ascontiguousarray(outputs, np.float32)
        number = min(self._most, len(numbers))
        chances, tokens = np.array(numbers, np.float64), np.full(number, -1, np.int64)
        empty, shape = np.empty, self._shape
        hidden = [empty(shape, SINGLE) for _ in range(number)]
        cells = [empty(shape, SINGLE) for _ in range(number)] if len(parts) > 1 else hidden
        logits = [empty(outputs.shape, SINGLE) for _ in range(number)]
        records = [id(array) for record in zip(hidden, cells, logits, strict=True) for array in record]
        COMPILED.block(
            layout.block_words(
                self._model,
                id(self._table),
                self._table.strides[0],
                id(parts[0]),
                id(parts[-1]),
                0 if self._layer_outputs is None else id(self._layer_outputs),
                id(given),
                id(self._codes),
                len(self._codes),
                id(chances),
                number,
                id(tokens),
                id(self._scratch),
                *records,
            )
        )
        ids = tokens.tolist()
        drawn = ids.index(-1) if -1 in ids else number
        states: list[State] = hidden[:drawn] if cells is hidden else list(map(LSTMState, hidden[:drawn], cells))
        return ids[:drawn], logits[:drawn], states
