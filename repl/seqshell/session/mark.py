"""Marks of a session, to which it returns if a line fails."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell.core.sampling import Sampler, Strategy
from seqshell.session.branches import Branches
from seqshell.session.notes import NoteTexts
from seqshell.session.snapshot import Snapshot


@dataclass(frozen=True)
class Place:
    """Where a Navigator is. branches: copies, which stay as they are."""

    here: Snapshot
    seed: int
    retry: int
    answered: bool
    branches: Branches
    notes: NoteTexts


@dataclass(frozen=True)
class Mark:
    """The place of a session, and how it answers there."""

    place: Place
    chain: tuple[Sampler, ...]
    strategy: Strategy
    excluded: frozenset[int]
    replaces_unknown: bool
