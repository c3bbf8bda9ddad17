"""char-rnn.pytorch and its variants: LSTM or GRU, embedding or one-hot, and the characters wherever they are."""

from __future__ import annotations

import string
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.importers.conftest import logits
from torch import nn

from seqshell import Session

CHARS = sorted("ab\n é.,T")
V, H = len(CHARS), 6


class CharRNN(nn.Module):
    """As in spro/char-rnn.pytorch: embedding and hidden states have one size."""

    def __init__(self, size: int, model: str, n_layers: int) -> None:
        super().__init__()
        self.model, self.input_size, self.hidden_size, self.n_layers = model, size, H, n_layers
        self.encoder = nn.Embedding(size, H)
        self.rnn = (nn.GRU if model == "gru" else nn.LSTM)(H, H, n_layers)
        self.decoder = nn.Linear(H, size)
        self.criterion = nn.CrossEntropyLoss()

    def forward(self, tokens: Any) -> Any:
        return self.decoder(self.rnn(self.encoder(tokens))[0])


class OneHotRNN(nn.Module):
    """As in Udacity's course, whose checkpoint has the characters as tokens; others keep them in the module."""

    def __init__(self, tokens: Any) -> None:
        super().__init__()
        self.chars = tokens
        self.int2char = dict(enumerate(tokens))
        self.char2int = {character: number for number, character in self.int2char.items()}
        self.lstm = nn.LSTM(V, H, 2, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(H, V)

    def forward(self, tokens: Any) -> Any:
        return self.fc(self.lstm(nn.functional.one_hot(tokens, V).float())[0])


class Corpus:
    def __init__(self) -> None:
        self.dictionary = SimpleNamespace(char2idx={character: number for number, character in enumerate(CHARS)})


def expected(module: nn.Module, tokens: tuple[int, ...]) -> Any:
    with torch.no_grad():
        return module.eval()(torch.tensor(tokens)[:, None] if hasattr(module, "rnn") else torch.tensor([tokens]))


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(6)


@pytest.mark.parametrize("model", ["gru", "lstm"])
@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "pickles"])
def test_100_characters_are_the_printable_ones(imported: Callable[..., Session], model: str, is_zip: bool) -> None:
    module = CharRNN(100, model, 2)
    torch.save(module, "shakespeare.pt", _use_new_zipfile_serialization=is_zip)
    session = imported("shakespeare.pt")
    tokens = tuple(map(string.printable.index, "Wh:\n"))
    assert session.model.tokenizer.encode("Wh:\n") == list(tokens)
    np.testing.assert_allclose(logits(session, tokens), expected(module, tokens)[:, 0].numpy(), atol=1e-5)


@pytest.mark.parametrize(
    "saved",
    [
        lambda module: {"n_hidden": H, "n_layers": 2, "state_dict": module.state_dict(), "tokens": tuple(CHARS)},
        lambda module: module,
        lambda module: {"model": module.state_dict(), "vocab": {"itos": CHARS, "stoi": module.char2int}},
        lambda module: {"net": module.state_dict(), "args": SimpleNamespace(lr=0.1), "data": Corpus()},
        lambda module: {"w": module.state_dict(), "alphabet": "".join(CHARS)},
        lambda module: (module.state_dict(), module.char2int, module.int2char, 3),
    ],
    ids=["tokens", "module", "itos", "object", "alphabet", "tuple"],
)
def test_the_characters_are_found_wherever_the_file_has_them(
    imported: Callable[..., Session], saved: Callable[[OneHotRNN], Any]
) -> None:
    module = OneHotRNN(tuple(CHARS))
    torch.save(saved(module), "rnn.net")
    session = imported("rnn.net")
    tokens = (0, 3, 5, 1)
    np.testing.assert_allclose(logits(session, tokens), expected(module, tokens)[0].numpy(), atol=1e-5)
    assert [session.model.tokenizer.piece(token).decode() for token in range(V)] == CHARS


def test_a_subset_of_bytes_is_read_as_bytes(imported: Callable[..., Session]) -> None:
    numbers = sorted(set("aé\nTb. ,".encode()))
    module = CharRNN(len(numbers), "gru", 1)
    torch.save({"state": module.state_dict(), "itos": numbers}, "bytes.pt")
    tokenizer = imported("bytes.pt").model.tokenizer
    assert b"".join(map(tokenizer.piece, tokenizer.encode("Té\n"))).decode() == "Té\n"


def test_padding_without_a_character_is_never_written(imported: Callable[..., Session]) -> None:
    char2idx = {character: number for number, character in enumerate(CHARS, 1)}
    torch.save({"state": CharRNN(V + 1, "gru", 1).state_dict(), "char2idx": char2idx}, "from1.pt")
    tokenizer = imported("from1.pt").model.tokenizer
    assert (tokenizer.pad, tokenizer.piece(0), tokenizer.encode(CHARS[0])) == (0, b"", [1])


def test_two_different_vocabularies_need_a_choice(refused: Callable[..., str]) -> None:
    torch.save({"state": CharRNN(V, "gru", 1).state_dict(), "a": CHARS, "b": CHARS[::-1]}, "two.pt")
    assert f"the file does not name its {V} tokens; write --vocab FILE" in refused("two.pt")
