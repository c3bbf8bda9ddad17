"""Train only the state in which a language model begins, and continue from it in a session."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import seqshell
from seqshell.cli import main
from seqshell.core.errors import RecipeError
from seqshell.core.events import Notice, Text
from seqshell.core.state import leaves, map_leaves
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.models.opening import open_model
from seqshell.testing.shell import shell_for
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.state_tuning import TunedState, check_tuned, tuned

TEXT = "the cat sat on the mat and the dog sat on the log " * 8
QUICK = {
    "epochs": 2,
    "batch_size": 2,
    "sequence_length": 8,
    "learning_rate": 0.05,
    "warmup_steps": 0,
    "ema": 0.0,
    "sample_every": 0,
    "sample_length": 5,
    "precision": "float32",
    "device": "cpu",
}


@pytest.fixture(scope="module")
def registry():
    return load_registry()


@pytest.fixture(scope="module")
def parent(registry, tmp_path_factory):
    """A language model, as a path."""
    folder = tmp_path_factory.mktemp("parent")
    out = folder / "cats.safetensors"
    list(train(recipe(folder), registry, out))
    return out


def recipe(folder: Path, text: str = TEXT, **training):
    (folder / "text.txt").write_text(text)
    tables = {
        "task": "generate",
        "architecture": "lstm",
        "data": {"text": "text.txt"},
        "model": {"embed_size": 4, "hidden_size": 6, "dropout": 0.5},
        "training": QUICK | training,
    }
    return recipe_from(tables, name="text", folder=folder)


def tuning(folder: Path, parent: Path, text: str = "the dog sat the dog sat " * 16, **training):
    return recipe(folder, text, parent=str(parent), tune="state", **training)


def test_only_the_initial_state_is_trained_and_a_session_continues_from_it(tmp_path, parent, registry):
    out = tmp_path / "dogs.safetensors"
    events = list(train(tuning(tmp_path, parent), registry, out))
    session = seqshell.open(parent)
    state = seqshell.load_state(out, session)
    zero = list(leaves(open_model(parent, registry).decoder.initial_state(1)))

    assert file.read_header(out)["kind"] == "state"
    assert [leaf.shape for leaf in leaves(state.state)] == [leaf.shape for leaf in zero]
    assert all(np.abs(leaf).max() > 0 for leaf in leaves(state.state))
    np.testing.assert_allclose(state.outputs, session.model.decoder.state_outputs(state.state), atol=1e-6)
    session.set_state(state)
    assert session.position == 0
    shown = [event.text for event in events if isinstance(event, Notice | Text)]
    assert any(re.search(r"parameters, of which 24 are trained", text) for text in shown)
    assert shown[-1] == f"seqshell -m {parent} -c '/state load {out}'"


def test_a_trained_state_lowers_the_loss_of_its_text(tmp_path, parent, registry):
    prepared = prepare(tuning(tmp_path, parent), registry)
    module, before = prepared.new_module(), prepared.objective.validate(prepared.new_module().eval())
    batch = next(prepared.objective.batches(0))
    weights = {name: values.clone() for name, values in module.model.state_dict().items()}
    module.train()
    losses = []
    for _ in range(8):
        loss = prepared.objective.loss(module, batch, ()).total
        loss.backward()
        with torch.no_grad():
            for leaf in module.leaves:
                leaf -= leaf.grad
                leaf.grad = None
        losses.append(loss.item())

    assert losses[-1] < losses[0]
    assert prepared.objective.validate(module.eval()) != before
    assert all(torch.equal(values, weights[name]) for name, values in module.model.state_dict().items())


def test_the_gradient_of_the_state_is_that_of_the_loss(tmp_path, parent, registry):
    prepared = prepare(tuning(tmp_path, parent), registry)
    module = prepared.new_module().double()
    module.like = map_leaves(torch.Tensor.double, module.like)
    inputs, targets = (torch.from_numpy(each) for each in next(prepared.objective.batches(0)))

    def loss() -> torch.Tensor:
        logits, _ = module(inputs, ())
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    module.train()
    loss().backward()
    leaf = module.leaves[0]
    expected = leaf.grad[0, 0, 2].item()
    with torch.no_grad():
        leaf[0, 0, 2] += 1e-5
        above = loss().item()
        leaf[0, 0, 2] -= 2e-5
        assert (above - loss().item()) / 2e-5 == pytest.approx(expected, rel=1e-4)


def test_a_state_needs_a_language_model_of_one_state(tmp_path, parent, registry):
    def refused(text: str, function, *arguments) -> None:
        with pytest.raises(RecipeError, match=re.escape(text)):
            function(*arguments)

    model = open_model(parent, registry)
    refused("only language models begin all texts in one state, not classify", check_tuned, "classify", model, "x")
    refused(
        "training.tune needs the model whose state it trains: name it with --from", check_tuned, "generate", None, "x"
    )
    for change in ({"causal": False}, {"grows": True}):
        refused("cats has no state of a fixed size", check_tuned, "generate", replace(model, **change), "x")
    stateless = torch.nn.Linear(1, 1)
    for state in ((), torch.zeros(1, 0), torch.zeros(1, 1, dtype=torch.int64)):
        stateless.initial_state = lambda size, state=state: state
        refused("this model has no state of real numbers", tuned, stateless, "x")
    refused("the model's vocabulary has no '#'", prepare, tuning(tmp_path, parent, "the dog # " * 40), registry)


def test_a_model_drops_nothing_while_its_state_trains(tmp_path, parent, registry):
    module = prepare(tuning(tmp_path, parent), registry).new_module().train()

    assert isinstance(module, TunedState)
    assert module.training
    assert not any(each.training for each in module.model.modules())


def test_the_command_line_writes_a_state(tmp_path, parent, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("dogs.txt").write_text("the dog sat the dog sat " * 16)
    settings = [word for key in QUICK for word in ("--set", f"training.{key}={QUICK[key]}")]
    command = ["train", "dogs.txt", "--from", str(parent), "--tune", "state", "--out", "./dogs.safetensors", *settings]

    assert main(["--json", *command]) == 0
    assert json.loads(capsys.readouterr().out) == {"state": "dogs", "path": "dogs.safetensors", "model": "cats"}
    assert main([*command, "--dry-run"]) == 0
    assert "dogs: lstm, generate" in capsys.readouterr().out
    assert main(["train", "dogs.txt", "--tune", "state", *settings]) == 2
    assert "name it with --from MODEL" in capsys.readouterr().err


def test_the_shell_trains_a_state_and_keeps_its_model(tmp_path, parent, registry, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("dogs.txt").write_text("the dog sat the dog sat " * 16)
    shell = shell_for(open_model(parent, registry))
    settings = " ".join(f"training.{key}={value}" for key, value in QUICK.items())
    events = list(shell.run(f"/train --from {parent} --tune state --out ./dogs.safetensors dogs.txt {settings}"))

    assert shell.session.model.name == "cats"
    assert any(isinstance(event, Text) and "/state load dogs.safetensors" in event.text for event in events)
    assert list(shell.run("/state load ./dogs.safetensors"))
    assert any(np.abs(leaf).max() > 0 for leaf in leaves(shell.session.state))
