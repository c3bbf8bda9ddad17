"""Text for training: read it, split it, and divide it into contiguous streams."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.named_files import named_path, read_bytes, shown_name
from seqshell.core.tables.encoding import decode
from seqshell.core.text_files import unpacked
from seqshell.core.text_output import quoted
from seqshell.training.data.file_format import AS_FOUND, FileFormat
from seqshell.training.data.generated import PREFIX, make_table
from seqshell.training.data.plugin_data import PluginData
from seqshell.training.data.python_data import PREFIX as PYTHON
from seqshell.training.data.python_data import make_text
from seqshell.training.recipes.settings import DataSettings

SMALLEST = 256  # characters for training; with fewer, batches are too short to carry a state
BEGINNING = 100_000  # characters that show what a text is


class SplitText(Protocol):
    """What is known of a text that is split for validation, which may be in memory or in a file."""

    @property
    def name(self) -> str:
        """Of its file."""

    @property
    def sha256(self) -> str:
        """Of the bytes of the whole text, hexadecimal."""

    @property
    def characters(self) -> tuple[int, int]:
        """For training and for validation."""

    @property
    def validation_bytes(self) -> int:
        """Bytes of UTF-8 of the validation text."""

    @property
    def beginning(self) -> str:
        """The first characters for training, BEGINNING at most."""


@dataclass(frozen=True)
class TextData:
    """A text in memory, split for validation. sha256: of the bytes of the whole text, hexadecimal."""

    name: str
    sha256: str
    training: str
    validation: str

    @property
    def characters(self) -> tuple[int, int]:
        return len(self.training), len(self.validation)

    @property
    def validation_bytes(self) -> int:
        return len(self.validation.encode("utf-8", "surrogatepass"))

    @property
    def beginning(self) -> str:
        return self.training[:BEGINNING]


@dataclass(frozen=True)
class StoredText:
    """What is known of a text whose tokens are in a file. See SplitText."""

    name: str
    sha256: str
    characters: tuple[int, int]
    validation_bytes: int
    beginning: str = field(repr=False)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> StoredText:
        """From the facts of a file."""
        return cls(**{**facts, "characters": tuple(facts["characters"])})

    def as_json(self) -> dict[str, Any]:
        """The facts for a file."""
        return asdict(self)


def load_text(settings: DataSettings, folder: Path, *, whole_lines: bool = False) -> TextData:
    """Read and split the text of a recipe. folder: where relative paths start.

    whole_lines: if a share is held out, it begins with a line.
    Raises RecipeError if the text is missing, invalid or too short.
    """
    format = FileFormat.of(settings)
    name, text, digest = read_text(settings.text, folder, settings.origin, format)
    if not isinstance(settings.validation, str | float | int):
        raise RecipeError(f"data.validation must be a share of {name}, or a file, not {quoted(settings.validation)}")
    if isinstance(settings.validation, str):
        validation = read_text(settings.validation, folder, settings.origin, format)[1]
        training = text
    else:
        cut = int((1 - settings.validation) * len(text))
        cut = text.rfind("\n", 0, cut) + 1 or cut if whole_lines else cut
        training, validation = text[:cut], text[cut:]
    check_length(name, len(training), len(validation))
    return TextData(name, digest, training, validation)


def check_length(name: str, training: int, validation: int) -> None:
    """Raise RecipeError unless there are enough characters for training and validation."""
    if training < SMALLEST or validation < 2:
        sizes = f"{training} characters for training and {validation} for validation"
        raise RecipeError(f"{name} is too short: {sizes}; the minimum is {SMALLEST} and 2")


def read_text(
    source: str, folder: Path = Path(), origin: str = "", format: FileFormat = AS_FOUND
) -> tuple[str, str, str]:
    """(name, text, sha256 of its bytes) of a file, of "python:NAME", or of the data "generated:NAME".

    folder: where relative paths start. origin: where the user can get a missing file.
    In files, CRLF becomes LF, a byte order mark is removed, and .gz files are unpacked.
    """
    if isinstance(source, PluginData):
        return with_digest(str(source), source.text())
    if source.startswith(PREFIX):
        return with_digest(source, make_table(source))
    if source.startswith(PYTHON):
        return with_digest(source, make_text(source))
    name, text, digest, _ = read_text_file(named_path(source, folder, RecipeError), origin, format)
    return name, text, digest


def read_text_file(path: Path, origin: str = "", format: FileFormat = AS_FOUND) -> tuple[str, str, str, str]:
    """(name, text, sha256 of its bytes, encoding that was found) of a file; the encoding is "" for UTF-8.

    Raises RecipeError if it is missing, empty or not a text.
    """
    shown = shown_name(path)
    if not path.exists():
        raise RecipeError(f"{shown} does not exist" + (f"; get it from {origin}" if origin else ""))
    try:
        data = read_bytes(path, error=RecipeError)
        content = unpacked(data, shown)
        if not content:
            raise RecipeError(f"{shown} is empty")
        text, found = _decoded(content, shown, format)
    except UsageError as error:
        raise RecipeError(error.message) from None
    return path.name, text, hashlib.sha256(data).hexdigest(), found


def _decoded(content: bytes, name: str, format: FileFormat) -> tuple[str, str]:
    """The text in the format's encoding, else in UTF-8 or UTF-16, else in the format's other encoding."""
    try:
        return decode(content, name, format.encoding, key=format.key)
    except UsageError:
        if not format.other:
            raise
        return decode(content, name, format.other)


def with_digest(name: str, text: str) -> tuple[str, str, str]:
    """(name, text, sha256), as `read_text` returns, for a text that is not from a file."""
    return name, text, hashlib.sha256(text.encode()).hexdigest()


def fit_sizes(num_tokens: int, batch_size: int, sequence_length: int) -> tuple[int, int]:
    """Reduce batch size and sequence length for a short text, so that each stream has at least four batches."""
    sequence_length = max(1, min(sequence_length, (num_tokens - 1) // 8))
    return max(1, min(batch_size, (num_tokens - 1) // (4 * sequence_length))), sequence_length


@dataclass(frozen=True)
class Streams:
    """A text as `batch_size` contiguous streams, read `sequence_length` tokens at a time.

    Row b of a batch continues in row b of the next.
    ids: [N] integers, in memory or in a file; used as a ring, so that each epoch can start at another token.
    """

    ids: NDArray[Any]
    batch_size: int
    sequence_length: int

    @property
    def size(self) -> str:
        """The number of tokens in words."""
        return f"{self.ids.size:,}"

    @property
    def num_orders(self) -> int:
        """The number of tokens: an epoch may start at any of them."""
        return int(self.ids.size)

    @property
    def beginning(self) -> NDArray[Any]:
        """Tokens [N] that show what the text is like."""
        return self.ids

    @property
    def num_batches(self) -> int:
        """Batches in an epoch; the tokens left over at the end, different ones in each epoch, are not used."""
        return max(1, (self.ids.size - 1) // self.batch_size // self.sequence_length)

    def batches(self, offset: int, start: int = 0) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """(inputs [B, T], targets [B, T]) of each batch, starting with number `start`.

        offset: first token of the epoch.
        """
        size = self.ids.size
        length = (size - 1) // self.batch_size
        firsts = offset + length * np.arange(self.batch_size)[:, None]
        for index in range(start, self.num_batches):
            place = index * self.sequence_length
            steps = np.arange(place, min(place + self.sequence_length, length) + 1)
            ids = self.ids[(firsts + steps) % size].astype(np.int64)
            yield np.ascontiguousarray(ids[:, :-1]), np.ascontiguousarray(ids[:, 1:])


def encode(tokenizer: Any, text: str) -> NDArray[np.int64]:
    """[N] ids of a text."""
    return np.asarray(tokenizer.encode(text), np.int64)
