"""A state <-> one file, in the format of checkpoints, and the folder of those with names.

The JSON header has kind "state", the model's name, path and fingerprint, the name, the position and the last characters
of the text, and the source of a translation. The tensors are the leaves, state.PATH [1, ...] ([..., 2] if it is
complex), and the outputs for the next token [1, V]. Everything in the file is checked, as in a saved session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, PluginError, SeqshellError, UsageError
from seqshell.core.state import State, leaves, named_leaves, replace_leaves
from seqshell.core.text_output import brief
from seqshell.models import file
from seqshell.session import Session, saving
from seqshell.session.cursor import Cursor
from seqshell.session.given import Given, StateRecord, TranslationSource
from seqshell.session.packing import stacked, unstacked
from seqshell.session.state_record import TEXT, arrays, require_next

# What reading an inconsistent file raises where its parts are not checked one by one.
DAMAGE = KeyError, ValueError, TypeError, IndexError, OverflowError, AttributeError, MemoryError


@dataclass(frozen=True)
class SavedState:
    """A saved state as a list shows it."""

    name: str
    model: str
    position: int
    text: str


def save_state(path: str | Path, session: Session) -> Path:
    """Save the current state of a session: its leaves, the outputs for the next token, and what it belongs to.

    path: a path, or a name in the user's folder of states. Returns the path. UsageError if the model has no state;
    CheckpointError if the file cannot be written.
    """
    name = f"{session.branch}@{session.position}"
    return save(path, session, session.behaviour.record(session.here.node, name))


def load_state(path: str | Path, session: Session) -> StateRecord:
    """Read a saved state, for `Session.set_state`. path: a path, or a name in the user's folder of states.

    CheckpointError if there is none, or if it is damaged or of another model.
    """
    return load(path, session)


def save(path: str | Path, session: Session, record: StateRecord) -> Path:
    """Write a state, as `save_state`."""
    model = session.model
    if not model.causal:
        raise UsageError(f"{model.name} reads whole texts and has no state", code="no_state")
    target, given = paths.output_path(path, "states"), record.given
    header: dict[str, Any] = {
        "kind": "state",
        "model": saving.model_header(model),
        "architecture": model.architecture,
        "name": given.name,
        "position": given.position,
        "text": given.text,
        "scale": list(given.scale),
        "interventions": list(given.interventions),
    }
    if record.source is not None:
        header["source"] = {"text": record.source.text, "ids": list(record.source.ids)}
    tensors: dict[str, NDArray[Any]] = {"outputs": record.outputs}
    for name, leaf in named_leaves(record.state):
        tensors |= stacked(name, [leaf])
    file.write(target, header, tensors)
    return target


def load(word: str | Path, session: Session) -> StateRecord:
    """Read a state by name or path, as `load_state`."""
    path, model = paths.find_checkpoint(word, kind="states"), session.model
    saved = saving.saved_model(path, "state")
    if saved.fingerprint != model.fingerprint:
        other = "one with other weights" if saved.name == model.name else model.name
        raise CheckpointError(
            f"{path.name} is a state of {brief(saved.name)}, and the current model is {other}",
            hint=f"/load {saved.path or saved.name}",
        )
    header, tensors = file.read(path)
    try:
        return _record(header, tensors, session.behaviour.cursor, path.name.removesuffix(paths.ENDING))
    except PluginError:
        raise CheckpointError(f"{path.name} has numbers that {model.name} cannot go on from") from None
    except SeqshellError as error:
        raise CheckpointError(f"{path.name} is damaged: {error.message}") from error
    except DAMAGE as error:
        raise CheckpointError(f"{path.name} is damaged: its parts do not fit together") from error


def _record(header: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], cursor: Cursor, name: str) -> StateRecord:
    """What a file says, checked."""
    source = _source(header, cursor)
    like = cursor.plain.initial_state(1) if source is None else cursor.plain.begin(source.ids)[1]
    state = _state(tensors, arrays(like), grows=bool(cursor.model.grows))
    outputs = tensors["outputs"]
    if trouble := cursor.decoder.trouble(outputs, 1):
        raise CheckpointError(f"its outputs are {trouble}")
    require_next(cursor.model, cursor.plain, cursor.own(state))
    text, position, scale = header["text"], header["position"], tuple(map(float, header.get("scale", ())))
    if not isinstance(text, str) or type(position) is not int or not 0 <= position < 2**62:
        raise CheckpointError("its text or its position is missing")
    wrong = not np.isfinite(scale).all() or any(std <= 0 for std in scale[len(scale) // 2 :])
    if wrong or len(scale) not in (0, len(getattr(cursor.model.tokenizer, "scale", ()))):
        raise CheckpointError("its scale does not fit the series")
    active = header.get("interventions", [])  # older files have none
    if not isinstance(active, list) or not all(isinstance(each, str) for each in active):
        raise CheckpointError("its interventions are not names")
    return StateRecord(state, outputs, Given(name, text[-TEXT:], position, scale, tuple(active)), source)


def _state(tensors: Mapping[str, NDArray[Any]], like: State, *, grows: bool) -> State:
    found = [
        unstacked(name, tensors, [leaf], grows=grows)[0]
        for (name, _), leaf in zip(named_leaves(like), leaves(like), strict=True)
    ]
    return replace_leaves(like, iter(found))


def _source(header: Mapping[str, Any], cursor: Cursor) -> TranslationSource | None:
    if "source" not in header:
        return None
    text, ids = header["source"]["text"], tuple(header["source"]["ids"])
    tokenizer = cursor.model.source_tokenizer
    if tokenizer is None or not isinstance(text, str) or not ids:
        raise CheckpointError("its source does not fit the model")
    if not all(type(number) is int and 0 <= number < tokenizer.size for number in ids):
        raise CheckpointError("a token of its source is not in the vocabulary")
    return TranslationSource(text, ids)


def saved_names() -> Mapping[str, Path]:
    """The saved states in the user's folder by name."""
    return paths.list_checkpoints(kind="states")


def fingerprint_of(path: Path) -> str:
    """The fingerprint of the model of a saved state; empty if the file is damaged."""
    try:
        return saving.saved_model(path, "state").fingerprint
    except (SeqshellError, *DAMAGE):
        return ""


def listed() -> list[SavedState]:
    """The saved states in the user's folder; of a damaged file, the name alone."""
    found = []
    for name, path in saved_names().items():
        try:
            header = file.read_header(path)
            model, position, text = saving.saved_model(path, "state").name, header["position"], str(header["text"])
            found.append(SavedState(name, model, int(position), text))
        except (SeqshellError, *DAMAGE):
            found.append(SavedState(name, "damaged", 0, ""))
    return found


def drop(name: str) -> None:
    """Delete a saved state in the user's folder. CheckpointError if there is none."""
    if paths.is_path(name):
        raise UsageError(f"{brief(name)} is a path; /state drop deletes saved states by name")
    path = paths.find_checkpoint(name, kind="states")
    try:
        path.unlink()
    except OSError as error:
        raise CheckpointError(f"cannot delete {path}: {error.strerror}") from None
