"""Small trainings of language models, and whether two of them are the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from seqshell.host import Registry
from seqshell.training import resume
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import Recipe, recipe_from
from seqshell.training.run import Run

TEXT = "the cat sat on the mat and the dog sat on the log " * 40  # 2,000 characters


SMALL = {
    "epochs": 4,
    "batch_size": 4,
    "sequence_length": 32,
    "learning_rate": 0.02,
    "warmup_steps": 5,
    "ema": 0.9,
    "sample_length": 5,
}


def recipe(
    folder: Path, text: str = TEXT, *, model: dict[str, Any] | None = None, architecture: str = "lstm", **training: Any
) -> Recipe:
    (folder / "text.txt").write_text(text)
    tables = {
        "task": "generate",
        "architecture": architecture,
        "data": {"text": "text.txt"},
        "model": {
            "embed_size": 6,
            "hidden_size": 12,
            "num_layers": 2,
            "dropout": 0.2,
            "embed_dropout": 0.1,
            "weight_dropout": 0.1,
        }
        | (model or {}),
        "training": {**SMALL, "precision": "float32", "resume_every": 1000, **training},
        "defaults": {"sampler": "temperature=0.8", "examples": ["the "], "about": "It speaks of cats."},
    }
    return recipe_from(tables, name="small", folder=folder)


def started(recipe: Recipe, registry: Registry, folder: Path) -> Run:
    return Run(prepare(recipe, registry), folder)


def everything(run: Run) -> dict[str, torch.Tensor]:
    """All tensors of a run as in its resume file, and its progress without the times."""
    run.write()
    return resume.read_resume(run.resume_file)[1]


def assert_same(one: Run, other: Run) -> None:
    left, right = everything(one), everything(other)
    assert left.keys() == right.keys()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []
    places = [dataclasses.asdict(run.progress) for run in (one, other)]
    for place in places:
        del place["seconds"]
        for record in [*place["history"], place["best"] or {}]:
            record.pop("seconds", None)
    assert places[0] == places[1]
    assert one.draws.bit_generator.state == other.draws.bit_generator.state
