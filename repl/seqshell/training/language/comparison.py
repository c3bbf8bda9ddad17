"""Language models side by side on one text: the same split for all of them, and recipes trained first."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core import paths
from seqshell.core.errors import RecipeError, UsageError, VocabularyError
from seqshell.core.events import Notice, Progress, Table
from seqshell.core.model import Model, Task
from seqshell.host import Registry
from seqshell.models.opening import open_model
from seqshell.training.data.text import encode, load_text, read_text
from seqshell.training.language.evaluation import measure
from seqshell.training.loop import train
from seqshell.training.provenance import provenance
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.recipe import Recipe, recipe_from
from seqshell.training.torch_module import torch_module_on

SHARE = 0.1  # of a text that is kept to measure on, where no recipe says


@dataclass(frozen=True)
class ComparisonOptions:
    """What the user asked for. data: the text for all, instead of each recipe's own; test: the text to measure on, instead of the end of
    that. overrides: KEY=VALUE of all recipes. anew: a name that a model and a recipe have is the recipe."""

    words: tuple[str, ...]
    data: str = ""
    test: str = ""
    overrides: tuple[str, ...] = ()
    anew: bool = False
    device: str = "auto"


@dataclass(frozen=True)
class HeldOut:
    """The text to measure on: the last part of the text `name`, or all of it."""

    name: str
    sha256: str
    text: str
    whole: bool


@dataclass(frozen=True)
class Comparison:
    """values: the object that `seqshell compare --json` prints."""

    values: dict[str, Any]

    @property
    def table(self) -> Table:
        """One row a model, the fewest bits per character first."""
        models = sorted(self.values["models"], key=lambda model: model["bits_per_char"]["carry"])
        columns = ["model", "architecture", "parameters", "nats", "perplexity", "bits per character", "tokens/s"]
        rows = [[model["model"], model["architecture"], f"{model['parameters']:,}"] for model in models]
        for row, model in zip(rows, models, strict=True):
            row += [f"{model[figure]['carry']:.4f}" for figure in ("nats", "perplexity", "bits_per_char")]
            row += [f"{model['tokens_per_second']:,.0f}"]
        if any("blocks256" in model["nats"] for model in models):
            columns.insert(4, "cold blocks of 256")
            for row, model in zip(rows, models, strict=True):
                row.insert(4, f"{model['nats']['blocks256']:.4f}" if "blocks256" in model["nats"] else "")
        if any(model["unknown"] for model in models):
            columns.append("unknown")
            for row, model in zip(rows, models, strict=True):
                row.append(f"{100 * model['unknown']:.1f} %")
        return Table(tuple(columns), tuple(map(tuple, rows)))


def compare(
    options: ComparisonOptions, registry: Registry, *, stopped: Callable[[], bool] = lambda: False
) -> Iterator[Progress | Notice | Comparison]:
    """How far it has come, what is worth knowing, and at last the comparison; none when `stopped` became true.

    UsageError for words that cannot be compared, RecipeError of data and trainings, VocabularyError of a text that a model cannot read.
    """
    contestants = [_found(word, options, registry) for word in options.words]
    names = [each.name for each in contestants]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(
            f"two of them are called {twice[0]}; name each once, and give recipes that are to differ files of their own"
        )
    recipes = [each for each in contestants if isinstance(each, Recipe)]
    held_out = _held_out(options, contestants)
    for each in contestants:
        if isinstance(each, Model):  # before anything is trained
            _read(each, held_out)
    where = held_out.name if held_out.whole else f"the last {len(held_out.text):,} characters of {held_out.name}"
    yield Notice(
        f"measured on {where}" + (f"; to be trained: {', '.join(each.name for each in recipes)}" if recipes else "")
    )
    for name in (each.name for each in contestants if isinstance(each, Model) and each.name in paths.list_recipes()):
        yield Notice(f"{name} is the model of that name; --train trains the recipe")
    models = []
    for each in contestants:
        if isinstance(each, Recipe):
            out = paths.place(each.name, "models")
            yield from (
                event for event in train(each, registry, out, stopped=stopped) if isinstance(event, Progress | Notice)
            )
            if stopped():
                return
            each = open_model(out, registry)
        models.append(each)
    rows = []
    for index, model in enumerate(models):
        if stopped():
            return
        yield Progress(index, len(models), model.name, "measuring")
        rows.append(_measured(model, held_out, registry, options.device))
    yield Progress(len(models), len(models), models[-1].name, "measuring")
    if len({json.dumps(model.tokenizer.to_json(), sort_keys=True) for model in models}) > 1:
        yield Notice(
            "their vocabularies differ, so that nats and perplexities do not compare; bits per character do, but for unknown tokens"
        )
    data = {"name": held_out.name, "sha256": held_out.sha256, "items": len(held_out.text), "whole": held_out.whole}
    yield Comparison({"task": Task.GENERATE.value, "data": data, "models": rows})


def _found(word: str, options: ComparisonOptions, registry: Registry) -> Model | Recipe:
    """The model of a name or path, else the recipe, on the text that all are compared on."""
    is_recipe = word.endswith(".toml") or (word in paths.list_recipes() and options.anew)
    if not is_recipe and (word.endswith(paths.ENDING) or word in paths.list_checkpoints(registry.checkpoint_folders)):
        found: Model | Recipe = open_model(word, registry)
    elif is_recipe or word in paths.list_recipes():
        found = load_recipe(word, options.overrides)
    else:
        raise UsageError(f"{word!r} is neither a model nor a recipe; seqshell models and seqshell recipes list them")
    if found.task is not Task.GENERATE:
        raise UsageError(
            f"{found.name} is for {found.task}; compare is for language models, and seqshell evaluate measures one of any kind"
        )
    return _on_data(found, options) if isinstance(found, Recipe) else found


def _on_data(recipe: Recipe, options: ComparisonOptions) -> Recipe:
    """The recipe on the user's texts, under a name that tells it from the same recipe on its own."""
    changes = []
    if options.data:
        changes.append(f"data.text={json.dumps(_absolute(options.data))}")
        if not isinstance(recipe.data.validation, float):
            changes.append(f"data.validation={SHARE}")
    if options.test:
        changes.append(f"data.validation={json.dumps(_absolute(options.test))}")
    device = [f"training.device={json.dumps(options.device)}"] if options.device != "auto" else []
    other = [
        f"-{how}-{Path(word.rpartition(':')[2]).stem}"
        for how, word in (("on", options.data), ("for", options.test))
        if word
    ]
    name = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in recipe.name + "".join(other))[
        :64
    ]
    overrides = [*changes, *device, "training.sample_every=0"]
    return recipe_from(recipe.tables(), name=name, folder=recipe.folder, overrides=overrides, where=recipe.name)


