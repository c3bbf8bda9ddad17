"""Texts that stay in the file where they are: what is kept of each is its place. Others are kept beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError
from seqshell.core.named_files import opened
from seqshell.training.data import token_rows
from seqshell.training.data.array_store import ArrayStore, Parts, Spools, forget
from seqshell.training.data.cell_blocks import Cells, hashes_of_texts
from seqshell.training.data.large_text import LargeText
from seqshell.training.data.row_encoding import MAY_BE_SPACE, SPACE, text_of
from seqshell.training.data.small_integers import integer_type
from seqshell.training.data.token_rows import TextRows

NEAR = 1 << 16  # bytes between texts that are read with them
MOST_BETWEEN = 4  # how many times as long as texts what is between them may be


@dataclass(frozen=True)
class FileContent:
    """The first `size` bytes of a file, and after them texts that are kept. state: of the file, as it was read."""

    text: LargeText
    size: int
    state: tuple[int, ...]
    kept: NDArray[np.uint8]

    def parts(self, starts: NDArray[Any], sizes: NDArray[Any]) -> list[bytes]:
        """The bytes at some places. Raises RecipeError if the file has changed."""
        begins = starts.astype(np.int64)
        stops = begins + sizes
        places = list(zip(begins.tolist(), stops.tolist(), strict=True))
        in_file = (begins < self.size) & (stops > begins)
        if not in_file.any():
            return [self._kept(*place) for place in places]
        first, last = int(begins[in_file].min()), int(stops[in_file].max())
        if last - first <= MOST_BETWEEN * int(sizes[in_file].sum(dtype=np.int64)) + NEAR:
            block = self.text.part(first, last, self.state)
            if in_file.all():
                return [block[start - first : stop - first] for start, stop in places]
            return [
                block[start - first : stop - first] if is_here else self._kept(start, stop)
                for (start, stop), is_here in zip(places, in_file.tolist(), strict=True)
            ]
        with opened(self.text.path, error=RecipeError) as file:
            found = list[bytes]()
            for (start, stop), is_here in zip(places, in_file.tolist(), strict=True):
                if is_here:
                    file.seek(start)
                found.append(file.read(stop - start) if is_here else self._kept(start, stop))
        self.text.part(0, 0, self.state)  # which finds that the file has changed
        return found

    def joined(self, starts: NDArray[Any], sizes: NDArray[Any]) -> tuple[bytes, list[bytes]]:
        """The texts at some places that are not empty: those that follow one another in the file, with spaces between
        them, and others, as well as those that begin with a tab or the like.
        """
        begins = starts.astype(np.int64)
        stops = begins + sizes
        in_file = (stops <= self.size) & (stops > begins)
        first, last = begins[in_file], stops[in_file]
        if not len(first) or (first[1:] <= last[:-1]).any() or last[-1] - first[0] > MOST_BETWEEN * sizes.sum() + NEAR:
            return b"", list(filter(None, self.parts(starts, sizes)))
        block = np.frombuffer(self.text.part(int(first[0]), int(last[-1]), self.state), np.uint8).copy()
        others = list(filter(None, self.parts(starts[~in_file], sizes[~in_file])))
        first, last = first - first[0], last - first[0]
        letters = block[first]
        may_be_odd = np.flatnonzero(MAY_BE_SPACE[letters] & (letters != SPACE))
        odd = [row for row in may_be_odd.tolist() if text_of(block[first[row] : last[row]].tobytes())[0].isspace()]
        others += [block[first[row] : last[row]].tobytes() for row in odd]
        first, last = np.delete(first, odd), np.delete(last, odd)
        begins, ends = np.append(first, len(block)), np.append(0, last)
        gaps = begins - ends
        is_kept = np.ones(len(block), bool)
        is_kept[np.repeat(ends - np.cumsum(gaps) + gaps, gaps) + np.arange(gaps.sum())] = False
        block[last[:-1]], is_kept[last[:-1]] = SPACE, True
        return block[is_kept].tobytes(), others

    def _kept(self, start: int, stop: int) -> bytes:
        return self.kept[start - self.size : stop - self.size].tobytes() if stop > start else b""


class FileRows(TextRows):
    """Texts in a FileContent. starts, sizes: [R], the place of each in bytes. rows: [N], which of them these are; None:
    all.
    """

    def __init__(
        self, content: FileContent, starts: NDArray[Any], sizes: NDArray[Any], rows: NDArray[Any] | None = None
    ) -> None:
        super().__init__(content, sizes, rows)
        self._starts, self._sizes = starts, sizes

    def __len__(self) -> int:
        return len(self._starts) if self._rows is None else len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return list(map(self._item, self.contents_at(np.arange(*place.indices(len(self))))))
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self._item(self.contents_at(np.array([place % len(self)]))[0])

    def contents_at(self, places: NDArray[Any]) -> list[bytes]:
        """Some of the texts, in UTF-8."""
        rows = places if self._rows is None else self._rows[places]
        found: list[bytes] = self._content.parts(self._starts[rows], self._sizes[rows])
        return found

    def _parts(self) -> Iterator[bytes]:
        for start in range(0, len(self), token_rows.TOGETHER):
            yield from self.contents_at(np.arange(start, min(start + token_rows.TOGETHER, len(self))))
            for array in (self._starts, self._sizes, self._content.kept):
                forget(array)

    def joined(self) -> Iterator[tuple[bytes, list[bytes]]]:
        """All texts, as `FileContent.joined` gives some thousand of them."""
        for start in range(0, len(self), token_rows.TOGETHER):
            rows = np.arange(start, min(start + token_rows.TOGETHER, len(self)))
            rows = rows if self._rows is None else self._rows[rows]
            yield self._content.joined(self._starts[rows], self._sizes[rows])

    def at(self, rows: NDArray[Any]) -> FileRows:
        """Some of the rows, by their numbers, without a copy of them."""
        return FileRows(self._content, self._starts, self._sizes, rows if self._rows is None else self._rows[rows])

    @property
    def size(self) -> int:
        """The bytes of all texts."""
        return int(self._sizes.sum(dtype=np.int64))

    @property
    def lengths(self) -> NDArray[Any]:
        """The bytes of each text."""
        return self._sizes if self._rows is None else self._sizes[self._rows]


class NewFileRows:
    """The places of texts, which are collected in files of `spools`. size: bytes of the file with most of them."""

    def __init__(self, size: int, spools: Spools) -> None:
        self._size, self._kept_size, self._longest = size, 0, 0
        self._starts, self._sizes, self._kept = (spools.new(kind) for kind in (np.int64, np.uint32, np.uint8))

    def add(self, cells: Cells) -> None:
        """Add the cells of a file."""
        starts, sizes = cells.starts, cells.sizes
        if cells.changed:
            starts, sizes = starts.copy(), sizes.copy()
            rows = list(cells.changed)
            starts[rows], sizes[rows] = self._keep(list(cells.changed.values()))
        self._add(starts, sizes)

    def add_texts(self, contents: Sequence[bytes]) -> NDArray[np.uint64]:
        """Add texts in UTF-8, which are kept. Returns their hashes."""
        self._add(*self._keep(contents))
        return hashes_of_texts(list(contents))

    def _keep(self, contents: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        sizes = np.fromiter(map(len, contents), np.int64, len(contents))
        starts = self._size + self._kept_size + np.cumsum(sizes) - sizes
        self._kept.add(b"".join(contents))
        self._kept_size += int(sizes.sum())
        return starts, sizes

    def _add(self, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
        self._longest = max(self._longest, int(sizes.max(initial=0)))
        self._starts.add(starts.tobytes())
        self._sizes.add(sizes.astype(np.uint32).tobytes())

    def rows(self, text: LargeText, state: tuple[int, ...]) -> FileRows:
        """The texts so far. text, state: of the file with most of them."""
        content = FileContent(text, self._size, state, self._kept.array())
        return FileRows(content, self._starts.array(), self._sizes.array())

    def parts(self, name: str) -> list[Parts]:
        """What `write_store` writes of them, under names that `stored_file_rows` knows."""
        places, lengths = integer_type(self._size + self._kept_size + 1), integer_type(self._longest + 1)
        return [
            (f"{name}, starts", places, self._starts.parts(places)),
            (f"{name}, sizes", lengths, self._sizes.parts(lengths)),
            (f"{name}, kept", np.uint8, self._kept.parts()),
        ]


def stored_file_rows(store: ArrayStore, name: str, text: LargeText, state: tuple[int, ...]) -> FileRows:
    """Texts whose places are in a store. text, state: of the file with most of them."""
    starts, sizes, kept = (store.arrays[f"{name}, {part}"] for part in ("starts", "sizes", "kept"))
    return FileRows(FileContent(text, text.size, state, kept), starts, sizes)
