"""Language models of flair, in the layout that LanguageModel.save writes."""

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

CHARACTERS = ["<unk>", "a", "é", " ", "\n", "b"]
TOKENS = (1, 2, 3, 0, 5, 4)


class Dictionary:
    """As flair.data.Dictionary: characters as bytes."""

    def __init__(self) -> None:
        self.idx2item = [character.encode() for character in CHARACTERS]
        self.item2idx = {item: number for number, item in enumerate(self.idx2item)}
        self.add_unk, self.multi_label = True, False


class LanguageModel(nn.Module):
    def __init__(self, hidden_size: int, nlayers: int, embedding_size: int, nout: int | None) -> None:
        super().__init__()
        self.encoder = nn.Embedding(len(CHARACTERS), embedding_size)
        self.rnn = nn.LSTM(embedding_size, hidden_size, nlayers)
        self.proj = None if nout is None else nn.Linear(hidden_size, nout)
        self.decoder = nn.Linear(nout or hidden_size, len(CHARACTERS))
        self.config = {"hidden_size": hidden_size, "nlayers": nlayers, "embedding_size": embedding_size, "nout": nout}

    def forward(self, tokens: Any) -> Any:
        output = self.rnn(self.encoder(tokens))[0]
        return self.decoder(output if self.proj is None else self.proj(output))

    def save(self, file: str, **changes: Any) -> None:
        state = {
            "state_dict": self.state_dict(),
            "dictionary": Dictionary(),
            "is_forward_lm": True,
            **self.config,
            "document_delimiter": "\n",
            "dropout": 0.1,
        }
        torch.save(state | changes, file, pickle_protocol=4)


@pytest.mark.parametrize(("nlayers", "nout"), [(1, None), (2, 3)])
def test_logits_and_characters_are_those_of_the_original(
    imported: Callable[..., Session], nlayers: int, nout: int | None
) -> None:
    torch.manual_seed(2)
    model = LanguageModel(7, nlayers, 4, nout)
    model.save("news.pt")
    session = imported("news.pt")
    with torch.no_grad():
        expected = model(torch.tensor(TOKENS)[:, None])[:, 0].numpy()
    np.testing.assert_allclose(logits(session, TOKENS), expected, atol=1e-5)
    assert session.model.tokenizer.encode("aé zb\n") == [1, 2, 3, 0, 5, 4]
    assert session.model.header["about"] == "imported from news.pt"
    assert session.model.header["provenance"]["imported"]["importer"] == "flair"


def test_a_backward_model_says_so(imported: Callable[..., Session], folder: Path) -> None:
    LanguageModel(7, 1, 4, None).save("back.pt", is_forward_lm=False)
    assert "reads and writes text backwards" in imported("back.pt").model.header["about"]


def test_wrong_shapes_and_contents_are_refused_in_one_line(refused: Callable[..., str], folder: Path) -> None:
    model = LanguageModel(7, 1, 4, 3)
    weights = model.state_dict()
    model.save("odd.pt", state_dict=weights | {"proj.weight": torch.zeros(2, 7)})
    assert "odd.pt: proj.weight (2, 7), proj.bias (3,), decoder.weight (6, 3)" in refused("odd.pt")
    model.save("flat.pt", state_dict=weights | {"proj.weight": torch.zeros(7)})
    assert "do not fit; the nearest architecture is lstm" in refused("flat.pt")
    model.save("none.pt", state_dict=[1])
    assert "none.pt: its state_dict is no dict of weights" in refused("none.pt")
    LanguageModel(7, 1, 4, None).save("named.pt", dictionary="chars")
    assert "the file does not name its 6 tokens" in refused("named.pt")
    Path("cut.pt").write_bytes(Path("odd.pt").read_bytes()[:-100])
    assert "cut.pt is truncated or damaged" in refused("cut.pt")