def _absolute(word: str) -> str:
    return word if word.startswith("python:") else str(Path(word).expanduser().absolute())


def _held_out(options: ComparisonOptions, contestants: Sequence[Model | Recipe]) -> HeldOut:
    """What none of them was trained on. A text that one was trained on begins, for all of them, where the last of them stopped to learn."""
    recipes = [each for each in contestants if isinstance(each, Recipe)]
    if options.test:
        name, text, digest = read_text(options.test)
        return HeldOut(name, digest, text, whole=True)
    name, text, digest = read_text(options.data) if options.data else _own_text(contestants)
    learnt = [len(load_text(recipe.data, recipe.folder).training) for recipe in recipes]
    for model in contestants:
        if isinstance(model, Model) and provenance(model, "data").get("sha256") == digest:
            learnt.append(int(provenance(model, "split").get("training", 0)))
    rest = text[max(learnt, default=0) :]
    if len(rest) < 2:
        raise UsageError(f"all of {name} was trained on; name another text to measure on with --test")
    return HeldOut(name, digest, rest, whole=not learnt)


def _own_text(contestants: Iterable[Model | Recipe]) -> tuple[str, str, str]:
    """The text that all were, or are to be, trained on. UsageError when it is not one, or not to be had."""
    found: dict[str, tuple[str, str, str]] = {}
    first = ""
    for each in contestants:
        if isinstance(each, Recipe):
            if isinstance(each.data.validation, str):
                raise UsageError(
                    f"{each.name} is validated on a text of its own; name one for all with --test {each.data.validation}"
                )
            read = read_text(each.data.text, each.folder, each.data.origin)
        else:
            read = _text_of(each)
        if found and read[2] not in found:
            raise UsageError(f"{each.name} was trained on another text than {first}; name one for all with --data FILE")
        first = first or each.name
        found[read[2]] = max(read, found.get(read[2], read), key=lambda item: len(item[1]))
    (read,) = found.values()
    if not read[1]:
        raise UsageError(
            f"{read[0] or 'the text that they were trained on'} is not here; name the text to measure on with --data FILE"
        )
    return read


def _text_of(model: Model) -> tuple[str, str, str]:
    """Name, text and sha256 of what a model was trained on; the text is empty where it is not here, by the recipe of the model's name."""
    data = provenance(model, "data")
    name, digest = str(data.get("name", "")), str(data.get("sha256", ""))
    try:
        if name.startswith("python:"):
            return read_text(name)
        if model.name in paths.list_recipes():
            recipe = load_recipe(model.name)
            read = read_text(recipe.data.text, recipe.folder)
            return read if read[2] == digest else (name, "", digest)
    except RecipeError:  # the recipe is of another task, or its text is not here
        pass
    return name, "", digest


def _read(model: Model, held_out: HeldOut) -> NDArray[np.int64]:
    """[N] ids of the text. VocabularyError with the model's name, RecipeError for one that has nothing to predict."""
    try:
        ids = encode(model.tokenizer, held_out.text)
    except VocabularyError as error:
        raise VocabularyError(f"{model.name}: {error.message}", text=error.text, positions=error.positions) from None
    if ids.size < 2:
        raise RecipeError(f"{held_out.name} is too short for {model.name}: {ids.size} tokens, 2 are the least")
    return ids


def _measured(model: Model, held_out: HeldOut, registry: Registry, device: str) -> dict[str, Any]:
    """A model's metrics on the text."""
    ids = _read(model, held_out)
    module = torch_module_on(device, model, registry)
    start = time.perf_counter()
    metrics = measure(module, model.tokenizer, held_out.text)
    seconds = time.perf_counter() - start
    return {
        "model": model.name,
        "architecture": model.architecture,
        "parameters": model.num_parameters,
        "vocabulary": model.tokenizer.size,
        "unknown": float((ids == model.tokenizer.unk).mean()) if model.tokenizer.unk is not None else 0.0,
        **metrics,
        "tokens_per_second": (ids.size - 1) * len(metrics["nats"]) / seconds,
    }
