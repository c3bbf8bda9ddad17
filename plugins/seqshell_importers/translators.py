"""What the importers of encoder-decoders share: tensors by name, recurrent layers, and vocabularies in our order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError, ForeignModel, ListTokenizer, Record, StoredTensor, Task, Tokenizer, weights_of
from seqshell.core.named_files import read_bytes

CELLS = {4: "lstm", 3: "gru", 1: "rnn"}  # by the number of gates
NEVER = -1e4  # the logit of a token that the file's model does not have
MOST_BYTES = 100_000_000  # of a list of tokens
Floats = NDArray[np.float32]


def weights_in(value: Any) -> dict[str, StoredTensor]:
    """The weights of a state_dict or of a whole module; {} if it is neither."""
    found = weights_of(value) if isinstance(value, Record) else value
    items = found.items() if isinstance(found, Mapping) else ()
    return {name: each for name, each in items if isinstance(name, str) and isinstance(each, StoredTensor)}


class Tensors:
    """The tensors of a model by name, each of which a layout takes once, with the shape that it must have."""

    def __init__(self, tensors: Mapping[str, StoredTensor], nearest: str) -> None:
        """nearest: the architecture that the tensors should fit, for messages."""
        self._left, self._nearest = dict(tensors), nearest
        self.names = frozenset(tensors)

    def shape(self, name: str, axes: int = 2) -> tuple[int, ...]:
        """The shape of a tensor with this number of axes."""
        found = self._left.get(name)
        if found is None:
            raise CheckpointError(f"the file has no tensor {name}, which {self._nearest} needs")
        if len(found.shape) != axes or not found.is_float:
            raise CheckpointError(
                f"{name} is {found!r}, but {self._nearest} needs a tensor of floats with {axes} axes there"
            )
        return found.shape

    def take(self, name: str, *shape: int) -> Floats:
        """The numbers of a tensor, in float32."""
        if (found := self.shape(name, len(shape))) != shape:
            raise CheckpointError(f"{name} is {list(found)}; {self._nearest} with these sizes needs {list(shape)}")
        return np.ascontiguousarray(self._left.pop(name).numpy(), np.float32)

    def bias(self, name: str, size: int) -> Floats:
        """A bias, or zeros if the file has none."""
        return self.take(name, size) if name in self.names else np.zeros(size, np.float32)

    def drop(self, *names: str) -> None:
        """Leave out tensors that repeat others or change nothing."""
        for name in names:
            self._left.pop(name, None)

    def require_all_taken(self) -> None:
        """Raise CheckpointError with the first tensor that no part of the architecture has taken."""
        for name, tensor in self._left.items():
            raise CheckpointError(
                f"{name} {list(tensor.shape)} is not part of {self._nearest}, the nearest architecture"
            )

    def layers(self, prefix: str, ours: str, inputs: int, size: int) -> tuple[dict[str, Floats], str, int, int]:
        """Layers of nn.RNN, nn.LSTM or nn.GRU, under our names; the cell, the number of layers, and of directions.

        inputs: of the first layer; size: of the hidden state, in one direction.
        """
        number = sum(f"{prefix}weight_hh_l{layer}" in self.names for layer in range(64))
        suffixes = ("", "_reverse") if f"{prefix}weight_hh_l0_reverse" in self.names else ("",)
        gates = self.shape(f"{prefix}weight_hh_l0")[0] // max(1, size)
        if gates not in CELLS:
            raise CheckpointError(f"{prefix}weight_hh_l0 has {gates} gates; an lstm has 4, a gru 3 and an rnn 1")
        found, rows = {}, gates * size
        for layer in range(number):
            columns = inputs if layer == 0 else size * len(suffixes)
            for suffix in suffixes:
                theirs, own = f"{prefix}%s_l{layer}{suffix}", f"{ours}{layer}.%s_l0{suffix}"
                found[own % "weight_ih"] = self.take(theirs % "weight_ih", rows, columns)
                found[own % "weight_hh"] = self.take(theirs % "weight_hh", rows, size)
                for bias in ("bias_ih", "bias_hh"):
                    found[own % bias] = self.bias(theirs % bias, rows)
        return found, CELLS[gates], number, len(suffixes)


@dataclass(frozen=True)
class Words:
    """A vocabulary of a file, with the ids of its special tokens, or None."""

    tokens: Sequence[str]
    pad: int | None = None
    bos: int | None = None
    eos: int | None = None
    unk: int | None = None

    @classmethod
    def named(cls, tokens: Sequence[str]) -> Words:
        """A vocabulary whose special tokens have the usual names, such as <s>."""
        found = ListTokenizer.of(tokens)
        return cls(tokens, found.pad, found.bos, found.eos, found.unk)

    @property
    def order(self) -> list[int | None]:
        """The file's ids in our order: PAD, BOS, EOS, UNK if there is one, and the words. None: not in the file."""
        specials = [self.pad, self.bos, self.eos, *([] if self.unk is None else [self.unk])]
        return [*specials, *(number for number in range(len(self.tokens)) if number not in specials)]

    def rows(self, matrix: Floats, fill: float = 0) -> Floats:
        """The rows of a matrix or vector in our order; `fill` for tokens that the file does not have."""
        made = np.full((len(self.order), *matrix.shape[1:]), fill, np.float32)
        for place, number in enumerate(self.order):
            if number is not None:
                made[place] = matrix[number]
        return made

    def tokenizer(self, unit: str = "") -> Tokenizer:
        """The tokenizer of the tokens in our order. unit: what they are; "": characters if all are, else words."""
        specials = {self.pad, self.bos, self.eos, self.unk}
        lengths = {len(token) for number, token in enumerate(self.tokens) if number not in specials}
        unit = unit or ("characters" if lengths == {1} else "words")
        texts = ["" if number is None else self.tokens[number] for number in self.order]
        return ListTokenizer(texts, unit=unit, pad=0, bos=1, eos=2, unk=None if self.unk is None else 3)


