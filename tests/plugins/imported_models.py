"""Models of torch, and `seqshell import` of their files."""

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

import seqshell
from seqshell.cli import main
from seqshell.host.builtin import load_registry

V, E, H = 7, 5, 6
LETTERS = "abcdefg"
MAP = f'[tokenizer]\nvocabulary = "{LETTERS}"\n'
TOKENS = torch.tensor([[1, 5, 0, 6, 2, 2, 4]])


class WordModel(nn.Module):
    """A language model as in torch's examples."""

    def __init__(self, cell, *, one_hot=False, embed_size=E, tied=False, **settings):
        super().__init__()
        if not one_hot:
            self.encoder = nn.Embedding(V, embed_size)
        self.rnn = cell(V if one_hot else embed_size, H, batch_first=True, **settings)
        self.decoder = nn.Linear(H, V)
        if tied:
            self.decoder.weight = self.encoder.weight

    def forward(self, tokens):
        embedded = self.encoder(tokens) if hasattr(self, "encoder") else nn.functional.one_hot(tokens, V).float()
        return self.decoder(self.rnn(embedded)[0])


def run(capsys, *arguments):
    """Run `seqshell import`. Returns the exit code, stdout and stderr."""
    code = main(["import", *arguments])
    return code, *capsys.readouterr()


def logits(name):
    """The imported model's logits after each token: [T, V]."""
    decoder = seqshell.open(name, registry=load_registry()).model.decoder
    state, logits = decoder.initial_state(1), []
    for token in TOKENS[0].numpy():
        outputs, state = decoder.step(np.array([token]), state)
        logits.append(outputs[0])
    return np.array(logits)


def check_same(capsys, module, *arguments):
    """`seqshell import` succeeds, and the checkpoint has the module's logits."""
    code, _, err = run(capsys, *arguments, "--out", "ours")
    assert (code, err) == (0, "")
    with torch.no_grad():
        np.testing.assert_allclose(logits("ours"), module.eval()(TOKENS)[0].numpy(), atol=1e-6)


def save(path, weights):
    """Save random weights of the given shapes."""
    save_file({name: torch.randn(shape) for name, shape in weights.items()}, path)


GRU = {"rnn.weight_ih_l0": (18, 5), "rnn.weight_hh_l0": (18, 6)}
OUTER = {"encoder.weight": (7, 5), "decoder.weight": (7, 6)}
