"""What a module may bring to its training: parameter groups, its preparation, and the check of all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.own_models import (
    Bigram,
    Config,
    SharpBigram,
    SharpTranslator,
    Translator,
    checks,
    reading,
    registry_of,
    trained,
    translating,
    weights,
)
from torch import nn

from seqshell.core.errors import PluginError
from seqshell.models.file import read
from seqshell.testing import failed
from seqshell.training.loop import train
from seqshell.training.optimizer import learning_rate
from seqshell.training.parameter_groups import parameter_groups
from seqshell.training.preparation import prepare
from seqshell.training.recipes.settings import TrainingSettings
from seqshell.training.run import Run
from seqshell.training.run_folder import RESUME_FILE


class Grouped(Bigram):
    """The table keeps its values, and the scale has its own rate and decay."""

    def parameter_groups(self) -> Any:
        return [{"params": self.table.parameters(), "lr": 0}, {"params": [self.scale], "lr": 0.02, "weight_decay": 0.5}]


def test_each_group_has_its_own_rate_and_decay(tmp_path: Path) -> None:
    run = Run(prepare(reading(tmp_path), registry_of(Grouped)), tmp_path / "run")
    before = weights(run)

    run.train_on(next(run.objective.batches(0)))

    gradient = run.module.scale.grad
    assert torch.equal(weights(run)["table.weight"], before["table.weight"])
    torch.testing.assert_close(weights(run)["scale"], before["scale"] - 0.02 * (gradient + 0.5 * before["scale"]))


def test_the_schedule_scales_all_groups(tmp_path: Path) -> None:
    """A warm-up of 4 steps and half a cosine; the parameters of no group come first."""
    settings = {"warmup_steps": 4, "schedule": "cosine"}
    run = Run(prepare(reading(tmp_path, **settings), registry_of(Grouped)), tmp_path / "run")
    rates = []
    for batch in run.objective.batches(0):
        run.train_on(batch)
        rates.append([group["lr"] for group in run.optimizer.param_groups])

    expected = [learning_rate(run.settings, step, run.total_steps) for step in range(len(rates))]
    assert [rate for rate, _, _ in rates] == expected
    assert [rate for _, rate, _ in rates] == [0] * len(rates)
    assert [rate for _, _, rate in rates] == pytest.approx([0.2 * rate for rate in expected])


def test_a_training_with_groups_can_be_resumed(tmp_path: Path) -> None:
    registry, recipe = registry_of(Grouped), reading(tmp_path, optimizer="adamw", schedule="cosine")
    straight = trained(recipe, registry, tmp_path / "straight")
    halted = Run(prepare(recipe, registry), tmp_path / "halted")
    for _ in zip(range(5), halted.epochs(), strict=False):
        pass
    halted.write()
    assert (tmp_path / "halted" / RESUME_FILE).exists()
    resumed = Run(prepare(recipe, registry), tmp_path / "halted")
    resumed.restore()
    list(resumed.epochs())

    assert all(torch.equal(seen, weights(straight)[name]) for name, seen in weights(resumed).items())


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (lambda module: [{"lr": 0.1}], 'a group is {"params": [...]}, with "lr" and "weight_decay" if it has its own'),
        (lambda module: [{"params": [module.scale], "rate": 1}], "a group has 'rate'; it may have params, lr, weight"),
        (lambda module: [{"params": [module.scale], "lr": -1}], "lr of a group must be a number of at least 0, not -1"),
        (lambda module: [{"params": [module.scale]}, {"params": module.scale}], "scale is twice in the groups"),
        (lambda module: [{"params": [torch.zeros(2)]}], "something that is not a parameter of the module"),
        (lambda module: None, "'NoneType' object is not iterable"),
    ],
)
def test_an_invalid_group_is_an_error_that_names_the_model(groups: Any, message: str) -> None:
    class Wrong(Bigram):
        def parameter_groups(self) -> Any:
            return groups(self)

    with pytest.raises(PluginError, match=r"the model Wrong.* (failed in|has invalid) parameter_groups: ") as caught:
        parameter_groups(Wrong(Config(5)), TrainingSettings())
    assert message in caught.value.message


class Spaced(Bigram):
    """Begins with logits from a file, and with a scale of 0 for spaces."""

    def prepare(self, tokenizer: Any, source_tokenizer: Any, folder: Path) -> None:
        assert source_tokenizer is None
        with torch.no_grad():
            self.table.weight.fill_(float((folder / "logit.txt").read_text()))
            self.scale[tokenizer.encode(" ")] = 0


def test_a_module_is_prepared_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "logit.txt").write_text("0.25")
    run = Run(prepare(reading(tmp_path), registry_of(Spaced)), tmp_path / "run")

    space = run.prepared.tokenizer.encode(" ")[0]
    assert weights(run)["table.weight"].unique().tolist() == [0.25]
    assert weights(run)["scale"].tolist() == [float(token != space) for token in range(run.prepared.tokenizer.size)]


def test_a_model_that_starts_from_a_parent_is_not_prepared(tmp_path: Path) -> None:
    class Filled(Translator):
        def prepare(self, tokenizer: Any, source_tokenizer: Any, folder: Path) -> None:
            nn.init.constant_(self.table.weight, source_tokenizer.size)

    registry = registry_of(Filled, "translate")
    list(train(translating(tmp_path), registry, tmp_path / "parent.safetensors"))

    child = Run(prepare(translating(tmp_path, parent=str(tmp_path / "parent.safetensors")), registry), tmp_path / "run")

    _, parent = read(tmp_path / "parent.safetensors")
    assert weights(child)["table.weight"].tolist() == parent["table.weight"].tolist()
    assert len(weights(child)["table.weight"].unique()) > 1


def test_a_failure_to_prepare_names_the_model_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"the model own.* failed in prepare: FileNotFoundError: .*logit.txt"):
        list(train(reading(tmp_path), registry_of(Spaced), tmp_path / "own.safetensors"))
    assert not (tmp_path / "own.safetensors").exists()
    assert not (tmp_path / "own.run").exists()


@pytest.mark.parametrize(("module", "task"), [(SharpBigram, "generate"), (SharpTranslator, "translate")])
def test_correct_losses_pass_the_check(module: type[nn.Module], task: str) -> None:
    found = checks(module, task)

    assert not failed(found.values())
    assert len([rule for rule in found if rule.startswith("auxiliary: ")]) == 2


def test_a_loss_that_is_a_sum_or_counts_padding_fails_the_check() -> None:
    class Sum(Translator):
        def auxiliary(self, outputs: Any, targets: Any, mask: Any) -> Any:
            return {"sum": outputs.square().sum()}

    class Padded(Translator):
        def auxiliary(self, outputs: Any, targets: Any, mask: Any) -> Any:
            return {"padded": outputs.square().mean()}

    class Constant(Translator):
        def auxiliary(self, outputs: Any, targets: Any, mask: Any) -> Any:
            return {"constant": outputs.detach().square().sum(-1)}

    for module in (Sum, Padded):
        (line,) = failed(checks(module, "translate").values())
        assert line.startswith(
            "auxiliary: the losses of single rows, weighted by their targets, are those of the batch"
        )
        assert f"the loss {module.__name__.lower()}: difference" in line
    (line,) = failed(checks(Constant, "translate").values())
    assert line == "auxiliary: its losses are finite and have a gradient: the loss constant has no gradient"


def test_groups_and_preparation_are_checked() -> None:
    class Twice(Bigram):
        def parameter_groups(self) -> Any:
            return [{"params": self.parameters()}, {"params": [self.scale]}]

    class Grows(Bigram):
        def prepare(self, tokenizer: Any, source_tokenizer: Any, folder: Path) -> None:
            self.register_buffer("spaces", torch.zeros(tokenizer.size))

    (line,) = failed(checks(Twice).values())
    assert "parameter_groups: it has each parameter at most once, with valid rates: " in line
    assert "scale is twice in the groups" in line
    (line,) = failed(checks(Grows).values())
    assert line == (
        "prepare: it changes the values of weights alone, and the same way each time: spaces was missing and is [11]"
    )
    assert not failed(checks(Grouped).values())
    needs_file = checks(Spaced)["prepare: it changes the values of weights alone, and the same way each time"]
    assert (needs_file.passed, needs_file.is_warning) == (True, True)
    assert "raise seqshell.RecipeError that says where to get the file" in needs_file.seen
