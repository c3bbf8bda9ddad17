"""The most likely next words of a model whose tokens may be characters, bytes or parts of words.

A best-first search follows the most likely beginnings up to a word boundary. A word is a run of letters, digits and
marks, with single apostrophes and hyphens inside; a boundary is the first character after it, or the end of the text.
What comes before the word, such as spaces, how it is divided into tokens, and which boundary follows do not matter: all
paths to a word count for it, each once, so the probabilities of all words and of what was not followed sum to 1.
"""

from __future__ import annotations

import heapq
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import NextWords, Word
from seqshell.core.state import State
from seqshell.decoding.probabilities import log_probs
from seqshell.session import Session
from seqshell.session.cursor import Cursor
from seqshell.session.inspection import token_name
from seqshell.session.token_text import decoded

JOINERS = "'’-"  # inside a word, one at a time
MAX_STEPS = 1000  # of the model
ENOUGH = 0.002  # the search ends when no more probability than this is left
LEAST = 1e-7  # less likely beginnings are not followed
BEFORE = 200  # tokens of the text before that are looked at


@dataclass(frozen=True)
class Beginning:
    """What was read of the next word.

    is_apart: it does not continue the word before. joiner: a joiner that a letter must follow. tail: the beginning of a
    character. is_whole: its boundary was read.
    """

    word: str = ""
    is_apart: bool = False
    joiner: str = ""
    tail: bytes = b""
    is_whole: bool = False

    @property
    def key(self) -> tuple[str, bool]:
        """The letters so far, and whether they are apart."""
        return self.word, self.is_apart

    def read(self, piece: bytes) -> Beginning:
        """After the bytes of a token."""
        text, tail = decoded(self.tail + piece)
        word, is_apart, joiner = self.word, self.is_apart, self.joiner
        for character in text:
            if is_letter(character):
                word, joiner = word + joiner + character, ""
            elif character in JOINERS and not joiner and (word or not is_apart):
                joiner = character
            elif word:
                return Beginning(word, is_apart, is_whole=True)
            else:
                is_apart, joiner = True, ""
        return Beginning(word, is_apart, joiner, tail)


def is_letter(character: str) -> bool:
    """Whether a character belongs to words: a letter, a digit, a mark or an underscore."""
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")


def fragment_at_end(text: str) -> str:
    """The part of a word that a text ends in; empty after a boundary, a joiner included."""
    start = len(text)
    while start and (is_letter(text[start - 1]) or (start < len(text) and _joins(text, start - 1))):
        start -= 1
    return text[start:]


def _joins(text: str, place: int) -> bool:
    """Whether a joiner is there, after a letter."""
    return text[place] in JOINERS and place > 0 and is_letter(text[place - 1])


