"""The program: the shell, its subcommands and their exit codes."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from seqshell.cli.options import build_options, extract_lines, first_argument, parse, shell_parser, subcommand_parser
from seqshell.cli.signals import interruptible
from seqshell.cli.subcommands import SUBCOMMANDS
from seqshell.core.capture import sanitized_output
from seqshell.core.errors import CheckpointError, PluginError, RecipeError, UsageError
from seqshell.core.exit_codes import BAD_USAGE, CLOSED_PIPE, FAILED, INTERRUPTED, NO_MODEL, OK
from seqshell.core.plugin_guard import as_fault, culprit, stopped_plugin
from seqshell.core.uninterrupted_imports import uninterrupted_imports


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
        return CLOSED_PIPE
    except KeyboardInterrupt as stop:
        if (fault := stopped_plugin(stop)) is not None:
            _failed(fault)
        return INTERRUPTED
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
        return BAD_USAGE
    return NO_MODEL if isinstance(error, CheckpointError | PluginError) else FAILED


# The shell


def _shell(args: list[str]) -> int:
    """Run `seqshell` without a subcommand: scripts, the terminal, or both in turn."""
    lines, rest = extract_lines(args)
    arguments = parse(shell_parser(), rest)
    if arguments.version:
        from seqshell.cli.listing import versions

        with sanitized_output():
            sys.stdout.write(versions(arguments.verbose))
        return OK
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
