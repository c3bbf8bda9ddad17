"""The notes of plugins in a saved session: JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from seqshell.core.errors import CheckpointError
from seqshell.core.json_values import parsed
from seqshell.session.branches import Branches
from seqshell.session.notes import NoteHistory, NoteTexts


def to_json(history: NoteHistory, branches: Branches) -> dict[str, Any] | None:
    """All notes of a session; None if there are none. Equal ones are stored once."""
    different: dict[tuple[tuple[str, str], ...], int] = {}

    def place(texts: NoteTexts) -> int:
        return different.setdefault(tuple(texts.items()), len(different))

    places = {
        "now": place(history.now),
        "runs": [[first, place(texts)] for first, texts in history.begun.items()],
        "branches": [[place(branch.notes), *(place(each.notes) for each in branch.returns)] for branch in branches],
    }
    return {"texts": [dict(texts) for texts in different], **places} if any(different) else None


def read_json(data: Mapping[str, Any], history: NoteHistory, branches: Branches) -> None:
    """Undo `to_json`. CheckpointError, or another error, if the parts do not fit together."""
    found = [MappingProxyType(_checked(texts)) for texts in data["texts"]]
    history.now = found[data["now"]]
    history.begun = {int(first): found[place] for first, place in data["runs"]}
    for branch, (place, *places) in zip(branches, data["branches"], strict=True):
        branch.notes = found[place]
        branch.returns = [replace(each, notes=found[place]) for each, place in zip(branch.returns, places, strict=True)]


def _checked(texts: Mapping[str, str]) -> dict[str, str]:
    for text in texts.values():
        try:
            parsed(text)
        except ValueError:
            raise CheckpointError("a note is not JSON") from None
    return dict(texts)
