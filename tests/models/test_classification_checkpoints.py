"""Checkpoints of classifiers: labels, a vocabulary that starts with the special tokens, and a decoder that agrees with
its module."""

import subprocess
import sys
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import seqshell
from seqshell import CheckpointError
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models import file, opening

LABELS = ("Czech", "Irish", "Korean")
TOKENIZER = CharTokenizer("abcdefgh", specials=True)
TEXTS = np.array([[4, 5, 6, 7], [8, 9, 0, 0]])


@dataclass(frozen=True)
class Config:
    vocab_size: int
    num_classes: int
    leak: float = 0.0  # how much padding affects the decoder
    max_length: int = 3
    cut: str = "tail"


class Sum(nn.Module):
    """logits = W tanh(sum of the tokens' vectors). State: the sum, [B, 6]."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding, self.readout = nn.Embedding(config.vocab_size, 6), nn.Linear(6, config.num_classes)

    def initial_state(self, batch_size: int = 1) -> Any:
        return torch.zeros(batch_size, 6)

    def forward(self, tokens, state):
        sums = state[:, None] + self.embedding(tokens).cumsum(1)
        return self.readout(torch.tanh(sums)), sums[:, -1]


class WholeSum(Sum):
    def initial_state(self, batch_size: int = 1) -> Any:
        return ()

    def forward(self, tokens, state):
        vectors = self.embedding(tokens) * (tokens != 0).unsqueeze(-1)
        return self.readout(torch.tanh(vectors.sum(1, keepdim=True))), ()


class WholeSumDecoder:
    def __init__(self, config, weights):
        self.config, self.weights = config, weights

    def initial_state(self, batch_size: int = 1) -> Any:
        return ()

    def step(self, inputs, state):
        return self.feed(inputs[:, None], state)

    def feed(self, inputs, state):
        weights = self.weights
        vectors = weights["embedding.weight"][inputs] * np.where(inputs != 0, 1, self.config.leak)[..., None]
        return (np.tanh(vectors.sum(1)) @ weights["readout.weight"].T + weights["readout.bias"]).astype(np.float32), ()


def registry_of(model=Sum, decoder=None):
    offered = seqshell.Architecture(
        "sum", seqshell.Task.CLASSIFY, Config, model, decoder, causal=not issubclass(model, WholeSum)
    )
    plugin = SimpleNamespace(
        __name__="mine", __version__="1", seqshell_architectures=seqshell.hookimpl(lambda: [offered])
    )
    return load_registry(Policy(no_plugins=True), modules=[plugin])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mine.safetensors"


def save(path, module, registry, **options):
    options = {"tokenizer": TOKENIZER, "labels": LABELS, **options}
    return seqshell.save_checkpoint(path, architecture="sum", module=module, registry=registry, **options)


def module_of(model=Sum, **settings):
    torch.manual_seed(0)
    return model(Config(TOKENIZER.size, len(LABELS), **settings))


def last_logits(module, texts):
    with torch.inference_mode():
        outputs, _ = module(torch.from_numpy(texts), module.initial_state(len(texts)))
    return outputs.numpy()[:, -1]


@pytest.mark.parametrize(("model", "decoder"), [(Sum, None), (WholeSum, None), (WholeSum, WholeSumDecoder)])
def test_a_saved_classifier_is_opened_with_its_labels_and_the_same_logits(path, model, decoder):
    """Padding does not change the logits."""
    module, registry = module_of(model), registry_of(model, decoder)
    opened = opening.open_model(save(path, module, registry), registry)
    assert opened.labels == LABELS
    assert opened.causal == (model is Sum)
    for row, length in enumerate((4, 2)):
        expected = last_logits(module, TEXTS[row : row + 1, :length])
        np.testing.assert_allclose(
            opened.decoder.feed(TEXTS, opened.decoder.initial_state(2))[0][row : row + 1], expected, atol=1e-6
        )


@pytest.mark.parametrize("name", ["classifier", "bidirectional_classifier"])
def test_a_built_in_classifier_is_opened_without_torch_and_labels_texts(path, name):
    """A session cuts a text to the length in the config."""
    registry = load_registry(Policy(no_plugins=True))
    from seqshell_classifier.classifiers import BidirectionalClassifier, Classifier
    from seqshell_classifier.config import ClassifierConfig

    config = ClassifierConfig(TOKENIZER.size, 3, embed_size=4, hidden_size=4, max_length=4, cut="head")
    module = (Classifier if name == "classifier" else BidirectionalClassifier)(config).eval()
    seqshell.save_checkpoint(
        path, architecture=name, module=module, tokenizer=TOKENIZER, labels=LABELS, registry=registry
    )
    session = seqshell.open(path, registry=registry)
    whole, cut = session.classify("abcdefgh"), session.classify("abcd")
    assert whole.probs == cut.probs
    logits = last_logits(module, np.array([TOKENIZER.encode("abcd")]))[0]
    assert whole.answer == LABELS[logits.argmax()]
    assert dict(whole.probs)[whole.answer] == pytest.approx(np.exp(logits).max() / np.exp(logits).sum(), abs=1e-5)
    code = (
        f"import sys, seqshell; label = seqshell.open({str(path)!r}).classify('abc')\n"
        f"print(label.answer in {LABELS}, 'torch' in sys.modules)"
    )
    environ = {"SEQSHELL_HOME": "/dev/null/none", "SEQSHELL_PLUGINS": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
    assert done.stdout == "True False\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ()}, "its task is classify, but it does not have a list of at least two labels"),
        ({"labels": ("Czech",)}, "at least two labels"),
        ({"labels": ("Czech", "Irish", "")}, "at least two labels"),
        ({"labels": ("Czech", "Irish", "Irish")}, "it has two labels 'Irish'"),
        ({"labels": ("Czech", "Irish")}, "its config has num_classes 3, but it has 2 labels"),
        (
            {"tokenizer": CharTokenizer("abcdefghijkl")},
            "its char tokenizer does not start with PAD, BOS, EOS and UNK, as a classifier needs",
        ),
        (
            {"tokenizer": CharTokenizer("abc", specials=True)},
            "its config has vocab_size 12, but its tokenizer has 7 tokens",
        ),
    ],
)
def test_a_classifier_that_could_not_be_opened_is_not_saved(path, options, message):
    with pytest.raises(CheckpointError, match=message):
        save(path, module_of(), registry_of(), **options)
    assert not path.exists()


@pytest.mark.parametrize(
    "labels", [None, "Czech", ["Czech", 3, "Irish"], {"Czech": 0, "Irish": 1, "Korean": 2}, ["Czech", "Irish"]]
)
def test_a_file_with_invalid_labels_is_refused_with_its_name(path, labels):
    registry = registry_of()
    header, weights = file.read(save(path, module_of(), registry))
    file.write(path, {key: value for key, value in header.items() if key != "format"} | {"labels": labels}, weights)
    with pytest.raises(
        CheckpointError, match=r"mine\.safetensors: (its task is classify, but|its config has num_classes 3)"
    ):
        opening.open_model(path, registry)


def test_the_same_weights_with_other_labels_are_another_model(path):
    """A session saved with one is not restored with the other."""
    registry = registry_of()
    one = opening.open_model(save(path, module_of(), registry), registry)
    other = opening.open_model(save(path, module_of(), registry, labels=LABELS[::-1]), registry)
    again = opening.open_model(save(path, module_of(), registry, about="in other words"), registry)
    assert one.fingerprint == again.fingerprint != other.fingerprint


def test_a_model_whose_decoder_reads_padding_runs_in_torch(path):
    registry, messages = registry_of(WholeSum, WholeSumDecoder), []
    module = module_of(WholeSum, leak=0.1)
    save(path, module, registry, warn=messages.append)
    assert messages[0].startswith("an output of the decoder of sum differs from its module's by ")
    model = opening.open_model(path, registry)
    outputs, _ = model.decoder.feed(TEXTS, ())
    np.testing.assert_allclose(outputs, module(torch.from_numpy(TEXTS), ())[0][:, 0].detach(), atol=1e-6)


def test_a_model_whose_number_of_outputs_differs_from_its_labels_is_refused(path):
    """The architecture has more outputs than its config says."""

    class Wider(Sum):
        def __init__(self, config):
            super().__init__(replace(config, num_classes=5))

    save(path, module_of(), registry_of())
    header, weights = file.read(path)
    wide = {"readout.weight": np.zeros((5, 6), np.float32), "readout.bias": np.zeros(5, np.float32)}
    file.write(path, {key: value for key, value in header.items() if key != "format"}, weights | wide)
    with pytest.raises(CheckpointError, match=r"outputs have the shape \(1, 5\), not \(1, 3\): it has 3 labels"):
        opening.open_model(path, registry_of(Wider))
