"""Estimate the memory of a training before its first step, and refuse one that the free memory cannot hold.

What a batch keeps for its gradient is measured on one and two of its rows; the rest is counted. The estimate is of the
peak, with float32, and in a benchmark within a factor of 1.5 of what trainings use: `tests/benchmarks/memory.py`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from seqshell.core.errors import RecipeError
from seqshell.core.state import State, map_leaves
from seqshell.core.text_output import readable
from seqshell.host import resolve
from seqshell.models.unfilled import unfilled
from seqshell.training import chunked_loss
from seqshell.training.carried_state import MOST_CARRIED, num_bytes
from seqshell.training.counting import is_counted
from seqshell.training.distributed.group import Group
from seqshell.training.free_memory import free_memory
from seqshell.training.objective import Objective, TrainingBatch, first_order
from seqshell.training.preparation import Prepared
from seqshell.training.recipes.settings import TrainingSettings
from seqshell.training.run_files import kept_copies
from seqshell.training.teacher import answers_of

OVERHEAD = 150_000_000  # libraries, threads and kernels
CHECKPOINT_COPIES = 4  # of the weights, while the untrained model is written as a checkpoint and opened
LOGITS_COPIES = 4.5  # logits, log-probabilities and their gradients, at the same time
PART_COPIES = 6
TEACHER_COPIES = 3  # logits and probabilities of a teacher, and of one of its models
VALIDATION_COPIES = 2  # logits and log-probabilities
BATCHES = 50  # the largest of so many is measured


@runtime_checkable
class SequenceObjective(Protocol):
    """An objective whose logits are those of a vocabulary, at every step."""

    def num_logits(self, batch: TrainingBatch) -> int:
        """The number of logits of a batch: its targets times the size of the vocabulary."""

    @property
    def validation_logits(self) -> int:
        """The number of logits that are computed together while the model is validated."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a training needs, besides those that the process has already.

    weights: weights, gradients, optimizer, averages and the best weights, and a teacher with what is remembered of its
    answers. writing: copies while files are written, in
    the main memory, so 0 on a GPU. activations: what a batch keeps for its gradient. logits: those of a batch
    and their gradients, and those of the validation. rows: of that batch.
    """

    weights: int
    writing: int
    activations: int = 0
    logits: int = 0
    rows: int = 0

    @property
    def batch(self) -> int:
        """What one batch needs."""
        return self.activations + self.logits

    @property
    def total(self) -> int:
        """The peak. Freed memory is too scattered for large tensors, so batches and writing do not share it."""
        return OVERHEAD + self.weights + self.batch + self.writing


def estimate_memory(prepared: Prepared, group: Group | None = None) -> MemoryEstimate:
    """Estimate the memory of this process of a training, without changing the random state.

    Activations and logits are 0 if no batch can be measured: if the weights alone exceed the free memory, for a model
    that is fitted by counting, and for one that fails, which the training will report.
    """
    settings, device, objective = prepared.recipe.training, prepared.device, prepared.objective
    free = free_memory(device)
    with torch.random.fork_rng(devices=[]):
        size = _size_of_weights(prepared)
        weights, writing = _weights(size, settings), 0 if device.type == "cuda" else _writing(size, settings)
        weights += _of_teacher(prepared)
        if is_counted(prepared.architecture) or (free is not None and weights > free):
            return MemoryEstimate(weights, writing)
        try:
            module = prepared.new_module().train()
            batches = objective.batches(first_order(objective, settings.seed))
            batch = max(islice(batches, BATCHES), key=lambda batch: sum(array.size for array in batch))
            batch = (group or Group()).part(objective, batch)[0]
            has_teacher = prepared.teacher is not None
            activations = _activations(objective, module, batch)
            logits = _logits(objective, module, batch, has_teacher=has_teacher)
            if prepared.architecture.grows or (prepared.teacher is not None and prepared.teacher.model.grows):
                activations += _of_growth(objective, module, batch, settings)
        except Exception:
            return MemoryEstimate(weights, writing)
    return MemoryEstimate(weights, writing, activations, logits, rows=len(batch[0]))


def check_memory(prepared: Prepared, group: Group | None = None) -> None:
    """Raise RecipeError, with the settings to lower, if a training needs more memory than is free.

    The processes on this machine share its memory; each has a GPU of its own.
    """
    group, device = group or Group(), prepared.device
    free = free_memory(device)
    if free is None:
        return
    free //= 1 if device.type == "cuda" else group.processes_here
    needed = estimate_memory(prepared, group)
    if needed.total <= free:
        return
    parts = {
        "weights and optimizer": needed.weights,
        "activations": needed.activations,
        "logits": needed.logits,
        "writing files": needed.writing,
    }
    shown = ", ".join(f"{readable(size)} for {name}" for name, size in parts.items() if size)
    raise RecipeError(
        f"{prepared.recipe.name}: the training needs about {readable(needed.total)} of memory, and "
        f"{readable(free)} are free ({shown}); lower {' or '.join(_to_lower(prepared, needed, free))}"
    )


def _size_of_weights(prepared: Prepared) -> int:
    """Bytes of the module's weights, without allocating them if its class can be built so."""
    try:
        with unfilled():
            return _size(resolve(prepared.architecture.model)(prepared.config))
    except Exception:  # it reads its weights while it is built, or refuses its config
        return _size(prepared.new_module())


