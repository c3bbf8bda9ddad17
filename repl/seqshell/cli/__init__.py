"""The command line: `seqshell`, its subcommands, scripts and pipes."""

from seqshell.cli.main import main

__all__ = ["main"]
