"""Regular expressions and their derivatives.

The derivative of an expression by a character matches what may follow that character (Brzozowski 1964, Derivatives of
regular expressions). Not and both are as simple as or, which `ban` needs. What one character may be is left to `re`.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from seqshell.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Never:
    """Matches nothing."""


@dataclass(frozen=True, slots=True)
class Empty:
    """Matches the empty text."""


@dataclass(frozen=True, slots=True)
class Character:
    """Matches one character. pattern: what `re` calls it, such as `a`, `[^a-z]`, `\\d` or `.`."""

    pattern: str

    def matches(self, character: str) -> bool:
        """True if it is this character."""
        return _compiled(self.pattern).fullmatch(character) is not None


@dataclass(frozen=True, slots=True)
class Sequence:
    """Matches a text of each part, one after the other."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Matches what any of its parts matches. A set, so that equal expressions are found to be equal."""

    parts: frozenset[Expression]


@dataclass(frozen=True, slots=True)
class Both:
    """Matches what each of its parts matches."""

    parts: frozenset[Expression]


@dataclass(frozen=True, slots=True)
class Not:
    """Matches what `part` does not match."""

    part: Expression


@dataclass(frozen=True, slots=True)
class Repeat:
    """Matches `part` at least `least` times and at most `most` times; most: None for any number."""

    part: Expression
    least: int
    most: int | None


Expression: TypeAlias = Never | Empty | Character | Sequence | Either | Both | Not | Repeat

NEVER, EMPTY = Never(), Empty()
ANYTHING = Repeat(Character("(?s:.)"), 0, None)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of brackets in brackets
        return re.compile(pattern)


def literal(text: str, *, ignores_case: bool = False) -> Expression:
    """Matches a text alone."""
    flag = "(?i:%s)" if ignores_case else "%s"
    return sequence(*(Character(flag % re.escape(character)) for character in text))


def containing(text: str, *, as_word: bool) -> Expression:
    """Matches what contains a text, whatever its case. as_word: between characters that are in no word."""
    before: Expression = ANYTHING
    after: Expression = ANYTHING
    if as_word and re.match(r"\w", text):
        before = either(EMPTY, sequence(ANYTHING, Character(r"\W")))
    if as_word and re.search(r"\w\Z", text):
        after = either(EMPTY, sequence(Character(r"\W"), ANYTHING))
    return sequence(before, literal(text, ignores_case=True), after)


def sequence(*parts: Expression) -> Expression:
    """A Sequence in its simplest form: flat, without Never and Empty."""
    found: list[Expression] = []
    for part in parts:
        found += part.parts if isinstance(part, Sequence) else () if part == EMPTY else (part,)
    if NEVER in found:
        return NEVER
    return found[0] if len(found) == 1 else Sequence(tuple(found)) if found else EMPTY


def either(*parts: Expression) -> Expression:
    """An Either in its simplest form."""
    found = {inner for part in parts for inner in (part.parts if isinstance(part, Either) else (part,))} - {NEVER}
    if Not(NEVER) in found:
        return Not(NEVER)
    return found.pop() if len(found) == 1 else Either(frozenset(found)) if found else NEVER


def both(*parts: Expression) -> Expression:
    """A Both in its simplest form."""
    found = {inner for part in parts for inner in (part.parts if isinstance(part, Both) else (part,))} - {Not(NEVER)}
    if NEVER in found:
        return NEVER
    return found.pop() if len(found) == 1 else Both(frozenset(found)) if found else Not(NEVER)


def negated(part: Expression) -> Expression:
    """A Not in its simplest form."""
    return part.part if isinstance(part, Not) else Not(part)


def repeated(part: Expression, least: int, most: int | None) -> Expression:
    """A Repeat in its simplest form."""
    if most == 0 or part == EMPTY:
        return EMPTY
    if part == NEVER:
        return NEVER if least else EMPTY
    return part if least == most == 1 else Repeat(part, least, most)


def is_nullable(expression: Expression) -> bool:
    """True if the expression matches the empty text."""
    match expression:
        case Empty():
            return True
        case Never() | Character():
            return False
        case Either(parts):
            return any(map(is_nullable, parts))
        case Sequence(parts) | Both(parts):
            return all(map(is_nullable, parts))
        case Not(part):
            return not is_nullable(part)
        case Repeat(part, least, _):
            return not least or is_nullable(part)


