"""What was likely at a position, to choose from, and what was chosen by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows, rows_of
from seqshell.core.text_output import Fixed, columns, fixed, probability

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page


@dataclass(frozen=True)
class Choice:
    """A token that may come next. rank: 1 for the likeliest. taken: it is the one that came.

    log_prob, chain_log_prob: before and after the sampler chain (-inf: the chain excludes it). piece: its bytes.
    """

    rank: int
    id: int
    text: str
    log_prob: float
    chain_log_prob: float
    taken: bool = False
    piece: bytes = b""

    def as_json(self) -> Mapping[str, Any]:
        """Its fields, `n` for the rank."""
        probs = {"logprob": self.log_prob, "chain_logprob": self.chain_log_prob}
        return {"n": self.rank, "id": self.id, "text": self.text, **probs, "taken": self.taken}


@dataclass(frozen=True)
class Alternatives(Event):
    """What was likely after `position` tokens, best first; the token that was taken is last if it is less likely.

    before: the end of the text up to there.
    """

    position: int
    before: str
    choices: tuple[Choice, ...]

    @property
    def taken(self) -> Choice | None:
        """The token that came; None at the end of the text."""
        return next((choice for choice in self.choices if choice.taken), None)

    def as_json(self) -> Mapping[str, Any]:
        """The position, the id of the token that was taken, and the tokens, each with its rank."""
        choices = [{**each.as_json(), "bytes": list(each.piece)} for each in self.choices]
        return {"pos": self.position, "taken": self.taken.id if self.taken else None, "alternatives": choices}

    def as_rows(self) -> Rows:
        """One row for each token."""
        return rows_of([each.as_json() for each in self.choices])

    def as_text(self) -> str:
        """The position with the text before it, and a table in which a star marks the token that was taken."""
        rows = [
            (
                "*" if each.taken else "",
                each.rank,
                repr(each.text),
                probability(each.log_prob),
                probability(each.chain_log_prob),
            )
            for each in self.choices
        ]
        return "\n".join([self.title(), *columns([("", "n", "token", "model", "chain"), *rows])])

    def as_page(self) -> Page:
        """A bar for each token; a star marks the one that was taken."""
        from seqshell.core.pictures.page import Bars, Page

        labels = tuple(f"{'* ' if each.taken else ''}{each.rank} {each.text!r}" for each in self.choices)
        notes = tuple(f"with sampler {probability(each.chain_log_prob)}" for each in self.choices)
        probs = tuple(math.exp(each.log_prob) for each in self.choices)
        return Page((Bars(labels, probs, self.title(), "probability", notes),))

    def title(self) -> str:
        """Where it is."""
        return f"position {self.position:,}, after {self.before!r}" if self.before else f"position {self.position:,}"


@dataclass(frozen=True)
class Word:
    """A word that may come next. prob: of its paths that were followed up to the boundary; at_most: with all others.

    continues: it continues the word that the text ends in.
    """

    text: str
    prob: float
    at_most: float
    continues: bool = False


@dataclass(frozen=True)
class NextWords(Event):
    """The most likely next words after `position` tokens, best first.

    fragment: the part of a word that the text ends in. covered: the probability of all words that were found, and
    rest: of what was not followed to a boundary; together 1. others_at_most: no other word is more likely. steps: of
    the model.
    """

    position: int
    fragment: str
    words: tuple[Word, ...]
    covered: float
    rest: float
    others_at_most: float
    steps: int

    def as_json(self) -> Mapping[str, Any]:
        """The words with the bounds of their probabilities, and what they leave."""
        words = [
            {"text": each.text, "continues": each.continues, "prob": each.prob, "at_most": each.at_most}
            for each in self.words
        ]
        measures = {"covered": self.covered, "rest": self.rest, "others_at_most": self.others_at_most}
        return {"pos": self.position, "fragment": self.fragment, "words": words, **measures, "steps": self.steps}

    def as_rows(self) -> Rows:
        """One row for each word."""
        return rows_of(self.as_json()["words"]) or [("text", "continues", "prob", "at_most")]

    def as_text(self) -> str:
        """A table of the words, and what they leave."""
        rows = [
            (rank, self.name(each), Fixed(each.prob), Fixed(each.at_most)) for rank, each in enumerate(self.words, 1)
        ]
        return "\n".join([*columns([("n", "word", "probability", "at most"), *rows]), self.summary()])

    def as_page(self) -> Page:
        """A bar for each word, and what they leave."""
        from seqshell.core.pictures.page import Bars, Note, Page

        labels, notes = (
            tuple(map(self.name, self.words)),
            tuple(f"at most {fixed(each.at_most)}" for each in self.words),
        )
        bars = Bars(labels, tuple(each.prob for each in self.words), "next words", "probability", notes)
        return Page((bars, Note(self.summary())))

    def name(self, word: Word) -> str:
        """A word as it is shown: with an ellipsis if it continues the one that the text ends in."""
        return f"…{word.text}" if word.continues else word.text

    def summary(self) -> str:
        """The probability that the words do not cover, in one line."""
        parts = [f"… continues {self.fragment!r}"] if any(each.continues for each in self.words) else []
        parts += [f"{self.covered:.2%} of the probability covered", f"no other word above {self.others_at_most:.2%}"]
        return " · ".join(parts)


@dataclass(frozen=True)
class Pick:
    """A token that was chosen by hand. by_model: the user let the model draw it."""

    rank: int
    id: int
    text: str
    log_prob: float
    piece: bytes = b""
    by_model: bool = False


@dataclass(frozen=True)
class Picked(Event):
    """The tokens that were chosen by hand, which positions [start, end) hold. tail: the last two lines of the text."""

    picks: tuple[Pick, ...]
    text: str
    start: int
    end: int
    branch: str
    tail: str = ""

    @property
    def line(self) -> str:
        """The line that chooses the same tokens."""
        return " ".join(["/pick", *(str(0 if pick.by_model else pick.rank) for pick in self.picks)])

    def as_json(self) -> Mapping[str, Any]:
        """The text, the positions and the tokens with their ranks."""
        picks = [
            {
                "n": pick.rank,
                "id": pick.id,
                "text": pick.text,
                "bytes": list(pick.piece),
                "logprob": pick.log_prob,
                "by_model": pick.by_model,
            }
            for pick in self.picks
        ]
        place = {"pos": (self.start, self.end), "branch": self.branch}
        return {"text": self.text, "n": len(picks), **place, "picks": picks}

    def as_text(self) -> str:
        """The text that they make up."""
        return self.text
