"""Training with a teacher, token by token: the loss by hand, auxiliary losses, and the state of the teacher."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.training.teachers import recipe, saved, started

from seqshell.core.state import leaves, map_leaves
from seqshell.core.tokenizers import PAD
from seqshell.training.preparation import prepare


def logits_of(task, module, batch):
    """[B, T, V], from the initial state, or that of the encoder."""
    tensors = [torch.from_numpy(array) for array in batch]
    if task == "translate":
        source, lengths, inputs, _ = tensors
        return module(inputs, module.encode(source, lengths))[0]
    return module(tensors[0], module.initial_state(len(tensors[0])))[0]


@pytest.mark.parametrize("task", ["generate", "translate", "tag"])
def test_the_loss_of_sequences_compares_each_token_with_the_teacher(data_folder, registry, monkeypatch, task):
    members = [saved(data_folder, registry, "one", 1, task, hidden_size=4)]
    if task != "tag":  # taggers form no ensembles
        members.append(saved(data_folder, registry, "two", 2, task))
    teacher = "+".join(f"./{name}.safetensors" for name in ("one", "two")[: len(members)])
    prepared = prepare(recipe(data_folder, task, teacher=teacher, teacher_weight=0.4, label_smoothing=0.1), registry)
    objective, module = prepared.objective, prepared.new_module().eval()
    batch = next(objective.batches(0))
    targets = batch[-1] - (task == "tag")
    counts = batch[-1] != PAD if task != "generate" else np.ones(targets.shape, bool)

    with torch.no_grad():
        logs = logits_of(task, module, batch).double().log_softmax(-1).numpy()
        taught = np.mean([logits_of(task, each, batch).double().softmax(-1).numpy() for each in members], 0)
    right = np.take_along_axis(logs, np.where(counts, targets, 0)[..., None], -1)[..., 0]
    expected = -(0.6 * (0.9 * right + 0.1 * logs.mean(-1)) + 0.4 * (taught * logs).sum(-1))[counts].mean()

    def found():
        module.zero_grad()
        loss = objective.loss(module, batch, objective.initial_state(module)).loss
        loss.backward()
        return loss.detach(), [weight.grad.clone() for weight in module.parameters() if weight.grad is not None]

    whole, gradients = found()
    assert whole.item() == pytest.approx(expected, rel=1e-5)
    assert objective.teacher.num_classes == logs.shape[-1]
    monkeypatch.setattr("seqshell.training.chunked_loss.MOST_AT_ONCE", 100)
    monkeypatch.setattr("seqshell.training.chunked_loss.PART", 2000)
    in_parts, of_parts = found()
    torch.testing.assert_close(in_parts, whole)
    torch.testing.assert_close(of_parts, gradients)
    with torch.no_grad():
        torch.testing.assert_close(objective.loss(module, batch, objective.initial_state(module)).loss, whole)


def test_a_module_with_auxiliary_losses_has_them_beside_a_teacher(data_folder, registry, monkeypatch):
    for task in ("generate", "translate"):
        saved(data_folder, registry, task, 1, task)
        prepared = prepare(recipe(data_folder, task, teacher=f"./{task}.safetensors"), registry)
        objective, module = prepared.objective, prepared.new_module().eval()
        batch = next(objective.batches(0))
        plain = objective.loss(module, batch, objective.initial_state(module))
        assert not plain.auxiliary
        monkeypatch.setattr(
            type(module),
            "auxiliary",
            lambda self, outputs, targets, mask: {"size": outputs.square()[mask].mean()},
            raising=False,
        )
        found = objective.loss(module, batch, objective.initial_state(module))
        monkeypatch.undo()
        monkeypatch.chdir(data_folder)
        torch.testing.assert_close(found.loss, plain.loss)
        squares = logits_of(task, module, batch).square()
        expected = squares if task == "generate" else squares[torch.from_numpy(batch[-1] != PAD)]
        torch.testing.assert_close(found.auxiliary["size"], expected.mean())


def test_a_teacher_carries_its_own_state_which_begins_anew_with_that_of_the_model(data_folder, registry):
    teacher = saved(data_folder, registry, "one", 1, "generate")
    run = started(
        recipe(data_folder, "generate", teacher="./one.safetensors", batch_size=3, state_zeroing=0.5),
        registry,
        data_folder,
    )
    first, second = list(run.objective.batches(0))[:2]
    for batch in (first, second):
        run.train_on(batch)

    chosen = np.random.default_rng(0)
    chosen.random(3)  # before the first batch, when all are at the initial state
    zeroed = chosen.random(3) < 0.5
    assert 0 < zeroed.sum() < 3
    with torch.no_grad():
        after = teacher(torch.from_numpy(first[0]), teacher.initial_state(3))[1]
        after = map_leaves(lambda leaf: leaf * torch.from_numpy(~zeroed).view(3, *[1] * (leaf.ndim - 1)), after)
        expected = teacher(torch.from_numpy(second[0]), after)[1]
    for leaf, other in zip(leaves(run.state[1]), leaves(expected), strict=True):
        torch.testing.assert_close(leaf, other)