def derivative(expression: Expression, character: str) -> Expression:
    """What may follow a character."""
    match expression:
        case Never() | Empty():
            return NEVER
        case Character():
            return EMPTY if expression.matches(character) else NEVER
        case Sequence(parts):
            found = []
            for place, part in enumerate(parts):
                found.append(sequence(derivative(part, character), *parts[place + 1 :]))
                if not is_nullable(part):
                    break
            return either(*found)
        case Either(parts):
            return either(*(derivative(part, character) for part in parts))
        case Both(parts):
            return both(*(derivative(part, character) for part in parts))
        case Not(part):
            return negated(derivative(part, character))
        case Repeat(part, least, most):
            fewer = repeated(part, max(0, least - 1), None if most is None else most - 1)
            return sequence(derivative(part, character), fewer)


def characters(expression: Expression) -> frozenset[Character]:
    """All Characters in an expression."""
    match expression:
        case Character():
            return frozenset([expression])
        case Sequence(parts) | Either(parts) | Both(parts):
            return frozenset().union(*map(characters, parts))
        case Not(part) | Repeat(part, _, _):
            return characters(part)
    return frozenset()


def parse(pattern: str) -> Expression:
    """The expression of a pattern in the syntax of `re`. UsageError for what is invalid, or means more than a text."""
    try:
        _compiled(pattern)
        return _Parser(pattern).parse()
    except re.error as error:
        place = f" at character {error.pos + 1}" if error.pos is not None else ""
        raise UsageError(f"{shortened(pattern)} is not a regular expression: {error.msg}{place}") from None
    except (OverflowError, RecursionError):
        raise UsageError(f"{shortened(pattern)} is too large for a pattern") from None


def shortened(pattern: str) -> str:
    """A pattern for a message."""
    return repr(pattern) if len(pattern) <= 60 else repr(pattern[:57] + "...")


_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|0[0-7]{0,2}|[0-7]{3}|[^a-zA-Z1-9]|[afnrtvdDsSwW])"
)
_TIMES = re.compile(r"([*+?]|\{(\d*)(?:(,)(\d*))?\})[?]?")
MAX_TIMES = 10_000


class _Parser:
    """Reads a valid pattern from left to right. `re` has checked it, so that brackets are balanced."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def parse(self) -> Expression:
        """The whole pattern; `^` at its beginning and `$` at its end mean nothing more, since all of a text matches."""
        self._skip("^")
        found = self._choice()
        assert self._at == len(self._pattern), "re accepts no closing bracket too many"
        return found

    def _skip(self, text: str) -> bool:
        if not self._pattern.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def _choice(self) -> Expression:
        found = [self._sequence()]
        while self._skip("|"):
            found.append(self._sequence())
        return either(*found)

    def _sequence(self) -> Expression:
        parts: list[Expression] = []
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            if self._pattern[self._at :] == "$":
                self._at += 1
                break
            parts.append(self._repeated(self._part()))
        return sequence(*parts)

    def _repeated(self, part: Expression) -> Expression:
        found = _TIMES.match(self._pattern, self._at)
        if not found or (found[1][0] == "{" and not (found[2] or found[3])):  # {} is no repetition
            return part
        self._at = found.end()
        if self._skip("+"):
            raise self._refused("possessive repetition", found.start())
        sign, low, comma, high = found.groups()
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(
            sign, (int(low or 0), (int(high) if high else None) if comma else int(low or 0))
        )
        if max(least, most or 0) > MAX_TIMES:
            raise UsageError(f"{sign} repeats more than {MAX_TIMES:,} times")
        return repeated(part, least, most)

    def _part(self) -> Expression:
        start = self._at
        if self._skip("(?:"):
            return self._closed()
        if self._skip("(?P<") and self._pattern[self._at - 1] == "<":
            self._at = self._pattern.index(">", self._at) + 1
            return self._closed()
        if self._skip("(?"):
            raise self._refused("what begins with (?", start)
        if self._skip("("):
            return self._closed()
        if (found := _CLASS.match(self._pattern, start)) or (found := _ESCAPE.match(self._pattern, start)):
            self._at = found.end()
            return Character(found.group())
        if self._pattern[start] in "\\^$":
            raise self._refused(self._pattern[start : start + 2].strip(), start)
        self._at += 1
        return Character("." if self._pattern[start] == "." else re.escape(self._pattern[start]))

    def _closed(self) -> Expression:
        found = self._choice()
        assert self._skip(")"), "re accepts no bracket that is not closed"
        return found

    def _refused(self, what: str, at: int) -> UsageError:
        return UsageError(
            f"a pattern of an answer cannot have {what} (character {at + 1}); characters, classes, groups, | and "
            "repetitions work"
        )
