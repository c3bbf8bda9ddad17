"""What training needs from a task: its data, batches, loss, validation and evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seqshell.core.events import Table
from seqshell.core.state import State
from seqshell.host import Registry
from seqshell.models.task_parts.parts import Inputs
from seqshell.training.distributed.group import ALONE, Group

Metrics = dict[str, Any]
TrainingBatch = tuple[NDArray[Any], ...]  # the arrays of one batch
NO_LOSSES: Mapping[str, Tensor] = MappingProxyType({})


class BatchLoss(NamedTuple):
    """The mean loss of a batch, a scalar with gradient, the state after it, and the module's auxiliary losses."""

    loss: Tensor
    state: State
    auxiliary: Mapping[str, Tensor] = NO_LOSSES

    @property
    def total(self) -> Tensor:
        """What is minimised: the sum of all losses."""
        return sum(self.auxiliary.values(), self.loss)


class Objective(Protocol):
    """The task's part of training. Each `module` is a torch module; methods that evaluate it expect it in eval mode."""

    @property
    def data(self) -> Mapping[str, Any]:
        """Name and sha256 of the data."""

    @property
    def split(self) -> Mapping[str, int]:
        """How much of the data is for training and how much for validation."""

    @property
    def description(self) -> str:
        """The split in words on the first line, then one note per line."""

    @property
    def num_orders(self) -> int:
        """Each epoch has its own order of batches, given by a random number below this one."""

    @property
    def num_batches(self) -> int:
        """Batches in an epoch; approximate where it depends on the order."""

    @property
    def padded(self) -> tuple[int, ...]:
        """Which arrays of a batch are padded right with PAD; the first axis of all arrays are the rows."""

    def initial_state(self, module: Any) -> State:
        """The state at the start of an epoch, carried from batch to batch; () where nothing is carried."""

    def batches(self, order: int, first: int = 0) -> Iterator[TrainingBatch]:
        """The batches of an epoch, starting with number `first`."""

    def num_tokens(self, batch: TrainingBatch) -> int:
        """Tokens to predict in a batch, without padding."""

    def num_losses(self, batch: TrainingBatch) -> int:
        """How many targets `loss` averages over: the weight of a batch when gradients of several are accumulated."""

    def inputs(self) -> Inputs:
        """What a decoder and its module read of the training data when they are compared."""

    def loss(self, module: Any, batch: TrainingBatch, state: State, step: int = 0) -> BatchLoss:
        """The losses of a batch. step: optimizer steps so far."""

    def validate(self, module: Any, group: Group = ALONE) -> Metrics:
        """Metrics on the validation data. The first one selects the weights to keep; lower is better.

        group: the processes that validate together, with the same result in each.
        """

    def is_perfect(self, metrics: Metrics) -> bool:
        """True if further training cannot improve the metrics of `validate` noticeably."""

    def summary(self, metrics: Metrics) -> str:
        """The metrics of `validate` in a few words."""

    def measure(self, module: Any) -> Metrics:
        """Metrics of the finished model, with the keys that `seqshell evaluate` uses."""

    def as_measured(self, validation: Metrics) -> Metrics:
        """Metrics of `validate` with the keys of `measure`, for a training that was stopped."""

    def table(self, measured: Metrics) -> Table:
        """The metrics of `measure` as a table."""

    def first_examples(self, number: int) -> list[dict[str, Any]]:
        """The first training examples, as the model reads them: texts, numbers, or lists of them by name."""

    def examples(self) -> tuple[str, ...]:
        """Inputs for a new user to try."""

    def sample(self, module: Any, registry: Registry) -> str:
        """The model's answer to the first example; deterministic for given weights."""


def first_order(objective: Objective, seed: int) -> int:
    """The order of the batches in the first epoch of a run."""
    return int(np.random.default_rng(seed).integers(objective.num_orders))
