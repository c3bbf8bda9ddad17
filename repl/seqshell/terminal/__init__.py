"""The interactive terminal: reads lines with prompt_toolkit, draws events, computes nothing. prompt_toolkit lives here and nowhere else."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell
    from seqshell.shell.startup import Options


def run(options: Options, shell: Shell | None = None) -> int:
    """Talk to the user until they leave; stdin and stdout are terminals. Returns the exit status of the process.

    shell: the one to go on with, where a script has run already (-i); otherwise it is built while the user types.
    """
    gc.disable()  # what is imported on the way to the first prompt stays; `loop` turns it on again when the prompt stands
    from seqshell.terminal.repl import run as talk

    return talk(options, shell)
