"""Small classifiers with random weights, in torch and in numpy."""

import numpy as np
import pytest
import torch

from seqshell import PAD, UNK
from seqshell.core.plugin_api import build
from seqshell.core.state import leaves
from seqshell_classifier.classifiers import BidirectionalClassifier, Classifier
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.decoders import BidirectionalClassifierDecoder, ClassifierDecoder

V, C, E, H = 13, 3, 5, 4  # sizes: vocabulary, classes, embedding, hidden state
LENGTHS = np.array([3, 7, 1, 5])
TEXTS = np.random.default_rng(0).integers(UNK, V, (4, 7))
TEXTS[np.arange(7) >= LENGTHS[:, None]] = PAD


SETTINGS = [
    *(
        {"cell": cell, "pooling": pooling}
        for cell in ("rnn", "lstm", "gru")
        for pooling in ("last", "mean", "max", "attention")
    ),
    {"num_layers": 3, "pooling": "attention"},
    {"num_layers": 2, "cell": "gru", "pooling": "last+max"},
    {"pooling": "attention+mean+max+last", "dropout": 0.5},
    {"ngrams": 1, "ngram_slots": 7},
    {"ngrams": 3, "ngram_slots": 50, "ngram_dropout": 0.5, "cell": "gru"},
    {"linear_ngrams": 1},
    {"linear_ngrams": 3, "ngrams": 2, "ngram_slots": 50, "cell": "gru"},
]


FAMILIES = {
    "classifier": (Classifier, ClassifierDecoder),
    "bidirectional_classifier": (BidirectionalClassifier, BidirectionalClassifierDecoder),
}


EVERY_CASE = pytest.mark.parametrize(
    ("name", "settings"), [(name, settings) for name in FAMILIES for settings in SETTINGS]
)


def make(name, settings, seed=1):
    """A module whose weights are all nonzero, and a decoder with the same weights."""
    config = build(ClassifierConfig, {"vocab_size": V, "num_classes": C, "embed_size": E, "hidden_size": H} | settings)
    torch.manual_seed(seed)
    model_type, decoder_type = FAMILIES[name]
    module = model_type(config).eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight += 0.5 * torch.randn_like(weight)
        if config.linear_ngrams:  # it knows the n-grams of the first two texts
            keys = module.ngram_keys(torch.from_numpy(TEXTS[:2])).unique()[1:]
            module.linear.fitted(keys, torch.randn(len(keys), C), torch.randn(C))
    return module, decoder_type(config, weights(module))


def weights(module):
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def last_logits(module, texts):
    """The logits of each text's last token: [B, C]."""
    with torch.inference_mode():
        outputs, _ = module(torch.from_numpy(texts), module.initial_state(len(texts)))
    last = np.maximum((texts != PAD).sum(1), 1) - 1 if outputs.shape[1] > 1 else 0
    return outputs.numpy()[np.arange(len(texts)), last]


def hidden_states(module, text):
    """The hidden states of a text [T], before pooling: [T, M]."""
    with torch.inference_mode():
        hidden = module.embedding(torch.from_numpy(text)[None])
        if isinstance(module, Classifier):
            hidden, _ = module.recurrent(hidden, module.recurrent.initial_state(1))
        else:
            for layer in module.recurrent:
                hidden = layer(hidden, torch.tensor([len(text)]))
    return hidden[0].numpy()


def assert_close(actual, expected, atol=3e-6):
    np.testing.assert_allclose(actual, expected, atol=atol)


def assert_states_close(actual, expected):
    assert type(actual) is type(expected)
    for leaf, expected_leaf in zip(leaves(actual), leaves(expected), strict=True):
        assert (leaf.shape, leaf.dtype) == (expected_leaf.shape, expected_leaf.dtype)
        assert_close(leaf, expected_leaf)
