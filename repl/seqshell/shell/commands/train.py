"""Training in the shell: /train and /recipes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.core.events import Data, Event, Notice, Progress, Tables
from seqshell.core.plugin_api import Arguments, command, settings_of
from seqshell.shell.commands.arguments import assignments, words
from seqshell.shell.commands.models import opened
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


def recipe_words(shell: Shell, text: str) -> Mapping[str, str]:
    """The names of the recipes and what they train; after a name, the keys of a recipe; after a key, its values."""
    from seqshell.training.recipes.listing import summary
    from seqshell.training.recipes.settings import TABLES

    if " " not in text.lstrip():
        return {name: summary(path) for name, path in paths.list_recipes(shell.registry.recipe_folders).items()}
    keys = [replace(item, name=f"{table}.{item.name}") for table, kind in TABLES.items() for item in settings_of(kind)]
    return assignments(keys, text)


@command(
    "train",
    usage="RECIPE|FILE [FILE] [KEY=VALUE ...]",
    options={
        "--out NAME|PATH": "where to write the model; models/RECIPE if not given",
        "--resume": "continue an interrupted training",
        "--set": "may stand before each KEY=VALUE, as on the command line",
        "--dry-run": "show the data as the model reads it, sizes, memory and time; train nothing",
    },
    complete=recipe_words,
    purpose="models",
)
def train(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Train a model from a recipe or a file, and open it; the states of open models do not change.

    What a file is for shows in its content, is said before the training, and can be changed with KEY=VALUE, which
    overrides a key of the recipe. A text trains a language model; two columns of texts, or two files line by line, a
    translation model; a column of texts and one of labels, or a folder of files LABEL.txt, a classifier; and columns of
    numbers a forecaster. Tables are CSV, TSV or JSON Lines. Ctrl-C keeps and opens the best model so far.

        >>> /train phrases training.epochs=3
        >>> good morning
    """
    first, *others = words(arguments, train, 1)
    second = [word for word in others[:1] if "=" not in word]
    overrides = others[len(second) :]
    for override in overrides:
        if "=" not in override:
            raise UsageError(
                f"unexpected {override!r}; after the recipe or the files, write KEY=VALUE, such as training.epochs=3"
            )
    from seqshell.training.recipes.from_files import load_recipe

    device = [f"training.device={shell.device}"] if shell.device != "auto" else []
    recipe = load_recipe([first, *second], [*device, *overrides], shell.registry.recipe_folders)
    if arguments.options.get("--dry-run"):
        from seqshell.training.dry_run import dry_run

        plan = dry_run(recipe, shell.registry)
        yield from map(Notice, plan.notes)
        yield Tables(plan.tables())
        yield Data(plan.as_json())
        return
    path = paths.output_path(str(arguments.options.get("--out") or recipe.name), "models")
    from seqshell.training.loop import train as run

    written: list[Path] = []
    resume = bool(arguments.options.get("--resume"))
    try:
        for event in run(recipe, shell.registry, path, resume, written=written.append):
            if isinstance(event, Progress) and shell.line:  # from the first step on, stopping keeps what was trained
                shell.line.stops_after = "this step"
            yield event
    except (GeneratorExit, KeyboardInterrupt):
        message = "stopped before there was a model to keep"
        if written:
            _open_new(shell, written[-1])
            message = f"stopped; the best model so far is saved and open: {opened(shell).title}"
        shell.notices.append(Notice(message))  # no event can be yielded any more
        raise
    if written:
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

    yield from to_file(shell, arguments, [recipes_table(shell.registry.recipe_folders)])
    if shell.interactive:
        yield Notice("/train NAME uses a recipe, /train FILE your own text, pairs, labelled texts or numbers")