class WordSearch:
    """A best-first search for the next words after a position. `steps` runs it; then `found` has what it found.

    max_steps, enough, least: when it ends, and what it does not follow.
    """

    def __init__(
        self, session: Session, *, max_steps: int = MAX_STEPS, enough: float = ENOUGH, least: float = LEAST
    ) -> None:
        session.behaviour.require_next_token()
        self._cursor: Cursor = session.behaviour.cursor
        self._max_steps, self._enough, self._least = max_steps, enough, least
        self.position, self.num_steps = session.position, 0
        self.covered = 0.0  # the probability of all words that were found
        self.fragment = fragment_at_end(_text_before(self._cursor))
        self._words: dict[tuple[str, bool], float] = {}  # by word and whether it is apart
        self._open: list[tuple[float, int, int, State, Beginning]] = []  # a heap: (-prob, number, token, state before)
        self._left_out: dict[tuple[str, bool], float] = {}  # by beginning: what is too unlikely to be followed
        self._numbers = count()
        tokenizer = session.model.tokenizer
        specials = {tokenizer.pad, tokenizer.bos, tokenizer.eos, tokenizer.unk} - {None}
        self._specials = {token: _special_name(self._cursor, token) for token in specials if token is not None}
        self._pieces = [self._cursor.token_text.piece(token) for token in range(tokenizer.size)]
        self._ends, self._after_joiner = self._boundaries()

    def steps(self) -> Iterator[None]:
        """Run the search, step by step. UsageError if it is interrupted."""
        cursor = self._cursor
        outputs, state = cursor.outputs(), cursor.here.state
        start = Beginning(is_apart=not self.fragment, tail=cursor.tail())
        self._expand(1.0, outputs, state, start)
        while self._open and self.num_steps < self._max_steps and 1 - self.covered > self._enough:
            minus, _, token, state, beginning = heapq.heappop(self._open)
            rows, after = cursor.decoder.step(np.array([token], np.int64), state)
            self.num_steps += 1
            self._expand(-minus, rows[0], after, beginning)
            yield
            if cursor.interrupted:
                raise UsageError("interrupted before the words were found", code="interrupt")

    def found(self, number: int) -> NextWords:
        """The `number` most likely words."""
        best = sorted(self._words.items(), key=lambda item: (-item[1], item[0]))
        rest = dict(self._left_out)
        for minus, _, _, _, beginning in self._open:
            rest[beginning.key] = rest.get(beginning.key, 0.0) - minus
        words = tuple(
            Word(text, prob, min(1.0, prob + _may_become(rest, text, is_apart)), not is_apart)
            for (text, is_apart), prob in best[:number]
        )
        others = [prob + _may_become(rest, *key) for key, prob in best[number:]]
        others += [_may_become(rest, *key) for key in rest]
        at_most = min(1.0, max(others, default=0.0))
        return NextWords(self.position, self.fragment, words, self.covered, sum(rest.values()), at_most, self.num_steps)

    # Inside

    def _expand(self, prob: float, outputs: NDArray[np.floating], state: State, before: Beginning) -> None:
        """Share the probability of a beginning among what its next token makes of it."""
        probs = prob * np.exp(log_probs(outputs))  # [V]
        left = probs > 0
        if before.word and not before.tail:
            ends = self._after_joiner if before.joiner else self._ends
            self._add(before.key, float(probs[ends].sum()))
            left &= ~ends
        likely = probs >= self._least
        self._leave_out(before, float(probs[left & ~likely].sum()))
        for token in np.flatnonzero(left & likely).tolist():
            share = float(probs[token])
            if token in self._specials:
                self._add(before.key if before.word else (self._specials[token], True), share)
            elif (after := before.read(self._pieces[token])).is_whole:
                self._add(after.key, share)
            else:
                heapq.heappush(self._open, (-share, next(self._numbers), token, state, after))

    def _add(self, key: tuple[str, bool], prob: float) -> None:
        self.covered += prob
        if prob:
            self._words[key] = self._words.get(key, 0.0) + prob

    def _leave_out(self, beginning: Beginning, prob: float) -> None:
        if prob:
            self._left_out[beginning.key] = self._left_out.get(beginning.key, 0.0) + prob

    def _boundaries(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The tokens [V] at which every word ends, and those at which one ends after a joiner."""
        ends, after_joiner = (np.zeros(len(self._pieces), np.bool_) for _ in range(2))
        for token, piece in enumerate(self._pieces):
            first = decoded(piece)[0][:1]
            after_joiner[token] = token in self._specials or (first != "" and not is_letter(first))
            ends[token] = after_joiner[token] and (first == "" or first not in JOINERS)
        return ends, after_joiner


def _may_become(rest: dict[tuple[str, bool], float], word: str, is_apart: bool) -> float:
    """The probability of the beginnings that may still become a word."""
    total = rest.get(("", True), 0.0) if is_apart else 0.0
    total += rest.get(("", False), 0.0)
    return total + sum(rest.get((word[:end], is_apart), 0.0) for end in range(1, len(word) + 1))


def _text_before(cursor: Cursor) -> str:
    """The end of the text here, without an incomplete character."""
    ids = cursor.timeline.ids_to(cursor.here.node, max(0, cursor.position - BEFORE))
    given = cursor.timeline.given(cursor.here.node)
    return (given.text if given else "") + decoded(cursor.token_text.joined(ids))[0]


def _special_name(cursor: Cursor, token: int) -> str:
    return "<unk>" if token == cursor.model.tokenizer.unk else token_name(cursor, token)


def next_words(session: Session, number: int = 10) -> NextWords:
    """The `number` most likely next words here; the session does not move."""
    search = WordSearch(session)
    for _ in search.steps():
        pass
    return search.found(number)
