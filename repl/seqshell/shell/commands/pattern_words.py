"""Reads a regular expression, verbatim, and an @FILE after it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seqshell.core.plugin_api import Command
from seqshell.shell import syntax

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

_FILE_AT_END = re.compile(r'(?:^|\s+)(@(?:"(?:[^"\\]|\\.)*"|\S+))\s*$')


def pattern_and_file(shell: Shell, text: str, command: Command) -> tuple[str, str, str]:
    """The pattern, the name of the file after it, and what is in the file; without a file, the pattern alone."""
    if found := _FILE_AT_END.search(text):
        read = syntax.read_arguments(command, found[1], shell.read_stdin)
        if read.file:
            return text[: found.start()].strip(), read.file, read.text
    return text.strip(), "", ""
