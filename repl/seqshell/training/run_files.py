"""The files in NAME.run: metrics.jsonl, run.json and the resume file.

A resumed training is bit for bit an uninterrupted one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout

from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.json_values import one_line
from seqshell.core.plugin_api import settings_of
from seqshell.core.state import State, leaves, replace_leaves
from seqshell.training import resume
from seqshell.training.distributed.group import Group
from seqshell.training.objective import Metrics
from seqshell.training.progress import TrainingProgress
from seqshell.training.recipes.recipe import TOP
from seqshell.training.recipes.settings import TABLES, TrainingSettings
from seqshell.training.resume_checks import (
    PRECISIONS,
    Damage,
    check_finite,
    check_gradients,
    check_progress,
    check_state,
    check_weights,
)
from seqshell.training.run_folder import LOCK, METRICS_FILE, RESUME_FILE, RUN_FILE
from seqshell.training.weight_update import Optimizer

RECORD_BYTES = 100_000  # about the random states and the rest of the record


@dataclass(frozen=True)
class RunSnapshot:
    """Everything that the rest of a training depends on, between two batches.

    module, average, optimizer and draws are those of the training itself, not copies; average is module without
    averaging.
    recipe: its tables. teacher: the fingerprint of its teacher; "" without one. data: of the objective; "sha256"
    identifies the data. last_weights: of the last epochs.
    """

    recipe: Metrics
    teacher: str
    data: Mapping[str, Any]
    device: torch.device
    module: Any
    average: Any
    optimizer: Optimizer
    draws: np.random.Generator
    state: State
    progress: TrainingProgress
    precision: str
    best_weights: resume.Tensors
    last_weights: list[resume.Tensors]


def write_run(folder: Path, run: RunSnapshot, gradients: Sequence[resume.Tensors], about: Metrics) -> None:
    """Write metrics.jsonl, run.json and, to the resume file, everything that the rest of the training depends on.

    gradients: of each process, those that wait for the next update. about: what run.json says.
    """
    groups, moments = resume.optimizer_parts(run.optimizer)
    drawn, states = resume.randomness(run.device)
    record = {
        "recipe": run.recipe,
        "sha256": run.data["sha256"],
        "teacher": run.teacher,
        "precision": run.precision,
        "place": run.progress.to_json(),
        "optimizer": groups,
        "random": drawn,
        "draws": run.draws.bit_generator.state,
    }
    tensors = (
        resume.under("weights", run.module.state_dict())
        | resume.under("optimizer", moments)
        | resume.under("random", states)
    )
    tensors |= resume.under("best", run.best_weights)
    for rank, waiting in enumerate(gradients):
        tensors |= resume.under(_gradient_part(rank), waiting)
    for number, weights in enumerate(run.last_weights):
        tensors |= resume.under(f"last{number}", weights)
    tensors |= {f"state.{number}": leaf for number, leaf in enumerate(leaves(run.state))}
    if run.average is not run.module:
        tensors |= resume.under("average", run.average.state_dict())
    write_folder(folder, run.progress.history, about, (record, tensors))


def write_folder(
    folder: Path, history: Sequence[Metrics], about: Metrics, resumable: tuple[Metrics, resume.Tensors] | None = None
) -> None:
    """Write metrics.jsonl, one line per item of `history`, and run.json, and the resume file first if there is one.

    Raises RecipeError if that fails.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if resumable is not None:
            resume.write_resume(folder / RESUME_FILE, *resumable)
        lines = "".join(json.dumps(metrics) + "\n" for metrics in history)
        write_atomically(folder / METRICS_FILE, lines.encode())
        write_atomically(folder / RUN_FILE, one_line(about).encode())
    except OSError as error:
        raise RecipeError(f"cannot write to {folder}: {error.strerror or error}") from None
    except UsageError as error:
        raise RecipeError(error.message) from None


def kept_copies(settings: TrainingSettings) -> int:
    """How often weights are kept, in their own shape: moments of the optimizer, averages and the best weights."""
    moments = 2 if settings.optimizer != "sgd" else 1 if settings.momentum else 0
    return moments + (1 if settings.ema else 0) + 1 + settings.average_checkpoints


