"""Several processes that train one model: each computes a part of every batch, and takes the same steps as the others.

Process r of N has the rows r, r + N, r + 2 N, ... of each batch and of the carried state. Gradients and losses are
weighted by the number of targets, so that they are those of the whole batch, as one process would find them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from seqshell.core.errors import RecipeError
from seqshell.core.state import State, leaves, map_leaves, replace_leaves
from seqshell.core.text_output import counted
from seqshell.training.data.batches import part_of
from seqshell.training.distributed import gradients
from seqshell.training.distributed.group import Batch, Divisible, Gradients, Group, Value
from seqshell.training.distributed.lost import EndedElsewhere, Watch


class Ranks(Group):
    """The processes of torchrun. watch: finds out which process has ended when one cannot be reached."""

    def __init__(self, watch: Watch, restarts: int = 0) -> None:
        self.rank, self.size, self.restarts = watch.rank, watch.size, restarts
        self.watch = watch
        self._versions: list[int] = []
        self._num_streams = 0

    @property
    def processes_here(self) -> int:
        return self.watch.processes_here

    def part(self, objective: Divisible, batch: Batch) -> tuple[Batch, float]:
        """See `Group.part`. A process for which no row is left computes the first one, which then counts nothing."""
        if self.rank >= len(batch[0]):
            return part_of(batch, slice(1), objective.padded), 0.0
        part = part_of(batch, self.rows, objective.padded)
        return part, objective.num_losses(part) / objective.num_losses(batch)

    def of_state(self, state: State) -> State:
        if (first := next(leaves(state), None)) is None:
            return state
        self._num_streams = len(first)
        if self._num_streams < self.size:
            raise RecipeError(
                f"the data is read in {counted(self._num_streams, 'stream')}, too few for {self.size} processes",
                hint="raise training.batch_size, take more data, or start fewer processes",
            )
        return map_leaves(lambda leaf: leaf[self.rows], state)

    def num_streams(self, state: State) -> int:
        return self._num_streams

    def whole_state(self, state: State) -> State:
        own = [leaf.detach().cpu() for leaf in leaves(state)]
        if not own:
            return state
        parts = self._gathered(own)
        return replace_leaves(state, map(_interleaved, zip(*parts, strict=True))) if parts else state

    def sum_gradients(self, module: Any) -> None:
        gradients.sum_gradients(module.parameters(), self._sum)

    def each_gradients(self, module: Any) -> list[Gradients]:
        return self._gathered({name: each.cpu() for name, each in gradients.waiting_gradients(module).items()})

    def mean(self, losses: Mapping[str, float], share: float) -> dict[str, float]:
        sums = torch.tensor([value * share if share else 0.0 for value in losses.values()], dtype=torch.float64)
        self._sum(sums)
        return dict(zip(losses, sums.tolist(), strict=True))

    def total(self, value: float) -> float:
        sums = torch.tensor([value], dtype=torch.float64)
        self._sum(sums)
        return sums.item()

    def interleaved(self, own: Sequence[Value]) -> list[Value]:
        parts = self._of_all(own)
        whole: list[Any] = [None] * sum(map(len, parts))
        for rank, part in enumerate(parts):
            whole[rank :: self.size] = part
        return whole

    def agree(self, stop: int, is_due: bool = False) -> tuple[int, bool]:
        stop = max(int(stop), self.watch.orphaned)
        requests = torch.tensor([stop, is_due and self.is_writer], dtype=torch.int64)
        self._reduce(requests, dist.ReduceOp.MAX)
        number, due = requests.tolist()
        self.stop = max(self.stop, number)
        return self.stop, bool(due)

    def from_writer(self, compute: Callable[[], Value]) -> Value:
        found: list[Any] = [None]
        if self.is_writer:
            try:
                found = [(compute(),)]
            finally:
                self._broadcast(found)
        else:
            self._broadcast(found)
        if found[0] is None:
            raise EndedElsewhere
        value: Value = found[0][0]
        return value

    def together(self, compute: Callable[[], Value]) -> Value:
        failed = True
        try:
            found = compute()
            failed = False
        finally:
            failures = torch.tensor([failed], dtype=torch.int64)
            self._sum(failures)
        if failures.item():
            raise EndedElsewhere
        return found

    def check_same(self, name: str, value: Any) -> None:
        values = self._of_all(value)
        if others := [rank for rank, other in enumerate(values) if other != values[0]]:
            raise RecipeError(f"rank {others[0]} has other {name} than rank 0")

    def begin_batch(self, seed: int, number: int) -> None:
        drawn = int(np.random.SeedSequence((seed, number, self.rank)).generate_state(1)[0])
        torch.manual_seed(drawn)
        random.seed(drawn)
        np.random.seed(drawn)

    def align(self, *modules: Any) -> None:
        for module in modules:
            for tensor in (*module.parameters(), *module.buffers()):
                self._copy(tensor)
            self._versions = _versions(module)

    def align_buffers(self, module: Any) -> None:
        if not any(True for _ in module.buffers()):
            return
        changed = torch.tensor([_versions(module) != self._versions], dtype=torch.int64)
        self._sum(changed)
        if changed.item():
            for buffer in module.buffers():
                self._copy(buffer)
            self._versions = _versions(module)

    def meet(self) -> None:
        self._sum(torch.zeros(1))

    @torch.no_grad()
    def _copy(self, tensor: Tensor) -> None:
        sent = torch.view_as_real(tensor.detach()) if tensor.is_complex() else tensor.detach()
        sent = sent.contiguous()
        with self._meeting():
            dist.broadcast(sent, 0)
        if not self.is_writer:
            tensor.copy_(torch.view_as_complex(sent) if tensor.is_complex() else sent)

    def _sum(self, tensor: Tensor) -> None:
        self._reduce(tensor, dist.ReduceOp.SUM)

    def _reduce(self, tensor: Tensor, operation: Any) -> None:
        with self._meeting():
            dist.all_reduce(tensor, operation)

    def _broadcast(self, found: list[Any]) -> None:
        with self._meeting():
            dist.broadcast_object_list(found, 0)

    def _of_all(self, value: Any) -> list[Any]:
        values: list[Any] = [None] * self.size
        with self._meeting():
            dist.all_gather_object(values, value)
        return values

    def _gathered(self, value: Any) -> list[Any]:
        """The values of all processes for the writer; [] for the others."""
        values: list[Any] | None = [None] * self.size if self.is_writer else None
        with self._meeting():
            dist.gather_object(value, values)
        return values or []

    @contextmanager
    def _meeting(self) -> Iterator[None]:
        """Messages between processes. Raises RankLost or EndedElsewhere if one of them does not answer."""
        try:
            yield
        except RuntimeError as error:  # torch has no type of its own for a closed connection
            raise self.watch.reason() from error


def _interleaved(parts: tuple[Tensor, ...]) -> Tensor:
    """The rows of all processes in the order of the batch."""
    whole = parts[0].new_empty((sum(map(len, parts)), *parts[0].shape[1:]))
    for rank, part in enumerate(parts):
        whole[rank :: len(parts)] = part
    return whole


def _versions(module: Any) -> list[int]:
    """Numbers that change when a buffer is written to or replaced."""
    return [number for buffer in module.buffers() for number in (id(buffer), buffer._version)]
