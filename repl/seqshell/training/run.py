"""The training loop: a gradient per batch, optimizer steps, a validation after each epoch, and early stopping."""

from __future__ import annotations

import copy
import functools
import math
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqshell.core.errors import RecipeError
from seqshell.core.events import Event, Notice
from seqshell.core.state import State, leaves
from seqshell.core.tasks import task_spec
from seqshell.training.carried_state import begun_anew, detached
from seqshell.training.distributed.group import Group
from seqshell.training.lag_gradients import LagMeter
from seqshell.training.objective import Metrics, TrainingBatch, first_order
from seqshell.training.optimizer import autocast, choose_precision, keep_freed_memory, learning_rate
from seqshell.training.parameter_groups import FULL_RATE, parameter_groups
from seqshell.training.preparation import Prepared
from seqshell.training.progress import LOSS, TrainingProgress, losses_text, progress_event
from seqshell.training.resume import Tensors
from seqshell.training.run_files import RunSnapshot, restore_run, write_run
from seqshell.training.run_folder import RESUME_FILE
from seqshell.training.run_record import described
from seqshell.training.stopping import has_exploded, improves
from seqshell.training.teacher import Reader
from seqshell.training.weight_update import Optimizer, update_average

RECORDS_PER_EPOCH = 20  # training losses that metrics.jsonl keeps


