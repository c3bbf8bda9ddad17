"""A large text in sections of some hundred kilobytes, and their tokens: until all are in a file, a section is encoded
when it is asked for.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError, VocabularyError
from seqshell.core.text_output import readable
from seqshell.training.data.array_store import ArrayStore
from seqshell.training.data.large_text import LargeText, Report, unheard
from seqshell.training.data.part_encoding import PartEncoder

SECTION = 1 << 18  # bytes of a section, at least
LONGEST = 1 << 25  # and at most: a section is encoded at once, which takes many times its size in memory
SEARCHED = 1 << 12  # bytes in which a space is looked for together
MOST_SECTIONS = 8  # encoded sections that are kept: neighbouring streams may begin in the same one


@dataclass(frozen=True)
class Sections:
    """The sections of a text in UTF-8. starts: [M + 1], the byte at which each begins, and the end of the last one;
    each but the first begins with a space. state: of the file, which changes when it does.
    """

    text: LargeText
    starts: NDArray[np.int64]
    state: tuple[int, ...]

    @classmethod
    def of(cls, text: LargeText, end: int, state: tuple[int, ...]) -> Sections:
        """The sections of the first `end` bytes of a text. RecipeError if there is no space for too long."""
        starts = array("q", [0])
        while (space := _space_after(text, starts[-1] + SECTION, end, state)) is not None:
            starts.append(space)
        starts.append(end)
        found = np.array(starts, np.int64)
        sizes = np.diff(found)
        longest = int(sizes.argmax())
        if sizes[longest] > LONGEST:
            where = f"no space in {readable(int(sizes[longest]))}, from byte {found[longest]:,} on"
            raise RecipeError(f"{text.name} has {where}, and is too large for that; set tokenizer.name=char, or byte")
        return cls(text, found, state)

    @property
    def size(self) -> int:
        """The bytes of all sections."""
        return int(self.starts[-1])

    def __len__(self) -> int:
        return len(self.starts) - 1

    def content(self, number: int) -> bytes:
        """The bytes of a section. Raises RecipeError if the file has changed."""
        return self.text.part(int(self.starts[number]), int(self.starts[number + 1]), self.state)

    def contents(self, report: Report = unheard, every: int = 1, together: int = 1) -> Iterator[bytes]:
        """The bytes of all sections, some of them together, or of every n-th one."""
        for number in range(0, len(self), max(every, together)):
            start, end = (int(self.starts[min(each, len(self))]) for each in (number, number + together))
            yield self.text.part(start, end, self.state)
            report(end, self.size)
        report(self.size, self.size)

    def place(self, byte: int) -> tuple[int, float]:
        """The number of the section that a byte is in, and how much of the section is before it, from 0 to 1."""
        number = int(np.searchsorted(self.starts, byte, "right")) - 1
        start, end = self.starts[number : number + 2].tolist()
        return number, (byte - start) / (end - start)


def _space_after(text: LargeText, place: int, end: int, state: tuple[int, ...]) -> int | None:
    """The byte of the first space from a place on; None if there is none before `end`."""
    while place < end:
        found = text.part(place, min(place + SEARCHED, end), state).find(b" ")
        if found >= 0:
            return place + found
        place += SEARCHED
    return None


def line_start(text: LargeText, end: int, state: tuple[int, ...]) -> int:
    """The byte at which the line begins that `end` is in; `end` itself if the text has a single line."""
    place = end
    while place:
        start = max(0, place - SECTION)
        if (found := text.part(start, place, state).rfind(b"\n")) >= 0:
            return start + found + 1
        place = start
    return end


class SectionTokens:
    """The tokens of each section, in small integers.

    number: of all tokens, about. encoder: of the sections, until `stored` gives the file with the tokens, "tokens", and
    the place where those of each section begin, "firsts" [M + 1]. write: writes this file, or waits until it is there.
    """

    def __init__(
        self,
        sections: Sections,
        number: int,
        encoder: PartEncoder,
        dtype: np.dtype[Any],
        stored: Callable[[], ArrayStore | None],
        write: Callable[[], None],
    ) -> None:
        self.sections, self.number, self.dtype = sections, number, dtype
        self._encoder, self._stored, self._write = encoder, stored, write
        self._store: ArrayStore | None = None
        self._kept: OrderedDict[int, NDArray[Any]] = OrderedDict()  # those used last at the end

    def __len__(self) -> int:
        return len(self.sections)

    def __getitem__(self, number: int) -> NDArray[Any]:
        """The tokens [N] of a section. Raises RecipeError if the text has changed before they are in the file."""
        if (store := self._opened()) is not None:
            first, end = store.arrays["firsts"][number : number + 2].tolist()
            return store.arrays["tokens"][first:end]
        if number not in self._kept:
            self._kept[number] = encoded(self._encoder, self.sections, number, self.dtype)
            if len(self._kept) > MOST_SECTIONS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return self._kept[number]

    def all(self) -> NDArray[Any]:
        """All tokens [N], from the file, which is written first."""
        if self._opened() is None:
            self._write()
        if (store := self._opened()) is None:
            raise RecipeError(f"the tokens of {self.sections.text.name} were removed while they were read; train again")
        return store.arrays["tokens"]

    def _opened(self) -> ArrayStore | None:
        if self._store is None and (store := self._stored()) is not None:
            self._store = store
            self._kept.clear()
        return self._store


def encoded(encoder: PartEncoder, sections: Sections, number: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The tokens of a section. Raises RecipeError for what the tokenizer refuses."""
    try:
        return np.frombuffer(encoder(sections.content(number).decode()), dtype)
    except VocabularyError as error:
        raise RecipeError(f"{sections.text.name}: {error.message}") from None
