"""`seqshell completion`: prints the script for a shell; and, for that script, the names of models and the like."""

from __future__ import annotations

import argparse
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from pathlib import Path

from seqshell.core.errors import UsageError
from seqshell.core.names import NAME

SCRIPTS = Path(__file__).parent / "completion_scripts"
SHELLS = ("bash", "zsh", "fish")
TABLES = "@TABLES@"  # where a script has the tables
EXAMPLES = """\
to install it:
  seqshell completion bash > ~/.seqshell-completion.bash
  echo 'source ~/.seqshell-completion.bash' >> ~/.bashrc

  mkdir -p ~/.zfunc && seqshell completion zsh > ~/.zfunc/_seqshell
  echo 'fpath+=(~/.zfunc) && autoload -Uz compinit && compinit' >> ~/.zshrc

  mkdir -p ~/.config/fish/completions && seqshell completion fish > ~/.config/fish/completions/seqshell.fish

Write the script again after an update of seqshell or its plugins."""


def add_completion_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell completion`."""
    parser.epilog = EXAMPLES
    parser.add_argument("shell", nargs="?", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    parser.add_argument("--names", metavar="KIND", help=argparse.SUPPRESS)  # called by the scripts


def completion_command(arguments: Namespace) -> int:
    """Print the script, or the names of a kind, and return 0. Raises UsageError without a shell."""
    if arguments.names is not None:
        sys.stdout.write("".join(f"{name}\n" for name in names(arguments.names)))
        return 0
    if arguments.shell is None:
        raise UsageError("completion needs a shell: seqshell completion bash, zsh or fish")
    sys.stdout.write(script(arguments.shell))
    return 0


def script(shell: str) -> str:
    """The script for a shell."""
    from seqshell.cli.completion_tables import tables

    lines = tables()
    if shell == "fish":  # which has no here-documents
        escaped = lines.replace("\\", "\\\\").replace("'", "\\'")
        lines = " \\\n".join(f"    '{line}'" for line in escaped.splitlines())
    return (SCRIPTS / f"{shell}.txt").read_text(encoding="utf-8").replace(TABLES, lines)


def names(kind: str) -> list[str]:
    """The names of a kind of LISTED in completion_tables, without loading a plugin; of another kind, none."""
    return [name for name in _found(kind) if NAME.fullmatch(name)]


def _found(kind: str) -> Iterable[str]:
    from seqshell.core import paths

    if kind == "models":
        return paths.list_checkpoints()
    if kind == "sessions":
        return paths.list_checkpoints(kind="sessions")
    if kind == "recipes":
        return paths.list_recipes()
    if kind == "presets":
        return {**paths.own_presets(), **paths.shipped_presets()}
    if kind == "runs":
        from seqshell.training.run_reports import run_folders

        return [folder.stem for folder in run_folders()]
    if kind == "plugins":
        from seqshell.host.finding import outside
        from seqshell.host.policy import Policy

        return [found.name for found in outside(Policy.read())]
    return ()
