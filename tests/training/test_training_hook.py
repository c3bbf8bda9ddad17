"""The hook for trainings: it receives every event, changes nothing, and may fail without harm."""

import random
from types import ModuleType

import numpy as np
import pytest
import torch

import seqshell
from seqshell.core.events import HookOutput, Notice, Progress, Table
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models.file import read
from seqshell.training.listeners import followed
from seqshell.training.loop import train
from seqshell.training.recipes.recipe import read_recipe

RECIPE = """
task = "generate"
architecture = "gru"
[data]
text = "input.txt"
[model]
embed_size = 4
hidden_size = 8
[training]
epochs = 2
batch_size = 4
"""


@pytest.fixture
def trained(folder):
    """Return a function: the events of a training with a hook, the weights and the registry."""
    (folder / "input.txt").write_text("the cat sat on the mat\n" * 60, "utf-8")
    (folder / "a.toml").write_text(RECIPE, "utf-8")

    def run(hook=None):
        module = ModuleType("zoo")
        if hook is not None:
            module.seqshell_training = seqshell.hookimpl(hook, specname="seqshell_training")
        module.seqshell_samplers = seqshell.hookimpl(lambda: (), specname="seqshell_samplers")
        registry = load_registry(Policy(no_plugins=True), modules=[module])
        events = list(train(read_recipe(folder / "a.toml"), registry, folder / "a.safetensors"))
        return events, read(folder / "a.safetensors")[1], registry

    return run


def test_the_hook_is_told_batches_epochs_and_results_with_the_run(trained):
    told = []
    events, _, _ = trained(lambda run, event: told.append((run.progress.step, run.prepared.recipe.name, event)))

    heard = [event for _, _, event in told]
    assert heard == [event for event in events if any(event is each for each in heard)]
    steps = [step for step, _, event in told if isinstance(event, Progress)]
    assert steps == list(range(1, len(steps) + 1))
    assert len([event for event in heard if isinstance(event, Notice) and event.text.startswith("epoch ")]) == 2
    assert any(isinstance(event, Table) for event in heard)
    assert {name for _, name, _ in told} == {"a"}


def test_what_the_hook_returns_is_shown_after_the_event(trained):
    def hook(event):
        if isinstance(event, Notice) and event.text.startswith("epoch "):
            return seqshell.Text(event.text.partition(":")[0])
        return None

    events, _, _ = trained(hook)

    outputs = [event for event in events if isinstance(event, HookOutput)]
    assert outputs == [HookOutput("zoo", "seqshell_training", seqshell.Text(f"epoch {number}")) for number in (1, 2)]


def test_random_numbers_drawn_in_the_hook_change_nothing():
    drawn = []

    def draw():
        return float(torch.rand(1)), float(np.random.rand()), random.random()

    module = ModuleType("zoo")
    module.seqshell_training = seqshell.hookimpl(lambda: drawn.append(draw()), specname="seqshell_training")
    registry = load_registry(Policy(no_plugins=True), modules=[module])

    list(followed([Notice("a"), Notice("b")], None, registry))

    assert drawn == [draw()] * 2


def test_a_hook_that_fails_is_reported_once_and_the_training_continues(trained):
    events, weights, registry = trained(lambda: 1 / 0)

    (warning,) = [event.text for event in events if isinstance(event, Notice) and "zoo" in event.text]
    assert warning.startswith("the plugin zoo: seqshell_training failed: ZeroDivisionError: division by zero")
    assert warning.endswith("; its hooks are left out, and the training continues")
    assert registry.plugin("zoo").state == "loaded"
    assert [problem.plugin for problem in registry.problems] == ["zoo"]
    assert weights


def test_ctrl_c_in_the_hook_stops_the_training(trained):
    def hook():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(hook)
