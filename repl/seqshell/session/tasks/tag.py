"""TAG: a message is a text whose words get tags, whatever was before it.

Each text is fed from a new root of the timeline, so that undo, branches and the rest work as for any text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import Event, TaggedWord, Tags
from seqshell.core.tagged_words import Word, encode_words, words_of
from seqshell.decoding.probabilities import log_probs
from seqshell.session.tasks.batched_lines import LineWork, answer_in_batches
from seqshell.session.tasks.behaviour import TaskBehaviour
from seqshell.session.tasks.refusals import SettingValues
from seqshell.session.timeline import Timeline

MAX_TOKENS = 20_000  # of a text, because the outputs of all of them are kept


class _Reading(NamedTuple):
    """The words of a text, and the place of the last token of each."""

    words: list[Word]
    last: list[int]


class TagBehaviour(TaskBehaviour):
    """A model that tags words."""

    does = "tags words"
    advice = "write a text, or use /tag"
    allows_impossible = False

    @staticmethod
    def stands_alone(timeline: Timeline, node: int) -> bool:
        """Every text does."""
        return True

    def answer(self, text: str, settings: SettingValues) -> Iterator[Event]:
        """Tag the words of the message; yields one Tags."""
        yield self.tag(text)

    def tag(self, text: str) -> Tags:
        """The tags of a text's words, whatever was before it; undo goes back to that.

        A text without words moves nothing. UsageError if the text is too long or the session is interrupted; nothing
        has changed then.
        """
        ids, reading = self._read_words(text)
        self.navigator.forget_interrupt()
        position = self.cursor.position
        if not ids:
            return self._tags(text, reading, None, (position, position))
        self.navigator.restart(ids, whole=True)
        self._note_written(ids, reading)
        outputs = self.cursor.decoder.token_outputs(np.array([ids], np.int64))[0]
        return self._tags(text, reading, outputs, (0, len(ids)))

    def tag_lines(self, lines: Iterable[str], settings: SettingValues) -> Iterator[Event]:
        """A Tags or Failed for each line, as `answer_in_batches` gives them; the session does not move."""

        def answer(item: int, line: str, ids: list[int], reading: _Reading, row: NDArray[Any] | None) -> Tags:
            return self._tags(line, reading, row, (0, len(ids)), item)

        work = LineWork(self._read_words, lambda decoder, texts: decoder.token_outputs(texts), answer, "tagging")
        return answer_in_batches(self.cursor, lines, work)

    def last_answer(self) -> tuple[int, int]:
        """A tag is not drawn, so there is never another."""
        raise UsageError(f"{self.model.name} draws nothing: the same text gets the same tags again")

    # Inside

    def _read_words(self, text: str) -> tuple[list[int], _Reading]:
        """The ids of a text's words. UsageError if there are too many."""
        words = words_of(text)
        ids, last = encode_words(self.model.tokenizer, [word.text for word in words])
        if len(ids) > MAX_TOKENS:
            message = f"the text has {len(ids):,} tokens; {self.model.name} reads at most {MAX_TOKENS:,}"
            raise UsageError(message, code="too_long")
        return ids, _Reading(words, last)

    def _tags(
        self,
        text: str,
        reading: _Reading,
        outputs: NDArray[Any] | None,
        place: tuple[int, int],
        item: int | None = None,
    ) -> Tags:
        """The event. outputs: [T, C] of all tokens; None without words."""
        tagged: tuple[TaggedWord, ...] = ()
        if outputs is not None:
            probs = np.exp(log_probs(outputs[reading.last]))
            best = probs.argmax(-1).tolist()
            tagged = tuple(
                TaggedWord(word.text, self.model.labels[tag], float(row[tag]), word.start, word.end)
                for word, tag, row in zip(reading.words, best, probs, strict=True)
            )
        unknown = self.unknown(text) if tagged else ()
        return Tags(text, tagged, self.model.labels, *place, self.navigator.branch, item, unknown=unknown)

    def _note_written(self, ids: list[int], reading: _Reading) -> None:
        """Keep the words just read that the vocabulary lacks, so that the session's text is what the user wrote."""
        first, before = self.cursor.here.node - len(ids) + 1, -1
        for word, place in zip(reading.words, reading.last, strict=True):
            if self.model.tokenizer.unk in ids[before + 1 : place + 1]:
                written = dict.fromkeys(range(first + before + 1, first + place + 1), "")
                self.cursor.timeline.unknown_words |= written | {first + before + 1: f" {word.text}"}
            before = place
