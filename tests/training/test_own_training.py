"""What a module may bring to its training: auxiliary losses, parameter groups, and its preparation."""

from __future__ import annotations

import json
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import seqshell
from seqshell.core.errors import PluginError, RecipeError
from seqshell.core.events import Notice, Progress
from seqshell.host import Registry
from seqshell.host.builtin import load_registry
from seqshell.models.file import read
from seqshell.testing import check_architecture, failed
from seqshell.training.auxiliary import auxiliary_losses
from seqshell.training.loop import train
from seqshell.training.optimizer import learning_rate
from seqshell.training.parameter_groups import parameter_groups
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import Recipe, recipe_from
from seqshell.training.recipes.settings import TrainingSettings
from seqshell.training.run import Run
from seqshell.training.run_folder import RESUME_FILE

TEXT = "the cat sat on the mat and the dog sat on the log " * 16
PAIRS = ["i see\tje vois", "i love you\tje t' aime", "the cat\tle chat", "the dog sees the cat\tle chien voit le chat"]
TRAINING = {
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "schedule": "constant",
    "warmup_steps": 0,
    "clip_norm": 0,
    "ema": 0,
    "weight_decay": 0,
    "batch_size": 4,
    "sequence_length": 16,
    "state_zeroing": 0,
    "precision": "float32",
    "epochs": 2,
    "resume_every": 1000,
}


@dataclass(frozen=True)
class Config:
    vocab_size: int


@dataclass(frozen=True)
class PairConfig:
    source_vocab_size: int
    target_vocab_size: int


