"""The processes of a training. A `Group` is one process alone; several are `Ranks`, which torchrun starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray
from torch import Tensor

from seqshell.core.state import State, leaves
from seqshell.training.distributed.gradients import waiting_gradients

Value = TypeVar("Value")
Gradients = dict[str, Tensor]
Batch = tuple[NDArray[Any], ...]


class Divisible(Protocol):
    """What an objective says about its batches, so that they can be divided."""

    @property
    def padded(self) -> tuple[int, ...]:
        """See `Objective.padded`."""

    def num_losses(self, batch: Batch) -> int:
        """See `Objective.num_losses`."""


class Group:
    """What a training asks of its processes. Here there is one, so every answer is what was asked about.

    Every process calls the same methods in the same order. rank: the number of this process, from 0. size: how many
    there are. restarts: how often all were started again because one had failed; they then continue from what was
    saved. stop: the number of the signal that all have agreed to end for; 0: none.
    """

    rank = 0
    size = 1
    restarts = 0
    stop = 0

    @property
    def is_writer(self) -> bool:
        """Whether this process writes files and calls hooks: the first one does."""
        return self.rank == 0

    @property
    def rows(self) -> slice:
        """The rows of a batch, or streams, that this process computes."""
        return slice(self.rank, None, self.size)

    @property
    def processes_here(self) -> int:
        """How many processes share the memory of this machine."""
        return 1

    def part(self, objective: Divisible, batch: Batch) -> tuple[Batch, float]:
        """The part of a batch that this process computes, and its share of the losses that the batch averages over."""
        return batch, 1.0

    def of_state(self, state: State) -> State:
        """The rows of a whole state that this process carries."""
        return state

    def num_streams(self, state: State) -> int:
        """The rows of the state in all processes; there must be a leaf."""
        return len(next(leaves(state)))

    def whole_state(self, state: State) -> State:
        """The state with the rows of all processes, for the writer."""
        return state

    def sum_gradients(self, module: Any) -> None:
        """Add the gradients of all processes. A parameter without a gradient in any of them keeps none."""

    def each_gradients(self, module: Any) -> list[Gradients]:
        """The gradients of each process that wait for an update, by name, for the writer."""
        return [waiting_gradients(module)]

    def mean(self, losses: Mapping[str, float], share: float) -> dict[str, float]:
        """The losses of a whole batch. losses: of this process' part; share: see `part`."""
        return dict(losses)

    def total(self, value: float) -> float:
        """The sum of a value over all processes."""
        return value

    def interleaved(self, own: Sequence[Value]) -> Sequence[Value]:
        """What all processes have found for their `rows` of a sequence, in its order."""
        return own

    def agree(self, stop: int, is_due: bool = False) -> tuple[int, bool]:
        """The largest `stop` of all processes, and `is_due` of the writer."""
        self.stop = max(self.stop, int(stop))
        return self.stop, is_due

    def from_writer(self, compute: Callable[[], Value]) -> Value:
        """What `compute` returns in the writer, which alone calls it."""
        return compute()

    def together(self, compute: Callable[[], Value]) -> Value:
        """What `compute` returns here. If it fails in one process, none goes on."""
        return compute()

    def check_same(self, name: str, value: Any) -> None:
        """Raise RecipeError unless the value is the same in all processes. name: in words, for the message."""

    def begin_batch(self, seed: int, number: int) -> None:
        """Make the draws of this process for batch `number` other ones than those of the other processes."""

    def align(self, *modules: Any) -> None:
        """Copy the writer's weights and buffers into the modules of the others."""

    def align_buffers(self, module: Any) -> None:
        """Copy the writer's buffers into the modules of the others, if a batch has changed them."""

    def meet(self) -> None:
        """Wait until all processes are here."""


ALONE = Group()  # for what one process computes of a training
