"""Saving and restoring a whole session: /save and /restore."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.events import Event
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.text_output import cell
from seqshell.core.view_files import write_page
from seqshell.models.file import KINDS, read_header, require_kind
from seqshell.models.summary import about_file
from seqshell.shell.color_setting import unit_in
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.models import is_session, restored
from seqshell.shell.commands.output_files import written

if TYPE_CHECKING:
    from seqshell.session.page import TokenColours
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
    yield from written(shell, path, note=f"saved to {path} · /restore {word} restores it")


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


def _colours(shell: Shell) -> TokenColours | None:
    """The colours of the setting `color`, if it names a unit that the model has."""
    name = unit_in(str(shell.settings.get("color")))
    from seqshell.inspect.unit_texts import session_colours
    from seqshell.inspect.unit_values import single_unit

    if not name:
        return None
    try:
        unit = single_unit(name, shell.session)
    except UsageError:  # it is one of another model
        return None
    return session_colours(shell.session, unit)


@command("export", usage="FILE", purpose="session")
def export(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Write the whole session as a page, FILE.html, to read or to share; the state does not change.

    It has the model, the tree of branches, the text of each branch with what you wrote in bold, and the settings;
    beside the mouse are the turn, the seed and the options of an answer. Tokens that branches share are shown once. The
    page is one file without scripts. With /set color neuron UNIT, its tokens are coloured by the unit. /save keeps a
    session to continue it.

        >>> ROMEO:
        >>> /regen 2
        >>> /export romeo.html
    """
    word = arguments.text.strip()
    if not word:
        words(arguments, export, 1)
    if Path(word).suffix.lower() != ".html":
        raise UsageError(f"a session is exported as .html; /save {word} saves it, /text -o {word} writes the text")
    settings = [(entry.name, cell(entry.value), entry.origin) for entry in shell.settings.table()]
    rows = [("setting", "value", "from"), *settings]
    path = write_page(word, shell.session.as_page(settings=rows, colours=_colours(shell)))
    yield from written(shell, path)
