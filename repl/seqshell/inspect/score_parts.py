"""From texts to their scored tokens or words, a part at a time, and to pairs of sentences."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events.scores import ScoredPair, ScoredPart, ScoreTotals
from seqshell.core.tables.reading import is_table_name, parse_table
from seqshell.core.text_output import counted
from seqshell.core.tokenizers import Tokenizer
from seqshell.inspect.scoring import Part, continued, fresh
from seqshell.inspect.text_words import SIDES, TextWord, space_of_tokens, text_words
from seqshell.session import Session

# What the two columns are called, if the first row has names.
NAMES = (("sentence_good", "sentence_bad"), ("good", "bad"), ("grammatical", "ungrammatical"), ("first", "second"))
BLIMP = NAMES[0]  # its keys for two sentences (Warstadt et al. 2020)


@dataclass(frozen=True, eq=False)
class Sentence:
    """A text without what the vocabulary lacks, if that is skipped, and its ids [T]."""

    text: str
    ids: NDArray[Any]


def sentences_of(
    session: Session, texts: Iterable[str], unknown: str, places: str | Sequence[str], *, are_lines: bool = False
) -> list[Sentence]:
    """The sentences with these texts. unknown: as for `TaskBehaviour.encode`.

    places: what to call each in an error, or the file that they are the lines of, if are_lines, or that the only one is
    from. VocabularyError says which text, or which line of it, has unknown characters.
    """
    found = []
    for number, text in enumerate(texts):
        try:
            found.append(_sentence(session, text, unknown))
        except VocabularyError as error:
            if not isinstance(places, str):
                place = places[number]
            else:
                line = 1 + (number if are_lines else text.count("\n", 0, next(iter(error.positions), 0)))
                place = ", ".join(filter(None, (places, f"line {line}" if places or are_lines else "")))
            message = f"{place}: {error.message}" if place else error.message
            raise VocabularyError(message, text=error.text, positions=error.positions, hint=error.hint) from None
    return found


def _sentence(session: Session, text: str, unknown: str) -> Sentence:
    ids = session.behaviour.encode(text, unknown) if text else []
    if unknown == "skip" and text:
        try:
            session.model.tokenizer.encode(text)
        except VocabularyError as error:
            left_out = set(error.positions)
            text = "".join(character for place, character in enumerate(text) if place not in left_out)
    return Sentence(text, np.array(ids, np.int32))


def num_tokens(sentences: Iterable[Sentence]) -> int:
    """The number of tokens of all sentences."""
    return sum(len(sentence.ids) for sentence in sentences)


@dataclass
class Scorer:
    """Scores sentences by token or word: each from a fresh state or, if there is one alone, from the state here.

    space: the side of a word that its white space is on. What was scored so far is in `totals`.
    """

    session: Session
    sentences: Sequence[Sentence]
    by: str = "token"
    space: str = "before"
    is_fresh: bool = True
    num_scored: int = 0  # sentences that are whole
    num_read: int = 0  # tokens
    _surprisals: array[float] = field(default_factory=lambda: array("d"))
    _characters: int = 0

    @property
    def empty(self) -> tuple[int, ...]:
        """The numbers of the sentences without tokens, from 1."""
        return tuple(number for number, sentence in enumerate(self.sentences, 1) if not len(sentence.ids))

    def totals(self) -> ScoreTotals:
        """The totals of what was scored so far."""
        total = math.fsum(self._surprisals)
        return ScoreTotals(self.num_scored, len(self._surprisals), self._characters, total)

    def steps(self) -> Iterator[list[ScoredPart]]:
        """Score; yields the parts as they are complete, and an empty list where it can be stopped."""
        cursor = self.session.behaviour.cursor
        self.session.behaviour.navigator.forget_interrupt()
        texts = [sentence.ids for sentence in self.sentences]
        before, unfinished = b"" if self.is_fresh else cursor.tail(), None
        for part in fresh(cursor, texts) if self.is_fresh else continued(cursor, texts[0]):
            if isinstance(part, int):
                self.num_read += part
                yield []
                continue
            sentence = self.sentences[part.text]
            if not part.start:
                words = iter(self._words(sentence))
                unfinished = _Unfinished(next(words, None), words, before)
            assert unfinished is not None
            yield self._parts(part, sentence, unfinished)
        if not cursor.interrupted:
            self.num_scored = len(self.sentences)

    def _words(self, sentence: Sentence) -> list[TextWord]:
        if self.by == "token":
            return []
        return text_words(sentence.text, sentence.ids.tolist(), self.session.model.tokenizer, self.space)

    def _parts(self, part: Part, sentence: Sentence, unfinished: _Unfinished) -> list[ScoredPart]:
        token_text, number = self.session.behaviour.cursor.token_text, part.text + 1
        ids = sentence.ids[part.start : part.start + len(part.surprisals)].tolist()
        self._surprisals.extend(part.surprisals.tolist())
        self._characters += len(token_text.text(ids))
        measures = zip(ids, part.surprisals.tolist(), part.entropies.tolist(), strict=True)
        found = []
        for place, (token, surprisal, entropy) in enumerate(measures, part.start + 1):
            if self.by == "token":
                text, unfinished.tail = token_text.read(token, unfinished.tail)
                found.append(ScoredPart(number, place, text, surprisal, entropy, token, token_text.piece(token)))
                continue
            unfinished.surprisals.append(surprisal)
            unfinished.entropies.append(entropy)
            if unfinished.word is not None and place == unfinished.word.end:
                found.append(unfinished.finished(number))
        if part.start + len(ids) == len(sentence.ids):
            self.num_scored = number
        return found


@dataclass
class _Unfinished:
    """What was measured of a word whose tokens are not all read, and the words after it; or of a character."""

    word: TextWord | None
    words: Iterator[TextWord]
    tail: bytes
    number: int = 0
    surprisals: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)

    def finished(self, sentence: int) -> ScoredPart:
        """The word; the next one begins."""
        assert self.word is not None
        self.number += 1
        sums, size = (math.fsum(self.surprisals), math.fsum(self.entropies)), len(self.surprisals)
        text = self.word.text
        part = ScoredPart(sentence, self.number, text, *sums, piece=text.encode("utf-8", "replace"), num_tokens=size)
        self.word, self.surprisals, self.entropies = next(self.words, None), [], []
        return part


def side_of_space(tokenizer: Tokenizer, name: str, asked: str) -> str:
    """The side of a word that its white space is on: the one that was asked for, else that of the tokens, or before.

    UsageError if the tokens have it on the other side.
    """
    own = space_of_tokens(tokenizer)
    if asked and own and asked != own:
        raise UsageError(
            f"the tokens of {name} include the space {own} a word, so it cannot belong to the word {own} it",
            hint=f"--space {own}",
        )
    return asked or own or SIDES[0]


def pairs_of(name: str, text: str) -> tuple[list[tuple[str, str]], list[str], tuple[str, ...]]:
    """The pairs of a file, what to call each sentence in an error, and notes. Errors name the row and column.

    A table with two columns, or with the columns sentence_good and sentence_bad, as CSV, TSV or JSON Lines.
    """
    if not is_table_name(name):
        name += ".jsonl" if text.lstrip().startswith("{") else ""
    first_row = set(re.split(r'[\t,;|"]+', text.partition("\n")[0].strip().lower()))
    table = parse_table(name, text, header="yes" if any(set(names) <= first_row for names in NAMES) else "auto")
    columns = table.columns
    if set(BLIMP) <= set(columns):
        places = [table.place(column, "--pairs") for column in BLIMP]
    elif len(columns) == 2 and not set(BLIMP) & set(columns):
        places = [0, 1]
    else:
        named = f": {', '.join(columns[:6])}{', ...' * (len(columns) > 6)}" if table.has_names else ""
        raise UsageError(
            f"{name} has {counted(len(columns), 'column')}{named}; --pairs needs two columns, or {' and '.join(BLIMP)}"
        )
    pairs, names = [], []
    for index, row in enumerate(table.rows):
        first, second = (row[place].strip() for place in places)
        cells = [table.where(index, columns[place]) for place in places]
        for sentence, where in zip((first, second), cells, strict=True):
            if not sentence:
                raise UsageError(f"{where}: there is no sentence")
        pairs.append((first, second))
        names += cells
    return pairs, names, table.notes if table.has_names else table.notes[:-1]


def scored_pairs(session: Session, sentences: Sequence[Sentence]) -> Iterator[ScoredPair | int]:
    """Score sentences in pairs, each from a fresh state; also yields numbers of tokens, where it can be stopped."""
    cursor = session.behaviour.cursor
    session.behaviour.navigator.forget_interrupt()
    first: float | None = None
    for part in fresh(cursor, [sentence.ids for sentence in sentences]):
        if isinstance(part, int):
            yield part
            continue
        total = math.fsum(part.surprisals)
        if first is None:
            first = total
            continue
        one, other = sentences[part.text - 1], sentences[part.text]
        total = first if np.array_equal(one.ids, other.ids) else total  # batches differ in the last bits
        yield ScoredPair(one.text, other.text, first, total)
        first = None
