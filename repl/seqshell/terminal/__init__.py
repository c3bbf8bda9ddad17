"""The interactive terminal: reads lines with prompt_toolkit, draws events, computes nothing. prompt_toolkit lives here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqshell.starting import Options


def run(options: Options) -> int:
    """Talk to the user until they leave; stdin and stdout are terminals. Returns the exit status of the process."""
    from seqshell.terminal.loop import run as talk

    return talk(options)
