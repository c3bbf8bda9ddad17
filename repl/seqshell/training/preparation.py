"""Prepare a training: look up the architecture, build config and tokenizers from the data, and create the objective."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.events import Progress
from seqshell.core.model import Architecture, Series, own_method
from seqshell.core.named_files import named_path
from seqshell.core.plugin_api import build, settings_of
from seqshell.core.plugin_guard import Guard, Owner, owner_of
from seqshell.core.tasks import task_spec
from seqshell.core.tokenizers import Tokenizer
from seqshell.decoding.syntax import parse_chain, parse_strategy
from seqshell.host import Registry, resolve
from seqshell.training.data.plugin_data import with_plugin_data
from seqshell.training.objective import Objective
from seqshell.training.parent import Parent
from seqshell.training.preparation_progress import reported
from seqshell.training.recipes.recipe import Recipe, Table
from seqshell.training.teacher import Teacher, check_teacher, open_teacher

if TYPE_CHECKING:
    import torch

    from seqshell.training.word_vectors import WordVectors

PREPARE = ("tokenizer", "source_tokenizer", "folder")  # the parameters of a module's `prepare`
PLACEHOLDER = 2  # a size of the data that is not known yet
NO_SIZES: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Prepared:
    """Everything that is decided before the first step.

    source_tokenizer: None for tasks without a source. labels: of CLASSIFY, by number. series: of FORECAST.
    parent: the model whose weights the training starts from; None: random weights. notes: what it lacked.
    vectors: pretrained ones of words, for the embeddings. teacher: the model that it learns from besides the data.
    beside: gives the context in which the rest of the data are encoded while the training runs.
    """

    recipe: Recipe
    architecture: Architecture
    config: Any
    tokenizer: Tokenizer
    source_tokenizer: Tokenizer | None
    objective: Objective
    labels: tuple[str, ...] = ()
    series: Series | None = None
    parent: Parent | None = None
    notes: tuple[str, ...] = ()
    vectors: tuple[WordVectors, ...] = ()
    teacher: Teacher | None = None
    beside: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def sizes(self) -> str:
        """The size of the vocabulary in words, or the number of columns of a series."""
        if self.series is not None:
            return f"{len(self.series.columns)} columns" if len(self.series.columns) > 1 else "1 column"
        if self.source_tokenizer is None or self.source_tokenizer is self.tokenizer:
            return f"vocabulary {self.tokenizer.size}" + (f", {len(self.labels)} labels" if self.labels else "")
        return f"vocabularies {self.source_tokenizer.size} and {self.tokenizer.size}"

    @property
    def device(self) -> torch.device:
        """The device of the training. Raises RecipeError if it is not available."""
        from seqshell.training.optimizer import find_device

        try:
            return find_device(self.recipe.training.device)
        except ValueError as error:
            raise RecipeError(f"{self.recipe.name}: training.device: {error}") from None

    def new_module(self) -> Any:
        """A SequenceModel with the parent's weights or, without a parent, random ones that its `prepare` has changed.

        Parts that the recipe freezes have no gradients.

        Raises RecipeError if the architecture refuses its config, or if the parent's weights do not fit it. A method of
        a plugin's module that fails, or returns what it must not, raises PluginError whenever it is called.
        """
        from seqshell.training.checked_module import checked_module
        from seqshell.training.freezing import freeze

        try:
            module = resolve(self.architecture.model)(self.config)
        except (ValueError, RuntimeError) as error:
            raise RecipeError(
                f"cannot build {self.architecture.name} with the settings of the recipe: {error}"
            ) from None
        except BaseException:
            with self.guard("failed when it was built"):
                raise
        if not self.owner.builtin:
            module = checked_module(module, self.architecture, self.config, self.guard())
        if self.parent is not None:
            self.parent.copy_into(module, self.config)
        elif (method := own_method(module, "prepare", *PREPARE)) is not None:
            with self.guard("failed in prepare"):
                method(self.tokenizer, self.source_tokenizer, self.recipe.folder)
        for each in self.vectors:
            each.put_into(module, 0 if self.parent is None else self.parent.old_size(each.size, self.config))
        if self.recipe.training.tune:
            from seqshell.training.state_tuning import tuned

            return tuned(module, self.recipe.name)
        freeze(module, self.recipe.training.freeze, self.recipe.name)
        return module

    @property
    def owner(self) -> Owner:
        """The plugin that the architecture's model comes from."""
        return owner_of(resolve(self.architecture.model))

    def guard(self, doing: str = "failed in training") -> AbstractContextManager[None]:
        """For calls of the module: what a plugin's code raises names it. What a built-in model raises is a bug."""
        owner = self.owner
        what = f"the model {self.architecture.name}{owner.suffix}"
        return nullcontext() if owner.builtin else Guard(what, owner, doing)

    def in_torch(self) -> Prepared:
        """The same without the architecture's decoders: what needs a decoder runs the torch module."""
        architecture = replace(self.architecture, decoder=None)
        objective: Any = self.objective  # a dataclass, whose type is only known to its task
        return replace(self, architecture=architecture, objective=replace(objective, architecture=architecture))


def prepare(recipe: Recipe, registry: Registry) -> Prepared:
    """Read the data and check everything that the recipe names.

    Raises RecipeError if something is missing or invalid.
    """
    recipe, architecture = _checked(recipe, registry)
    prepared: Prepared = resolve(task_spec(recipe.task).preparation)(recipe, registry, architecture)
    if recipe.data.vectors:
        prepared = with_vectors(prepared)
    if recipe.training.teacher:
        prepared = with_teacher(prepared, registry)
    if recipe.training.tune:
        from seqshell.training.state_tuning import check_tuned

        check_tuned(recipe.task, prepared.parent.model if prepared.parent is not None else None, recipe.name)
        return prepared.in_torch()
    return prepared


