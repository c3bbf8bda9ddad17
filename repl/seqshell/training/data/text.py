"""Text for training: where it comes from, how it is split, and the contiguous streams that a model reads side by side."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError
from seqshell.training.data.generated import PREFIX, make_table
from seqshell.training.recipes.settings import DataSettings

SMALLEST = 256  # characters to train on; below, nothing can be learnt and the batches become too short to carry a state


@dataclass(frozen=True)
class TextData:
    """A text cut in two. sha256: of the bytes of the whole, hexadecimal, so that a checkpoint can tell what it has seen."""

    name: str
    sha256: str
    training: str
    validation: str


def load_text(settings: DataSettings, folder: Path) -> TextData:
    """The text of a recipe whose relative paths start at `folder`. RecipeError when it is missing, no text, or too short."""
    name, text, digest = read_text(settings.text, folder, settings.origin)
    if not isinstance(settings.validation, str | float | int):
        raise RecipeError(f"data.validation must be a share of {name}, or a file, not {settings.validation!r}")
    if isinstance(settings.validation, str):
        training, validation = text, read_text(settings.validation, folder, settings.origin)[1]
    else:
        cut = int((1 - settings.validation) * len(text))
        training, validation = text[:cut], text[cut:]
    if len(training) < SMALLEST or len(validation) < 2:
        raise RecipeError(
            f"{name} is too short: {len(training)} characters to train on and {len(validation)} to validate on; {SMALLEST} and 2 are the least"
        )
    return TextData(name, digest, training, validation)


def read_text(word: str, folder: Path = Path(), source: str = "") -> tuple[str, str, str]:
    """(name, text, sha256 of its bytes) of a file, of "python:MODULE.NAME" or of the table "generated:NAME".

    Of a file, CRLF becomes LF, a byte order mark is left out, and one that ends in .gz is unpacked.
    """
    if word.startswith(PREFIX):
        return made(word, make_table(word))
    if word.startswith("python:"):
        return made(word, _python_text(word))
    path = folder / Path(word).expanduser()
    if not path.exists():
        raise RecipeError(f"there is no {path}" + (f"; the text comes from {source}" if source else ""))
    if not path.is_file():
        raise RecipeError(f"{path} is not a regular file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecipeError(f"cannot read {path}: {error.strerror or error}") from None
    content = _unpacked(data, path) if path.suffix == ".gz" else data
    if not content:
        raise RecipeError(f"{path} is empty")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(
            f"{path} is not UTF-8 text: byte {error.start} is 0x{content[error.start]:02x}; convert it, or use another file"
        ) from None
    return path.name, text.replace("\r\n", "\n"), hashlib.sha256(data).hexdigest()


def made(word: str, text: str) -> tuple[str, str, str]:
    """What `read_text` returns of a text that is in no file."""
    return word, text, hashlib.sha256(text.encode()).hexdigest()


def _unpacked(data: bytes, path: Path) -> bytes:
    """What a gzip file holds. RecipeError when it is none, or damaged."""
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise RecipeError(f"{path} cannot be unpacked: {error}") from None


def _python_text(word: str) -> str:
    """Python's own help topics: a text that is always there. Paragraphs that come again are left out, or they would leak into the validation."""
    if word != "python:pydoc_data.topics":
        raise RecipeError(
            f"data.text: {word!r} is not known; the text that comes with Python is python:pydoc_data.topics"
        )
    topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    paragraphs = dict.fromkeys(part.rstrip() for name in sorted(topics) for part in topics[name].split("\n\n"))
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def fit_sizes(num_tokens: int, batch_size: int, sequence_length: int) -> tuple[int, int]:
    """The batch size and sequence length that a text of num_tokens can fill: every stream holds at least four batches, if need be shorter ones."""
    sequence_length = max(1, min(sequence_length, (num_tokens - 1) // 8))
    return max(1, min(batch_size, (num_tokens - 1) // (4 * sequence_length))), sequence_length


@dataclass(frozen=True)
class Streams:
    """A text read as `batch_size` contiguous streams, in batches of `sequence_length`. Row b of one batch goes on in row b of the next.

    ids: [N] int64, taken as a ring, so that each epoch may start elsewhere.
    """

    ids: NDArray[np.int64]
    batch_size: int
    sequence_length: int

    @property
    def num_batches(self) -> int:
        """Pieces in an epoch; fewer than a batch of each stream is left out, another one each time."""
        return max(1, (self.ids.size - 1) // self.batch_size // self.sequence_length)

    def batches(self, offset: int, start: int = 0) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """(inputs [B, T], targets [B, T]) from batch `start` on, the ring turned by `offset`."""
        turned = np.roll(self.ids, -offset)
        length = (turned.size - 1) // self.batch_size
        inputs = turned[: length * self.batch_size].reshape(self.batch_size, length)
        targets = turned[1 : length * self.batch_size + 1].reshape(self.batch_size, length)
        for index in range(start, self.num_batches):
            span = slice(index * self.sequence_length, (index + 1) * self.sequence_length)
            yield np.ascontiguousarray(inputs[:, span]), np.ascontiguousarray(targets[:, span])


def encode(tokenizer: Any, text: str) -> NDArray[np.int64]:
    """[N] ids of a text."""
    return np.asarray(tokenizer.encode(text), np.int64)
