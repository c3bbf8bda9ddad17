"""Choose how many threads torch uses in a training: no more than have enough to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from statistics import mean

import torch
from torch import nn

from seqshell.training.objective import first_order
from seqshell.training.run import Run

LEAST_WORK = 25_000_000  # multiplications of a thread in an update; below it, a thread waits for as long as it saves
BATCHES = 8  # whose sizes are averaged


@contextmanager
def useful_threads(run: Run) -> Iterator[None]:
    """Let torch use at most one thread for every LEAST_WORK of an update on the CPU, while the block runs.

    On idle cores, further threads are hardly faster; on busy ones they make a small training slower, since all wait for
    the last one after every product. The number depends on model and data alone, and so do the bits of the
    weights that are trained on the same machine.
    """
    before = torch.get_num_threads()
    if run.device.type == "cpu" and (found := work(run)):
        torch.set_num_threads(max(1, min(before, found // LEAST_WORK)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def work(run: Run) -> int:
    """About how many multiplications model and teacher do in an update of this process; 0 if nothing has weights.

    Each weight is used once for each value that is read, but those of embeddings, which are only looked up.
    """
    teacher = run.prepared.teacher
    weights = sum(
        weight.numel()
        for module in (run.module, *([teacher.module] if teacher is not None else ()))
        for part in module.modules()
        if not isinstance(part, nn.Embedding)
        for weight in part.parameters(recurse=False)
    )
    if not weights:
        return 0
    batches = islice(run.objective.batches(first_order(run.objective, run.settings.seed)), BATCHES)
    return int(weights * mean(batch[0].size for batch in batches) / run.group.size)
