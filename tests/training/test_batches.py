"""What makes a step: one example, a batch, all data, or accumulated batches; and SGD written by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqshell.core.errors import RecipeError
from seqshell.core.events import Progress
from seqshell.core.state import map_leaves
from seqshell.host import Registry
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import Recipe, recipe_from
from seqshell.training.run import Run

TEXT = "the cat sat on the mat and the dog sat on the log " * 16  # 800 characters
PAIRS = [
    "i see\tje vois",
    "i love you\tje t' aime",
    "the cat\tle chat",
    "the dog sees the cat\tle chien voit le chat",
    "you\ttu",
]
PLAIN = {
    "optimizer": "sgd",
    "learning_rate": 0.5,
    "schedule": "constant",
    "warmup_steps": 0,
    "clip_norm": 0,
    "ema": 0,
    "weight_decay": 0,
}
SMALL = {
    "batch_size": 4,
    "sequence_length": 16,
    "state_zeroing": 0,
    "precision": "float32",
    "epochs": 2,
    "resume_every": 1000,
}


def reading(folder: Path, **training: Any) -> Recipe:
    (folder / "text.txt").write_text(TEXT)
    tables = {
        "task": "generate",
        "architecture": "rnn",
        "data": {"text": "text.txt"},
        "model": {"embed_size": 6, "hidden_size": 12, "num_layers": 1},
        "training": {**SMALL, **PLAIN, **training},
    }
    return recipe_from(tables, name="small", folder=folder)


def translating(folder: Path, **training: Any) -> Recipe:
    (folder / "pairs.tsv").write_text("\n".join(PAIRS) + "\n")
    tables = {
        "task": "translate",
        "architecture": "seq2seq",
        "data": {"pairs": "pairs.tsv", "validation": "pairs.tsv"},
        "tokenizer": {"name": "word"},
        "model": {"embed_size": 5, "encoder_size": 6, "hidden_size": 6},
        "training": {**SMALL, **PLAIN, **training},
    }
    return recipe_from(tables, name="small", folder=folder)


def classifying(folder: Path, **training: Any) -> Recipe:
    rows = ["the cat,cat", "a cat,cat", "the old cat sat,cat", "the dog,dog", "dogs sat on the log,dog"]
    (folder / "table.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    tables = {
        "task": "classify",
        "architecture": "classifier",
        "data": {"table": "table.csv", "validation": "table.csv"},
        "model": {"embed_size": 5, "hidden_size": 6},
        "training": {**SMALL, **PLAIN, **training},
    }
    return recipe_from(tables, name="small", folder=folder)


def trained(recipe: Recipe, registry: Registry, folder: Path) -> Run:
    run = Run(prepare(recipe, registry), folder)
    list(run.epochs())
    return run


def weights(run: Run) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in run.module.named_parameters()}


@pytest.mark.parametrize("accumulate", [1, 3, 0])
def test_training_with_sgd_equals_sgd_written_by_hand(tmp_path: Path, registry: Registry, accumulate: int) -> None:
    """Gradient descent in ten lines: read a batch, compute the gradient of its loss, and take a step against it.

    With accumulate = n a step uses the mean gradient of n batches; with 0, which is batch_size = "all", that of all
    batches of an epoch. The recipe's momentum, weight decay, clipping, schedule and average of the weights are off.
    """
    run = Run(prepare(reading(tmp_path, accumulate=accumulate), registry), tmp_path / "run")
    module, objective, draws = run.prepared.new_module(), run.objective, np.random.default_rng(0)
    module.load_state_dict(run.module.state_dict())
    rate, num_epochs = 0.5, 2

    for _ in range(num_epochs):
        batches = list(objective.batches(int(draws.integers(objective.num_orders))))
        state, size = objective.initial_state(module), accumulate or len(batches)
        for start in range(0, len(batches), size):
            group = batches[start : start + size]
            module.zero_grad()
            for batch in group:
                loss, state, _ = objective.loss(module, batch, state)
                (
                    loss / len(group)
                ).backward()  # all batches have one size, so the mean of their gradients is that of all tokens
                state = map_leaves(torch.Tensor.detach, state)  # the state is carried, its gradient is not
            with torch.no_grad():
                for weight in module.parameters():
                    weight -= rate * weight.grad

    list(run.epochs())

    torch.testing.assert_close(weights(run), dict(module.named_parameters()))


@pytest.mark.parametrize(
    ("training", "updates"),
    [
        ({}, 11),
        ({"batch_size": 1}, 44),
        ({"accumulate": 4}, 3),
        ({"batch_size": "all"}, 1),
        ({"batch_size": 1, "accumulate": 44}, 1),
    ],
)
def test_an_epoch_has_the_steps_that_its_batches_make(
    tmp_path: Path, registry: Registry, training: dict[str, Any], updates: int
) -> None:
    """720 characters in batches of 16 tokens: four streams, one stream, four batches per step, all batches per step."""
    run = Run(prepare(reading(tmp_path, epochs=1, **training), registry), tmp_path / "run")
    progress = [event for event in run.epochs() if isinstance(event, Progress)]

    assert [event.done for event in progress] == list(range(1, run.objective.num_batches + 1))
    assert progress[-1].total == run.objective.num_batches
    assert run.progress.step == run.total_steps == updates


@pytest.mark.parametrize("objective", [translating, classifying])
def test_accumulating_all_batches_equals_one_large_batch(
    tmp_path: Path, registry: Registry, objective: Callable[..., Recipe]
) -> None:
    """Whatever the lengths and the grouping, each target token or labelled text has the same weight."""
    results = [
        trained(objective(tmp_path, epochs=3, **sizes), registry, tmp_path / name)
        for name, sizes in {
            "together": {"batch_size": 5},
            "one by one": {"batch_size": 1, "accumulate": 5},
            "all": {"batch_size": "all"},
        }.items()
    ]

    assert [run.progress.step for run in results] == [3, 3, 3]
    for run in results[1:]:
        torch.testing.assert_close(weights(run), weights(results[0]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("accumulate", [3, 0])
@pytest.mark.parametrize("at", [4, 9, 13])
def test_accumulated_gradients_survive_a_stop(tmp_path: Path, registry: Registry, accumulate: int, at: int) -> None:
    chosen = reading(tmp_path, accumulate=accumulate)
    straight = trained(chosen, registry, tmp_path / "straight")
    halted = Run(prepare(chosen, registry), tmp_path / "halted")
    next(islice(halted.epochs(), at, None))
    halted.write()

    resumed = Run(prepare(chosen, registry), tmp_path / "halted")
    resumed.restore()
    list(resumed.epochs())

    assert resumed.progress.step == straight.progress.step == straight.total_steps
    assert all(torch.equal(seen, weights(straight)[name]) for name, seen in weights(resumed).items())


def test_batch_size_all_excludes_accumulate(tmp_path: Path) -> None:
    recipe = reading(tmp_path, batch_size="all")

    assert (recipe.training.batch_size, recipe.training.accumulate) == (48, 0)
    with pytest.raises(
        RecipeError,
        match=r'recipe: training.batch_size = "all" and training.accumulate contradict each other',
    ):
        reading(tmp_path, batch_size="all", accumulate=4)
    with pytest.raises(RecipeError, match=r"training\.batch_size must be 1 to 65,536, not 'some'"):
        reading(tmp_path, batch_size="some")
