"""Auxiliary losses of a module: added, shown, recorded, resumed, and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.own_models import (
    Bigram,
    Config,
    SharpBigram,
    SharpTranslator,
    checks,
    reading,
    registry_of,
    trained,
    translating,
    weights,
)
from torch import nn

from seqshell.core.errors import PluginError, RecipeError
from seqshell.core.events import Notice, Progress
from seqshell.testing import failed
from seqshell.training.auxiliary import auxiliary_losses
from seqshell.training.preparation import prepare
from seqshell.training.run import Run


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
