"""Say what a training would do, without training: the data as the model reads it, sizes, memory and time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch

from seqshell.core.events import Table
from seqshell.core.text_output import readable
from seqshell.host import Registry
from seqshell.training.counting import CountingRun, new_run
from seqshell.training.free_memory import free_memory
from seqshell.training.memory import check_memory, estimate_memory
from seqshell.training.preparation import Prepared, prepare
from seqshell.training.progress import duration
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.rehearsal import torch_note, write_and_open
from seqshell.training.run import Run
from seqshell.training.teacher import answers_of
from seqshell.training.useful_threads import useful_threads

NUM_EXAMPLES = 3
LONGEST_CELL = 200  # characters of a text that a table shows
TIMED_BATCHES, TIMED_SECONDS = 8, 5.0  # the most batches that are timed, and the seconds after which that ends
COUNTED = 20_000  # tokens that a model counts to be timed


@dataclass(frozen=True)
class Plan:
    """What a training would do.

    notes: what was understood, and the data in words. examples: the first ones, see Objective.first_examples.
    steps, seconds: of all epochs; early stopping may end before. seconds are without validation. memory: bytes.
    """

    recipe: str
    task: str
    architecture: str
    notes: tuple[str, ...]
    data: Mapping[str, Any]
    split: Mapping[str, int]
    vocabulary: Mapping[str, int]
    examples: tuple[Mapping[str, Any], ...]
    parameters: int
    epochs: int
    batches_per_epoch: int
    steps: int
    memory: int
    free_memory: int | None
    seconds_per_epoch: float
    device: str

    def as_json(self) -> dict[str, Any]:
        """The fields, with the data flattened."""
        return {
            "recipe": self.recipe,
            "task": self.task,
            "architecture": self.architecture,
            "understood": list(self.notes),
            "data": {**self.data, **self.split},
            "vocabulary": dict(self.vocabulary),
            "examples": [dict(example) for example in self.examples],
            "parameters": self.parameters,
            "epochs": self.epochs,
            "batches_per_epoch": self.batches_per_epoch,
            "steps": self.steps,
            "memory_bytes": self.memory,
            "free_memory_bytes": self.free_memory,
            "seconds_per_epoch": self.seconds_per_epoch,
            "seconds": self.seconds_per_epoch * self.epochs,
            "device": self.device,
        }

    def tables(self) -> tuple[Table, ...]:
        """The sizes, and each example."""
        sizes = {
            "recipe": f"{self.recipe}: {self.architecture}, {self.task}",
            **{part: f"{number:,}" for part, number in self.split.items()},
            **{name: f"{number:,}" for name, number in self.vocabulary.items()},
            "parameters": f"{self.parameters:,}" if self.parameters else "",
            "epochs": f"{self.epochs:,} of {self.batches_per_epoch:,} batches, {self.steps:,} steps in all",
            "memory": f"about {readable(self.memory)}"
            + (f", {readable(self.free_memory)} are free" if self.free_memory is not None else ""),
            "time": f"about {duration(self.seconds_per_epoch)} for an epoch, "
            f"at most {duration(self.seconds_per_epoch * self.epochs)} in all, without validation, on {self.device}",
        }
        return (
            Table(("", ""), tuple((name, value) for name, value in sizes.items() if value)),
            *(
                Table(("", ""), tuple((name, _shown(value)) for name, value in example.items()), f"example {number}")
                for number, example in enumerate(self.examples, 1)
            ),
        )


def dry_run(recipe: Recipe, registry: Registry) -> Plan:
    """Prepare a training as `train` does, time a few batches, and write nothing.

    Raises RecipeError for what `train` refuses before its first update; only the place of the checkpoint is not
    checked.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(replace(recipe, store=Path(folder, "encoded")), registry)
        check_memory(prepared)
        model = write_and_open(prepared, prepared.new_module().eval(), Path(folder, "untrained"), registry)
        run = new_run(prepared, Path(folder, "run"))
        objective, counts = prepared.objective, isinstance(run, CountingRun)
        memory, free = estimate_memory(prepared).total, free_memory(run.device)
        parameters = run.num_parameters
        with useful_threads(run):
            seconds = _seconds_to_count(run) if counts else _seconds_per_epoch(run)
        return Plan(
            recipe=recipe.name,
            task=str(recipe.task),
            architecture=prepared.architecture.name,
            notes=tuple(
                filter(
                    None, (*recipe.understood, *prepared.notes, *objective.description.split("\n"), torch_note(model))
                )
            ),
            data={key: value for key, value in objective.data.items() if key in ("name", "sha256")},
            split=objective.split,
            vocabulary=_vocabulary(prepared),
            examples=tuple(objective.first_examples(NUM_EXAMPLES)),
            parameters=parameters,
            epochs=run.settings.epochs,
            batches_per_epoch=1 if counts else objective.num_batches,
            steps=1 if counts else run.total_steps,
            memory=memory,
            free_memory=free,
            seconds_per_epoch=seconds,
            device=str(run.device),
        )


def _seconds_per_epoch(run: Run) -> float:
    """From a few batches after the first one, which may compile kernels. They are trained on, and nothing is kept.

    The time to ask a teacher once about all data is divided by the number of epochs.
    """
    run.choose_precision()
    answers = answers_of(run.objective)
    training, asking = list[float](), list[float]()
    for batch in islice(run.objective.batches(0), 1 + TIMED_BATCHES):
        start = time.perf_counter()
        batch = batch if answers is None else answers.added_to(batch)
        asked = time.perf_counter()
        run.train_on(batch)
        asking.append(asked - start)
        training.append(time.perf_counter() - asked)
        if sum(asking[1:]) + sum(training[1:]) > TIMED_SECONDS:
            break
    once, each = (mean(times[1:] or times) for times in (asking, training))
    return (each + once / run.settings.epochs) * run.objective.num_batches


def _seconds_to_count(run: Run) -> float:
    """The time to count the training text, from that of its beginning."""
    ids = run.objective.streams.ids  # type: ignore[attr-defined]  # a LanguageObjective, as it counts
    start = time.perf_counter()
    run.module.count(torch.from_numpy(ids[:COUNTED].astype(np.int64)))
    return (time.perf_counter() - start) * max(1.0, len(ids) / COUNTED)


def _vocabulary(prepared: Prepared) -> dict[str, int]:
    """The sizes of the vocabularies, the number of labels, or the number of columns."""
    if prepared.series is not None:
        return {"columns": len(prepared.series.columns)}
    source, size = prepared.source_tokenizer, prepared.tokenizer.size
    if source is not None and source is not prepared.tokenizer:
        return {"source vocabulary": source.size, "target vocabulary": size}
    return {"vocabulary": size, **({"labels": len(prepared.labels)} if prepared.labels else {})}


def _shown(value: Any) -> Any:
    """A value for a table: tokens between bars, numbers between spaces, a long text cut."""
    if isinstance(value, list):
        return "|".join(_visible(each) for each in value) if isinstance(value[0], str) else " ".join(map(str, value))
    if isinstance(value, str):
        return _visible(value if len(value) <= LONGEST_CELL else value[: LONGEST_CELL - 1] + "…")
    return value


def _visible(text: str) -> str:
    """Line ends and tabs as in a string."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