def with_vectors(prepared: Prepared) -> Prepared:
    """The same with the word vectors that its recipe names. Raises RecipeError if they cannot be read."""
    from seqshell.training.word_vectors import read_vectors

    recipe = prepared.recipe
    if prepared.series is not None:
        raise RecipeError(f"{recipe.name}: data.vectors: a series has no words")
    tokenizers = [each for each in (prepared.source_tokenizer, prepared.tokenizer) if each is not None]
    distinct = tokenizers[-1:] if tokenizers[0] is tokenizers[-1] else tokenizers
    vectors = read_vectors(named_path(recipe.data.vectors, recipe.folder, RecipeError), distinct)
    notes = (*prepared.notes, *(each.describe() for each in vectors))
    return replace(prepared, vectors=tuple(vectors), notes=notes)


def with_teacher(prepared: Prepared, registry: Registry) -> Prepared:
    """The same with the teacher that its recipe names; without one if its weight is 0.

    Raises RecipeError if it cannot be opened, or has another vocabulary or other labels.
    """
    teacher = open_teacher(prepared.recipe, registry, prepared.device)
    if problem := teacher.difference(prepared.tokenizer, prepared.source_tokenizer, prepared.labels):
        raise RecipeError(f"{prepared.recipe.name}: training.teacher: {teacher.model.name} has {problem}")
    if not teacher.weight:
        return prepared
    objective: Any = prepared.objective  # a dataclass, whose type is only known to its task
    notes = (*prepared.notes, teacher.note)
    return replace(prepared, teacher=teacher, notes=notes, objective=replace(objective, teacher=teacher))


def encode_ahead(recipe: Recipe, registry: Registry, stopped: Callable[[], int]) -> Generator[Progress, None, bool]:
    """Encode data that are large, so that `prepare` finds them encoded, and yield the progress.

    Returns False if it ended early because stopped() returned True. Raises RecipeError as `prepare` does.
    """
    target = task_spec(recipe.task).encoding
    recipe, _ = _checked(recipe, registry)
    work = resolve(target)(recipe, registry) if target else None
    return True if work is None else (yield from reported(work, stopped))


def _checked(recipe: Recipe, registry: Registry) -> tuple[Recipe, Architecture]:
    """The recipe, with the data of plugins, and its architecture. Raises RecipeError for invalid settings."""
    architecture = _lookup(registry, "architecture", recipe.architecture)
    if architecture.task != recipe.task:
        what = f"{architecture.name} is an architecture for {architecture.task}"
        raise RecipeError(f"{recipe.name}: {what}, but the task is {recipe.task}")
    check_config(recipe, architecture)
    check_defaults(recipe, registry)
    check_criterion(recipe)
    check_teacher(recipe, registry, architecture)
    if architecture.shares_vocabulary and recipe.source_tokenizer is not None:
        rule = "has one vocabulary for source and target: write [tokenizer] instead of two tables"
        raise RecipeError(f"{recipe.name}: {architecture.name} {rule}")
    return replace(recipe, data=with_plugin_data(recipe.data, registry)), architecture


def check_criterion(recipe: Recipe) -> None:
    """Raise RecipeError for a criterion of another task."""
    criterion, known = recipe.training.criterion, task_spec(recipe.task).criteria
    if criterion not in known:
        what = f"training.criterion={criterion} is not for task {recipe.task}"
        raise RecipeError(f"{recipe.name}: {what}; it may be {' or '.join(known)}")


def check_config(recipe: Recipe, architecture: Architecture, sizes: Mapping[str, int] = NO_SIZES) -> Any:
    """Build the architecture's config from the recipe's [model] settings and the sizes of the data.

    sizes: by field, as in `TaskSpec.sizes`; a field that is not known yet gets PLACEHOLDER.
    Raises RecipeError for invalid settings.
    """
    config = resolve(architecture.config)
    fields = {item.name for item in settings_of(config)}
    filled = {name: sizes.get(name, PLACEHOLDER) for name in task_spec(recipe.task).sizes if name in fields}
    for name in filled:
        if name in recipe.model:
            raise RecipeError(f"{recipe.name}: model.{name} is filled in from the data; leave it out")
    try:
        return build(config, {**recipe.model, **filled}, what=architecture.name)
    except UsageError as error:
        raise RecipeError(f"{recipe.name}: [model] {error.message}") from None


def check_defaults(recipe: Recipe, registry: Registry) -> None:
    """Raise RecipeError for an invalid strategy or sampler in [defaults], before the training rather than after it."""
    try:
        parse_strategy(recipe.defaults.strategy, registry.strategies)
        parse_chain(recipe.defaults.sampler, registry.samplers)
    except UsageError as error:
        raise RecipeError(f"{recipe.name}: defaults: {error.message}") from None


def tokenizer_type(registry: Registry, table: Table) -> Any:
    """The tokenizer class that a recipe's table names. Raises RecipeError if no plugin offers it."""
    return _lookup(registry, "tokenizer", table["name"])


def _lookup(registry: Registry, kind: str, name: str) -> Any:
    try:
        return registry.lookup(kind, name)
    except UsageError as error:
        raise RecipeError(error.message, hint=error.hint) from None
