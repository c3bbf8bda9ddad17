"""The characters of a large text as tokens before all of them are encoded: those that are asked for are encoded then.

A training on characters begins when the text was read once, which tells the alphabet and where its parts begin.
"""

from __future__ import annotations

import codecs
from array import array
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.named_files import opened
from seqshell.core.tables.encoding import find_encoding
from seqshell.core.text_files import PACKED
from seqshell.training.data.large_text import BLOCK, Facts, LargeText, Report
from seqshell.training.data.part_encoding import PartEncoder

MOST_BLOCKS = 128  # encoded blocks that are kept


@dataclass(frozen=True)
class Scan:
    """What one reading of a text shows. characters: the different ones. starts, firsts: [blocks + 1], the byte and the
    character at which each block begins, and the ends. state: of the file, which changes when it does."""

    characters: str
    starts: NDArray[np.int64]
    firsts: NDArray[np.int64]
    state: tuple[int, ...]

    def byte_at(self, text: LargeText, place: int) -> int:
        """The byte at which a character begins."""
        number = min(int(np.searchsorted(self.firsts, place, "right")) - 1, len(self.starts) - 2)
        before = self.block(text, number)[: place - int(self.firsts[number])]
        return int(self.starts[number]) + len(before.encode())

    def block(self, text: LargeText, number: int) -> str:
        """A block of the text. Raises RecipeError if the file has changed."""
        return text.part(int(self.starts[number]), int(self.starts[number + 1]), self.state).decode()


def scan(text: LargeText, report: Report) -> Scan | None:
    """Read a text in UTF-8 whose lines end in LF; None for any other, and for what is no text."""
    state = text.state()
    if (known := _SCANS.get(text)) is not None and known.state == state:
        return known
    if text.path.name.lower().endswith(PACKED):
        return None
    digest, starts, firsts, found = sha256(), array("q", [0]), array("q", [0]), set[str]()
    rest = b""
    with opened(text.path, error=RecipeError) as file, ThreadPoolExecutor(1) as beside:
        while block := file.read(BLOCK):
            hashed = beside.submit(digest.update, block)
            try:
                if len(starts) == 1 and (
                    find_encoding(block, text.name, text.encoding) != "utf-8" or block.startswith(codecs.BOM_UTF8)
                ):
                    return None
                part, used = codecs.utf_8_decode(rest + block, "strict", False)
            except (UnicodeDecodeError, UsageError):
                return None
            if "\r" in part or "\0" in part:
                return None
            plain = "".join(filter(str.isascii, found)).encode()
            found.update((rest + block)[:used].translate(None, plain).decode())
            rest = (rest + block)[used:]
            starts.append(starts[-1] + used)
            firsts.append(firsts[-1] + len(part))
            hashed.result()
            report(starts[-1], state[1])
    if rest or not found or text.state() != state:
        return None
    text.remember(Facts(digest.hexdigest(), firsts[-1]))
    ends = np.array(starts, np.int64), np.array(firsts, np.int64)
    _SCANS[text] = made = Scan("".join(sorted(found)), *ends, state)
    return made


_SCANS: dict[LargeText, Scan] = {}


class BegunTokens:
    """Tokens [N] of a part of a text, which are read like an array. Until `whole` gives them, blocks are encoded when
    they are asked for."""

    def __init__(
        self,
        text: LargeText,
        found: Scan,
        encoder: PartEncoder,
        dtype: np.dtype[Any],
        part: range,
        whole: Callable[[], NDArray[Any] | None],
    ) -> None:
        self._text, self._scan, self._encoder, self.dtype = text, found, encoder, dtype
        self._part, self._open = part, whole
        self._whole: NDArray[Any] | None = None
        self._blocks: OrderedDict[int, NDArray[Any]] = OrderedDict()  # those used last at the end

    @property
    def size(self) -> int:
        return len(self._part)

    def __len__(self) -> int:
        return len(self._part)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All tokens in memory."""
        return np.asarray(self[:], dtype)

    def __getitem__(self, places: Any) -> Any:
        if self._whole is None:
            self._whole = self._open()
        if self._whole is not None:
            self._blocks.clear()
            return self._whole[places]
        chosen = np.arange(*places.indices(len(self))) if isinstance(places, slice) else np.asarray(places)
        chosen = np.where(chosen < 0, chosen + len(self._part), chosen) + self._part.start
        numbers = np.searchsorted(self._scan.firsts, chosen, "right") - 1
        found = np.empty(chosen.shape, self.dtype)
        for number in np.unique(numbers).tolist():
            here = numbers == number
            found[here] = self._block(number)[chosen[here] - self._scan.firsts[number]]
        return found if found.shape else found[()]

    def _block(self, number: int) -> NDArray[Any]:
        if number not in self._blocks:
            ids = self._encoder(self._scan.block(self._text, number))
            self._blocks[number] = np.frombuffer(ids, self.dtype)
            if len(self._blocks) > MOST_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]
