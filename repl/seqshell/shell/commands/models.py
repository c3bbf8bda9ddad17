"""Opening and closing models: /models, /load and /close."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.events import Data, Event, ModelOpened, Moved, Notice, Table
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.precisions import PRECISIONS
from seqshell.core.text_output import quoted
from seqshell.models.summary import about, about_file, title
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.moves import moved_to
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.shell.shell import Shell


WEIGHTS = dict(zip(PRECISIONS, ("exact", "2 bytes each", "1 byte each"), strict=True))


def known_models(folders: Iterable[Path], sessions: Mapping[str, Session]) -> Iterator[dict[str, str | bool | None]]:
    """The models by name: task (None: the file is invalid), what it does, path, and whether it is open.

    Open models without a file follow.
    """
    from seqshell.models.file import read_header

    opened = {paths.without_links(session.model.path) for session in sessions.values() if session.model.path}
    for name, path in paths.list_checkpoints(folders).items():
        try:
            header = read_header(path)
        except CheckpointError:
            header = {}
        is_open = paths.without_links(path) in opened
        yield {"name": name, "task": header.get("task"), "about": about(header), "path": str(path), "open": is_open}
        opened.discard(paths.without_links(path))
    for name, session in sessions.items():
        model = session.model
        if model.path is None or paths.without_links(model.path) in opened:
            yield {
                "name": name,
                "task": str(model.task),
                "about": about(model.header),
                "path": str(model.path) if model.path else None,
                "open": True,
            }


@command("models", aliases=("list",), usage="[-o FILE]", options=TABLE_OPTION, purpose="models")
def models(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """List the models with what they do and their files, and the saved sessions; the state does not change.

    With -o, only the models are written.

    >>> /models
    """
    words(arguments, models, 0, 0)
    found = list(known_models(shell.registry.checkpoint_folders, shell.workspace.sessions))
    current = shell.workspace.sessions[shell.workspace.current].model.path if shell.workspace.current else None
    marks = [
        "current" if item["open"] and item["path"] == str(current) else "open" if item["open"] else "" for item in found
    ]
    rows = tuple(
        (item["name"], item["task"] or "invalid", mark, item["about"], item["path"])
        for item, mark in zip(found, marks, strict=True)
    )
    table = Table(("model", "task", "", "does", "file"), rows, optional=("file",))
    if arguments.options.get("-o"):
        yield from to_file(shell, arguments, lambda: [table])
        return
    yield table
    sessions = paths.list_checkpoints(kind="sessions")
    if sessions:
        yield Table(("saved session", "file"), tuple((name, str(path)) for name, path in sessions.items()))
    yield Data({"models": found})


def loadable_names(shell: Shell, text: str) -> Mapping[str, str]:
    """The names of models and saved sessions, and what they are."""
    models = paths.list_checkpoints(shell.registry.checkpoint_folders)
    found = models | paths.list_checkpoints(kind="sessions") | models  # of equal names, the model is opened
    return {name: about_file(path) for name, path in found.items()}


def _words_of_load(shell: Shell, text: str) -> Mapping[str, str]:
    """What can be loaded, and after its name the precisions of weights."""
    if " " in text:
        return {f"weights={precision}": about for precision, about in WEIGHTS.items()}
    return loadable_names(shell, text)


@command("load", usage="NAME|PATH [weights=bf16|int8]", complete=_words_of_load, purpose="models")
def load(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Open a model, or a saved session with its model; each open model keeps its own state.

    A model that is already open continues where it is. A name with a slash or the ending .safetensors is a path. A+B
    is an ensemble: the mean of the probabilities of models of one vocabulary, as of /mix A B.
    Weights in bf16 (2 bytes) or int8 (1 byte) are faster to read than float32 and less exact. A note and /info say how
    far the logits are off. Only models with compiled steps have them.

        >>> /load names
        >>> Yamamoto
    """
    word, weights = _word_and_weights(arguments.text.strip())
    if not word:
        words(arguments, load, 1)
    if _means_session(shell, word):
        yield from restored(shell, word, weights)
    else:
        shell.open(word, weights)
        yield opened(shell)
    if weights and shell.session.model.logit_error is not None:
        yield weights_notice(shell)


def _word_and_weights(text: str) -> tuple[str, str | None]:
    """A name or path, and the precision after it."""
    word, _, last = text.rpartition(" ")
    if not last.startswith("weights="):
        return text, None
    weights = last.removeprefix("weights=")
    if weights not in PRECISIONS:
        raise UsageError(f"weights cannot be {quoted(weights)}; they are {', '.join(PRECISIONS)}")
    return word.strip(), weights


def weights_notice(shell: Shell) -> Notice:
    """What the precision of the current model's weights costs."""
    return Notice(f"weights in {shell.session.model.weights}: {shell.session.model.logit_error}")


def _means_session(shell: Shell, word: str) -> bool:
    """Whether the argument is a saved session: for a path, its header decides; if a model has the same name, or an open
    one, the model wins.
    """
    if word in shell.workspace.sessions or paths.ensemble_members(word, shell.registry.checkpoint_folders):
        return False
    if paths.is_path(word):
        return is_session(paths.find_checkpoint(word))
    return word not in paths.list_checkpoints(shell.registry.checkpoint_folders) and word in paths.list_checkpoints(
        kind="sessions"
    )


def is_session(path: Path) -> bool:
    """Whether a file is a saved session rather than a model. Raises CheckpointError if it is neither."""
    from seqshell.models.file import read_header

    return bool(read_header(path)["kind"] == "session")


def opened(shell: Shell) -> ModelOpened:
    """The event that introduces the current model."""
    model = shell.session.model
    return ModelOpened(
        shell.workspace.current or model.name,
        title(model.name, model.header, unit=str(shell.settings.get("unit"))),
        about(model.header),
    )


def restored(shell: Shell, word: str, weights: str | None = None) -> Iterator[Event]:
    """Restore a saved session by name or path."""
    was = shell.session.position if shell.workspace.current else 0
    session = shell.workspace.restore(word, weights)
    yield moved_to(session, Moved(session.position, was, session.branch))


def open_names(shell: Shell, text: str) -> Mapping[str, str]:
    """The names of the open models, and what they do."""
    return {name: about(session.model.header) for name, session in shell.workspace.sessions.items()}


@command("close", usage="NAME", complete=open_names, purpose="models")
def close(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Close a model and forget its state; the states of the other models do not change.

    >>> /load names
    >>> /close names
    """
    (name,) = words(arguments, close, 1, 1)
    shell.workspace.close(name)
    if shell.interactive:
        yield Notice(
            f"{name} closed · "
            + (
                f"{shell.workspace.current} is current"
                if shell.workspace.current
                else "no model is open; /load NAME opens one"
            )
        )
