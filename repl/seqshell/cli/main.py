"""The program: the shell itself, its subcommands and their exit codes. Imports what a subcommand needs when it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from seqshell.cli.options import find_subcommand, options_of, parse, shell_parser, subcommand_parser, take_lines
from seqshell.core.errors import CheckpointError, PluginError, RecipeError, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from seqshell.host import Registry


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    # One row at a time is too little work to share: OpenBLAS's threads would only wait for one another. numpy reads this when it is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed, and the first file to be opened would take its place
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # it is for the rest of the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        index = find_subcommand(words, SUBCOMMANDS)
        if index is None:
            return _shell(words)
        name, rest = words[index], [*words[:index], *words[index + 1 :]]
        subcommand = SUBCOMMANDS[name]
        parser = subcommand_parser(name, subcommand.summary)
        subcommand.add(parser)
        return subcommand.run(parse(parser, rest))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _failed(error)


def _failed(error: Exception) -> int:
    """Tell what ended the program in one line, and what exit code it means."""
    from seqshell.cli.plain_text import tell
    from seqshell.shell.failures import fault_of, is_debugging

    fault = fault_of(error)
    tell(sys.stderr, fault.line)
    if fault.details and is_debugging():
        tell(sys.stderr, fault.details)
    if isinstance(error, UsageError | RecipeError):
        return 2
    return 3 if isinstance(error, CheckpointError | PluginError) else 1


# The shell itself


def _shell(words: list[str]) -> int:
    """`seqshell` without a subcommand: scripts, the terminal, or the one and then the other."""
    lines, rest = take_lines(words)
    arguments = parse(shell_parser(), rest)
    if arguments.version:
        from seqshell.cli.listing import versions

        sys.stdout.write(versions(arguments.verbose))
        return 0
    is_terminal = _is_terminal(sys.stdin) and _is_terminal(sys.stdout)
    if arguments.interactive and not is_terminal:
        raise UsageError("-i needs a terminal: stdin and stdout must both be one")
    is_script = bool(lines or arguments.scripts or arguments.messages or arguments.json or not is_terminal)
    options = options_of(arguments, lines, interactive=not is_script)
    if is_script:
        from seqshell.cli import script

        code, shell = script.run(options)
        if shell is None or not arguments.interactive:
            return code
        from seqshell import terminal

        return terminal.run(options, shell)
    from seqshell import terminal

    return terminal.run(options)


def _is_terminal(stream: object) -> bool:
    try:
        return stream is not None and bool(stream.isatty())  # type: ignore[attr-defined]  # a text stream, or None where it is closed
    except ValueError:  # closed
        return False


# Subcommands


@dataclass(frozen=True)
class Subcommand:
    """summary: one line. add: puts its own options on a parser. run: does it, and returns the exit code."""

    summary: str
    add: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]


def _add_train(parser: ArgumentParser) -> None:
    from seqshell.cli.train import add_train_arguments

    add_train_arguments(parser)


def _train(arguments: Namespace) -> int:
    from seqshell.cli.train import train_command

    return train_command(arguments)


def _add_evaluate(parser: ArgumentParser) -> None:
    from seqshell.cli.evaluate import add_evaluate_arguments

    add_evaluate_arguments(parser)


def _evaluate(arguments: Namespace) -> int:
    from seqshell.cli.evaluate import evaluate_command

    return evaluate_command(arguments)


def _add_compare(parser: ArgumentParser) -> None:
    from seqshell.cli.evaluate import add_compare_arguments

    add_compare_arguments(parser)


def _compare(arguments: Namespace) -> int:
    from seqshell.cli.evaluate import compare_command

    return compare_command(arguments)


def _add_recipes(parser: ArgumentParser) -> None:
    from seqshell.cli.train import add_recipes_arguments

    add_recipes_arguments(parser)


def _recipes(arguments: Namespace) -> int:
    from seqshell.cli.train import recipes_command

    return recipes_command(arguments)


def _add_nothing(parser: ArgumentParser) -> None:
    pass


def _models(arguments: Namespace) -> int:
    from seqshell.cli.listing import models

    sys.stdout.write(models(_with_plugins(arguments), as_json=bool(arguments.json)))
    return 0


def _add_plugins(parser: ArgumentParser) -> None:
    from seqshell.cli.plugins import add_plugins_arguments

    add_plugins_arguments(parser)


def _plugins(arguments: Namespace) -> int:
    from seqshell.cli.plugins import plugins_command

    return plugins_command(arguments, lambda: _with_plugins(arguments))


def _add_import(parser: ArgumentParser) -> None:
    from seqshell.cli.import_weights import add_import_arguments

    add_import_arguments(parser)


def _import(arguments: Namespace) -> int:
    from seqshell.cli.import_weights import import_command

    return import_command(arguments, _with_plugins(arguments))


def _with_plugins(arguments: Namespace) -> Registry:
    """The registry of what the command line allows. A plugin that fails does not end a listing, and what one prints is no part of it."""
    import contextlib
    import dataclasses

    from seqshell.cli.plain_text import tell
    from seqshell.host import Policy
    from seqshell.host.builtin import load_registry

    policy = Policy.read(no_plugins=arguments.no_plugins, extra=arguments.plugins)
    diagnostics = sys.stderr
    with contextlib.redirect_stdout(sys.stderr):
        return load_registry(dataclasses.replace(policy, strict=False), on_slow=lambda text: tell(diagnostics, text))


SUBCOMMANDS: Mapping[str, Subcommand] = MappingProxyType(
    {
        "train": Subcommand("Train a model from a recipe or a text file.", _add_train, _train),
        "evaluate": Subcommand(
            "Measure a model on a text, or on sentences and their translations.", _add_evaluate, _evaluate
        ),
        "compare": Subcommand(
            "Measure language models on the same text, recipes trained first.", _add_compare, _compare
        ),
        "models": Subcommand("List the models there are.", _add_nothing, _models),
        "recipes": Subcommand("List the recipes, or print one.", _add_recipes, _recipes),
        "import": Subcommand("Make a checkpoint of a model that another program trained.", _add_import, _import),
        "plugins": Subcommand(
            "List the plugins, write a new one, or hold one to the contract.", _add_plugins, _plugins
        ),
    }
)
