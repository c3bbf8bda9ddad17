"""Mixing models in the shell: /mix."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Notice
from seqshell.core.model import Model
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.tasks import Task
from seqshell.core.text_output import counted, quoted
from seqshell.models.summary import about_file
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.models import opened

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell
    from seqshell.shell.workspace import Workspace


def _mixed_words(shell: Shell, text: str) -> Mapping[str, str]:
    """NAME= of the models with a file and of those that are open."""
    found = {name: about_file(path) for name, path in paths.list_checkpoints(shell.registry.checkpoint_folders).items()}
    return {f"{name}=": about for name, about in (dict.fromkeys(shell.workspace.sessions, "open") | found).items()}


@command("mix", usage="MODEL=WEIGHT ...", complete=_mixed_words, purpose="models")
def mix(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Continue with a mixture of models of one vocabulary; it reads the text again, and their own states stay.

    The probability of each token is the weighted mean of those of the models; weights are relative, and 1 unless you
    give them. The mixture is a model of its own beside the others: its state is that of all of them, so /undo, /rewind,
    branches and search work as for one. It takes as long as all of them together. /undo right after it goes back to the
    model before, and /load to any.

        >>> ROMEO:
        >>> /mix shakespeare=1
        >>> /continue 20
        >>> /undo
    """
    from seqshell.models.mixture import mixed_model

    weights = dict(_weight(word) for word in words(arguments, mix, 1))
    if len(weights) < len(arguments.words):
        raise UsageError("a model is named twice; write each with its weight once")
    workspace, was = shell.workspace, shell.workspace.current
    model = mixed_model([_model(shell, name) for name in weights], list(weights.values()))
    session = workspace.add(model)
    yield opened(shell)
    if was is None:
        return
    before = workspace.sessions[was]
    text = before.text().text if _continues(before.model, model) else ""
    nodes = {session.here.node}
    workspace.mixed[str(workspace.current)] = was, nodes

    def done(number: int) -> Iterator[Event]:
        nodes.add(session.here.node)
        yield Notice(f"{counted(number)} read again")

    if text:
        yield from session.behaviour.read_whole(text, "error", done)


def turns_since(workspace: Workspace) -> int | None:
    """How many turns were taken since /mix made the current model; None if it did not, or if its text was left."""
    was, nodes = workspace.mixed.get(str(workspace.current), ("", set[int]()))
    if was not in workspace.sessions:
        return None
    node, number = workspace.session.here.node, 0
    while node not in nodes and node >= 0:
        node, number = workspace.session.behaviour.cursor.timeline.before_turn(node), number + 1
    return number if node in nodes else None


def undone(shell: Shell) -> Iterator[Event]:
    """Go back to the model that was current before /mix; the mixture stays open as it was after that."""
    workspace, name = shell.workspace, str(shell.workspace.current)
    if turns := turns_since(workspace):
        workspace.session.undo(turns)
    workspace.use(workspace.mixed[name][0])
    yield opened(shell)
    yield Notice(f"{name} stays open; /load {name} continues with it")


def _continues(before: Model, model: Model) -> bool:
    """Whether a model can read the text of another one again."""
    return before.task == model.task == Task.GENERATE and before.tokenizer.to_json() == model.tokenizer.to_json()


def _model(shell: Shell, name: str) -> Model:
    """An open model by its name, or one from its file, which gets no session of its own."""
    from seqshell.models.opening import open_model

    sessions = shell.workspace.sessions
    return sessions[name].model if name in sessions else open_model(name, shell.registry)


def _weight(word: str) -> tuple[str, float]:
    """The name and the weight in NAME=WEIGHT, or NAME alone."""
    name, sign, value = word.rpartition("=")
    if not sign:
        return word, 1.0
    try:
        weight = float(value)
    except ValueError:
        weight = math.nan
    if not name or not 0 < weight < math.inf:
        raise UsageError(f"the weight of {name or 'a model'} must be a number above 0, not {quoted(value)}")
    return name, weight
