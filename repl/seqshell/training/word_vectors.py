"""Pretrained word vectors as the first embeddings: text files of GloVe, word2vec and fastText.

Each line is a word and its numbers, with spaces between them. The first line of word2vec's and fastText's files is the
number of words and of numbers in each. Only the vectors of the vocabulary are kept, so the size of a file needs no
memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seqshell.core.errors import RecipeError
from seqshell.core.named_files import opened, shown_name
from seqshell.core.text_output import counted
from seqshell.core.tokenizers import Tokenizer

LONGEST_LINE = 1 << 20  # bytes
EMBEDDINGS = ("embedding", "source_embedding", "target_embedding")  # the names of modules of this kind


@dataclass(frozen=True)
class WordVectors:
    """The vectors of some tokens of a vocabulary. tokens: [N]; values: [N, D]; size: of the vocabulary."""

    name: str
    tokens: NDArray[np.int64]
    values: NDArray[np.float32]
    size: int

    def describe(self) -> str:
        """How many tokens have a vector."""
        known, width = len(self.tokens), self.values.shape[1]
        share = f"{100 * known / self.size:.1f} %"
        return f"{self.name}: vectors of {width} numbers for {known:,} of {self.size:,} tokens ({share})"

    def put_into(self, module: nn.Module, first: int = 0) -> None:
        """Set the embeddings of these tokens, from number `first` on.

        Raises RecipeError if the module has no embedding of the vocabulary, or one of another size.
        """
        found = [
            (name, weight)
            for name, weight in module.named_parameters()
            if name.split(".")[-2:-1]
            and name.split(".")[-2] in EMBEDDINGS
            and weight.dim() == 2
            and len(weight) == self.size
        ]
        if not found:
            raise RecipeError(f"data.vectors: the model has no embedding of {self.size:,} tokens to set")
        new = self.tokens >= first
        for name, weight in found:
            if weight.shape[1] != self.values.shape[1]:
                numbers = f"{self.values.shape[1]} numbers, and {name} has {weight.shape[1]}"
                raise RecipeError(f"data.vectors: {self.name} has vectors of {numbers}", hint="set model.embed_size")
            with torch.no_grad():
                weight[torch.from_numpy(self.tokens[new])] = torch.from_numpy(self.values[new]).to(weight)


def read_vectors(path: Path, tokenizers: list[Tokenizer]) -> list[WordVectors]:
    """The vectors of the tokens of each tokenizer. A word that a file lacks gets the vector of its lower case.

    Raises RecipeError, with the number of the line, for a line that is not a word and as many numbers as the others.
    """
    name, vocabularies = shown_name(path.name), [_words(each) for each in tokenizers]
    exact: dict[str, NDArray[np.float32]] = {}
    wanted = {form for words in vocabularies for word in words if word for form in (word, word.lower())}
    with opened(path, error=RecipeError) as file:
        size = 0
        for number, line in enumerate(_lines(file, name), 1):
            fields = line.split(" ")
            if number == 1 and len(fields) == 2 and all(field.isdecimal() and len(field) < 12 for field in fields):
                size = int(fields[1])
                continue
            size = size or len(fields) - 1
            if size < 1 or len(fields) <= size:
                raise RecipeError(
                    f"{name}, line {number}: {counted(len(fields) - 1, 'number')} after the word, not {max(1, size)}"
                )
            word = " ".join(fields[:-size])
            if word in wanted and word not in exact:
                exact[word] = _vector(fields[-size:], f"{name}, line {number}")
    if not exact:
        raise RecipeError(f"data.vectors: {name} has a vector for no token of the vocabulary")
    return [_of_vocabulary(name, words, exact, size) for words in vocabularies]


def _lines(file: BinaryIO, name: str) -> Iterator[str]:
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise RecipeError(f"{name}, line {number} has more than {LONGEST_LINE:,} bytes; is it a file of vectors?")
        yield line.decode("utf-8", "replace").rstrip(" \r\n")


def _vector(fields: list[str], where: str) -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):
            values = np.array(fields, np.float64).astype(np.float32)
    except ValueError:
        wrong = next(field for field in fields if not _is_number(field))
        raise RecipeError(f"{where}: {wrong!r:.40} is not a number") from None
    if not np.isfinite(values).all():
        raise RecipeError(f"{where}: a number is NaN or infinite")
    return values


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _words(tokenizer: Tokenizer) -> list[str]:
    """The text of each token without the spaces around it."""
    return [tokenizer.piece(token).decode("utf-8", "replace").strip() for token in range(tokenizer.size)]


def _of_vocabulary(name: str, words: list[str], exact: dict[str, NDArray[np.float32]], width: int) -> WordVectors:
    found: list[Any] = [exact.get(word, exact.get(word.lower())) for word in words]
    known = [token for token, vector in enumerate(found) if vector is not None]
    values = np.array([found[token] for token in known], np.float32).reshape(len(known), width)
    return WordVectors(name, np.array(known, np.int64), values, len(words))
