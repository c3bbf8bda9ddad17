"""/record: writes a script of the following lines that gives the same text when it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.events import Event, Notice
from seqshell.core.named_files import opened, output_file, reason, shown_name
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.precisions import PRECISIONS
from seqshell.core.setting_origins import BUILT_IN, CHECKPOINT
from seqshell.core.version import __version__
from seqshell.shell.commands.output_files import written
from seqshell.shell.commands.script import file_name
from seqshell.shell.recording import decoding_lines, written_value
from seqshell.shell.setting_specs import SHELL_SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from seqshell.core.model import Model
    from seqshell.shell.shell import Shell

FIRST_LINE = "/# recorded by seqshell"
# Settings without an effect on text: of the prompt, the screen and memory.
LEFT_OUT = ("pace", "color", "surprisal", "suggest", "background", "keys", "snapshot_mb", "autosave")


@command("record", usage="FILE|off", complete=lambda shell, text: {"off": "stop"}, purpose="session")
def record(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Record the following lines in a script that gives the same text when it runs; the state does not change.

    /record off stops. The script begins with the open models, their seeds and the current settings. A session that has
    read something is saved beside the script, which restores it; so is one that a line leaves in a state that the line
    would not give again, such as one that failed half-way. Other lines that fail are left out.

        >>> /record lesson-one.seq
        >>> ROMEO:
        >>> /record off
    """
    word = file_name(arguments, record)
    if word in ("stop", "end"):
        raise UsageError(f"/record off stops a recording; to record in a file {word}, write ./{word}")
    if word != "off":
        path = _new_script(word)
        beginning = list(_beginning(shell, path))  # if this fails, the present recording continues
        try:
            script = path.open("w", encoding="utf-8", errors="replace", newline="\n")
            script.write("".join(f"{line}\n" for line in beginning))
            script.flush()
        except OSError as error:
            raise UsageError(f"cannot write {shown_name(word)}: {reason(error)}") from None
        shell.recorder.begin(script)
    elif shell.recorder.is_recording:
        shell.recorder.end()
    else:
        raise UsageError("no recording to stop; /record FILE starts one")
    if word != "off":
        yield from written(shell, path, note=f"recording to {path} · /record off stops")
    elif shell.interactive:
        yield Notice("recording stopped")


def _new_script(word: str) -> Path:
    """The path of a new file, or of a recording to replace. Raises UsageError for any other file."""
    path = output_file(word)
    if path.is_symlink() or path.exists():
        with opened(path) as file:
            replaceable = file.read(len(FIRST_LINE)) in (b"", FIRST_LINE.encode())
        if not replaceable:
            raise UsageError(f"{shown_name(word)} exists and is not a recording; choose another name")
    return path


def _beginning(shell: Shell, path: Path) -> Iterator[str]:
    """The lines that bring another shell to the same place: all open models, the current one last."""
    workspace, current = shell.workspace, shell.session
    yield f"{FIRST_LINE} {__version__}"
    for name, session in sorted(workspace.sessions.items(), key=lambda item: item[1] is current):
        if session.model.path is None and session is not current:
            continue  # a script cannot load it
        alike = [each for each in workspace.sessions.values() if each.model.path == session.model.path]
        is_plain = session.model.weights == PRECISIONS[0] and len(alike) == 1
        yield f"/load {_loadable(session.model, shell)}{'' if is_plain else f' weights={session.model.weights}'}"
        yield from decoding_lines(session)
        if len(session.behaviour.cursor.timeline) > 1 or session.retry or len(session.branches()) > 1:
            end = paths.ENDING if session is current else f".{name}{paths.ENDING}"
            saved = path.absolute().with_name(path.name + end)
            workspace.save(saved, name)
            yield f"/restore {saved}"
    listed = {entry.name for entry in shell.settings.table()}
    for entry in map(shell.settings.entry, SHELL_SETTINGS):
        is_default = entry.origin in (BUILT_IN, CHECKPOINT)  # of each model that is opened later, its own
        if entry.name not in LEFT_OUT and (entry.name in listed or not is_default):
            yield f"/set {entry.name} {'default' if is_default else written_value(entry.value)}"


def _loadable(model: Model, shell: Shell) -> str:
    """The argument of /load that opens the model: its name if that finds the same file, else the path."""
    if model.path is None:
        raise CheckpointError(f"{model.name} has no file for a script to load; seqshell.save_checkpoint writes one")
    named = paths.list_checkpoints(shell.registry.checkpoint_folders).get(model.name)
    return model.name if named is not None and named.resolve() == model.path.resolve() else str(model.path.resolve())
