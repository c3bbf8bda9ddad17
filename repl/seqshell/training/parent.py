"""The model that a training starts from, if its recipe names one: its weights, and vocabularies that may grow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqshell.core.errors import CheckpointError, RecipeError
from seqshell.core.model import Model
from seqshell.core.tasks import task_spec
from seqshell.core.text_output import counted
from seqshell.core.tokenizers import Tokenizer
from seqshell.host import Registry
from seqshell.models.opening import open_model
from seqshell.training.data.extension import new_tokens
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.torch_module import torch_module

Size = tuple[int, int]  # of the parent, and of the child


@dataclass(frozen=True)
class Parent:
    """An opened model and its torch module."""

    model: Model
    module: Any

    def copy_into(self, module: Any, config: Any) -> None:
        """Copy the weights into another module, with the mean of the old tokens or labels for each new one.

        With that, new tokens change little of what the model says (Hewitt 2021,
        https://nlp.stanford.edu/~johnhew/vocab-expansion.html). config: of the other module.
        Raises RecipeError if its weights have other names or shapes.
        """
        sizes = self._sizes(config)
        wanted = module.state_dict()
        weights = {
            name: _grown(weight, wanted[name].shape, sizes) if name in wanted else weight
            for name, weight in self.module.state_dict().items()
        }
        try:
            module.load_state_dict(weights)  # which parts of a size that the data decided take on
        except RuntimeError:
            raise self._misfit(weights, wanted, config) from None

    def _misfit(self, weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor], config: Any) -> RecipeError:
        """What is wrong with weights that another module cannot load. wanted: its own."""
        for name, weight in weights.items():
            if name in wanted and weight.shape != wanted[name].shape and self._has_settings(config):
                shapes = f"{list(weight.shape)}, not {list(wanted[name].shape)}"
                return RecipeError(
                    f"the vocabulary of {self.model.name} cannot grow: its {name} is {shapes}",
                    hint="training.extend_vocabulary=false leaves it as it is",
                )
        return RecipeError(
            f"training.parent: the weights of {self.model.name} do not fit the settings in [model]",
            hint=f"/load {self.model.name} and /info show its settings",
        )

    def _sizes(self, config: Any) -> tuple[Size, ...]:
        """The sizes that the data decides."""
        old, fields = self.model.header["config"], task_spec(self.model.task).sizes
        return tuple((int(old[field]), int(getattr(config, field))) for field in fields if field in old)

    def old_size(self, size: int, config: Any) -> int:
        """The size of the vocabulary from which one of the child has grown to `size`."""
        return next(old for old, new in self._sizes(config) if new == size)

    def _has_settings(self, config: Any) -> bool:
        """Whether a config differs from the parent's in what the data decides alone."""
        old, fields = self.model.header["config"], task_spec(self.model.task).sizes
        return all(getattr(config, name, None) == value for name, value in old.items() if name not in fields)

    def as_json(self) -> dict[str, Any]:
        """What the child's checkpoint records about it."""
        return {"name": self.model.name, "fingerprint": self.model.fingerprint}


def open_parent(recipe: Recipe, registry: Registry) -> Parent | None:
    """Open the model that `training.parent` names; None if it names none.

    Raises RecipeError if it cannot be opened, has another task or architecture, or has no weights to train.
    """
    name = recipe.training.parent
    if not name:
        return None
    try:
        model = open_model(name, registry)
    except CheckpointError as error:
        raise RecipeError(f"{recipe.name}: training.parent: {error.message}", hint=error.hint) from None
    architecture = str(model.header["architecture"])
    if (model.task, architecture) != (recipe.task, recipe.architecture):
        what = f"{name} is of the task {model.task} and the architecture {architecture}"
        raise RecipeError(f"{recipe.name}: training.parent: {what}, not {recipe.task} and {recipe.architecture}")
    module = torch_module(model, registry)
    if hasattr(module, "count"):
        raise RecipeError(f"{recipe.name}: training.parent: {name} is fitted by counting; it has no weights to train")
    return Parent(model, module)


def tokenizer_of(parent: Parent | None) -> Tokenizer | None:
    """The tokenizer of its model."""
    return None if parent is None else parent.model.tokenizer


def describe_growth(
    parent: Parent | None, *sides: tuple[Tokenizer, Callable[[], Iterable[Any]]], labels: Sequence[str] = ()
) -> tuple[str, ...]:
    """Notes on the tokens and labels that the child has and the parent lacks.

    sides: each tokenizer, that of the target last, and what gives the ids of its training texts, in parts.
    """
    if parent is None:
        return ()
    model, notes = parent.model, list[str]()
    for old, (new, ids) in zip((model.source_tokenizer, model.tokenizer)[-len(sides) :], sides, strict=True):
        if old is not None and new.size > old.size:
            shown = new_tokens(old, new, ids())
            notes.append(f"{counted(new.size - old.size)} added to the {old.size:,} of {model.name}: {shown}")
    if added := [label for label in labels if label not in model.labels]:
        notes.append(
            f"{counted(len(added), 'label')} added to the {len(model.labels)} of {model.name}: {', '.join(added)}"
        )
    return tuple(notes)


def _grown(weight: Tensor, shape: Sequence[int], sizes: Iterable[Size]) -> Tensor:
    """A weight of the parent, extended along each axis whose size in the child is that of a larger vocabulary."""
    if weight.dim() != len(shape) or not weight.is_floating_point():
        return weight
    for axis, (old, new) in enumerate(zip(weight.shape, shape, strict=True)):
        if old < new and (old, new) in sizes:
            means = weight.mean(axis, keepdim=True)
            weight = torch.cat((weight, *[means] * (new - old)), axis)
    return weight