def _size(module: nn.Module) -> int:
    """Bytes of parameters and buffers."""
    return sum(tensor.numel() * tensor.element_size() for tensor in (*module.parameters(), *module.buffers()))


def _weights(size: int, settings: TrainingSettings) -> int:
    return size * (2 + kept_copies(settings))  # 2: the weights and their gradients


def _of_teacher(prepared: Prepared) -> int:
    """The weights of a teacher, and its answers about all training data."""
    answers = answers_of(prepared.objective)
    weights = prepared.teacher.num_bytes if prepared.teacher is not None else 0
    return weights + (answers.num_bytes if answers is not None else 0)


def _writing(size: int, settings: TrainingSettings) -> int:
    resume_file = 2 * size * (1 + kept_copies(settings))  # a copy of each tensor, and the bytes of the file
    return resume_file + CHECKPOINT_COPIES * size


def _activations(objective: Objective, module: nn.Module, batch: TrainingBatch) -> int:
    """What a batch keeps for its gradient, without logits, from what one and two of its rows keep."""
    rows = min(map(len, batch))
    one = _kept(objective, module, batch, 1)
    if rows == 1:
        return one
    per_row = max(0, _kept(objective, module, batch, 2) - one)
    return max(0, one - per_row) + per_row * rows


def _of_growth(objective: Objective, module: nn.Module, batch: TrainingBatch, settings: TrainingSettings) -> int:
    """What a state that grows takes until its streams begin anew, and what it makes a batch keep for its gradient."""
    first = objective.initial_state(module)
    with torch.no_grad():
        second = objective.loss(module, batch, first).state
    grown = num_bytes(second) - num_bytes(first)
    batches = min(objective.num_batches, 1 / settings.state_zeroing if settings.state_zeroing else math.inf)
    if grown <= 0:
        return 0
    more = _kept(objective, module, batch, 1, second) - _kept(objective, module, batch, 1, first)
    return int(min(batches, MOST_CARRIED / grown) * (grown + max(0, more) * min(map(len, batch))))


def _kept(objective: Objective, module: nn.Module, batch: TrainingBatch, rows: int, state: State | None = None) -> int:
    """Bytes that the first rows of a batch keep for their gradient, besides weights and logits.

    state: before the batch, instead of the initial one.
    """
    some = tuple(array[:rows] for array in batch)
    weights = {weight.untyped_storage().data_ptr() for weight in module.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    state = map_leaves(lambda leaf: leaf[:rows], objective.initial_state(module) if state is None else state)
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = objective.loss(module, some, state)  # its graph keeps the tensors, so that no storage is used again
    del loss
    num_logits = objective.num_logits(some) if isinstance(objective, SequenceObjective) else 0
    return max(0, sum(kept.values()) - num_logits * chunked_loss.BYTES)


def _logits(objective: Objective, module: nn.Module, batch: TrainingBatch, *, has_teacher: bool) -> int:
    if not isinstance(objective, SequenceObjective):
        return 0
    size, more = objective.num_logits(batch) * chunked_loss.BYTES, TEACHER_COPIES if has_teacher else 0
    validation = VALIDATION_COPIES * objective.validation_logits * chunked_loss.BYTES
    if size > chunked_loss.MOST_AT_ONCE and chunked_loss.is_in_parts(module):
        largest = max(weight.numel() * weight.element_size() for weight in module.parameters())
        # The gradient of the read-out, of two parts.
        return validation + (PART_COPIES + more) * chunked_loss.PART + 2 * largest
    return validation + int((LOGITS_COPIES + more) * size)


def _to_lower(prepared: Prepared, needed: MemoryEstimate, free: int) -> Iterator[str]:
    """Yield the settings to lower with their values: those of a batch, unless the weights alone need too much."""
    settings = prepared.recipe.training
    left = free - OVERHEAD - needed.weights - needed.writing
    if needed.batch and left > 0:
        batch = "batch_tokens" if settings.batch_tokens else "batch_size"
        value = settings.batch_tokens or needed.rows
        fitting = int(value * left / needed.batch)
        yield f"training.{batch} (now {value}" + (f"; {fitting} fits)" if fitting else ")")
        if isinstance(prepared.objective, SequenceObjective):
            length = "max_length" if prepared.source_tokenizer is not None else "sequence_length"
            yield f"training.{length} (now {getattr(settings, length)})"
    is_large = prepared.tokenizer.size > getattr(prepared.config, "hidden_size", 0)  # larger than the recurrent weights
    if is_large and "vocab_size" in inspect.signature(type(prepared.tokenizer).train).parameters:
        yield f"tokenizer.vocab_size (the vocabulary has {prepared.tokenizer.size:,} tokens)"
    for name in ("hidden_size", "embed_size"):
        if left <= 0 and hasattr(prepared.config, name):
            yield f"model.{name} (now {getattr(prepared.config, name)})"