def words_beside(path: Path, source_size: int, target_size: int) -> tuple[Words, Words]:
    """The vocabularies of the files src_vocab.txt and trg_vocab.txt, with one token in each line, beside a model."""
    names = ("src_vocab.txt", "trg_vocab.txt")
    if not all((path.parent / name).is_file() for name in names):
        raise CheckpointError(
            f"the file does not name its {source_size} source and {target_size} target tokens; write them, one in each "
            f"line, into {names[0]} and {names[1]} beside it"
        )
    source, target = (
        _lines(path.parent / name, size) for name, size in zip(names, (source_size, target_size), strict=True)
    )
    return Words.named(source), Words.named(target)


def _lines(path: Path, size: int) -> list[str]:
    try:
        found = read_bytes(path, most=MOST_BYTES).decode().removesuffix("\n").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        raise CheckpointError(f"{path.name} is not UTF-8") from None
    if len(found) != size:
        raise CheckpointError(f"{path.name} has {len(found)} tokens, but the weights are for {size}")
    return found


def translator(
    path: Path,
    words: tuple[Words, Words],
    config: Mapping[str, Any],
    weights: Mapping[str, Floats],
    options: Mapping[str, Any],
    *,
    attention: bool = True,
    units: tuple[str, str] = ("", ""),
) -> ForeignModel:
    """The model. words, units: of source and target, as for Words.tokenizer. config: without sizes of vocabularies."""
    source, target = words
    tokenizers = [each.tokenizer(unit) for each, unit in zip(words, units, strict=True)]
    if source is target:
        tokenizers[0] = tokenizers[1]
    sizes = {"source_vocab_size": tokenizers[0].size, "target_vocab_size": tokenizers[1].size}
    return ForeignModel(
        Task.TRANSLATE,
        "attention_seq2seq" if attention else "seq2seq",
        {"scaled_embedding": False, **sizes, **config, **options.get("config", {})},
        weights,
        tokenizers[1],
        about=f"imported from {path.name}",
        source_tokenizer=tokenizers[0],
    )


def with_last_part_first(matrix: Floats, last: int) -> Floats:
    """A matrix for [context; hidden], from one for [hidden; context], whose `last` columns are the context's."""
    return np.concatenate((matrix[:, -last:], matrix[:, :-last]), 1)
