"""CLASSIFY: a message is a text to label, whatever was before it.

Each text is fed from a new root of the timeline, so that undo, branches and the rest work as for any text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Label
from seqshell.core.truncation import Cut
from seqshell.decoding.probabilities import log_probs
from seqshell.session import attribution, inspection
from seqshell.session.tasks.behaviour import TaskBehaviour
from seqshell.session.tasks.refusals import SettingValues
from seqshell.session.timeline import Timeline
from seqshell.session.word_alignment import as_written

MAX_AT_ONCE = 20_000  # tokens of a model that reads a text at once, because it keeps what it computes for each


class ClassifyBehaviour(TaskBehaviour):
    """A model that labels whole texts."""

    does = "labels whole texts"
    advice = "write a text, or use /classify"
    allows_impossible = False
    labels_texts = True

    @staticmethod
    def stands_alone(timeline: Timeline, node: int) -> bool:
        """Every text does."""
        return True

    def answer(self, text: str, settings: SettingValues) -> Iterator[Event]:
        """Label the message; yields one Label.

        settings: unknown (error or skip: what to do with unknown characters). If VocabularyError is raised, or the
        message is blank, nothing has changed.
        """
        yield self.classify(text, unknown=settings["unknown"])

    def classify(self, text: str, *, explain: bool = False, unknown: str = "error") -> Label:
        """The labels of a text with their probabilities, whatever was before it; undo goes back to that.

        explain: add by how much each token moved the log-odds of the label. A blank text has no label and moves
        nothing. UsageError or VocabularyError if the text is invalid or the session is interrupted; nothing has changed
        then.
        """
        ids, left_out = self.read_text(text, unknown)
        written = self._written(text, unknown)
        self.navigator.forget_interrupt()
        if not ids:
            return Label(text, "", (), start=self.cursor.position, end=self.cursor.position, branch=self._branch)
        self.navigator.restart(ids, whole=True)
        self._note_written(written)
        return replace(self.label(text, explain=explain), left_out=left_out, unknown=self.unknown(text))

    def classify_lines(self, lines: Iterable[str], settings: SettingValues, explain: bool = False) -> Iterator[Event]:
        """Label lines, settings as for `answer`; the session does not move. See classify_lines."""
        from seqshell.session.tasks.classify_lines import classify_lines, explain_lines

        if explain:
            return explain_lines(self.cursor, lines, lambda line: self._explained(line, settings["unknown"]))
        return classify_lines(self, lines, settings["unknown"])

    def label(self, text: str | None = None, *, explain: bool = False) -> Label:
        """The labels of what was read so far; the state is kept.

        text: shown in the event. UsageError if nothing was read.
        """
        if self.cursor.is_new:
            name = self.model.name
            raise UsageError(f"{name} has read nothing here yet; write a text, or use /classify", code="no_answer")
        node = self.cursor.here.node
        read = inspection.text_of(self.cursor, node, self.drops_separator).text if text is None else text
        probs = self.probabilities(self.cursor.outputs())
        moved: tuple[tuple[str, float], ...] = ()
        if explain:
            texts = inspection.texts_to(self.cursor, node)
            moved = self._moved_by(self.cursor.timeline.ids_to(node), texts, probs[0][0])
        return Label(read, probs[0][0], probs, moved, 0, self.cursor.position, self._branch)

    def read_text(self, text: str, unknown: str = "error") -> tuple[list[int], tuple[int, int] | None]:
        """The ids of a text as the model reads it, white space as single spaces, and what was cut out, as in Label.

        There are none if the text is blank. UsageError if it is too long, VocabularyError if it has unknown characters.
        """
        words = " ".join(text.split())
        whole = self.encode(words, unknown) if words else []
        ids = self._cut(whole)
        if not self.model.causal and len(ids) > MAX_AT_ONCE:
            message = f"the text has {len(ids):,} tokens; {self.model.name} reads at most {MAX_AT_ONCE:,}"
            raise UsageError(message, code="too_long")
        return ids, self._cut.gap(len(whole))

    def probabilities(self, outputs: NDArray[Any]) -> tuple[tuple[str, float], ...]:
        """Each label with its probability, the most likely first; outputs [C]."""
        probs = np.exp(log_probs(outputs))
        order = np.argsort(-probs, kind="stable").tolist()
        return tuple((self.model.labels[index], float(probs[index])) for index in order)

    def last_answer(self) -> tuple[int, int]:
        """A label is not drawn, so there is never another."""
        raise UsageError(f"{self.model.name} draws nothing: the same text gets the same labels again")

    # Inside

    def _explained(self, text: str, unknown: str) -> Label:
        """As `classify` with `explain`, but the session does not move."""
        ids, left_out = self.read_text(text, unknown)
        if not ids:
            return Label(text, "", ())
        outputs, _ = self.cursor.decoder.feed(np.array([ids], np.int64), self.cursor.decoder.initial_state(1))
        probs = self.probabilities(outputs[0])
        moved = self._moved_by(ids, [token for token, _ in self._written(text, unknown)], probs[0][0])
        label, lacking = probs[0][0], self.unknown(text)
        return Label(text, label, probs, moved, 0, len(ids), self._branch, left_out=left_out, unknown=lacking)

    def _moved_by(self, ids: list[int], texts: list[str], label: str) -> tuple[tuple[str, float], ...]:
        """Each token's text and by how much it moved the log-odds of the label; empty after an interrupt."""
        index = self.model.labels.index(label)
        explain = attribution.by_stepping if self.model.causal else attribution.by_leaving_out
        moved = explain(self.cursor.decoder, ids, index, lambda: self.cursor.interrupted)
        return tuple(zip([texts[0].removeprefix(" "), *texts[1:]], moved, strict=True)) if moved is not None else ()

    @property
    def _branch(self) -> str:
        return self.navigator.branch

    @property
    def _cut(self) -> Cut:
        return Cut.of(self.model.header.get("config", {}))

    def _written(self, text: str, unknown: str) -> list[tuple[str, bool]]:
        """The text of each token that is read, as the user wrote it, and whether the vocabulary has it otherwise."""
        words = " ".join(text.split())
        ids = self.encode(words, unknown) if words else []
        pieces = inspection.texts_of(self.cursor, ids)
        written = as_written(words, ids, self.model.tokenizer, pieces)
        pairs = [(text, text != piece) for text, piece in zip(written, pieces, strict=True)]
        return [pairs[place] for place in self._cut(list(range(len(ids))))]

    def _note_written(self, written: list[tuple[str, bool]]) -> None:
        """Keep what the vocabulary lacks of the text just read, so that the session's text is what the user wrote."""
        first = self.cursor.here.node - len(written) + 1
        for node, (text, differs) in enumerate(written, first):
            if differs:
                self.cursor.timeline.unknown_words[node] = text