class Run:
    """Everything that changes during training: module, averaged weights, optimizer, state, draws and progress.

    folder: for metrics.jsonl and the resume file. group: the processes that train together; in each of them, the Run
    differs only in the rows of the state that it carries.
    """

    def __init__(self, prepared: Prepared, folder: Path, group: Group | None = None) -> None:
        settings = prepared.recipe.training
        self.group = group or Group()
        self.prepared = prepared
        self.settings = settings
        self.folder = folder
        self.device = prepared.device
        torch.manual_seed(settings.seed)
        random.seed(settings.seed)
        np.random.seed(settings.seed % 2**32)
        self.draws = np.random.default_rng(settings.seed)  # orders of batches, and state zeroing
        self.module = prepared.new_module().to(self.device)
        self.average = copy.deepcopy(self.module) if settings.ema else self.module
        self.optimizer = Optimizer(parameter_groups(self.module, settings), settings)
        self.objective = prepared.objective
        self.state: State = self._initial_state()
        self.progress = TrainingProgress()
        self.lags = LagMeter(settings.reach_every if self.group.is_writer else 0)
        self.best_weights: Tensors = {}
        self.last_weights: list[Tensors] = []  # of the last epochs, for average_checkpoints
        self.precision = ""
        self.started = time.time()
        self._tried = time.monotonic()  # to write the files
        self.write_fails = False  # then --resume does not continue from here

    @property
    def resume_file(self) -> Path:
        return self.folder / RESUME_FILE

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole training; approximate where the number of batches depends on their order."""
        size = self.settings.accumulate
        return self.settings.epochs * (math.ceil(self.objective.num_batches / size) if size else 1)

    @property
    def unit(self) -> str:
        """Of the losses."""
        return task_spec(self.prepared.recipe.task).loss_unit

    @property
    def num_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.module.parameters())

    def epochs(self, stopped: Callable[[], int] = lambda: 0) -> Iterator[Event]:
        """Train until the last epoch, early stopping, or stopped() returns True.

        Yields Progress after every batch, where the generator may be closed, and a Notice after every epoch.
        """
        self.choose_precision()
        progress, group = self.progress, self.group
        while progress.epoch < self.settings.epochs and not self.reason_to_stop:
            if progress.order < 0:
                progress.order = int(self.draws.integers(self.objective.num_orders))
                self.state = self._initial_state()
            group.align(self.module, self.average)
            for batch in self.objective.batches(progress.order, progress.batch):
                stop, is_due = group.agree(stopped(), time.monotonic() - self._tried > self.settings.resume_every)
                if stop:
                    return
                if is_due:
                    yield from self.try_write()
                start = time.perf_counter()
                losses = self.train_on(batch)
                taken = time.perf_counter() - start
                progress.seconds += taken
                progress.check_finite(losses)
                speed, num_batches = self.objective.num_tokens(batch) / max(taken, 1e-9), self.objective.num_batches
                yield progress_event(progress, self.settings.epochs, num_batches, losses, speed, self.unit)
            if progress.gathered:
                self._update()
            yield from self._end_epoch()

    def choose_precision(self) -> None:
        """Choose the precision of the batches, unless that is done already."""
        keep_freed_memory()
        if not self.precision:
            self.module.train()
            requested, loss = self.settings.precision, self._probe_loss()
            self.precision = self.group.from_writer(lambda: choose_precision(requested, self.module, loss, self.device))

    @property
    def reason_to_stop(self) -> str:
        """Why training should end before its last epoch; "" if it should not."""
        best, stale = self.progress.best, self.progress.stale
        if best is not None and self.objective.is_perfect(best["validation"]):
            return "the validation data leaves nothing to improve"
        if 0 < self.settings.early_stopping <= stale:
            return f"no improvement on the validation data for {stale} epochs"
        return ""

    def validate(self) -> Metrics:
        """The metrics of the averaged weights on the validation data."""
        self.average.eval()
        return self.objective.validate(self.average, self.group)

    def keep_if_best(self, record: Metrics) -> None:
        """Keep the averaged weights if the record of their validation is the best so far."""
        if improves(record["validation"], self.progress.best):
            self.progress.best = record
            self.best_weights = self.weights()

    def write(self) -> None:
        """Write the resume file, metrics.jsonl and run.json. Raises RecipeError if that fails."""
        state = self.group.whole_state(self.state)
        gradients = self.group.each_gradients(self.module) if self.progress.gathered else []
        if self.group.is_writer:
            write_run(self.folder, self._snapshot(state), gradients, described(self))

    def try_write(self) -> Iterator[Event]:
        """Write the files if anything was trained: they may belong to an earlier run.

        If that fails, training continues and tries again later. A Notice says so, once until they are written again.
        """
        if not (self.progress.done or self.progress.best):
            return
        self._tried = time.monotonic()
        failed_before, self.write_fails = self.write_fails, True
        try:
            self.write()
            self.write_fails = False
        except RecipeError as error:
            if not failed_before:
                yield Notice(f"{error.message}; training continues and tries again later", "warning")

    def restore(self) -> None:
        """Continue from the resume file. Raises RecipeError if it is damaged or of another recipe or other data."""
        whole = self._snapshot(self.objective.initial_state(self.module))
        restored = restore_run(self.folder, whole, self.objective.num_orders, self.group)
        self.state, self.progress, self.precision = restored.state, restored.progress, restored.precision
        self.best_weights, self.last_weights = restored.best_weights, restored.last_weights

    def _initial_state(self) -> State:
        """The state of the streams of this process at the start of an epoch."""
        return self.group.of_state(self.objective.initial_state(self.module))

    def _snapshot(self, state: State) -> RunSnapshot:
        return RunSnapshot(
            recipe=self.prepared.recipe.tables(),
            teacher=teacher.model.fingerprint if (teacher := self.prepared.teacher) is not None else "",
            data=self.objective.data,
            device=self.device,
            module=self.module,
            average=self.average,
            optimizer=self.optimizer,
            draws=self.draws,
            state=state,
            progress=self.progress,
            precision=self.precision,
            best_weights=self.best_weights,
            last_weights=self.last_weights,
        )

    def train_on(self, batch: TrainingBatch) -> dict[str, float]:
        """Compute the gradient of one batch, and take a step once `accumulate` batches are gathered.

        Returns its losses: the task's, called "loss", and the module's auxiliary ones.
        """
        self.module.train()
        progress, settings = self.progress, self.settings
        self.group.begin_batch(settings.seed, progress.done)
        if any(True for _ in leaves(self.state)):
            self._begin_streams_anew()
        part, share = self.group.part(self.objective, batch)
        with autocast(self.device, self.precision):
            found = self.objective.loss(self.module, part, self.state, progress.step)
        if not progress.gathered:
            self.optimizer.zero_grad()
        if settings.accumulate == 1:
            self._backward(found.total * share)
        else:
            # Gradients of sums are added here and divided by the number of losses in `_update`. So batches of different
            # sizes give the gradient of the mean over all their losses, as one large batch would.
            num_losses = self.objective.num_losses(batch)
            self._backward(found.total * (share * num_losses))
            progress.losses += num_losses
        self.state = detached(found.state)
        progress.gathered += 1
        progress.batch += 1
        progress.done += 1
        if progress.gathered == settings.accumulate:
            self._update()
        own = {LOSS: found.loss.item(), **{name: loss.item() for name, loss in found.auxiliary.items()}}
        losses = self.group.mean(own, share)
        progress.add(losses)
        if progress.batch % max(1, self.objective.num_batches // RECORDS_PER_EPOCH) == 0:
            progress.record(self.optimizer.param_groups[0]["lr"])
        return losses

    def _backward(self, loss: Tensor) -> None:
        """Add to the gradients. What a module has done wrong with them shows here."""
        with self.prepared.guard("failed in training, in the gradient"):
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so

    def _update(self) -> None:
        """Take one optimizer step with the gathered gradients."""
        progress, settings = self.progress, self.settings
        for group in self.optimizer.param_groups:
            full = group[FULL_RATE]
            group["lr"] = learning_rate(settings, progress.step, self.total_steps, progress.scale, full)
        self.group.sum_gradients(self.module)
        if settings.accumulate != 1:
            for weight in self.module.parameters():
                if weight.grad is not None:
                    weight.grad /= progress.losses
        self.optimizer.step()
        self.group.align_buffers(self.module)
        if self.average is not self.module:
            update_average(self.average, self.module, settings.ema, progress.step)
        progress.step += 1
        progress.gathered = progress.losses = 0

    def _begin_streams_anew(self) -> None:
        """Reset the states of randomly chosen streams to the initial state.

        The carried state is otherwise never the initial one after the first batch of an epoch, but every session starts
        from it.
        """
        zeroing, number = self.settings.state_zeroing, self.group.num_streams(self.state)
        chosen = self.draws.random(number) < zeroing if zeroing else np.zeros(number, np.bool_)
        self.state = begun_anew(self.state, Reader(self.module, self.prepared.teacher), chosen, self.group.rows)

    def weights(self) -> Tensors:
        """A copy of the averaged weights on the CPU."""
        return {name: tensor.detach().cpu().clone() for name, tensor in self.average.state_dict().items()}

    def _end_epoch(self) -> Iterator[Event]:
        """Validate, keep the weights if they are the best so far, update the plateau schedule, and write the files."""
        progress = self.progress
        progress.record(self.optimizer.param_groups[0]["lr"])
        trained = progress.epoch_losses
        start = time.perf_counter()
        metrics = self.validate()
        progress.seconds += time.perf_counter() - start
        progress.epoch += 1
        progress.batch, progress.order = 0, -1
        record = {
            "epoch": progress.epoch,
            "step": progress.step,
            "validation": metrics,
            "seconds": round(progress.seconds, 1),
            **self.lags.measured(self.prepared, self.module, progress.epoch),
        }
        progress.history.append(record)
        self.keep_if_best(record)
        progress.compare(metrics)
        progress.follow_plateau(self.settings)
        if self.settings.average_checkpoints:
            self.last_weights = [*self.last_weights, self.weights()][-self.settings.average_checkpoints :]
        mark = ", best so far" if progress.best is record else ""
        if exploded := has_exploded(trained[LOSS], progress.history):
            self._go_back()
            mark += "; the training loss has exploded: back to the best weights, at half the learning rate"
        problems = list(self.try_write())
        validation = self.objective.summary(metrics)
        also = f" ({auxiliary})" if (auxiliary := losses_text(trained)) else ""
        text = f"epoch {progress.epoch}: training {trained[LOSS]:.3f}{also}, validation {validation}{mark}"
        yield Notice(text, "warning" if exploded else "info")
        yield from self.lags.take_note()
        yield from problems

    def _go_back(self) -> None:
        """Continue from the best weights with half the learning rate, and without the optimizer's moments."""
        for module in (self.module, self.average):
            module.load_state_dict(self.best_weights)
        self.optimizer.state.clear()
        self.progress.scale /= 2

    def _probe_loss(self) -> Callable[[Any], Tensor]:
        objective, group, order = self.objective, self.group, first_order(self.objective, self.settings.seed)
        part = functools.cache(lambda: group.part(objective, next(objective.batches(order)))[0])  # if it is asked for
        return lambda module: objective.loss(module, part(), group.of_state(objective.initial_state(module))).total
