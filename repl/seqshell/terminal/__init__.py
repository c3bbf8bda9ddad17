"""The interactive terminal: reads lines and draws events. The only package that imports prompt_toolkit."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell
    from seqshell.shell.startup import Options


def run(options: Options, shell: Shell | None = None) -> int:
    """Run the interactive shell until the user quits. stdin and stdout must be terminals. Returns the exit status.

    shell: the shell to continue with after a script (-i); by default one is built while the user types.
    """
    gc.disable()  # imports create no garbage; the Repl enables it again once the first prompt is drawn
    from seqshell.terminal.repl import run as run_repl

    return run_repl(options, shell)
