"""Runs the lines of cells in one shell, which stays open from cell to cell."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from seqshell.cli.options import build_options, parse, shell_parser
from seqshell.core.errors import UsageError
from seqshell.core.events import Quit
from seqshell.core.pictures.page import Page
from seqshell.notebook.cell_page import CellPage
from seqshell.shell.failures import fault_of
from seqshell.shell.startup import Options, build_shell
from seqshell.shell.syntax import Numbered, joined_blocks

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.shell.shell import Shell

EVERY = 0.25  # seconds between two pictures of a cell that runs
OPTIONS = "-m, --weights, --seed, --set, --preset, --restore, -p, --no-plugins and --device"
Show = Callable[[Page, str], None]  # shows the page of a cell, and the same as plain text


class CellError(Exception):
    """A cell failed; the message is one line."""


class Cells:
    """The shell of a kernel; the first cell starts it, and /quit ends it."""

    def __init__(self) -> None:
        self.shell: Shell | None = None

    def run(self, options: str, text: str, show: Show) -> None:
        """Run the lines of a cell as those of a script. Raises CellError if one fails; the rest is not run.

        options: as of the command line. show: called while the cell runs, and at its end if there is something to see.
        """
        drawn = 0.0

        def changed() -> None:
            nonlocal drawn
            if time.monotonic() - drawn >= EVERY and cell.page.blocks:
                show(cell.page, cell.text)
                drawn = time.monotonic()

        cell = CellPage(changed)
        lines: list[Numbered] = []
        number = 0
        try:
            lines = [line for line in joined_blocks(text.rstrip("\n").split("\n")) if line.text]
            shell = self._opened(options)
            for line in lines:
                number = line.number
                if not self._run_line(shell, line.text, cell):
                    break
        except KeyboardInterrupt:
            raise CellError("stopped; what was generated so far is kept") from None
        except Exception as error:
            where = f"line {number + 1}: " if number and len(lines) > 1 else ""  # the first has the options
            raise CellError(where + fault_of(error).line) from error
        finally:
            cell.end()
            if cell.page.blocks:
                show(cell.page, cell.text)

    @property
    def session(self) -> Session:
        """The session of the current model; a shell with the default model is started if there is none."""
        try:
            return self._opened("").session
        except Exception as error:
            raise CellError(fault_of(error).line) from error

    def close(self) -> None:
        """End the shell, if there is one."""
        if self.shell is not None:
            self.shell.end()
            self.shell = None

    def _run_line(self, shell: Shell, line: str, cell: CellPage) -> bool:
        """Run a line. Returns whether the next one may follow."""
        cell.begin(shell)
        try:
            with closing(shell.run(line)) as events:
                for event in events:
                    if isinstance(event, Quit):
                        self.close()
                        return False
                    cell.add(event)
        finally:
            for notice in shell.take_notices():
                cell.add(notice)
            cell.end()
        return True

    def _opened(self, text: str) -> Shell:
        """The shell, with the model that the options name."""
        options = _options(text)
        if self.shell is None:
            self.shell = build_shell(options)
        elif options.model is not None:
            self.shell.open(options.model, options.weights)
        return self.shell


def _options(text: str) -> Options:
    """The options of a cell. UsageError for those that only the command line has."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"%%seqshell {text}: {error}") from None
    if {"-h", "--help", "--version"} & set(words):
        raise UsageError(f"%%seqshell takes {OPTIONS}; the lines below it are those of a script")
    options = build_options(parse(shell_parser(), words), [], interactive=False)
    flags = {"-i": options.go_on, "--messages": options.messages, "--json": options.json, "--echo": options.echo}
    if others := [*options.scripts, *(name for name, is_given in flags.items() if is_given)]:
        raise UsageError(f"unexpected {others[0]}: %%seqshell takes {OPTIONS}; write lines below it")
    return options
