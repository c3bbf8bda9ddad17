"""What a training needs to know of a task: what is learnt from, in which batches, what the loss is, and how the model is judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray
from torch import Tensor

from seqshell.core.events import Table
from seqshell.core.state import State
from seqshell.host import Registry

Metrics = dict[str, Any]
TrainingBatch = tuple[NDArray[Any], ...]  # the arrays of one update


class Objective(Protocol):
    """One task's side of a training. Modules are torch modules, for the methods that judge in eval mode."""

    @property
    def data(self) -> Mapping[str, Any]:
        """Name and sha256 of what is learnt from."""

    @property
    def split(self) -> Mapping[str, int]:
        """How much of it is for training and how much for validation."""

    @property
    def description(self) -> str:
        """The same in words, a line for each remark."""

    @property
    def num_orders(self) -> int:
        """Epochs differ in their order, which is a number drawn below this one."""

    @property
    def num_batches(self) -> int:
        """Updates of an epoch; where orders differ in it, about so many."""

    def initial_state(self, module: Any) -> State:
        """What is carried from one batch of an epoch to the next, at its beginning; () where nothing is."""

    def batches(self, order: int, first: int = 0) -> Iterator[TrainingBatch]:
        """The batches of an epoch from number `first` on."""

    def num_tokens(self, batch: TrainingBatch) -> int:
        """How many tokens are learnt from a batch, padding not counted."""

    def num_losses(self, batch: TrainingBatch) -> int:
        """How many losses the mean of `loss` is taken over, so that batches of different sizes can be put together."""

    def loss(self, module: Any, batch: TrainingBatch, state: State, step: int = 0) -> tuple[Tensor, State]:
        """Mean nats of a token, a scalar with its gradient, and the state after the batch. step: of the whole training."""

    def validate(self, module: Any) -> Metrics:
        """Metrics of the validation data; the first one decides which weights are kept, and less is better."""

    def summary(self, metrics: Metrics) -> str:
        """The metrics of `validate` in a few words."""

    def measure(self, module: Any) -> Metrics:
        """The metrics of the finished model, as `seqshell evaluate` has them."""

    def as_measured(self, validation: Metrics) -> Metrics:
        """Metrics of `validate` in the shape of `measure`, for a training that is not finished."""

    def table(self, measured: Metrics) -> Table:
        """The metrics of `measure` for the reader."""

    def examples(self) -> tuple[str, ...]:
        """Texts that a newcomer may try."""

    def sample(self, module: Any, registry: Registry) -> str:
        """What the model makes of the first example; the same weights give the same text."""
