"""The inputs of the contract checks: a few rows of ids or values, and for translation models their sources."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder, SourceDecoder
from seqshell.core.state import State
from seqshell.core.text_output import counted
from seqshell.core.tokenizers import EOS

VOCAB_SIZE, SOURCE_VOCAB_SIZE = 11, 9
NUM_FEATURES = 2
NUM_CLASSES = 4
BATCH, STEPS = 3, 9
LONG_BATCH, LONG_STEPS = 2, 272  # of the example that is read in pieces; LONG_STEPS is no power of two
MULTIPLE = 10.0  # of what rounding makes of a difference, that is allowed
MAX_SHOWN = 16  # steps whose inputs a failing case lists
LENGTHS = (4, 7, 1)  # of the sources, including EOS
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Example:
    """A batch of inputs.

    inputs: ids [B, T], or values [B, T, F]. sources, lengths: for translation models, [B, S] padded right and [B].
    output: the shape of a row's outputs at a step, None where the model chooses. is_drawn: True if the outputs are
    logits of the next input. rounding: by how much the results of a module move if its weights change in the last bit.
    """

    inputs: NDArray[Any]
    sources: Ids = field(default_factory=lambda: np.zeros((BATCH, 0), np.int64))
    lengths: Ids = field(default_factory=lambda: np.zeros(BATCH, np.int64))
    output: tuple[int | None, ...] = (VOCAB_SIZE,)
    is_drawn: bool = True
    rounding: float = 0.0

    @property
    def batch(self) -> int:
        return len(self.inputs)

    @property
    def steps(self) -> int:
        return int(self.inputs.shape[1])

    @property
    def columns(self) -> NDArray[Any]:
        """The inputs of each step: [T, B, ...]."""
        return self.inputs.swapaxes(0, 1)

    @property
    def has_sources(self) -> bool:
        return bool(self.sources.size)

    def allowed(self, limit: float) -> float:
        """The difference that is allowed: `limit`, or more if rounding explains more."""
        return max(limit, MULTIPLE * self.rounding)

    def start(self, decoder: Decoder) -> State:
        """The state before the inputs are read."""
        if not self.has_sources:
            return decoder.initial_state(len(self.inputs))
        return cast(SourceDecoder, decoder).encode(self.sources, self.lengths)

    def module_start(self, module: Any) -> State:
        """The same for a torch module."""
        if not self.has_sources:
            return module.initial_state(len(self.inputs))
        import torch

        return module.encode(torch.from_numpy(self.sources), torch.from_numpy(self.lengths))

    def rows(self, which: Any) -> Example:
        """Some of the rows, by slice or indices; the sources keep their padding."""
        return replace(self, inputs=self.inputs[which], sources=self.sources[which], lengths=self.lengths[which])

    def cut(self, batch: int, steps: int, source: int) -> Example:
        """The first `batch` rows, cut to at most `steps` steps and `source` source ids, including EOS."""
        smaller = replace(self.rows(slice(batch)), inputs=self.inputs[:batch, :steps])
        if not self.has_sources:
            return smaller
        sources, lengths = smaller.sources[:, :source].copy(), smaller.lengths.clip(max=source)
        sources[np.arange(batch), lengths - 1] = EOS
        return replace(smaller, sources=sources[:, : lengths.max()], lengths=lengths)

    def __str__(self) -> str:
        """Describe the example: 2 rows of 1 step [[9], [6]]."""
        shown = np.round(self.inputs[:, :MAX_SHOWN], 2).tolist()
        inputs = str(shown) if self.steps <= MAX_SHOWN else f"that begin with {shown}"
        read = f"{counted(self.batch, 'row')} of {counted(self.steps, 'step')} {inputs}"
        return f"{read}, sources {self.sources.tolist()}" if self.has_sources else read
