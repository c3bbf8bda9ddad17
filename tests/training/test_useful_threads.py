"""The number of torch's threads in a training follows from the work of an update."""

from __future__ import annotations

import pytest
import torch
from tests.training.small_runs import TABLES, TEXT

from seqshell.core.events import Progress
from seqshell.training.counting import new_run
from seqshell.training.dry_run import dry_run
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.useful_threads import LEAST_WORK, useful_threads, work

SIZES = {"hidden_size": 8, "embed_size": 4, "num_layers": 1}
LARGE = {"hidden_size": 600, "embed_size": 4, "num_layers": 1}  # two threads have enough to do, three do not


def recipe(folder, architecture="gru", model=SIZES, text=TEXT):
    (folder / "text.txt").write_text(text)
    training = {**TABLES["training"], "epochs": 1}
    tables = {**TABLES, "architecture": architecture, "model": model, "training": training}
    return recipe_from(tables, name="small", folder=folder)


def run_of(folder, registry, **changes):
    return new_run(prepare(recipe(folder, **changes), registry), folder / "small.run")


@pytest.fixture
def four_threads():
    torch.set_num_threads(4)  # the fixture of all trainings sets it back
    return 4


def test_the_work_is_that_of_the_weights_that_multiply(tmp_path, registry):
    run = run_of(tmp_path, registry)
    gates, size = 3, len(set(TEXT))
    weights = gates * 8 * (4 + 8) + 2 * gates * 8 + 8 * size + size  # of the cell and the read-out
    assert run.num_parameters == weights + 4 * size  # the embedding
    assert work(run) == weights * 4 * 20  # streams and steps of a batch


@pytest.mark.parametrize(("model", "threads"), [(SIZES, 1), (LARGE, 3)])
def test_a_thread_needs_enough_to_do(tmp_path, registry, four_threads, model, threads):
    run = run_of(tmp_path, registry, model=model)
    assert work(run) // LEAST_WORK == threads - (model is SIZES)
    with useful_threads(run):
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == four_threads


def test_no_more_threads_than_allowed(tmp_path, registry):
    torch.set_num_threads(2)
    with useful_threads(run_of(tmp_path, registry, model=LARGE)):
        assert torch.get_num_threads() == 2


def test_a_training_sets_the_threads_back(tmp_path, registry, four_threads):
    during = {
        torch.get_num_threads()
        for event in train(recipe(tmp_path), registry, tmp_path / "small.safetensors")
        if isinstance(event, Progress)
    }
    assert during == {1}
    assert torch.get_num_threads() == four_threads
    dry_run(recipe(tmp_path), registry)
    assert torch.get_num_threads() == four_threads


def test_a_training_that_is_closed_sets_the_threads_back(tmp_path, registry, four_threads):
    events = train(recipe(tmp_path), registry, tmp_path / "small.safetensors")
    next(event for event in events if isinstance(event, Progress))
    assert torch.get_num_threads() == 1
    events.close()
    assert torch.get_num_threads() == four_threads


def test_a_model_that_counts_keeps_the_threads(tmp_path, registry, four_threads):
    with useful_threads(run_of(tmp_path, registry, architecture="ngram", model={"order": 2})):
        assert torch.get_num_threads() == four_threads


def test_the_weights_do_not_depend_on_the_threads_that_are_allowed(tmp_path, registry):
    found = []
    for threads in (1, 4):
        torch.set_num_threads(threads)
        list(train(recipe(tmp_path), registry, tmp_path / f"{threads}.safetensors"))
        found.append((tmp_path / f"{threads}.safetensors").read_bytes()[-2000:])
    assert found[0] == found[1]
