"""Compare language models on one text that none was trained on; recipes are trained first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core import paths
from seqshell.core.errors import RecipeError, UsageError, VocabularyError
from seqshell.core.events import Notice, Progress, Table
from seqshell.core.model import Model
from seqshell.core.named_files import named_path, shown_name
from seqshell.core.tasks import Task
from seqshell.core.units import in_unit
from seqshell.host import Registry
from seqshell.models.opening import open_model
from seqshell.training.data.plugin_data import with_plugin_data
from seqshell.training.data.python_data import NOT_FILES, PREFIX
from seqshell.training.data.text import encode, load_text, read_text
from seqshell.training.language.measuring import measure, text_sizes
from seqshell.training.loop import train
from seqshell.training.provenance import provenance
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.other_architecture import for_architecture
from seqshell.training.recipes.recipe import Recipe, recipe_from

SHARE = 0.1  # of a text that is held out, where no recipe says
EVALUATING = "evaluating"  # the description of the progress after all recipes were trained


@dataclass(frozen=True)
class ComparisonOptions:
    """What to compare.

    names: models and recipes. data: a text for all, instead of each recipe's own.
    test: a text for evaluation, instead of the end of `data`. overrides: KEY=VALUE for all recipes.
    retrain: where a model and a recipe have the same name, train the recipe.
    """

    names: tuple[str, ...]
    data: str = ""
    test: str = ""
    overrides: tuple[str, ...] = ()
    retrain: bool = False
    device: str = "auto"


@dataclass(frozen=True)
class HeldOut:
    """The text for evaluation: the end of the text `name`, or the whole text."""

    name: str
    sha256: str
    text: str
    whole: bool


@dataclass(frozen=True)
class Comparison:
    """values: the object that `seqshell compare --json` prints."""

    values: dict[str, Any]

    def table(self, unit: str = "nats") -> Table:
        """One row per model, the lowest bits per character first."""
        models = sorted(self.values["models"], key=lambda model: model["bits_per_char"]["carry"])
        columns = ["model", "architecture", "parameters", unit, "perplexity", "bits per character", "tokens/s"]
        rows = [[model["model"], model["architecture"], f"{model['parameters']:,}"] for model in models]
        for row, model in zip(rows, models, strict=True):
            row += [f"{in_unit(model['nats']['carry'], unit):.4f}"]
            row += [f"{model[metric]['carry']:.4f}" for metric in ("perplexity", "bits_per_char")]
            row += [f"{model['tokens_per_second']:,.0f}"]
        if any("blocks256" in model["nats"] for model in models):
            columns.insert(4, f"{unit}, blocks of 256")
            for row, model in zip(rows, models, strict=True):
                nats = model["nats"].get("blocks256")
                row.insert(4, "" if nats is None else f"{in_unit(nats, unit):.4f}")
        if any(model["unknown"] for model in models):
            columns.append("unknown")
            for row, model in zip(rows, models, strict=True):
                row.append(f"{100 * model['unknown']:.1f} %")
        return Table(tuple(columns), tuple(map(tuple, rows)))


def compare(
    options: ComparisonOptions, registry: Registry, *, stopped: Callable[[], bool] = lambda: False
) -> Iterator[Progress | Notice | Comparison]:
    """Train the recipes and evaluate all models: yields progress, notes and, last, the Comparison.

    stopped: called regularly; when it returns True, there is no Comparison.
    Raises UsageError for names that cannot be compared, RecipeError for invalid data or a failed training, and
    VocabularyError for a text that a model cannot read.
    """
    entries = [_open(name, options, registry) for name in options.names]
    names = [each.name for each in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(
            f"{twice[0]} is named twice; to compare variants of a recipe, save each as a file with its own name"
        )
    recipes = [each for each in entries if isinstance(each, Recipe)]
    held_out = _held_out(options, entries)
    for each in entries:
        if isinstance(each, Model):  # before anything is trained
            _read(each, held_out)
    where = held_out.name if held_out.whole else f"the last {len(held_out.text):,} characters of {held_out.name}"
    yield Notice(
        f"evaluating on {where}" + (f"; training first: {', '.join(each.name for each in recipes)}" if recipes else "")
    )
    for name in (
        each.name
        for each in entries
        if isinstance(each, Model) and each.name in paths.list_recipes(registry.recipe_folders)
    ):
        yield Notice(f"using the model {name}; --train trains the recipe {name} instead")
    models = []
    for each in entries:
        if isinstance(each, Recipe):
            written = [paths.output_path(each.name, "models")]
            events = train(each, registry, written[0], stopped=stopped, written=written.append)
            with closing(events):
                yield from (event for event in events if isinstance(event, Progress | Notice))
            if stopped():
                return
            each = open_model(written[-1], registry)
        models.append(each)
    rows = []
    for index, model in enumerate(models):
        if stopped():
            return
        yield Progress(index, len(models), model.name, EVALUATING)
        rows.append(_evaluate(model, held_out, registry, options.device))
    yield Progress(len(models), len(models), models[-1].name, EVALUATING)
    if len({json.dumps(model.tokenizer.to_json(), sort_keys=True) for model in models}) > 1:
        yield Notice("the vocabularies differ: compare bits per character, not nats or perplexity")
    data = {"name": held_out.name, "sha256": held_out.sha256, "items": len(held_out.text), "whole": held_out.whole}
    yield Comparison({"task": Task.GENERATE.value, "data": data, "models": rows})


def _open(name: str, options: ComparisonOptions, registry: Registry) -> Model | Recipe:
    """The model with this name or path, or the recipe, changed to use the data of the options."""
    known = paths.list_recipes(registry.recipe_folders)
    is_recipe = name.endswith(".toml") or (name in known and options.retrain)
    if not is_recipe and (name.endswith(paths.ENDING) or name in paths.list_checkpoints(registry.checkpoint_folders)):
        found: Model | Recipe = open_model(name, registry)
    elif is_recipe or name in known:
        recipe = for_architecture(load_recipe(name, options.overrides, registry.recipe_folders), registry)
        found = replace(recipe, data=with_plugin_data(recipe.data, registry))
    else:
        raise UsageError(
            f"{shown_name(name)!r} is neither a model nor a recipe; seqshell models and seqshell recipes list them"
        )
    if found.task != Task.GENERATE:
        raise UsageError(f"{found.name} is for {found.task}; compare is for language models, seqshell evaluate for all")
    return _on_data(found, options) if isinstance(found, Recipe) else found


def _on_data(recipe: Recipe, options: ComparisonOptions) -> Recipe:
    """The recipe on the texts of the options, named after them, so that it does not replace the recipe's own model."""
    changes = []
    if options.data:
        changes.append(f"data.text={json.dumps(_absolute(options.data))}")
        if not isinstance(recipe.data.validation, float):
            changes.append(f"data.validation={SHARE}")
    if options.test:
        changes.append(f"data.validation={json.dumps(_absolute(options.test))}")
    device = [f"training.device={json.dumps(options.device)}"] if options.device != "auto" else []
    texts = (("on", options.data), ("for", options.test))
    full = recipe.name + "".join(f"-{how}-{Path(text.rpartition(':')[2]).stem}" for how, text in texts if text)
    name = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in full)[:64]
    overrides = [*changes, *device, "training.sample_every=0"]
    return recipe_from(recipe.tables(), name=name, folder=recipe.folder, overrides=overrides, where=recipe.name)


