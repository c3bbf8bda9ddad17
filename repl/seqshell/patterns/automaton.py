"""An automaton over characters that is built while it is used, and what each token of a vocabulary does in it.

A state is what remains of a regular expression after the characters that were read. No table over the vocabulary is
computed in advance: a state is worked out when an answer comes to it.
"""

from __future__ import annotations

import re
import sys
from codecs import getincrementaldecoder
from collections.abc import Iterable
from functools import cached_property, lru_cache
from heapq import heappop, heappush
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.tokenizers import Tokenizer
from seqshell.patterns.expressions import NEVER, Expression, characters, derivative, is_nullable

MAX_STATES = 20_000
MAX_COSTS = 500  # states whose costs are kept; each has as many numbers as the vocabulary has tokens
MAX_ANSWERS = 2_000  # beginnings of answers whose states are kept
FAR = 2**31 - 1  # the distance to a match that no token leads to
BYTES_OF_UTF8 = [*range(0x80), *range(0x80, 0xC0), *range(0xC2, 0xF5)]

State = tuple[int, bytes]  # the number of an expression, and the beginning of a character that is not yet complete


class Automaton:
    """What may still follow a text, as numbers. 0 is the whole expression."""

    def __init__(self, expression: Expression) -> None:
        self._classes = sorted(characters(expression), key=lambda character: character.pattern)
        self._expressions = [expression]
        self._numbers = {expression: 0}
        self._next: dict[tuple[int, int], int] = {}  # by state and class
        self._class_of: dict[str, int] = {}
        self.matching = [is_nullable(expression)]  # by state

    def step(self, state: int, character: str) -> int:
        """The state after a character; -1 if nothing can follow. UsageError if there are too many states."""
        key = state, self.class_of(character)
        if (found := self._next.get(key)) is None:
            found = self._next[key] = self._number(derivative(self._expressions[state], character))
        return found

    def class_of(self, character: str) -> int:
        """A number that is the same for characters that are alike everywhere in the expression."""
        if (found := self._class_of.get(character)) is None:
            found = sum(1 << place for place, each in enumerate(self._classes) if each.matches(character))
            self._class_of[character] = found
        return found

    def examples(self, first: int, last: int) -> list[str]:
        """The first character of each class, of those with a code point of `first` to `last`."""
        borders = {first}
        for each in self._classes:
            borders |= {border for border in _borders(each.pattern) if first < border <= last}
        everything = _everything()
        ordered = map(everything.__getitem__, sorted(borders, reverse=True))
        return list({self.class_of(character): character for character in ordered}.values())

    def _number(self, expression: Expression) -> int:
        if expression == NEVER:
            return -1
        if expression not in self._numbers:
            if len(self._expressions) >= MAX_STATES:
                raise UsageError("the pattern is too large: it has too many ways to go on")
            self._numbers[expression] = len(self._expressions)
            self._expressions.append(expression)
            self.matching.append(is_nullable(expression))
        return self._numbers[expression]