class Bigram(nn.Module):
    """The logits of the next token depend on the last one alone."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.table = nn.Embedding(config.vocab_size, config.vocab_size)
        self.scale = nn.Parameter(torch.ones(config.vocab_size))

    def initial_state(self, batch_size: int = 1) -> Any:
        return self.scale.new_zeros(batch_size, 1)

    def forward(self, tokens: Any, state: Any) -> Any:
        return self.table(tokens) * self.scale, state


class Translator(Bigram):
    def __init__(self, config: Any) -> None:
        super().__init__(Config(config.target_vocab_size))

    def initial_state(self, batch_size: int = 1) -> Any:
        return self.encode(torch.full((batch_size, 1), seqshell.EOS), torch.ones(batch_size, dtype=torch.int64))

    def encode(self, source: Any, lengths: Any) -> Any:
        return lengths[:, None].float()


class Sharp:
    """Two auxiliary losses: the sums of the squared logits as the loss of each target, and the mean of their maxima."""

    def auxiliary(self, outputs: Any, targets: Any, mask: Any) -> Any:
        largest = outputs.max(-1).values
        return {"size": 0.1 * outputs.square().sum(-1), "largest": largest[mask].mean()}


def registry_of(module: type[nn.Module], task: str = "generate") -> Registry:
    """The built-in plugins, and one with an architecture `own`."""
    plugin = types.ModuleType("mine")

    @seqshell.hookimpl
    def seqshell_architectures() -> Any:
        yield seqshell.Architecture("own", seqshell.Task(task), Config if task == "generate" else PairConfig, module)

    plugin.seqshell_architectures = seqshell_architectures  # type: ignore[attr-defined]
    return load_registry(modules=[plugin])


def reading(folder: Path, **training: Any) -> Recipe:
    (folder / "text.txt").write_text(TEXT)
    tables = {
        "task": "generate",
        "architecture": "own",
        "data": {"text": "text.txt"},
        "training": {**TRAINING, **training},
    }
    return recipe_from(tables, name="small", folder=folder)


def translating(folder: Path, **training: Any) -> Recipe:
    (folder / "pairs.tsv").write_text("\n".join(PAIRS) + "\n")
    tables = {
        "task": "translate",
        "architecture": "own",
        "data": {"pairs": "pairs.tsv", "validation": "pairs.tsv"},
        "tokenizer": {"name": "word"},
        "training": {**TRAINING, **training},
    }
    return recipe_from(tables, name="small", folder=folder)


def trained(recipe: Recipe, registry: Registry, folder: Path) -> Run:
    run = Run(prepare(recipe, registry), folder)
    list(run.epochs())
    return run


def weights(run: Run) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in run.module.named_parameters()}


class SharpBigram(Sharp, Bigram):
    pass


class SharpTranslator(Sharp, Translator):
    pass


def test_auxiliary_losses_are_added_to_the_tasks_own(tmp_path: Path) -> None:
    """The gradient is that of the sum, computed here by hand."""
    run = Run(prepare(reading(tmp_path), registry_of(SharpBigram)), tmp_path / "run")
    batch = next(run.objective.batches(0))
    module = run.prepared.new_module()
    module.load_state_dict(run.module.state_dict())

    losses = run.train_on(batch)

    ids, targets = map(torch.from_numpy, batch)
    outputs, _ = module(ids, module.initial_state(4))
    nats = nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())
    size, largest = 0.1 * outputs.square().sum(-1).mean(), outputs.max(-1).values.mean()
    (nats + size + largest).backward()
    assert losses == pytest.approx({"loss": nats.item(), "size": size.item(), "largest": largest.item()})
    for name, weight in module.named_parameters():
        torch.testing.assert_close(weights(run)[name], weight.detach() - 0.1 * weight.grad)


def test_accumulating_auxiliary_losses_equals_one_large_batch(tmp_path: Path) -> None:
    """The sentences have 3 to 6 tokens, and padding in the large batch."""
    registry = registry_of(SharpTranslator, "translate")
    together, one_by_one, everything = (
        trained(translating(tmp_path, **sizes), registry, tmp_path / "run")
        for sizes in ({"batch_size": 4}, {"batch_size": 1, "accumulate": 4}, {"batch_size": "all"})
    )

    assert together.progress.step == one_by_one.progress.step == everything.progress.step == 2
    for run in (one_by_one, everything):
        for name, weight in weights(run).items():
            torch.testing.assert_close(weight, weights(together)[name], atol=1e-5, rtol=1e-4)


def test_auxiliary_losses_are_shown_recorded_and_resumed(tmp_path: Path) -> None:
    registry, recipe = registry_of(SharpBigram), reading(tmp_path)
    run = Run(prepare(recipe, registry), tmp_path / "run")
    events = list(run.epochs())
    halted = Run(prepare(recipe, registry), tmp_path / "halted")
    for _ in zip(range(3), halted.epochs(), strict=False):
        pass
    halted.write()
    resumed = Run(prepare(recipe, registry), tmp_path / "halted")
    resumed.restore()
    list(resumed.epochs())

    first = next(event for event in events if isinstance(event, Progress))
    notice = next(event for event in events if isinstance(event, Notice))
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    mean = sum(record["auxiliary"]["size"] for record in records[:11]) / 11
    assert first.text.startswith(
        f"loss {records[0]['loss']:.3f} · size {records[0]['auxiliary']['size']:.3f} · largest"
    )
    assert f"(size {mean:.3f}, largest " in notice.text
    assert resumed.progress.history[:10] == run.progress.history[:10]
    assert all(torch.equal(seen, weights(run)[name]) for name, seen in weights(resumed).items())


def test_a_checkpoint_is_chosen_by_the_tasks_own_loss(tmp_path: Path) -> None:
    """Validation is without auxiliary losses."""
    plain, with_losses = (
        Run(prepare(reading(tmp_path), registry_of(kind)), tmp_path / "run") for kind in (Bigram, SharpBigram)
    )

    assert plain.validate() == with_losses.validate()


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "returned NoneType instead of losses by name"),
        ({"size": 1.0}, "the loss size is float instead of a tensor"),
        ({"size": torch.zeros(3)}, r"the loss size has the shape \[3\]; it must be a scalar, or \[2, 4\] as the mask"),
        ({"loss": torch.zeros(())}, "'loss' cannot be the name of a loss"),
        ({"a b": torch.zeros(())}, "'a b' cannot be the name of a loss"),
    ],
)
def test_losses_of_another_kind_are_an_error_that_names_the_model(found: Any, message: str) -> None:
    class Wrong(Bigram):
        def auxiliary(self, outputs: Any, targets: Any, mask: Any) -> Any:
            return found

    outputs = torch.zeros(2, 4, 5)
    with pytest.raises(PluginError, match=f"the model Wrong.* has an invalid auxiliary: .*{message}"):
        auxiliary_losses(Wrong(Config(5)), outputs, torch.zeros(2, 4), torch.ones(2, 4, dtype=torch.bool))


def test_targets_that_are_padding_do_not_count() -> None:
    mask = torch.tensor([[True, True, False], [True, False, False]])
    each = torch.tensor([[1.0, 2.0, torch.nan], [6.0, torch.inf, 5.0]])

    class Given(Bigram):
        def auxiliary(self, outputs: Any, targets: Any, mask: Any) -> Any:
            return {"given": each}

    assert auxiliary_losses(Given(Config(5)), torch.zeros(2, 3, 5), mask, mask)["given"].item() == 3


def test_a_layer_called_auxiliary_is_not_a_method() -> None:
    """Modules written before there were auxiliary losses may have one."""

    class Old(Bigram):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.auxiliary = nn.Linear(2, 2)
            self.prepare = nn.Linear(2, 2)

    assert auxiliary_losses(Old(Config(5)), torch.zeros(1), torch.zeros(1), torch.zeros(1)) == {}


def test_methods_with_other_parameters_are_not_called(tmp_path: Path) -> None:
    """As those of modules that were written for API 1.0. The check warns of them."""

    class Old(Bigram):
        def auxiliary(self, tokens: Any) -> Any:
            raise AssertionError

        def parameter_groups(self, name: str) -> Any:
            raise AssertionError

        def prepare(self, tokens: Any) -> Any:
            raise AssertionError

        def features(self, tokens: Any) -> Any:
            raise AssertionError

    trained(reading(tmp_path, epochs=1), registry_of(Old), tmp_path / "run")
    found = checks(Old)

    assert not failed(found.values())
    warnings = {rule: check.seen for rule, check in found.items() if check.seen}
    assert warnings == {
        "auxiliary: training can call it": "it has other parameters than (outputs, targets, mask), so training does "
        "not call it",
        "parameter_groups: training can call it": "it has other parameters than (), so training does not call it",
        "prepare: training can call it": "it has other parameters than (tokenizer, source_tokenizer, folder), so "
        "training does not call it",
    }
    assert not [rule for rule in found if "features" in rule]


def test_an_auxiliary_loss_that_is_nan_ends_the_training_by_name(tmp_path: Path) -> None:
    class Broken(Bigram):
        def auxiliary(self, outputs: Any, targets: Any, mask: Any) -> Any:
            return {"broken": outputs.mean() * torch.nan}

    with pytest.raises(RecipeError, match=r"the auxiliary loss broken is NaN or infinite \(step 1, epoch 1\)"):
        trained(reading(tmp_path), registry_of(Broken), tmp_path / "run")


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


# The check


def checks(module: type[nn.Module], task: str = "generate") -> dict[str, Any]:
    (architecture,) = (each for name, each in registry_of(module, task).architectures.items() if name == "own")
    return {check.rule: check for check in check_architecture(architecture)}


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
