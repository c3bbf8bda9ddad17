"""Saving and restoring a whole session: /save and /restore."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import CheckpointError
from seqshell.core.events import Event, Notice
from seqshell.core.plugin_api import Arguments, command
from seqshell.models.file import KINDS, read_header, require_kind
from seqshell.models.summary import about_file
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.models import is_session, restored

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


def session_names(shell: Shell, text: str) -> Mapping[str, str]:
    """The names of the saved sessions, and their models."""
    return {name: about_file(path) for name, path in paths.list_checkpoints(kind="sessions").items()}


@command(
    "save",
    usage="[--force] NAME|PATH",
    options={"--force": "replace the saved session of another run"},
    complete=session_names,
    purpose="session",
)
def save(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Save the whole session to a file, with its branches and what can be redone; the state does not change.

    The settings that shape answers, such as max_tokens and stop, are saved too. A file that was not saved or restored
    in this run is replaced only with --force. A name with a slash or the ending .safetensors is a path; any other is a
    file in your sessions folder.

        >>> ROMEO:
        >>> /save lesson
    """
    word = arguments.text.strip()
    if not word:
        words(arguments, save, 1)
    workspace = shell.workspace
    path = paths.output_path(word, "sessions")
    if path.is_file():
        if not is_session(path):
            kind = KINDS[read_header(path)["kind"]][0]
            raise CheckpointError(f"{path} is {kind}, and a session cannot replace it; choose another name")
        if path.resolve() not in workspace.own_files and not arguments.options.get("--force"):
            raise CheckpointError(f"{path} is a session of another run; /save --force {word} replaces it")
    workspace.save(path)
    if shell.interactive:
        yield Notice(f"saved to {path} · /restore {word} restores it")


@command("restore", usage="NAME|PATH", complete=session_names, purpose="session")
def restore(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Restore a saved session; the state, the branches and the next token are those that were saved.

    It replaces the open session on the same model.

        >>> ROMEO:
        >>> /save lesson
        >>> /reset
        >>> /restore lesson
    """
    word = arguments.text.strip()
    if not word:
        words(arguments, restore, 1)
    if paths.is_path(word):
        path = paths.find_checkpoint(word, kind="sessions")
        require_kind(read_header(path), "session", path, word)
    yield from restored(shell, word)
