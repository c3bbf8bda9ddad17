"""Classifiers as PyTorch's tutorial on names saves them: the logits of the tutorial's own modules."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.importers.conftest import logits
from torch import nn

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,;'"
H, C = 6, 3


class Combined(nn.Module):
    """The first form of the tutorial."""

    def __init__(self, size):
        super().__init__()
        self.i2h = nn.Linear(size + H, H)
        self.i2o = nn.Linear(size + H, C)

    def forward(self, x, hidden):
        combined = torch.cat((x, hidden), 1)
        return self.i2o(combined), self.i2h(combined)


class Separate(nn.Module):
    """The second form."""

    def __init__(self, size):
        super().__init__()
        self.i2h, self.h2h, self.h2o = nn.Linear(size, H), nn.Linear(H, H), nn.Linear(H, C)

    def forward(self, x, hidden):
        hidden = torch.tanh(self.i2h(x) + self.h2h(hidden))
        return self.h2o(hidden), hidden


class WithLayer(nn.Module):
    """The third form."""

    def __init__(self, size):
        super().__init__()
        self.rnn, self.h2o = nn.RNN(size, H), nn.Linear(H, C)

    def forward(self, x, hidden):
        _, hidden = self.rnn(x[None], hidden[None])
        return self.h2o(hidden[0]), hidden[0]


def outputs_of(module, ids, size):
    hidden, found = torch.zeros(1, H), []
    with torch.inference_mode():
        for number in ids:
            output, hidden = module(torch.eye(size)[[number]], hidden)
            found.append(output[0])
    return torch.stack(found).numpy()


@pytest.mark.parametrize("form", [Combined, Separate, WithLayer])
def test_the_logits_after_each_letter_are_those_of_the_tutorial(imported, folder, form):
    torch.manual_seed(2)
    module = form(len(LETTERS))
    torch.save(module.state_dict(), folder / "names.pt")
    (folder / "map.toml").write_text('labels = ["Czech", "German", "Irish"]\n')
    session = imported("names.pt", "--map", "map.toml")
    ids = session.model.tokenizer.encode("Schmidt")
    original = [LETTERS.index(letter) for letter in "Schmidt"]

    assert ids == [number + 4 for number in original]
    np.testing.assert_allclose(logits(session, ids), outputs_of(module, original, len(LETTERS)), rtol=0, atol=1e-6)
    assert session.model.labels == ("Czech", "German", "Irish")


def test_other_letters_are_named_by_a_vocabulary(imported, folder):
    torch.manual_seed(2)
    module = Separate(4)
    save_file(module.state_dict(), folder / "names.safetensors")
    (folder / "letters.txt").write_text("w\nx\ny\nz\n")
    session = imported("names.safetensors", "--vocab", "letters.txt")

    found = logits(session, session.model.tokenizer.encode("zwy"))
    np.testing.assert_allclose(found, outputs_of(module, [3, 0, 2], 4), rtol=0, atol=1e-6)
    assert session.model.labels == ("0", "1", "2")


def test_letters_that_nobody_names_and_weights_that_do_not_fit_are_one_line(refused, folder):
    torch.save(Separate(4).state_dict(), folder / "names.pt")
    assert "names.pt has 4 tokens without their texts; --vocab FILE names them" in refused("names.pt")
    torch.save(Combined(4).state_dict() | {"i2o.weight": torch.zeros(C, 5)}, folder / "names.pt")
    assert "names.pt: its weights do not fit each other: " in refused("names.pt")
    torch.save(Separate(57).state_dict() | {"h2h.weight": torch.zeros(2, 2)}, folder / "names.pt")
    assert "the weights do not fit the architecture classifier: recurrent.0.weight_hh_l0 is [2, 2]" in refused(
        "names.pt"
    )


def test_a_whole_module_with_a_nonlinearity_whose_place_the_weights_do_not_show_is_refused(refused, folder):
    module = Combined(len(LETTERS))
    module.tanh = nn.Tanh()
    torch.save(module, folder / "names.pt")
    assert "names.pt: its module has a Tanh, and i2o reads the state before it; the nearest" in refused("names.pt")


@pytest.mark.parametrize("form", [Combined, Separate])
def test_a_language_model_of_the_same_names_is_one(imported, folder, form):
    torch.manual_seed(2)
    module = form(C)
    torch.save(module.state_dict(), folder / "names.pt")
    (folder / "letters.txt").write_text("x\ny\nz\n")
    session = imported("names.pt", "--vocab", "letters.txt")

    assert session.model.architecture == "elman"
    np.testing.assert_allclose(logits(session, [2, 0, 1]), outputs_of(module, [2, 0, 1], C), rtol=0, atol=1e-6)


def test_other_files_of_torch_are_left_to_other_importers(imported, refused, folder):
    """Of a layer whose outputs are as many as its inputs, state_dict makes a language model."""
    module = nn.ModuleDict({"rnn": nn.RNN(C, H), "h2o": nn.Linear(H, C)})
    torch.save(module.state_dict(), folder / "names.pt")
    (folder / "letters.txt").write_text("x\ny\nz\n")
    assert imported("names.pt", "--vocab", "letters.txt").model.architecture == "rnn"
    torch.save({"a": 5}, folder / "a.pt")
    assert "a.pt: no weights by name found" in refused("a.pt")
