"""Many steps of a compiled stack in one call. Importing this module raises ImportError without compiled kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.kernels import layout
from seqshell.kernels.loading import kernels
from seqshell.layers.recurrent import RecurrentStack
from seqshell.layers.weights import Floats

COMPILED = kernels()
SPAN_ROWS = 64  # rows that one layer reads before the next one does: their input products stay in the cache


@dataclass(frozen=True, eq=False)
class Chunk:
    """What was computed of T steps of B rows.

    parts: of the state after the last step, [B, L, H] each. outputs: what the last layer passes on, [T, B, H].
    logits: those of the last steps [., B, V]. states: the parts after each step, [L, T, B, H] each. gates: of
    each step, [L, T, B, G]. nats: [T, B].
    """

    parts: list[Floats]
    outputs: Floats | None = None
    logits: Floats | None = None
    states: list[Floats] | None = None
    gates: Floats | None = None
    nats: NDArray[np.float64] | None = None


def read_chunk(
    model: int,
    stack: RecurrentStack,
    inputs: NDArray[Any],
    parts: Sequence[Floats],
    *,
    extra: Floats | None = None,
    table: Floats | None = None,
    num_outputs: int = 0,
    logit_steps: int = 0,
    wants_outputs: bool = False,
    wants_states: bool = False,
    targets: NDArray[Any] | None = None,
) -> Chunk:
    """Read inputs [B, T] or [B, T, F] from the parts of a state [B, L, H]. model: the address of its words.

    table: the first layer's input products of every token. logit_steps: the number of last steps whose logits are
    wanted. targets: [B, T], whose nats are wanted.
    """
    rows, steps = inputs.shape[:2]
    depth, size, width = len(stack.layers), stack.layers[0].hidden_size, len(stack.layers[0].bias)
    by_time = inputs.swapaxes(0, 1)
    tokens = expected = None
    if table is None:
        table = np.ascontiguousarray(stack.input_products(by_time, None, None), np.float32)
    else:
        tokens = _checked(by_time, len(table))
    hidden, cell = (np.array(part.swapaxes(0, 1), np.float32, order="C") for part in (parts[0], parts[-1]))
    every = [np.empty((depth, steps, rows, size), np.float32) for _ in parts] if wants_states else None
    gates = np.empty((depth, steps, rows, width), np.float32) if wants_states else None
    outputs = np.empty((steps, rows, size), np.float32) if wants_outputs else None
    span = max(1, min(steps, SPAN_ROWS // rows))
    logits = found = None
    if targets is not None:
        if targets.shape != inputs.shape[:2]:
            raise ValueError(f"the targets are {targets.shape}, not {inputs.shape[:2]}")
        expected = _checked(targets.swapaxes(0, 1), num_outputs)
        found, logit_steps = np.empty((steps, rows, 3), np.float32), steps
        logits = np.empty((span, rows, num_outputs), np.float32)
    elif logit_steps:
        logits = np.empty((logit_steps, rows, num_outputs), np.float32)
    room = np.empty(span * rows * (width + 2 * size), np.float32)
    last = cell if len(parts) > 1 else hidden
    arrays = (tokens, extra, hidden, last, *((None, None) if every is None else (every[0], every[-1])))
    COMPILED.chunk(
        layout.chunk_words(
            model,
            id(table),
            4 * width,
            *(0 if each is None else id(each) for each in (*arrays, gates, outputs, logits)),
            logit_steps,
            *(0 if each is None else id(each) for each in (expected, found, room)),
            rows,
            steps,
            span,
        )
    )
    after = [np.ascontiguousarray(part.swapaxes(0, 1)) for part in (hidden, cell)[: len(parts)]]
    if found is None:
        return Chunk(after, outputs, logits, every, gates)
    top, total, own = (found[..., place].astype(np.float64) for place in range(3))
    return Chunk(after, outputs, None, every, gates, np.log(total) + (top - own))


def _checked(ids: NDArray[Any], size: int) -> NDArray[np.int64]:
    """Ids from 0 on, in C order; negative ones count from the end. Raises IndexError if there is none such."""
    found = np.array(ids, np.int64, order="C")
    if found.size and not -size <= found.min() <= found.max() < size:
        raise IndexError(f"a token is out of bounds: there are {size:,}")
    found[found < 0] += size
    return found
