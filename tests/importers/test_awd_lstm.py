"""AWD-LSTM and fastai: weight dropout, layers of different sizes, a shared matrix, and itos."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.importers.conftest import logits
from torch import nn

from seqshell import Session

ITOS = ["xxunk", "xxpad", "xxbos", "the", "cat", ".", "\n"]
V, E, H = len(ITOS), 4, 6
TOKENS = (2, 3, 4, 0, 5, 3)


class WeightDrop(nn.Module):
    """As in salesforce/awd-lstm-lm: the raw weight is in the inner module."""

    def __init__(self, module: nn.LSTM) -> None:
        super().__init__()
        self.module = module
        raw = module.weight_hh_l0
        del module._parameters["weight_hh_l0"]
        module.register_parameter("weight_hh_l0_raw", nn.Parameter(raw.data))
        module.weight_hh_l0 = torch.zeros_like(raw.data)  # what the last dropout has left


class RNNModel(nn.Module):
    def __init__(self, *, wdrop: bool = True, tie_weights: bool = True) -> None:
        super().__init__()
        self.encoder = nn.Embedding(V, E)
        last = E if tie_weights else H
        rnns = [nn.LSTM(E, H), nn.LSTM(H, H), nn.LSTM(H, last)]
        self.plain = [nn.LSTM(rnn.input_size, rnn.hidden_size) for rnn in rnns]
        for rnn, copy in zip(rnns, self.plain, strict=True):
            copy.load_state_dict(rnn.state_dict())
        self.rnns = nn.ModuleList([WeightDrop(rnn) for rnn in rnns] if wdrop else rnns)
        self.decoder = nn.Linear(last, V)
        if tie_weights:
            self.decoder.weight = self.encoder.weight

    def expected(self) -> Any:
        """The logits without dropout."""
        with torch.no_grad():
            hidden = self.encoder(torch.tensor(TOKENS))[:, None]
            for rnn in self.plain:
                hidden = rnn(hidden)[0]
            return self.decoder(hidden)[:, 0].numpy()


class SplitCrossEntropyLoss(nn.Module):
    def __init__(self, nsplits: int) -> None:
        super().__init__()
        self.nsplits = nsplits


@pytest.fixture(autouse=True)
def _itos(folder: Path) -> None:
    torch.manual_seed(5)
    Path("itos.pkl").write_bytes(pickle.dumps(ITOS))


@pytest.mark.parametrize(("wdrop", "tied"), [(True, True), (True, False), (False, True)])
def test_awd_lstm_gives_the_logits_of_the_original(imported: Callable[..., Session], wdrop: bool, tied: bool) -> None:
    """The file has the model, the loss and the optimizer."""
    model = RNNModel(wdrop=wdrop, tie_weights=tied)
    torch.save([model, SplitCrossEntropyLoss(1), torch.optim.SGD(model.parameters(), lr=1)], "WT2.pt")
    session = imported("WT2.pt", "--vocab", "itos.pkl")
    np.testing.assert_allclose(logits(session, TOKENS), model.expected(), atol=1e-5)
    config = session.model.header["config"]
    assert (config["hidden_size"], config["output_size"], config["tied"]) == (H, E if tied else 0, tied)


def fastai_weights(model: RNNModel) -> dict[str, torch.Tensor]:
    """The names of fastai 1 and 2, which keep the raw weight beside the inner module."""
    weights = {"0.encoder.weight": model.encoder.weight, "0.encoder_dp.emb.weight": model.encoder.weight}
    for number, rnn in enumerate(model.plain):
        weights[f"0.rnns.{number}.weight_hh_l0_raw"] = rnn.weight_hh_l0
        for name, weight in rnn.named_parameters():
            weights[f"0.rnns.{number}.module.{name}"] = torch.zeros_like(weight) if name == "weight_hh_l0" else weight
    return weights | {"1.decoder.weight": model.encoder.weight, "1.decoder.bias": model.decoder.bias}


@pytest.mark.parametrize("inside", [True, False], ids=["model and optimizer", "weights"])
def test_fastai_gives_the_logits_of_the_original(imported: Callable[..., Session], inside: bool) -> None:
    model = RNNModel()
    weights = fastai_weights(model)
    torch.save({"model": weights, "opt": {"state": [{"mom": torch.zeros(3)}]}} if inside else weights, "lm.pth")
    session = imported("lm.pth", "--vocab", "itos.pkl")
    np.testing.assert_allclose(logits(session, TOKENS), model.expected(), atol=1e-5)
    assert session.model.header["config"]["tied"] is True
    assert session.model.tokenizer.encode("the cat dog.\n") == [3, 4, 0, 5, 6]
    assert (session.model.tokenizer.unk, session.model.tokenizer.pad, session.model.tokenizer.bos) == (0, 1, 2)


def test_an_adaptive_softmax_is_refused(refused: Callable[..., str]) -> None:
    torch.save([RNNModel(), SplitCrossEntropyLoss(3), None], "WT103.pt")
    message = refused("WT103.pt", "--vocab", "itos.pkl")
    assert "SplitCrossEntropyLoss divides the vocabulary into 3 parts: the read-out is an adaptive softmax" in message


def test_a_wrong_shape_names_the_tensor_and_the_nearest_architecture(refused: Callable[..., str]) -> None:
    weights = fastai_weights(RNNModel())
    torch.save(weights | {"0.rnns.1.module.weight_ih_l0": torch.zeros(4 * H, E)}, "a.pth")
    assert (
        "0.rnns.1.module.weight_ih_l0 is of a lstm layer with 4 inputs, but the layer below is lstm with 6"
        in refused("a.pth", "--vocab", "itos.pkl")
    )
    torch.save(weights | {"1.attention.weight": torch.zeros(2, 3)}, "b.pth")
    message = refused("b.pth", "--vocab", "itos.pkl")
    assert "the nearest architecture, lstm, has no part for 1.attention.weight [2, 3]" in message
