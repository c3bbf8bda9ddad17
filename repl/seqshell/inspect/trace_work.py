"""The work of /trace and `seqshell trace`: the trace of a text, or of each of its lines, from the state here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import TracedText, TracedToken
from seqshell.core.text_output import counted
from seqshell.core.trace import Trace
from seqshell.core.units import in_unit
from seqshell.core.view_files import write_view
from seqshell.inspect.trace_choice import SURPRISAL, Choice
from seqshell.inspect.trace_files import ARCHIVES, STREAMED, write_parts
from seqshell.inspect.tracing import chunks
from seqshell.session import Session

Arrays = dict[str, NDArray[Any]]


class TraceWork:
    """Trace some texts, each from the state here. `steps` does it; `done` of `total` tokens are traced.

    texts: the ids of each line by its number from 1, or of the whole text under 0. choice: the arrays to write; None
    for none. unit: of the surprisal that is written.
    """

    def __init__(self, session: Session, texts: Mapping[int, Sequence[int]], choice: Choice, unit: str) -> None:
        self.done, self.total = 0, sum(map(len, texts.values()))
        self.origin = f"{session.branch}@{session.position}"
        self.shapes: dict[str, list[int]] = {}
        self._session, self._texts, self._choice, self._unit = session, texts, choice, unit
        self._tokens: list[TracedToken] = []

    def steps(self, path: Path | None, about: str = "") -> Iterator[None]:
        """Trace part by part, and write the parts, or at last the table of the tokens, to a file of `trace_place`.

        If it is stopped, the file stays as it was. about: as for `write_view`.
        """
        if path is None or path.suffix.lower() not in STREAMED:
            for number, trace in self._parts():
                self._tokens += traced_tokens(self._session, trace, number)
                self.done += len(trace)
                yield
            if path is not None:
                write_view(str(path), self.found(), about=about)
            return
        has_arrays = bool(self._choice.names) or path.suffix.lower() in ARCHIVES
        traces = self._parts()
        first = next(traces)
        parts = ((trace.texts, self._arrays(number, trace, has_arrays)) for number, trace in chain([first], traces))
        arrays = self._arrays(*first, has_arrays)  # the choice may be wrong: then the file is not opened
        says = {"model": self._session.model.name, "from": self.origin, "unit": self._unit}
        for number in write_parts(path, parts, says, self._choice.indices(first[1])):
            self.done += number
            yield
        self.shapes = {name: [self.done, *array.shape[1:]] for name, array in arrays.items()}

    def found(self) -> TracedText:
        """The tokens, of a trace without a file."""
        return TracedText(self.origin, tuple(self._tokens), self._unit)

    def written(self, path: Path) -> dict[str, Any]:
        """What was written, as JSON."""
        if self._tokens:
            return {**self.found().as_json(), "file": str(path)}
        return {"file": str(path), "from": self.origin, "tokens": self.done, "arrays": self.shapes}

    def summary(self, path: Path) -> str:
        """What was written."""
        names = ", ".join(name for name in self.shapes if name not in ("line", "position", "id"))
        what = [] if self._tokens else [names or "no arrays"]
        return " · ".join([f"{counted(self.done)} from {self.origin}", *what, f"written to {path}"])

    def _parts(self) -> Iterator[tuple[int, Trace]]:
        for number, ids in self._texts.items():
            for trace in chunks(self._session, ids):
                yield number, trace

    def _arrays(self, number: int, trace: Trace, has_arrays: bool) -> Arrays:
        length = len(trace)
        found: Arrays = {"line": np.full(length, number)} if number else {}
        found["position"] = np.arange(trace.start, trace.start + length)
        found["id"] = np.array(trace.ids)
        if trace.surprisal is not None:
            found[SURPRISAL] = trace.surprisal * in_unit(1.0, self._unit)
        if has_arrays:
            chosen = self._choice.arrays(trace, self._session.here.state)
            found |= {name: array for name, array in chosen.items() if name != SURPRISAL}
        return found


def traced_tokens(session: Session, trace: Trace, line: int = 0) -> Iterator[TracedToken]:
    """The tokens of a trace as an event has them. line: see there."""
    piece = session.model.tokenizer.piece
    surprisals = [None] * len(trace) if trace.surprisal is None else trace.surprisal.tolist()
    for index, (token, text, surprisal) in enumerate(zip(trace.ids, trace.texts, surprisals, strict=True)):
        yield TracedToken(trace.start + index, token, text, surprisal, line, piece(token))


def texts_of(session: Session, text: str, *, by_line: bool, unknown: str = "error") -> dict[int, list[int]]:
    """The ids of a text under 0, or those of each line that is not blank under its number. UsageError if there is none.

    unknown: as for `TaskBehaviour.encode`; a VocabularyError names the line.
    """
    lines = dict(enumerate(text.split("\n"), 1)) if by_line else {0: text}
    found = {}
    for number, line in lines.items():
        if number and not line.strip():
            continue
        try:
            found[number] = session.behaviour.encode(line, unknown)
        except VocabularyError as error:
            where = f"line {number}: " if number else ""
            raise VocabularyError(
                where + error.message, text=error.text, positions=error.positions, hint=error.hint
            ) from None
    if not any(found.values()):
        raise UsageError("cannot trace an empty text")
    return {number: ids for number, ids in found.items() if ids}
