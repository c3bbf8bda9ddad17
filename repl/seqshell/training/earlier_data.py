"""How well a model that was trained further still does on its parent's validation data, if they are still there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqshell.core.errors import SeqshellError
from seqshell.core.events import Table
from seqshell.host import Registry
from seqshell.training.objective import Metrics, Objective
from seqshell.training.parent import Parent
from seqshell.training.preparation import Prepared, prepare
from seqshell.training.provenance import provenance
from seqshell.training.recipes.from_parent import recorded_recipe
from seqshell.training.recipes.recipe import Recipe, recipe_from
from seqshell.training.stopping import without_criterion

# What the child's data decide: fields of objectives, and what they are called in Prepared.
SHARED = {name: name for name in ("config", "labels", "tokenizer", "source_tokenizer")} | {"tags": "labels"}


@dataclass(frozen=True)
class EarlierData:
    """The validation data of a parent. objective: None if they are missing. name: of the data."""

    name: str
    objective: Objective | None

    def validate(self, module: Any) -> Metrics:
        """The metrics of the child's module; empty without the data."""
        return {} if self.objective is None else without_criterion(self.objective.validate(module.eval()))


def earlier_data(prepared: Prepared, registry: Registry) -> EarlierData | None:
    """The data of the parent of a training; None if it has no parent.

    They are looked for in the folder of the new data, in the current one and beside the parent; a file of the same name
    with another content is not it.
    """
    parent = prepared.parent
    if parent is None:
        return None
    recorded = provenance(parent.model, "data")
    name, objective = str(recorded.get("name", "")), None
    for recipe in _recipes(parent, prepared.recipe):
        try:
            found = prepare(recipe, registry).objective
        except SeqshellError:
            continue
        if found.data.get("sha256") == recorded.get("sha256"):
            objective = _for_child(found, prepared)
            break
    return EarlierData(name, objective)


def scores_table(
    data: EarlierData, prepared: Prepared, before: Mapping[str, Metrics], after: Mapping[str, Metrics]
) -> Table:
    """The metrics before and after the training, on the new data and on the parent's.

    before, after: by "new" and "parent".
    """
    names = {"new": str(prepared.objective.data["name"]), "parent": data.name}
    rows = [
        (names[key], metric, f"{before[key][metric]:.4f}", f"{value:.4f}")
        for key in names
        for metric, value in after[key].items()
        if metric in before[key]
    ]
    return Table(("validation on", "", "before", "after"), tuple(rows))


def missing_note(data: EarlierData) -> str:
    """What is said if the data are missing; "" if they are there."""
    if data.objective is not None:
        return ""
    return f"no score on the data of the parent: {f'{data.name} is' if data.name else 'they are'} not here"


def _recipes(parent: Parent, child: Recipe) -> Iterator[Recipe]:
    """The recipe of a parent, with the data in each of the folders where they may be."""
    tables = recorded_recipe(parent.model.header)
    beside = [parent.model.path.parent] if parent.model.path is not None else []
    for folder in dict.fromkeys(path.absolute() for path in (child.folder, Path(), *beside)):
        try:
            recipe = recipe_from(tables, name=parent.model.name, folder=folder)
        except SeqshellError:
            return
        training = replace(recipe.training, parent=child.training.parent, extend_vocabulary=False, freeze=())
        yield replace(recipe, data=replace(recipe.data, vectors=""), training=training, store=child.store)


def _for_child(objective: Any, prepared: Prepared) -> Objective:
    """The objective with the child's vocabulary, whose first tokens and labels are the parent's."""
    fields = {field.name for field in dataclasses.fields(objective)}
    found: Objective = replace(
        objective, **{name: getattr(prepared, of) for name, of in SHARED.items() if name in fields}
    )
    return found
