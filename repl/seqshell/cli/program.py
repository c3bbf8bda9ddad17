"""The program: the shell, its subcommands and their exit codes. Subcommands import what they need when they run."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TextIO

from seqshell.cli.options import build_options, extract_lines, first_argument, parse, shell_parser, subcommand_parser
from seqshell.cli.signals import interruptible
from seqshell.core.capture import sanitized_output
from seqshell.core.errors import CheckpointError, PluginError, RecipeError, UsageError
from seqshell.core.plugin_guard import as_fault, culprit, stopped_plugin
from seqshell.core.uninterrupted_imports import uninterrupted_imports

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def run(argv: Sequence[str]) -> int:
    """Run the program and return its exit code."""
    # Products with one row are too small to share among threads. OpenBLAS reads this when numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for name in ("stdout", "stderr"):
        setattr(sys, name, _prepared(getattr(sys, name)))
    try:
        with uninterrupted_imports(), interruptible():
            try:
                code = _run(list(argv))
                sys.stdout.flush()  # a full disk shows here
                return code
            except BaseException as error:
                if isinstance(error, SystemExit) and culprit(error) is None:  # of argparse
                    sys.stdout.flush()
                    raise
                if (fault := as_fault(error)) is None:
                    raise
                raise fault from error
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except KeyboardInterrupt as stop:
        if (fault := stopped_plugin(stop)) is not None:
            _failed(fault)
        return 130
    except Exception as error:
        return _failed(error)


def _prepared(stream: TextIO | None) -> TextIO:
    """A stream that writes any text in UTF-8, and all of it."""
    if stream is None:  # closed; the next file to be opened would take its place
        return open(os.devnull, "w", encoding="utf-8")  # open until the process ends
    is_own = stream in (sys.__stdout__, sys.__stderr__)  # of the process; a caller's would be closed with the new one
    if is_own and isinstance(stream, io.TextIOWrapper) and isinstance(stream.buffer, io.RawIOBase):
        # With PYTHONUNBUFFERED, Python loses the rest of a text if a signal or a full disk cuts its write.
        whole = io.BufferedWriter(stream.buffer)
        return io.TextIOWrapper(whole, encoding="utf-8", errors="replace", line_buffering=True)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="replace")
    return stream


def _run(args: list[str]) -> int:
    index = first_argument(args)
    if index is None or args[index] not in SUBCOMMANDS:
        if index is not None and not args[index].startswith("-"):
            from seqshell.cli.suggestions import check_first_word

            check_first_word(args[index:], SUBCOMMANDS)
        return _shell(args)
    name, rest = args[index], [*args[:index], *args[index + 1 :]]
    subcommand = SUBCOMMANDS[name]
    parser = subcommand_parser(name, subcommand.summary)
    subcommand.add(parser)
    with sanitized_output():
        return subcommand.run(parse(parser, rest))


def _failed(error: Exception) -> int:
    """Print the error in one line and return its exit code."""
    from seqshell.cli.plain_text import print_diagnostic
    from seqshell.shell.failures import fault_of, is_debugging

    fault = fault_of(error)
    print_diagnostic(sys.stderr, fault.line)
    if fault.details and is_debugging():
        print_diagnostic(sys.stderr, fault.details)
    if isinstance(error, UsageError | RecipeError):
        return 2
    return 3 if isinstance(error, CheckpointError | PluginError) else 1


# The shell


def _shell(args: list[str]) -> int:
    """Run `seqshell` without a subcommand: scripts, the terminal, or both in turn."""
    lines, rest = extract_lines(args)
    arguments = parse(shell_parser(), rest)
    if arguments.version:
        from seqshell.cli.listing import versions

        with sanitized_output():
            sys.stdout.write(versions(arguments.verbose))
        return 0
    is_terminal = _is_terminal(sys.stdin) and _is_terminal(sys.stdout)
    if arguments.interactive and not is_terminal:
        raise UsageError("-i needs a terminal as stdin and stdout")
    is_script = bool(lines or arguments.scripts or arguments.messages or arguments.json or not is_terminal)
    options = build_options(arguments, lines, interactive=not is_script)
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
        return stream is not None and bool(stream.isatty())  # type: ignore[attr-defined]  # a text stream; None if closed
    except ValueError:  # closed
        return False


# Subcommands


@dataclass(frozen=True)
class Subcommand:
    """summary: one line of help. add: adds its options to a parser. run: runs it and returns the exit code."""

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


def _add_score(parser: ArgumentParser) -> None:
    from seqshell.cli.score import add_score_arguments

    add_score_arguments(parser)


def _score(arguments: Namespace) -> int:
    from seqshell.cli.score import score_command

    return score_command(arguments)


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


def _add_trace(parser: ArgumentParser) -> None:
    from seqshell.cli.trace import add_trace_arguments

    add_trace_arguments(parser)


def _trace(arguments: Namespace) -> int:
    from seqshell.cli.trace import trace_command

    return trace_command(arguments)


def _add_bulk(parser: ArgumentParser) -> None:
    from seqshell.cli.bulk import add_bulk_arguments

    add_bulk_arguments(parser)


def _bulk(arguments: Namespace) -> int:
    from seqshell.cli.bulk import bulk_command

    return bulk_command(arguments)


def _add_models(parser: ArgumentParser) -> None:
    from seqshell.cli.models import add_models_arguments

    add_models_arguments(parser)


def _models(arguments: Namespace) -> int:
    from seqshell.cli.models import models_command
    from seqshell.cli.registry import registry_for_command

    return models_command(arguments, lambda: registry_for_command(arguments, tolerant=True))


def _add_plugins(parser: ArgumentParser) -> None:
    from seqshell.cli.plugins import add_plugins_arguments

    add_plugins_arguments(parser)


def _plugins(arguments: Namespace) -> int:
    from seqshell.cli.plugins import plugins_command
    from seqshell.cli.registry import registry_for_command

    return plugins_command(arguments, lambda: registry_for_command(arguments, tolerant=True))


def _add_import(parser: ArgumentParser) -> None:
    from seqshell.cli.import_weights import add_import_arguments

    add_import_arguments(parser)


def _import(arguments: Namespace) -> int:
    from seqshell.cli.import_weights import import_command
    from seqshell.cli.registry import registry_for_command

    return import_command(arguments, registry_for_command(arguments, tolerant=True))


def _add_average(parser: ArgumentParser) -> None:
    from seqshell.cli.average import add_average_arguments

    add_average_arguments(parser)


def _average(arguments: Namespace) -> int:
    from seqshell.cli.average import average_command
    from seqshell.cli.registry import registry_for_command

    return average_command(arguments, registry_for_command(arguments))


def _add_export(parser: ArgumentParser) -> None:
    from seqshell.cli.export import add_export_arguments

    add_export_arguments(parser)


def _export(arguments: Namespace) -> int:
    from seqshell.cli.export import export_command
    from seqshell.cli.registry import registry_for_command

    return export_command(arguments, registry_for_command(arguments))


SUBCOMMANDS: Mapping[str, Subcommand] = MappingProxyType(
    {
        "train": Subcommand("Train a model from a recipe or a text file.", _add_train, _train),
        "evaluate": Subcommand(
            "Evaluate a model on a text, translations, labelled texts or a series.", _add_evaluate, _evaluate
        ),
        "score": Subcommand("Write the surprisal of each token or word of a text as a table.", _add_score, _score),
        "compare": Subcommand(
            "Compare language models on the same text; recipes are trained first.", _add_compare, _compare
        ),
        "trace": Subcommand("Write what a model does with each token of a text.", _add_trace, _trace),
        "bulk": Subcommand(
            "Translate, classify, score, forecast or trace the lines of files in many processes.", _add_bulk, _bulk
        ),
        "models": Subcommand("List the models, or remove texts that trainings have encoded.", _add_models, _models),
        "recipes": Subcommand("List the recipes, or print one.", _add_recipes, _recipes),
        "import": Subcommand("Convert weights from another program to a checkpoint.", _add_import, _import),
        "average": Subcommand("Average the weights of models of one kind.", _add_average, _average),
        "export": Subcommand("Write a model as plain PyTorch or as an ONNX graph.", _add_export, _export),
        "plugins": Subcommand("List, create or check plugins.", _add_plugins, _plugins),
    }
)