def _absolute(text: str) -> str:
    return text if text.startswith(NOT_FILES) else str(named_path(text).absolute())


def _held_out(options: ComparisonOptions, entries: Sequence[Model | Recipe]) -> HeldOut:
    """The part of the text that no entry was trained on: what follows the longest training part."""
    recipes = [each for each in entries if isinstance(each, Recipe)]
    if options.test:
        name, text, digest = read_text(options.test)
        return HeldOut(name, digest, text, whole=True)
    name, text, digest = read_text(options.data) if options.data else _own_text(entries)
    trained = [len(load_text(recipe.data, recipe.folder).training) for recipe in recipes]
    for model in entries:
        if isinstance(model, Model) and provenance(model, "data").get("sha256") == digest:
            trained.append(int(provenance(model, "split").get("training", 0)))
    rest = text[max(trained, default=0) :]
    if len(rest) < 2:
        raise UsageError(f"nothing of {name} is held out; name a text for evaluation with --test FILE")
    return HeldOut(name, digest, rest, whole=not trained)


def _own_text(entries: Iterable[Model | Recipe]) -> tuple[str, str, str]:
    """The text that all entries are trained on. Raises UsageError if they differ or the text is missing."""
    found: dict[str, tuple[str, str, str]] = {}
    first = ""
    for each in entries:
        if isinstance(each, Recipe):
            if isinstance(each.data.validation, str):
                raise UsageError(
                    f"{each.name} has its own validation text; name one for all with --test {each.data.validation}"
                )
            read = read_text(each.data.text, each.folder, each.data.origin)
        else:
            read = _text_of(each)
        if found and read[2] not in found:
            raise UsageError(
                f"{each.name} and {first} are trained on different texts; name one for all with --data FILE"
            )
        first = first or each.name
        found[read[2]] = max(read, found.get(read[2], read), key=lambda item: len(item[1]))
    (read,) = found.values()
    if not read[1]:
        missing = read[0] or "the training text"
        raise UsageError(f"{missing} is not available; name a text for evaluation with --data FILE")
    return read


def _text_of(model: Model) -> tuple[str, str, str]:
    """Name, text and sha256 of a model's training data; the text is "" unless the recipe of that name has it."""
    data = provenance(model, "data")
    name, digest = str(data.get("name", "")), str(data.get("sha256", ""))
    try:
        if name.startswith(PREFIX):
            return read_text(name)
        if model.name in paths.list_recipes():
            recipe = load_recipe(model.name)
            read = read_text(recipe.data.text, recipe.folder)
            return read if read[2] == digest else (name, "", digest)
    except RecipeError:  # the recipe is for another task, or its text is missing
        pass
    return name, "", digest


def _read(model: Model, held_out: HeldOut) -> NDArray[np.int64]:
    """[N] ids of the text. Raises VocabularyError with the model's name, and RecipeError for fewer than 2 tokens."""
    try:
        ids = encode(model.tokenizer, held_out.text)
    except VocabularyError as error:
        raise VocabularyError(f"{model.name}: {error.message}", text=error.text, positions=error.positions) from None
    if ids.size < 2:
        raise RecipeError(f"{held_out.name} is too short for {model.name}: {ids.size} tokens; at least 2 are needed")
    return ids


def _evaluate(model: Model, held_out: HeldOut, registry: Registry, device: str) -> dict[str, Any]:
    """The metrics of a model on the held-out text."""
    ids = _read(model, held_out)
    return {
        "model": model.name,
        "architecture": model.architecture,
        "parameters": model.num_parameters,
        "vocabulary": model.tokenizer.size,
        "unknown": float((ids == model.tokenizer.unk).mean()) if model.tokenizer.unk is not None else 0.0,
        **measure(model, ids, text_sizes(held_out.text), registry, device),
    }
