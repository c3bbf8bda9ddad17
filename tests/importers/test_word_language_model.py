"""Models of pytorch/examples word_language_model and its descendants: whole modules and weights, with vocab.txt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.importers.conftest import logits
from torch import nn

from seqshell import Session

WORDS = ["the", "cat", "<unk>", ",", "<eos>", "Sat", "."]
V, E, H = len(WORDS), 5, 6
TOKENS = (0, 1, 2, 4, 6, 3)


class RNNModel(nn.Module):
    """As in pytorch/examples; neural-complexity, Gulordava et al. and TinyLSTM have the same fields."""

    def __init__(self, rnn_type: str, ninp: int, nhid: int, nlayers: int, tie_weights: bool = False) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.2)
        self.encoder = nn.Embedding(V, ninp)
        if rnn_type in ("LSTM", "GRU"):
            self.rnn = getattr(nn, rnn_type)(ninp, nhid, nlayers)
        else:
            nonlinearity = {"RNN_TANH": "tanh", "RNN_RELU": "relu"}[rnn_type]
            self.rnn = nn.RNN(ninp, nhid, nlayers, nonlinearity=nonlinearity)
        self.decoder = nn.Linear(nhid, V)
        if tie_weights:
            self.decoder.weight = self.encoder.weight
        self.rnn_type, self.nhid, self.nlayers = rnn_type, nhid, nlayers

    def forward(self, tokens: Any, hidden: Any = None) -> Any:
        """tokens: [T, B]."""
        output, hidden = self.rnn(self.drop(self.encoder(tokens)), hidden)
        return self.decoder(self.drop(output)), hidden


@pytest.fixture(autouse=True)
def _vocab(folder: Path) -> None:
    Path("vocab.txt").write_text("\n".join(WORDS) + "\n")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_the_weights_of_torchscript_are_read(imported: Callable[..., Session]) -> None:
    model = Plain().eval()
    torch.jit.save(torch.jit.trace(model, torch.zeros(1, 1).long(), check_trace=False), "model.pt")  # type: ignore[no-untyped-call]
    with torch.no_grad():
        expected = model(torch.tensor(TOKENS)[:, None])[:, 0].numpy()
    np.testing.assert_allclose(logits(imported("model.pt", "--vocab", "vocab.txt"), TOKENS), expected, atol=1e-5)


class Plain(nn.Module):
    """A module that can be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.rnn, self.decoder = nn.Embedding(V, E), nn.LSTM(E, H, 2), nn.Linear(H, V)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.decoder(self.rnn(self.encoder(tokens))[0])
        return out


def original(model: nn.Module) -> Any:
    with torch.no_grad():
        return model.eval()(torch.tensor(TOKENS)[:, None])[0][:, 0].numpy()


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "pickles"])
@pytest.mark.parametrize(
    ("rnn_type", "nlayers", "tied"),
    [("LSTM", 2, False), ("LSTM", 2, True), ("GRU", 1, False), ("RNN_TANH", 1, False), ("RNN_RELU", 2, False)],
)
def test_whole_modules_give_the_logits_of_the_original(
    imported: Callable[..., Session], rnn_type: str, nlayers: int, tied: bool, is_zip: bool
) -> None:
    torch.manual_seed(1)
    model = RNNModel(rnn_type, H if tied else E, H, nlayers, tied)
    torch.save(model, "model.pt", _use_new_zipfile_serialization=is_zip)
    session = imported("model.pt", "--vocab", "vocab.txt")
    np.testing.assert_allclose(logits(session, TOKENS), original(model), atol=1e-5)
    assert session.model.header["config"]["tied"] is tied


def test_words_and_line_ends_are_those_of_the_vocabulary(imported: Callable[..., Session]) -> None:
    torch.save(RNNModel("LSTM", E, H, 1).state_dict(), "weights.pt")
    tokenizer = imported("weights.pt", "--vocab", "vocab.txt").model.tokenizer
    assert tokenizer.encode("the Sat, dog.\n") == [0, 5, 3, 2, 6, 4]
    assert b"".join(map(tokenizer.piece, (0, 5, 3, 4))) == b" the Sat ,\n"


def test_a_file_without_its_words_says_how_to_give_them(refused: Callable[..., str]) -> None:
    torch.save(RNNModel("LSTM", E, H, 1), "model.pt")
    assert "the file does not name its 7 tokens; write --vocab FILE, with one token in each line" in refused("model.pt")
    Path("short.txt").write_text("the\ncat\n")
    assert "weights are for 7 tokens, but the listed tokenizer has 2" in refused("model.pt", "--vocab", "short.txt")
    assert "cannot read none.txt" in refused("model.pt", "--vocab", "none.txt")


def test_a_truncated_model_is_refused(refused: Callable[..., str]) -> None:
    for is_zip in (True, False):
        torch.save(RNNModel("LSTM", E, H, 1), "model.pt", _use_new_zipfile_serialization=is_zip)
        Path("cut.pt").write_bytes(Path("model.pt").read_bytes()[:-300])
        assert "cut.pt" in refused("cut.pt", "--vocab", "vocab.txt")
