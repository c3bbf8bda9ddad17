"""Words that every answer of a beam search contains (Post and Vilar 2018, https://arxiv.org/abs/1804.06609).

A hypothesis that begins a required word is at first less likely than others and would be lost. So the places of a beam
are shared among the hypotheses that have the same number of the words, and of these between those within a word and the
others. The paper counts tokens; here a word counts as a whole, so that the shares do not depend on the tokenizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.sampling import Stop
from seqshell.core.tokenizers import Tokenizer
from seqshell.decoding.beam_choice import Ids, Ranker
from seqshell.decoding.candidates import Floats, most_likely
from seqshell.patterns import FAR, TokenAutomaton, containing

SPARE = 1  # tokens for each word that is missing, such as the space before it


class _Candidate(NamedTuple):
    rank: float
    place: int
    token: int
    bank: tuple[int, bool]  # how many words are complete; whether another one is begun
    needed: int  # tokens for those that are missing


class RequiredWords:
    """Chooses continuations so that answers contain all words or phrases, whatever their case."""

    def __init__(self, words: Sequence[str], tokenizer: Tokenizer, stop: Stop) -> None:
        self._words = tuple(words)
        self._automata = [TokenAutomaton(containing(word, as_word=True), tokenizer) for word in words]
        self._first = [automaton.distance(automaton.start) for automaton in self._automata]
        self._stop_ids = stop.ids
        for word, distance in zip(words, self._first, strict=True):
            if distance == FAR:
                raise UsageError(f"the vocabulary of this model cannot write {word!r}")
        needed = sum(self._first) + SPARE * len(words)
        if needed > stop.max_tokens:
            raise UsageError(
                f"{', '.join(words)} may need {needed:,} tokens, and the answer has at most {stop.max_tokens:,}; raise "
                "max_tokens"
            )

    def are_in(self, ids: Sequence[int]) -> bool:
        """True if an answer contains all words."""
        return all(distance == 0 for distance in self._distances(tuple(ids)))

    def ranker(self, answers: Sequence[Sequence[Sequence[int] | None]], left: int) -> Ranker:
        """A Ranker for sentences with the hypotheses `answers`, None in an empty place.

        left: tokens that the answers may still have, this one included.
        """

        def rank(logits: NDArray[Any], before: Floats, share: int, first: int) -> tuple[Ids, Ids, Floats]:
            shape = len(logits), share
            places, tokens, ranks = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.full(shape, -np.inf)
            for index, mine in enumerate(answers):
                chosen = self._best(mine[first : first + len(before[index])], logits[index], before[index], share, left)
                for number, each in enumerate(chosen):
                    places[index, number], tokens[index, number], ranks[index, number] = (
                        each.place,
                        each.token,
                        each.rank,
                    )
            return places, tokens, ranks

        return rank

    def _best(
        self,
        answers: Sequence[Sequence[int] | None],
        logits: NDArray[Any],
        before: Floats,
        count: int,
        left: int,
    ) -> list[_Candidate]:
        """The `count` continuations of a sentence to keep, best first; logits [P, V], before [P]."""
        found: list[_Candidate] = []
        likely = most_likely(logits, count)
        for place, answer in enumerate(answers):
            if answer is None or not np.isfinite(before[place]):
                continue
            ids = tuple(answer)
            tokens = dict.fromkeys([*likely[place].tolist(), *self._next(ids, logits[place])])
            for token in tokens:
                if np.isfinite(logits[place, token]):
                    found.append(self._candidate(ids, place, token, float(before[place] + logits[place, token])))
        found = [each for each in found if each.needed == 0 or each.token not in self._stop_ids]
        in_time = [each for each in found if each.needed < left]
        return _shared(in_time or _closest(found), count)

    def _next(self, ids: tuple[int, ...], logits: NDArray[Any]) -> list[int]:
        """For each word that is missing, the most likely token that brings it nearer."""
        found = []
        for automaton, distance in zip(self._automata, self._distances(ids), strict=True):
            state = automaton.state(ids)
            if distance and state is not None:
                nearer = np.where(automaton.costs(state) <= distance, logits, -np.inf)
                found.append(int(nearer.argmax()))
        return found

    def _candidate(self, ids: tuple[int, ...], place: int, token: int, rank: float) -> _Candidate:
        distances = self._distances(ids if token in self._stop_ids else (*ids, token))
        complete = sum(distance == 0 for distance in distances)
        is_within = any(0 < distance < first for distance, first in zip(distances, self._first, strict=True))
        needed = sum(distances) + SPARE * (len(distances) - complete - is_within)
        return _Candidate(rank, place, token, (complete, is_within), needed if complete < len(distances) else 0)

    def _distances(self, ids: tuple[int, ...]) -> list[int]:
        """How many tokens each word still needs after an answer."""
        states = [automaton.state(ids) for automaton in self._automata]
        return [
            FAR if state is None else automaton.distance(state)
            for automaton, state in zip(self._automata, states, strict=True)
        ]


def _closest(candidates: list[_Candidate]) -> list[_Candidate]:
    """Those that need the fewest tokens, when time is short."""
    least = min((each.needed for each in candidates), default=0)
    return [each for each in candidates if each.needed == least]


def _shared(candidates: list[_Candidate], count: int) -> list[_Candidate]:
    """The best of each bank in turn, until there are `count`; best first."""
    banks: dict[tuple[int, bool], list[_Candidate]] = {}
    for each in sorted(candidates, key=lambda each: -each.rank):
        banks.setdefault(each.bank, []).append(each)
    in_turn = zip_longest(*(banks[bank] for bank in sorted(banks, reverse=True)))
    chosen = [each for turn in in_turn for each in turn if each is not None][:count]
    return sorted(chosen, key=lambda each: -each.rank)