class TokenAutomaton:
    """What the tokens of a vocabulary do in an automaton. Several threads may ask."""

    start: State = (0, b"")

    def __init__(self, expression: Expression, tokenizer: Tokenizer) -> None:
        self._automaton = Automaton(expression)
        self._pieces = [tokenizer.piece(token) for token in range(tokenizer.size)]
        self._examples = lru_cache(maxsize=1024)(self._automaton.examples)
        self._distances: dict[State, int] = {}
        self._costs = lru_cache(maxsize=MAX_COSTS)(self._computed_costs)
        self._states: dict[tuple[int, ...], State | None] = {}
        self._lock = Lock()

    def state(self, answer: tuple[int, ...]) -> State | None:
        """The state after the tokens of an answer; None if they are the beginning of no match."""
        with self._lock:
            return self._state(answer)

    def _state(self, answer: tuple[int, ...]) -> State | None:
        if answer in self._states:
            return self._states[answer]
        state: State | None = self.start
        known = answer[:-1] in self._states
        if known:
            state = self._states[answer[:-1]]
        for token in answer[-1:] if known else answer:
            state = None if state is None else self._after(state, self._pieces[token])
        if len(self._states) >= MAX_ANSWERS:
            self._states.clear()
        self._states[answer] = state
        return state

    def is_match(self, state: State) -> bool:
        """True if the text so far matches."""
        return not state[1] and self._automaton.matching[state[0]]

    def costs(self, state: State) -> NDArray[np.int64]:
        """The number of tokens [V] in the shortest way to a match that begins with each token; FAR if there is none.

        Tokens without text, such as EOS, end the text: 1 where it matches.
        """
        with self._lock:
            return self._costs(state)

    def _computed_costs(self, state: State) -> NDArray[np.int64]:
        end = 1 if self.is_match(state) else FAR
        return np.array([self._cost(self._after(state, piece)) if piece else end for piece in self._pieces], np.int64)

    def _cost(self, state: State | None) -> int:
        return FAR if state is None or (distance := self.distance(state)) == FAR else distance + 1

    def distance(self, state: State) -> int:
        """The number of tokens that a match needs from here (Dijkstra 1959); FAR if there is none."""
        if (known := self._distances.get(state)) is not None:
            return known
        shortest, done, queue = {state: 0}, set[State](), [(0, state)]
        before: dict[State, State] = {}
        while queue:
            distance, here = heappop(queue)
            if self.is_match(here):
                self._distances[here] = 0
                while here != state:
                    here = before[here]
                    self._distances[here] = distance - shortest[here]
                return distance
            if here in done:
                continue
            done.add(here)
            for piece, cost in self._steps(here[1]):
                after = self._after(here, piece)
                if after is not None and distance + cost < shortest.get(after, FAR):
                    shortest[after], before[after] = distance + cost, here
                    heappush(queue, (distance + cost, after))
        self._distances |= dict.fromkeys(done, FAR)
        return FAR

    def _steps(self, begun: bytes) -> Iterable[tuple[bytes, int]]:
        """Texts that are enough to find the shortest match, and how many tokens each is.

        One character of each class, if each character or each byte is a token of its own; else all tokens.
        """
        if not self._has_all_bytes:
            return self._tokens
        characters = self._examples(*(_code_points(begun) if begun else (0, sys.maxunicode)))
        rests = (character.encode()[len(begun) :] for character in characters)
        return [(rest, len(rest)) for rest in rests]

    @cached_property
    def _has_all_bytes(self) -> bool:
        return {bytes([byte]) for byte in BYTES_OF_UTF8} <= set(self._pieces)

    @cached_property
    def _tokens(self) -> list[tuple[bytes, int]]:
        pieces = {piece for piece in self._pieces if piece}
        letters = sorted({letter for piece in pieces for letter in piece.decode("utf-8", "replace")})
        if all(letter.encode() in pieces for letter in letters):
            pieces = {letter.encode() for letter in {self._automaton.class_of(each): each for each in letters}.values()}
        return [(piece, 1) for piece in sorted(pieces)]

    def _after(self, state: State, piece: bytes) -> State | None:
        """The state after the bytes of a token; None if nothing can follow them."""
        number, begun = state
        decoder = getincrementaldecoder("utf-8")()
        try:
            text = decoder.decode(begun + piece)
        except UnicodeDecodeError:  # no text has these bytes
            return None
        for character in text:
            if (number := self._automaton.step(number, character)) < 0:
                return None
        begun = decoder.getstate()[0]
        if begun and not any(self._automaton.step(number, each) >= 0 for each in self._examples(*_code_points(begun))):
            return None
        return number, begun


def _code_points(begun: bytes) -> tuple[int, int]:
    """The first and the last code point whose UTF-8 begins with these bytes, which are one to three."""
    size = 2 if begun[0] < 0xE0 else 3 if begun[0] < 0xF0 else 4
    bits = begun[0] & (0x7F >> size)
    for byte in begun[1:]:
        bits = bits << 6 | byte & 0x3F
    missing = 6 * (size - len(begun))
    smallest = {2: 0x80, 3: 0x800, 4: 0x10000}[size]
    return max(smallest, bits << missing), min(sys.maxunicode, (bits + 1 << missing) - 1)


@lru_cache(maxsize=256)
def _borders(pattern: str) -> tuple[int, ...]:
    """The code points at which what a character pattern matches begins or ends."""
    return tuple(border for found in re.finditer(f"(?:{pattern})+", _everything()) for border in found.span())


@lru_cache(maxsize=1)
def _everything() -> str:
    """All characters in their order; a surrogate, which no text has, is a replacement character."""
    return "".join("\ufffd" if 0xD800 <= point < 0xE000 else chr(point) for point in range(sys.maxunicode + 1))
