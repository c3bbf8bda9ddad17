"""The rules for a module's optional methods for training: auxiliary, parameter_groups, prepare. Imports torch."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqshell.core.errors import PluginError, SeqshellError
from seqshell.core.model import Architecture, own_method
from seqshell.core.tokenizers import PAD
from seqshell.host import resolve
from seqshell.testing import module_rules
from seqshell.testing.check import Finding
from seqshell.testing.compare import difference
from seqshell.testing.examples import Example
from seqshell.testing.task_examples import TaskExample, task_example
from seqshell.training.auxiliary import PARAMETERS, auxiliary_losses, has_auxiliary
from seqshell.training.classification.evaluation import last_logits
from seqshell.training.parameter_groups import parameter_groups
from seqshell.training.preparation import PREPARE
from seqshell.training.recipes.settings import TrainingSettings

Targets = tuple[Tensor, Tensor, Tensor]  # outputs, targets and mask, as a module's `auxiliary` gets them


def training_rules(
    architecture: Architecture, config: Any, module: nn.Module
) -> Iterator[tuple[str, Callable[[], str | Finding]]]:
    """Yield the rules for the methods that a module has, each with a function that returns what was found instead."""
    for name, parameters in {"auxiliary": PARAMETERS, "parameter_groups": (), "prepare": PREPARE}.items():
        if callable(getattr(type(module), name, None)) and own_method(module, name, *parameters) is None:
            seen = f"it has other parameters than ({', '.join(parameters)}), so training does not call it"
            yield f"{name}: training can call it", partial(Finding, seen, is_warning=True)
    task = task_example(architecture.task)
    losses_of = partial(_losses, module, resolve(task.targets), architecture.causal)
    if has_auxiliary(module):
        yield "auxiliary: its losses are finite and have a gradient", lambda: _learnable(losses_of, task.inputs(config))
        yield (
            "auxiliary: the losses of single rows, weighted by their targets, are those of the batch",
            lambda: _additive(losses_of, task.inputs(config)),
        )
    if own_method(module, "parameter_groups"):
        yield (
            "parameter_groups: it has each parameter at most once, with valid rates",
            lambda: _grouped(module),
        )
    if own_method(module, "prepare", *PREPARE):
        yield (
            "prepare: it changes the values of weights alone, and the same way each time",
            partial(_prepared, architecture, config, task),
        )


def next_tokens(module: Any, example: Example, causal: bool) -> Targets:
    """GENERATE and TRANSLATE: each token after the first one. Of a translation, each row is one token shorter."""
    inputs = example.inputs.copy()
    if example.has_sources:
        for row in range(1, example.batch):
            inputs[row, max(2, example.steps - row) :] = PAD
    ids = torch.from_numpy(inputs)
    outputs, _ = module(ids[:, :-1], example.module_start(module))
    targets = ids[:, 1:]
    return outputs, targets, targets != PAD if example.has_sources else torch.ones_like(targets, dtype=torch.bool)


def labels(module: Any, example: Example, causal: bool) -> Targets:
    """CLASSIFY: a label for each text."""
    outputs = last_logits(module, torch.from_numpy(example.inputs), causal=causal)
    targets = torch.arange(example.batch) % outputs.shape[-1]
    return outputs, targets, torch.ones_like(targets, dtype=torch.bool)


def token_labels(module: Any, example: Example, causal: bool) -> Targets:
    """TAG: a tag for each token."""
    inputs = torch.from_numpy(example.inputs)
    outputs, _ = module(inputs, example.module_start(module))
    targets = inputs % outputs.shape[-1]
    return outputs, targets, torch.ones_like(targets, dtype=torch.bool)


def next_values(module: Any, example: Example, causal: bool) -> Targets:
    """FORECAST: zeros after each step."""
    outputs, _ = module(torch.from_numpy(example.inputs), example.module_start(module))
    return outputs, outputs.new_zeros(outputs.shape[:-1]), outputs.new_ones(outputs.shape[:2], dtype=torch.bool)


def _losses(
    module: nn.Module, targets_of: Callable[[Any, Example, bool], Targets], causal: bool, example: Example
) -> tuple[dict[str, Tensor], int]:
    """The auxiliary losses of a batch in training, without dropout, and the number of its targets."""
    is_training = module.training
    try:
        for part in module.modules():
            part.training = not type(part).__module__.startswith("torch.")
        outputs, targets, mask = targets_of(module, example, causal)
        return auxiliary_losses(module, outputs, targets, mask), int(mask.sum())
    finally:
        module.train(is_training)


def _learnable(losses_of: Callable[[Example], tuple[dict[str, Tensor], int]], example: Example) -> str:
    for name, loss in losses_of(example)[0].items():
        if not torch.isfinite(loss):
            return f"the loss {name} is {loss.item()}"
        if not loss.requires_grad:
            return f"the loss {name} has no gradient"
    return ""


def _additive(losses_of: Callable[[Example], tuple[dict[str, Tensor], int]], example: Example) -> str:
    whole, number = losses_of(example)
    again, _ = losses_of(example)
    if whole.keys() != again.keys() or any(not torch.allclose(whole[name], again[name]) for name in whole):
        return ""  # it is random, so parts cannot be compared
    sums = dict.fromkeys(whole, 0.0)
    for row, steps in zip(range(example.batch), _lengths(example), strict=True):
        part = example.rows(slice(row, row + 1)).cut(1, steps, int(example.lengths[row]))
        for name, loss in (found := losses_of(part))[0].items():
            sums[name] = sums.get(name, 0.0) + loss.item() * found[1] / number
    for name, loss in whole.items():
        if seen := difference(f"the loss {name}", np.array(loss.item()), np.array(sums[name])):
            return f"{seen}; a loss must be a mean over the targets, or a tensor of the mask's shape"
    return ""


def _lengths(example: Example) -> list[int]:
    """The number of steps of each row that are not padding, see `next_tokens`."""
    return [max(2, example.steps - row) if example.has_sources else example.steps for row in range(example.batch)]


def _grouped(module: nn.Module) -> str:
    parameter_groups(module, TrainingSettings())
    return ""


def _prepared(architecture: Architecture, config: Any, task: TaskExample) -> str | Finding:
    results = []
    for _ in range(2):
        module = module_rules.example_module(architecture, config)
        before = {name: weight.shape for name, weight in module.state_dict().items()}
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            try:
                tokenizer, source = task.tokenizers(task.sizes_of(config))
                source = tokenizer if architecture.shares_vocabulary else source
                module.prepare(tokenizer, source, Path(folder))  # type: ignore[operator]  # a method
            except SeqshellError as error:
                if isinstance(error, PluginError):
                    raise
                return Finding(f"it could not be tried: {error.message}", is_warning=True)
            except OSError as error:
                advice = "raise seqshell.RecipeError that says where to get the file"
                return Finding(f"it needs a file: {error}; {advice}", is_warning=True)
        after = {name: weight.shape for name, weight in module.state_dict().items()}
        if before != after:
            name = next(name for name in (before | after) if before.get(name) != after.get(name))
            return f"{name} was {_shown(before.get(name))} and is {_shown(after.get(name))}"
        results.append(module_rules.weights_of(module))
    for name, values in results[0].items():
        if not np.isfinite(values).all():
            return f"{name} is not finite"
        if seen := difference(name, results[1][name], values, limit=0):
            return f"the second time: {seen}"
    return ""


def _shown(shape: torch.Size | None) -> str:
    return "missing" if shape is None else str(list(shape))
