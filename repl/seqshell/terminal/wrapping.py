"""Fits text into a width: wraps lines at spaces, and shortens words that are too wide in the middle."""

from __future__ import annotations

from prompt_toolkit.utils import get_cwidth

LONG_WORD = 40  # columns; wider words, such as paths and checksums, may be shortened
SHORTEST = 24  # columns that a long word keeps, unless it is a path, which keeps its last part


def wrapped(line: str, width: int) -> list[str]:
    """Wrap a line at spaces, so that no part is wider than `width` except a single word. Indentation is kept."""
    rest, parts = line, []
    while rest and get_cwidth(rest) > width:
        end = rest.find(" ", len(rest) - len(rest.lstrip(" ")))
        if end < 0:
            break
        while (after := rest.find(" ", end + 1)) >= 0 and get_cwidth(rest[:after]) <= width:
            end = after
        parts.append(rest[:end].rstrip(" "))
        rest = rest[end:].lstrip(" ")
    return [*parts, rest] if rest or not parts else parts


def fitted(text: str, width: int) -> list[str]:
    """Wrap a text of one or more lines, and shorten words wider than `width`."""
    return [shortened(part, width) for line in text.split("\n") for part in wrapped(line, width)]


def narrowest(text: str) -> int:
    """Return the smallest width at which no word is cut, except that long words may be shortened."""
    return max(map(_narrowest_word, text.split()), default=0)


def _narrowest_word(word: str) -> int:
    if (width := get_cwidth(word)) <= LONG_WORD:
        return width
    last = word.rpartition("/")[2]
    return min(LONG_WORD, max(SHORTEST, get_cwidth(f"…/{last}"))) if last != word else SHORTEST


def shortened(word: str, width: int) -> str:
    """Replace the middle of a word that is too wide by `…`. A path is shortened between folders: `/home/…/model.py`."""
    if get_cwidth(word) <= width:
        return word
    folders = word.split("/")
    first = "/".join(folders[: 2 if word.startswith("/") else 1])
    for start in (first, ""):
        for kept in range(len(folders) - 2, 0, -1):
            short = "/".join([*filter(None, [start]), "…", *folders[-kept:]])
            if get_cwidth(short) <= width:
                return short
    before, after = "", ""
    while get_cwidth(before + after) + 1 < width and len(before) + len(after) < len(word):
        if len(before) <= len(after):
            before = word[: len(before) + 1]
        else:
            after = word[len(word) - len(after) - 1 :]
    return f"{before}…{after}" if get_cwidth(before + after) < width else f"{before[:-1]}…{after}"
