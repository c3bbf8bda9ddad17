"""The model that a training starts from, if its recipe names one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seqshell.core.errors import CheckpointError, RecipeError
from seqshell.core.model import Model
from seqshell.host import Registry
from seqshell.models.opening import open_model
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.torch_module import torch_module


@dataclass(frozen=True)
class Parent:
    """An opened model and its torch module."""

    model: Model
    module: Any

    def copy_into(self, module: Any) -> None:
        """Copy the weights into another module. Raises RecipeError if its weights have other names or shapes."""
        try:
            module.load_state_dict(self.module.state_dict())
        except RuntimeError:
            raise RecipeError(
                f"training.parent: the weights of {self.model.name} do not fit the settings in [model]",
                hint=f"/load {self.model.name} and /info show its settings",
            ) from None

    def as_json(self) -> dict[str, str]:
        """What the child's checkpoint records about it."""
        return {"name": self.model.name, "fingerprint": self.model.fingerprint}


def open_parent(recipe: Recipe, registry: Registry) -> Parent | None:
    """Open the model that `training.parent` names; None if it names none.

    Raises RecipeError if it cannot be opened or has another task or architecture.
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
    return Parent(model, torch_module(model, registry))
