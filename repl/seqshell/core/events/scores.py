"""The scores of many texts: by token or word, or in pairs of which the first should be more likely."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows
from seqshell.core.events.display import Table
from seqshell.core.text_output import Fixed, counted, fixed, short
from seqshell.core.units import in_both, in_unit

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page

SCORE_COLUMNS = ("sentence_id", "token_id", "token", "surprisal", "entropy")
PAIR_COLUMNS = ("pair_id", "first", "second", "surprisal_first", "surprisal_second", "difference")


@dataclass(frozen=True, slots=True)
class ScoredPart:
    """A token or word of a sentence, both counted from 1, with surprisal and entropy in nats: sums over its tokens.

    id: of the token, -1 for a word. piece: its bytes.
    """

    sentence: int
    number: int
    text: str
    surprisal: float
    entropy: float
    id: int = -1
    piece: bytes = b""
    num_tokens: int = 1

    def as_row(self, unit: str) -> tuple[Any, ...]:
        """The cells of SCORE_COLUMNS."""
        return self.sentence, self.number, self.text, in_unit(self.surprisal, unit), in_unit(self.entropy, unit)

    def as_json(self) -> Mapping[str, Any]:
        """Its fields, with both units."""
        place = {"text": self.text, "token_id": self.number}
        what = {"id": self.id} if self.id >= 0 else {"num_tokens": self.num_tokens}
        measures = {**in_both("surprisal", self.surprisal), **in_both("entropy", self.entropy)}
        return {**place, **what, "bytes": list(self.piece), **measures}


@dataclass(frozen=True)
class ScoreTotals:
    """What was scored in all: sentences, tokens, characters, and the sum of the surprisals in nats."""

    sentences: int
    tokens: int
    characters: int
    surprisal: float

    def as_json(self) -> Mapping[str, Any]:
        """The numbers, and the measures of `Score`."""
        counts = {"num_sentences": self.sentences, "num_tokens": self.tokens, "num_characters": self.characters}
        if not self.tokens:
            return counts
        mean = self.surprisal / self.tokens
        bits_per_char = in_unit(self.surprisal, "bits") / max(1, self.characters)
        measures = {"logprob": -self.surprisal, "nats": mean, "bits_per_char": bits_per_char}
        perplexity = math.exp(mean) if mean < 700 else math.inf
        more = {"perplexity": perplexity, "bits": in_unit(mean, "bits"), **in_both("surprisal", self.surprisal)}
        return {**counts, **measures, **more}

    def as_text(self, unit: str, planned: int | None = None) -> str:
        """One line. planned: the number of sentences, if the work was stopped before all were scored."""
        done = "" if planned is None else f"stopped: {self.sentences:,} of "
        size = f"{done}{counted(self.sentences if planned is None else planned, 'sentence')}, {counted(self.tokens)}"
        if not self.tokens:
            return size
        measures = self.as_json()
        whole = in_unit(self.surprisal, unit)
        return (
            f"{size}: {fixed(whole)} {unit}, {fixed(whole / self.tokens)} a token, "
            f"{fixed(measures['bits_per_char'])} bits a character, perplexity {short(measures['perplexity'])}"
        )


@dataclass(frozen=True)
class Scores(Event):
    """The tokens or words of sentences with their surprisals. by: token or word. space: the side of the white space
    that belongs to a word, before or after; empty for tokens. unit: that people see. empty: the sentences without
    tokens.
    """

    parts: tuple[ScoredPart, ...]
    totals: ScoreTotals
    by: str = "token"
    space: str = ""
    unit: str = "nats"
    empty: tuple[int, ...] = ()

    def as_json(self) -> Mapping[str, Any]:
        """How it was scored, the totals, and the sentences with their tokens or words."""
        found: dict[int, dict[str, Any]] = {number: self._sentence(number, ()) for number in self.empty}
        for number, parts in groupby(self.parts, key=lambda part: part.sentence):
            found[number] = self._sentence(number, parts)
        how = {"by": self.by, **({"space": self.space} if self.space else {})}
        return {**how, **self.totals.as_json(), "sentences": [found[number] for number in sorted(found)]}

    def _sentence(self, number: int, parts: Iterable[ScoredPart]) -> dict[str, Any]:
        listed = list(parts)
        total = math.fsum(part.surprisal for part in listed)
        sums = {"logprob": -total + 0.0, **in_both("surprisal", total)}
        return {"sentence_id": number, **sums, f"{self.by}s": [part.as_json() for part in listed]}

    def as_rows(self) -> Rows:
        """One row for each token or word, in the unit."""
        return [SCORE_COLUMNS, *(part.as_row(self.unit) for part in self.parts)]

    def table(self) -> Table:
        """The rows for people: white space is visible."""
        rows = ((*row[:2], repr(row[2]), *map(Fixed, row[3:])) for row in self.as_rows()[1:])
        return Table(SCORE_COLUMNS, tuple(rows), optional=("sentence_id", "entropy"))

    def summary(self) -> str:
        """The totals in one line."""
        return self.totals.as_text(self.unit)

    def as_text(self) -> str:
        """A table and the totals."""
        return f"{self.table().as_text()}\n{self.summary()}"

    def as_page(self) -> Page:
        """The sentences, one a line, coloured by surprisal, and the totals."""
        from seqshell.core.pictures.page import Note, Page, Passage, Piece, surprisal_scale

        values = [in_unit(part.surprisal, self.unit) for part in self.parts]
        end = " " if self.by == "word" else ""
        pieces: list[Piece] = []
        for part, value in zip(self.parts, values, strict=True):
            pieces += [Piece("\n")] if pieces and part.number == 1 else []
            pieces.append(Piece(f"{part.text}{end}", value))
        return Page((Passage(tuple(pieces), surprisal_scale(values, self.unit)), Note(self.summary())))


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """Two sentences and their surprisals in nats."""

    first: str
    second: str
    surprisal_first: float
    surprisal_second: float

    @property
    def difference(self) -> float:
        """By how many nats the first is more likely."""
        return self.surprisal_second - self.surprisal_first


@dataclass(frozen=True)
class PairScores(Event):
    """Pairs of sentences: how often the first is more likely. interval: of 95 % for that share, by Wilson's score.

    unit: that people see.
    """

    pairs: tuple[ScoredPair, ...]
    interval: tuple[float, float]
    unit: str = "nats"

    @property
    def num_first(self) -> int:
        """The number of pairs in which the first is more likely."""
        return sum(pair.difference > 0 for pair in self.pairs)

    @property
    def num_ties(self) -> int:
        """The number of pairs that are equally likely."""
        return sum(pair.difference == 0 for pair in self.pairs)

    def as_json(self) -> Mapping[str, Any]:
        """The share with its interval, then the pairs."""
        counts = {"num_pairs": len(self.pairs), "num_first": self.num_first, "num_ties": self.num_ties}
        share = {"share_first": self.num_first / len(self.pairs), "interval": list(self.interval)}
        how = {"interval_method": "wilson", "confidence": 0.95}
        return {**counts, **share, **how, "pairs": [*map(_pair_as_json, self.pairs)]}

    def as_rows(self) -> Rows:
        """One row for each pair, in the unit."""
        return [PAIR_COLUMNS, *(self._row(number, pair) for number, pair in enumerate(self.pairs, 1))]

    def _row(self, number: int, pair: ScoredPair) -> tuple[Any, ...]:
        numbers = (pair.surprisal_first, pair.surprisal_second, pair.difference)
        return (number, pair.first, pair.second, *(in_unit(value, self.unit) for value in numbers))

    def table(self) -> Table:
        """The rows for people."""
        rows = ((*row[:3], *map(Fixed, row[3:])) for row in self.as_rows()[1:])
        return Table(PAIR_COLUMNS, tuple(rows), optional=("surprisal_first", "surprisal_second"))

    def as_text(self) -> str:
        """A table and the share."""
        return f"{self.table().as_text()}\n{self.summary()}"

    def as_page(self) -> Page:
        """The table and the share."""
        from seqshell.core.pictures.page import Note, Page

        return Page((*self.table().as_page().blocks, Note(self.summary())))

    def summary(self) -> str:
        """The share with its interval, in one line."""
        share, (low, high) = self.num_first / len(self.pairs), self.interval
        ties = f"; {self.num_ties:,} equally likely" if self.num_ties else ""
        return (
            f"the first is more likely in {self.num_first:,} of {counted(len(self.pairs), 'pair')}: {share:.1%} "
            f"(95 % Wilson interval {low:.1%} to {high:.1%}){ties}"
        )


def _pair_as_json(pair: ScoredPair) -> Mapping[str, Any]:
    sums = {**in_both("surprisal_first", pair.surprisal_first), **in_both("surprisal_second", pair.surprisal_second)}
    return {"first": pair.first, "second": pair.second, **sums, "first_is_likelier": pair.difference > 0}
