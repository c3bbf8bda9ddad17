"""Training in the shell: /train and /recipes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.events import Data, Event, Notice, Progress, Tables
from seqshell.core.nested_settings import flat_settings
from seqshell.core.plugin_api import Arguments, Option, Setting, command, settings_of
from seqshell.core.tasks import TASKS, task_spec
from seqshell.host import resolve
from seqshell.shell.commands.arguments import assignments, words
from seqshell.shell.commands.models import opened
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


def recipe_words(shell: Shell, text: str) -> Mapping[str, str]:
    """The names of the recipes and what they train; after a name, the keys of a recipe; after a key, its values."""
    from seqshell.shell.completion import files
    from seqshell.training.recipes.listing import summary
    from seqshell.training.recipes.settings import FILES

    if " " not in text.lstrip():
        return {name: summary(path) for name, path in paths.list_recipes(shell.registry.recipe_folders).items()}
    key, equals, value = re.split(r"\s", text)[-1].partition("=")
    if equals and key.removeprefix("data.") in FILES:
        return dict(files(value, f"{key}="))
    return assignments(_recipe_keys(shell, text), text)


def _recipe_keys(shell: Shell, text: str) -> Iterator[Setting]:
    """The keys of a recipe, those with names of what is offered, and those of the architecture in [model]."""
    from seqshell.training.recipes.overrides import TOKENIZERS
    from seqshell.training.recipes.settings import TABLES

    registry = shell.registry
    yield Setting("task", str, None, choices=tuple(TASKS), help="what the model does")
    yield Setting("architecture", str, None, choices=tuple(registry.architectures), help="the kind of the model")
    for table in TOKENIZERS:
        about = "how texts become tokens" if table == "tokenizer" else f"the same for each {table.partition('_')[0]}"
        yield Setting(f"{table}.name", str, None, choices=tuple(registry.tokenizers), help=about)
    offered: Mapping[str, Iterable[str]] = {
        "defaults.strategy": registry.strategies,
        "training.parent": paths.list_checkpoints(registry.checkpoint_folders),
    }
    for table, kind in TABLES.items():
        for item in settings_of(kind):
            name = f"{table}.{item.name}"
            yield replace(item, name=name, choices=tuple(offered.get(name, item.choices)))
    with suppress(SeqshellError):  # there is no such recipe or architecture yet
        architecture = registry.lookup("architecture", _architecture(shell, text.split()))
        for item in flat_settings(resolve(architecture.config)):
            if item.name not in task_spec(architecture.task).sizes:
                yield replace(item, name=f"model.{item.name}")


def _architecture(shell: Shell, words: Sequence[str]) -> str:
    """The name of the architecture in the overrides or in the recipe. Raises RecipeError for other files."""
    from seqshell.training.recipes.recipe import read_tables

    for word in reversed(words):
        if word.startswith("architecture="):
            return word.removeprefix("architecture=")
    return str(read_tables(paths.find_recipe(words[0], shell.registry.recipe_folders)).get("architecture", ""))


@command(
    "train",
    usage="RECIPE|FILE [FILE] [KEY=VALUE ...]",
    options=(
        Option("--out", "NAME|PATH", "where to write the model; models/RECIPE if not given"),
        Option("--from", "MODEL", "start from a model: its weights, vocabulary and settings"),
        Option("--freeze", "PART,...", "leave parts of the model as they are, such as embedding,0"),
        Option("--tune", "WHAT", "with --from: train only the state, for /state load", choices=("state",)),
        Option("--resume", help="continue an interrupted training"),
        Option("--set", help="may stand before each KEY=VALUE, as on the command line"),
        Option("--log", "KIND", "write event files, too: tensorboard", choices=("tensorboard",)),
        Option("--dry-run", help="show the data as the model reads it, sizes, memory and time; train nothing"),
    ),
    complete=recipe_words,
    purpose="models",
)
def train(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Train a model from a recipe or a file, and open it; the states of open models do not change.

    What a file is for shows in its content, is said before the training, and can be changed with KEY=VALUE, which
    overrides a key of the recipe. A text trains a language model; two columns of texts, or two files line by line, a
    translation model; a column of texts and one of labels, or a folder of files LABEL.txt, a classifier; and columns of
    numbers a forecaster. Tables are CSV, TSV or JSON Lines. Ctrl-C keeps and opens the best model so far.

    --from trains a model further: its vocabulary is kept and extended, and both texts are scored before and after.

        >>> /train phrases training.epochs=3
        >>> good morning
    """
    options = arguments.options
    first, *others = words(arguments, train, 1)
    second = [word for word in others[:1] if "=" not in word]
    overrides = others[len(second) :]
    for override in overrides:
        if "=" not in override:
            raise UsageError(
                f"unexpected {override!r}; after the recipe or the files, write KEY=VALUE, such as training.epochs=3"
            )
    from seqshell.training.recipes.from_files import load_recipe
    from seqshell.training.recipes.from_parent import with_parent
    from seqshell.training.recipes.other_architecture import for_architecture

    given = {f"training.{key}": options.get(f"--{key}") for key in ("freeze", "tune")}
    given["training.device"] = shell.device if shell.device != "auto" else None
    overrides = [*(f"{key}={value}" for key, value in given.items() if value), *overrides]
    recipe = for_architecture(load_recipe([first, *second], overrides, shell.registry.recipe_folders), shell.registry)
    if parent := options.get("--from"):
        recipe = with_parent(recipe, str(parent), shell.registry.checkpoint_folders, overrides)
    if options.get("--dry-run"):
        from seqshell.training.dry_run import dry_run

        plan = dry_run(recipe, shell.registry)
        yield from map(Notice, plan.notes)
        yield Tables(plan.tables())
        yield Data(plan.as_json())
        return
    path = paths.output_path(str(options.get("--out") or recipe.name), "states" if recipe.training.tune else "models")
    from seqshell.training.loop import train as run

    written: list[Path] = []
    resume = bool(options.get("--resume"))
    events = run(recipe, shell.registry, path, resume, log=str(options.get("--log", "")), written=written.append)
    try:
        with closing(events):
            for event in events:
                if isinstance(event, Progress) and shell.line:  # from the first step on, what was trained is kept
                    shell.line.stops_after = "this step"
                yield event
    except (GeneratorExit, KeyboardInterrupt):
        message = "stopped before there was a model to keep"
        if written and recipe.training.tune:
            message = f"stopped; the best state so far is in {written[-1]}"
        elif written:
            _open_new(shell, written[-1])
            message = f"stopped; the best model so far is saved and open: {opened(shell).title}"
        shell.notices.append(Notice(message))  # no event can be yielded any more
        raise
    if written and not recipe.training.tune:
        _open_new(shell, written[-1])
        yield opened(shell)


def _open_new(shell: Shell, path: Path) -> None:
    """Open the trained model; it replaces an open model of the same file."""
    for name, session in list(shell.workspace.sessions.items()):
        if session.model.path is not None and session.model.path.resolve() == path.resolve():
            shell.workspace.close(name)
    shell.open(path)


@command("recipes", usage="[-o FILE]", options=TABLE_OPTION, purpose="models")
def recipes(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """List the recipes that /train takes by name; the state does not change.

    >>> /recipes
    """
    words(arguments, recipes, 0, 0)
    from seqshell.training.recipes.listing import recipes_table

    yield from to_file(shell, arguments, lambda: [recipes_table(shell.registry.recipe_folders)])
    if shell.interactive:
        yield Notice("/train NAME uses a recipe, /train FILE your own text, pairs, labelled texts or numbers")
