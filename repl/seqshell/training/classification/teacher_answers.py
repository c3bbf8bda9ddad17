"""What a teacher says about the training texts of a classifier, asked once: every epoch reads the same texts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqshell.core.events import Progress
from seqshell.training.classification.evaluation import last_logits, predictions
from seqshell.training.data.batches import Ids
from seqshell.training.data.token_rows import items_at
from seqshell.training.distributed.group import Group
from seqshell.training.optimizer import device_of
from seqshell.training.teacher import Teacher

MOST_REMEMBERED = 256_000_000  # bytes; of more answers none is remembered, and the teacher is asked about each batch
Probabilities = NDArray[np.float32]


class TeacherAnswers:
    """The probabilities [N, C] of the labels of each training text, which are remembered unless they are too many.

    ids: of the texts. num_bytes: what remembering them takes.
    """

    def __init__(self, teacher: Teacher, ids: Sequence[Ids]) -> None:
        self.teacher = teacher
        self._ids = ids
        size = len(ids) * len(teacher.model.labels) * np.dtype(np.float32).itemsize
        self.num_bytes = size if size <= MOST_REMEMBERED else 0
        self._known: Probabilities | None = None

    def ask(self, group: Group, stopped: Callable[[], int]) -> Iterator[Progress]:
        """Ask about all texts, each process about its part, unless stopped() returns True.

        The answers are the same after a stop: they depend on the texts, and not on the order of batches.
        """
        if not self.num_bytes:
            return
        own = items_at(self._ids, np.arange(len(self._ids))[group.rows])
        found = np.zeros((len(own), len(self.teacher.model.labels)), np.float32)
        done, start = 0, time.perf_counter()
        for rows, logs in predictions(self.teacher.module, own, causal=self.teacher.model.causal):
            found[rows] = np.exp(logs)
            done += len(rows)
            yield Progress(done, len(own), f"{done / (time.perf_counter() - start):,.0f} texts/s", "asking the teacher")
            if stopped():
                break
        if not group.agree(stopped())[0]:
            self._known = np.asarray(group.interleaved(found))  # type: ignore[arg-type]  # an array is a sequence of its rows

    def of_rows(self, rows: NDArray[np.int64]) -> tuple[Probabilities, ...]:
        """The answers about some texts; none before all are known."""
        return () if self._known is None else (self._known[rows],)

    def of_batch(self, inputs: Tensor) -> Tensor:
        """The answers [B, C] about inputs [B, T], padded right."""
        with self.teacher.asked() as module:
            return last_logits(module, inputs, causal=self.teacher.model.causal).float().softmax(-1)

    def added_to(self, batch: tuple[NDArray[np.generic], ...]) -> tuple[NDArray[np.generic], ...]:
        """A batch of an objective with the answers about it, if those about all texts would be remembered."""
        if not self.num_bytes:
            return batch
        inputs = torch.from_numpy(batch[0]).to(device_of(self.teacher.module))
        return (*batch, self.of_batch(inputs).cpu().numpy())
