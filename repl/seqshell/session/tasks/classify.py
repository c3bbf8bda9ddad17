"""How a session labels texts: each is fed from a new root of the timeline, so that undo, branch and the rest need to know nothing of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import Label
from seqshell.core.model import Task
from seqshell.core.sampling import Draw
from seqshell.core.truncation import Cut
from seqshell.decoding.probabilities import log_probs
from seqshell.session import attribution, inspection
from seqshell.session.answers import Answering
from seqshell.session.word_alignment import words_of

MOST_AT_ONCE = 20_000  # tokens that a model which must read a text at once is given; it holds what it makes of each


class Classifying(Answering):
    """Answers that are one of the model's labels."""

    def classify(self, text: str, *, explain: bool = False, unknown: str = "error") -> Label:
        """The labels of a text with their probabilities. What was before is left behind; undo brings it back.

        A text that is empty or blank is answered by a Label without an answer, and nothing has moved. explain: tell, too, by how much
        each token moved the log-odds of the answer. UsageError or VocabularyError when the text cannot be read, or when the session is
        interrupted before it was; nothing has changed then.
        """
        ids, left_out = self.read_text(text, unknown)
        spoken = self._texts(text, unknown) if self.model.tokenizer.unk in ids else []
        self._forget_interrupt()
        if not ids:
            return Label(text, "", (), start=self.position, end=self.position, branch=self.branch)
        before = self.here
        self._is_answered = True
        self._take_turn(answers=True)
        try:
            self.live.root(before.node, self._turn, Draw(self._seed, 0))
            if self.live.feed(ids, self._turn, Draw(self._seed, 0)) < len(ids):
                raise UsageError("stopped before the text was read", code="interrupt")
        except BaseException:
            self.live.here = before
            raise
        self._stand(self.here, 0)
        self._note_unknown(ids, spoken)
        return replace(self.label(text, explain=explain), left_out=left_out)

    def label(self, text: str | None = None, *, explain: bool = False) -> Label:
        """The labels of what was read up to here; the state is not moved. text: what it is called in the event.

        UsageError when nothing was read here.
        """
        self._must_label()
        if not self.position:
            raise UsageError(
                f"{self.model.name} has read nothing here yet; write a text, or /classify it", code="no_answer"
            )
        node = self.here.node
        said = inspection.text_of(self.live, node).text if text is None else text
        probs = self.probabilities(self.live.outputs())
        moved = (
            self._moved_by(self.live.timeline.ids_to(node), inspection.pieces_of(self.live, node), probs[0][0])
            if explain
            else ()
        )
        return Label(said, probs[0][0], probs, moved, 0, self.position, self.branch)

    def read_text(self, text: str, unknown: str = "error") -> tuple[list[int], tuple[int, int] | None]:
        """The ids of a text as the model reads it, all white space as single spaces, and what its config cuts out of them, as in Label.

        There are none where the text is blank. UsageError when it is too long, VocabularyError when it is not known.
        """
        self._must_label()
        words = " ".join(text.split())
        whole = self._encoded(words, unknown) if words else []
        ids = self._cut(whole)
        if not self.model.causal and len(ids) > MOST_AT_ONCE:
            reads = f"{self.model.name} reads a text at once, and at most {MOST_AT_ONCE:,} tokens of it"
            raise UsageError(f"the text has {len(ids):,} tokens; {reads}", code="too_long")
        return ids, self._cut.gap(len(whole))

    def probabilities(self, outputs: NDArray[Any]) -> tuple[tuple[str, float], ...]:
        """Each label with its probability, the likeliest first; outputs [C]."""
        probs = np.exp(log_probs(outputs))
        return tuple(
            (self.model.labels[index], float(probs[index])) for index in np.argsort(-probs, kind="stable").tolist()
        )

    def explained(self, text: str, unknown: str = "error") -> Label:
        """As `classify` with `explain`, but nothing moves: for the lines of a file."""
        ids, left_out = self.read_text(text, unknown)
        if not ids:
            return Label(text, "", ())
        outputs, _ = self.live.reader.feed(np.array([ids], np.int64), self.live.reader.initial_state(1))
        probs = self.probabilities(outputs[0])
        moved = self._moved_by(ids, self._texts(text, unknown), probs[0][0])
        return Label(text, probs[0][0], probs, moved, 0, len(ids), self.branch, left_out=left_out)

    # Inside

    def _moved_by(self, ids: list[int], texts: list[str], answer: str) -> tuple[tuple[str, float], ...]:
        """Each token's text and by how much it moved the log-odds of the answer; nothing when the session is interrupted meanwhile."""
        index = self.model.labels.index(answer)
        explain = attribution.by_stepping if self.model.causal else attribution.by_leaving_out
        moved = explain(self.live.reader, ids, index, lambda: self.live.interrupted)
        return tuple(zip([texts[0].removeprefix(" "), *texts[1:]], moved, strict=True)) if moved is not None else ()

    @property
    def _cut(self) -> Cut:
        return Cut.of(self.model.header.get("config", {}))

    def _texts(self, text: str, unknown: str) -> list[str]:
        """The text of each token that is read of a text; of an unknown one, what it stands for."""
        tokenizer = self.model.tokenizer
        words = " ".join(text.split())
        ids = self._encoded(words, unknown)
        texts = inspection.texts_of(self.live, ids)
        if tokenizer.unk in ids:
            space = " " if tokenizer.piece(tokenizer.unk).startswith(b" ") else ""
            stands_for = (
                list(words) if len(ids) == len(words) else [space + word for word in words_of(words, ids, tokenizer)]
            )  # a character, a word
            texts = [
                word if token == tokenizer.unk else text
                for token, text, word in zip(ids, texts, stands_for, strict=True)
            ]
        return [texts[place] for place in self._cut(list(range(len(ids))))]

    def _note_unknown(self, ids: list[int], texts: list[str]) -> None:
        """Remember what the unknown tokens that were just read stand for, so that the session's text is the user's."""
        first = self.here.node - len(ids) + 1
        for place, (token, text) in enumerate(zip(ids, texts, strict=bool(texts))):
            if token == self.model.tokenizer.unk:
                self.live.timeline.words[first + place] = text

    def _must_label(self) -> None:
        if self.model.task is not Task.CLASSIFY:
            raise UsageError(f"{self.model.name} does not label texts; /models tells which models do")

    def _must_go_on(self) -> None:
        super()._must_go_on()
        if self.model.task is Task.CLASSIFY:
            raise UsageError(f"{self.model.name} labels texts as a whole and writes none; write one, or /classify it")

    def _must_tell_tokens(self) -> None:
        super()._must_tell_tokens()
        if self.model.task is Task.CLASSIFY:
            raise UsageError(f"{self.model.name} tells the labels of a text and not what comes next in it")

    def _last_answer(self) -> tuple[int, int]:
        if self.model.task is Task.CLASSIFY:
            raise UsageError(f"{self.model.name} draws nothing: the same text has the same labels again")
        return super()._last_answer()
