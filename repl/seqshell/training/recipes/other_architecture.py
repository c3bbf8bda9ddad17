"""A recipe whose architecture was replaced keeps the settings that the other architecture has."""

from __future__ import annotations

from dataclasses import replace

from seqshell.core.plugin_api import settings_of
from seqshell.core.text_output import counted
from seqshell.host import Registry, resolve
from seqshell.training.recipes.recipe import Recipe


def for_architecture(recipe: Recipe, registry: Registry) -> Recipe:
    """The recipe without the settings of [model] for the architecture that an override replaced, if the chosen one has
    no settings of these names; a line of `understood` says which.

    Settings that an override gives stay, and so do those for an architecture that is not known: both are errors later.
    """
    known = registry.architectures.get(recipe.architecture)
    if not recipe.inherited or known is None:
        return recipe
    fields = {item.name for item in settings_of(resolve(known.config))}
    missing = [name for name in recipe.model if name in recipe.inherited and name not in fields]
    if not missing:
        return recipe
    left = f"without {counted(len(missing), 'setting')} that {recipe.architecture} lacks: {', '.join(missing)}"
    model = {name: value for name, value in recipe.model.items() if name not in missing}
    return replace(recipe, model=model, understood=(*recipe.understood, left))