def resume_bytes(module: Any, settings: TrainingSettings) -> int:
    """About the size of the resume file of a module, from the first step on."""
    size = sum(each.nbytes for each in module.state_dict().values())
    return int(size * (1 + kept_copies(settings) + (settings.accumulate != 1))) + RECORD_BYTES


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Create the run folder if it is missing and lock it against other trainings.

    A new folder is removed again if nothing was written to it.
    """
    lock, is_new = FileLock(folder / LOCK, timeout=0), not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise RecipeError(f"another training is writing to {folder}; choose another name with --out") from None
    except OSError as error:
        reason = error.strerror or error
        raise RecipeError(f"cannot write to {folder}: {reason}; choose another place with --out") from None
    try:
        yield folder
    finally:
        lock.release()
        with contextlib.suppress(OSError):
            if is_new and os.listdir(folder) == [LOCK]:
                shutil.rmtree(folder)


def restore_run(folder: Path, run: RunSnapshot, num_orders: int, group: Group) -> RunSnapshot:
    """Return `run` as it was when the resume file was written; its module, optimizer and draws are set in place.

    num_orders: in how many orders the objective gives its batches. group: the processes that resume, as many as have
    trained before, or not; the file is the writer's, and each of the others takes its part of it.
    Raises RecipeError if the file is damaged, or was written with another recipe or other data.
    """
    path = folder / RESUME_FILE
    record, tensors = group.from_writer(lambda: resume.read_resume(path))
    try:
        check_same_recipe(record["recipe"], run.recipe, path)
        if record["sha256"] != run.data["sha256"]:
            raise RecipeError(f"{run.data['name']} has changed since {path} was written; omit --resume to start over")
        if record.get("teacher", "") != run.teacher:
            raise RecipeError(f"the teacher has changed since {path} was written; omit --resume to start over")
        return _restored(run, record, tensors, num_orders, group)
    except RecipeError:
        raise
    except Damage as error:
        raise resume.damaged(path, f"it is damaged: {error}") from None
    except Exception as error:  # whatever torch and numpy raise about the content of a file
        raise resume.damaged(path) from error


def _restored(run: RunSnapshot, record: Metrics, tensors: resume.Tensors, num_orders: int, group: Group) -> RunSnapshot:
    """Raises Damage, or anything else, if the parts of the file do not fit the training."""
    progress = TrainingProgress.from_json(record["place"])
    check_progress(progress, num_orders)
    parts = {part: resume.within(part, tensors) for part in ("weights", "average", "best", "state")}
    last = list(takewhile(bool, (resume.within(f"last{number}", tensors) for number in count())))
    run.module.load_state_dict(parts["weights"])  # buffers that are fitted to the data may take another shape
    expected = {name: tensor.detach().cpu() for name, tensor in run.module.state_dict().items()}
    has_average = run.average is not run.module
    averages = [parts["average"]] if has_average else []
    validated = [*([parts["best"]] if progress.best else []), *last]
    for weights in (parts["weights"], *averages, *validated):
        check_weights("its weights", weights, expected)
    for weights in validated:
        check_finite("its best weights", weights)
    gradients = _own_gradients(tensors, group)
    check_gradients(gradients, run.module)
    state = [tensor for _, tensor in sorted(parts["state"].items(), key=lambda item: int(item[0]))]
    check_state(state, leaves(run.state))
    if record["precision"] not in PRECISIONS:
        raise Damage("its precision is unknown")
    if has_average:
        run.average.load_state_dict(parts["average"])
    resume.restore_optimizer(run.optimizer, record["optimizer"], resume.within("optimizer", tensors))
    for name, weight in run.module.named_parameters():
        weight.grad = gradients[name].to(run.device) if name in gradients else None
    run.draws.bit_generator.state = record["draws"]
    resume.restore_randomness(record["random"], resume.within("random", tensors), run.device)
    return replace(
        run,
        state=group.of_state(replace_leaves(run.state, iter([tensor.to(run.device) for tensor in state]))),
        progress=progress,
        precision=record["precision"],
        best_weights=parts["best"],
        last_weights=last,
    )


def _gradient_part(rank: int) -> str:
    """The part of the resume file with the gradients of a process."""
    return f"gradient{rank or ''}"


def _own_gradients(tensors: resume.Tensors, group: Group) -> resume.Tensors:
    """The waiting gradients of this process; if another number of processes wrote them, the writer takes their sum."""
    each = list(takewhile(bool, (resume.within(_gradient_part(rank), tensors) for rank in count())))
    if len(each) == group.size:
        return each[group.rank]
    names = {name for gradients in each for name in gradients} if group.is_writer else set()
    return {
        name: torch.stack([gradients[name] for gradients in each if name in gradients]).sum(0) for name in sorted(names)
    }


def check_same_recipe(old: Metrics, new: Metrics, path: Path) -> None:
    """Raise RecipeError unless both recipes give the same steps.

    Settings for display, storage and early stopping may differ.
    """
    free = {"device", "sample_every", "sample_length", "reach_every", "resume_every", "dtype", "early_stopping"}
    for table in (key for key in TOP if key != "defaults"):
        before, now = old.get(table), new.get(table)
        if table in TABLES and isinstance(before, dict):
            # A setting that the file does not know had its default value.
            before = {item.name: item.default for item in settings_of(TABLES[table])} | before
        # Tuples of the recipe are lists in the file.
        before, now = (json.loads(json.dumps(values)) for values in (before, now))
        if isinstance(now, dict) and isinstance(before, dict):
            differing = [
                f"{table}.{key}"
                for key in sorted(before.keys() | now.keys())
                if key not in free and before.get(key) != now.get(key)
            ]
        else:
            differing = [table] if before != now else []
        if differing:
            advice = "resume with the same recipe, or omit --resume to start over"
            raise RecipeError(f"{path} was written with another {differing[0]}; {advice}")
