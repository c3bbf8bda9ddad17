"""Text in the characters that a vocabulary has: typographic variants are replaced where it lacks them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

# Characters that stand for each other, the preferred one first.
SIMILAR = (
    "'\u2019\u2018\u201b\u2032\u02bc\u00b4`\u2039\u203a\uff07",
    '"\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02',
    "-\u2013\u2014\u2010\u2011\u2012\u2015\u2212",
    " \u00a0\u202f\u2009\u2007\u2002\u2003\u2004\u2005\u2006\u2008\u200a\u2000\u2001\u205f\u3000",
)
ELLIPSIS = "\u2026"
INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"  # soft hyphen, zero-width characters
VARIANTS = MappingProxyType(
    {character: tuple(group.replace(character, "")) for group in SIMILAR for character in group}
    | {ELLIPSIS: ("...",)}
    | dict.fromkeys(INVISIBLE, ("",))
)
PLAIN = str.maketrans({character: group[0] for group in SIMILAR for character in group} | {ELLIPSIS: "..."})
JAMO = range(0x1160, 0x1200)  # vowels and final consonants of decomposed Hangul, which are not combining marks


@dataclass(frozen=True)
class Spelling:
    """A text as a tokenizer reads it. starts, ends: where each of its characters begins and ends in the user's text."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range of the user's text that characters [start, end) of this text stand for."""
        if start < end:
            return self.starts[start], self.ends[end - 1]
        place = self.starts[start] if start < len(self.text) else self.ends[-1] if self.ends else 0
        return place, place


def spelled(text: str, known: Container[str], normal: Callable[[str], str] | None = None) -> Spelling:
    """Replace characters that are not in `known` by variants that are; of others, the composed form (NFC) is kept.

    Variants are quotation marks, apostrophes, dashes, spaces, the ellipsis, invisible characters, and composed (NFC) or
    decomposed (NFD) letters. A letter with its combining marks is one unit. normal: applied to each unit first.
    """
    if normal is None and not any(_has_variant(character) for character in set(text) if character not in known):
        return Spelling(text, range(len(text)), range(1, len(text) + 1))
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _units(text):
        unit = text[start:end] if normal is None else normal(text[start:end])
        part = unit if all(character in known for character in unit) else _variant(unit, known)
        parts.append(part)
        starts += [start] * len(part)
        ends += [end] * len(part)
    return Spelling("".join(parts), starts, ends)


def plain(text: str) -> str:
    """The text with the preferred one of similar characters, such as straight quotation marks."""
    return text.translate(PLAIN)


def runs(places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that touch; they are in order."""
    joined: list[tuple[int, int]] = []
    for start, end in places:
        if joined and joined[-1][1] == start:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined


def _has_variant(character: str) -> bool:
    return character in VARIANTS or _continues(character) or unicodedata.normalize("NFD", character) != character


def _variant(unit: str, known: Container[str]) -> str:
    """The first variant of a unit of which every character is known; the composed unit if there is none."""
    for form in ("NFC", "NFD"):
        normal = unicodedata.normalize(form, unit)
        if all(character in known for character in normal):
            return normal
    for variant in VARIANTS.get(unit, ()):
        if all(character in known for character in variant):
            return variant
    return unicodedata.normalize("NFC", unit)


def _units(text: str) -> Iterator[tuple[int, int]]:
    """The range of each character with the combining marks after it."""
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or not _continues(text[place]):
            yield start, place
            start = place


def _continues(character: str) -> bool:
    return character > "\u02ff" and (
        unicodedata.combining(character) > 0
        or unicodedata.category(character) in ("Mn", "Mc")
        or ord(character) in JAMO
    )
