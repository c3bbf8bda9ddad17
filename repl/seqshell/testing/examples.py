"""What the rules read: a few rows of ids or values, and for translations the sources that their first states come from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder, SourceDecoder
from seqshell.core.model import Task
from seqshell.core.state import State
from seqshell.core.text_output import counted
from seqshell.core.tokenizers import BOS, EOS, PAD, UNK

VOCAB_SIZE, SOURCE_VOCAB_SIZE = 11, 9
NUM_FEATURES = 2
NUM_CLASSES = 4
BATCH, STEPS = 3, 9
LENGTHS = (4, 7, 1)  # of the sources, EOS counted
SIZES = {  # what the host fills in
    Task.GENERATE: {"vocab_size": VOCAB_SIZE},
    Task.TRANSLATE: {"source_vocab_size": SOURCE_VOCAB_SIZE, "target_vocab_size": VOCAB_SIZE},
    Task.CLASSIFY: {"vocab_size": VOCAB_SIZE, "num_classes": NUM_CLASSES},
    Task.FORECAST: {"num_features": NUM_FEATURES},
}

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Example:
    """inputs: [B, T], or values [B, T, F], what is read; for models that translate also sources: [B, S], padded right, and lengths: [B],
    else [B, 0] and zeros. output: the shape of a row's outputs at a step, None where a model chooses."""

    inputs: NDArray[Any]
    sources: Ids
    lengths: Ids
    output: tuple[int | None, ...] = (VOCAB_SIZE,)

    @property
    def batch(self) -> int:
        return len(self.inputs)

    @property
    def steps(self) -> int:
        return int(self.inputs.shape[1])

    @property
    def columns(self) -> NDArray[Any]:
        """What is read at each step: [T, B, ...]."""
        return self.inputs.swapaxes(0, 1)

    @property
    def has_sources(self) -> bool:
        return bool(self.sources.size)

    def start(self, decoder: Decoder) -> State:
        """The state before the inputs are read."""
        if not self.has_sources:
            return decoder.initial_state(len(self.inputs))
        return cast(SourceDecoder, decoder).encode(self.sources, self.lengths)

    def module_start(self, module: Any) -> State:
        """The same of a torch module."""
        if not self.has_sources:
            return module.initial_state(len(self.inputs))
        import torch

        return module.encode(torch.from_numpy(self.sources), torch.from_numpy(self.lengths))

    def rows(self, which: Any) -> Example:
        """Some of the rows, as a slice or ids; sources stay padded as they are."""
        return replace(self, inputs=self.inputs[which], sources=self.sources[which], lengths=self.lengths[which])

    def cut(self, batch: int, steps: int, source: int) -> Example:
        """The first rows, of at most so many steps and with sources of at most so many ids, EOS counted."""
        smaller = replace(self.rows(slice(batch)), inputs=self.inputs[:batch, :steps])
        if not self.has_sources:
            return smaller
        sources, lengths = smaller.sources[:, :source].copy(), smaller.lengths.clip(max=source)
        sources[np.arange(batch), lengths - 1] = EOS
        return replace(smaller, sources=sources[:, : lengths.max()], lengths=lengths)

    def __str__(self) -> str:
        """2 rows of 1 step [[9], [6]]."""
        read = f"{counted(self.batch, 'row')} of {counted(self.steps, 'step')} {np.round(self.inputs, 2).tolist()}"
        return f"{read}, sources {self.sources.tolist()}" if self.has_sources else read


def example_for(task: Task) -> Example:
    """Random rows: BATCH rows of STEPS ids, for TRANSLATE from BOS on and with sources of LENGTHS, for CLASSIFY without specials but UNK,
    for FORECAST of values."""
    random = np.random.default_rng(0)
    nothing = np.zeros((BATCH, 0), np.int64), np.zeros(BATCH, np.int64)
    if task is Task.FORECAST:
        values = random.normal(size=(BATCH, STEPS, NUM_FEATURES)).astype(np.float32)
        return Example(values, *nothing, (None, NUM_FEATURES, None))
    if task is Task.CLASSIFY:
        return Example(random.integers(UNK, VOCAB_SIZE, (BATCH, STEPS)), *nothing, (NUM_CLASSES,))
    if task is Task.GENERATE:
        return Example(random.integers(0, VOCAB_SIZE, (BATCH, STEPS)), *nothing)
    inputs = random.integers(UNK, VOCAB_SIZE, (BATCH, STEPS))
    inputs[:, 0] = BOS
    lengths = np.array(LENGTHS)
    sources = random.integers(UNK, SOURCE_VOCAB_SIZE, (BATCH, max(LENGTHS)))
    sources[np.arange(BATCH), lengths - 1] = EOS
    sources[np.arange(max(LENGTHS)) >= lengths[:, None]] = PAD
    return Example(inputs, sources, lengths)
