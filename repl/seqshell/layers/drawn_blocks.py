"""Tokens of a small vocabulary that kernels draw and read, several in one compiled call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from seqshell.core.shortlist import Rule
from seqshell.core.state import State
from seqshell.kernels import layout
from seqshell.kernels.loading import kernels
from seqshell.layers.cells import Parts
from seqshell.layers.recurrent import state_of
from seqshell.layers.rule_codes import rule_codes
from seqshell.layers.weights import Floats

COMPILED = kernels()
MOST_OUTPUTS = 512  # of a model that draws blocks; numpy sorts more logits faster


class DrawnStates(Sequence[State]):
    """The states after the tokens of a block, each made of views when it is asked for. parts: [N, 1, L, H] each."""

    def __init__(self, parts: Sequence[Floats]) -> None:
        self._parts = parts
        self.last = state_of([part[-1] for part in parts]) if len(parts[0]) else None

    def __len__(self) -> int:
        return len(self._parts[0])

    @overload
    def __getitem__(self, index: int) -> State: ...
    @overload
    def __getitem__(self, index: slice) -> DrawnStates: ...
    def __getitem__(self, index: int | slice) -> State | DrawnStates:
        if isinstance(index, slice):
            return DrawnStates([part[index] for part in self._parts])
        return self.last if index == -1 else state_of([part[index] for part in self._parts])


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
        self._scratch = np.empty(3 * (-(-len(table) // 8) * 8), np.float64)
        self._coded: tuple[Any, Any] = ((), ())
        self._codes = rule_codes((), (), 0)

    def draw(
        self, outputs: Floats, parts: Parts, rules: Sequence[Rule], excluded: Sequence[int], numbers: Sequence[float]
    ) -> tuple[list[int], Any, DrawnStates] | None:
        """As Decoder.draw_block, with outputs [N, 1, V]. parts: of the state. None for rules without a kernel."""
        if (rules, excluded) != self._coded:
            self._coded, self._codes = (rules, excluded), rule_codes(rules, excluded, len(self._table))
        if self._codes is None:
            return None
        given = np.ascontiguousarray(outputs, np.float32)
        number = min(self._most, len(numbers))
        chances, tokens = np.array(numbers, np.float64), np.full(number, -1, np.int64)
        new = [np.empty((number, *self._shape), np.float32) for _ in parts]
        logits = np.empty((number, *outputs.shape), np.float32)
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
                id(new[0]),
                id(new[-1]),
                id(logits),
            )
        )
        ids = tokens.tolist()
        if -1 in ids:
            drawn = ids.index(-1)
            return ids[:drawn], logits[:drawn], DrawnStates([part[:drawn] for part in new])
        return ids, logits, DrawnStates(new)
