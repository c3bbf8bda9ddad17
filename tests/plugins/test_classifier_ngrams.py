"""Classifiers with n-grams: their weights, keys and dropout."""

import numpy as np
import pytest
import torch
from tests.plugins.small_classifiers import FAMILIES, LENGTHS, TEXTS, C, assert_close, last_logits, make

from seqshell.layers.hashing import ngram_indices
from seqshell_classifier.ngram_keys import window_keys


def ngram_logits(module, text):
    """The logits [C] that n-grams add after a text, token by token from their equation."""
    config, total, ending = module.config, 0, 0
    known = [-1] * (config.ngrams - 1) + text.tolist()
    for end in range(config.ngrams, len(known) + 1):
        windows = np.array([known[end - config.ngrams : end]])
        (indices,) = np.stack(ngram_indices(windows, config.ngram_slots)[1:], 1).tolist()
        ending = sum(module.wide.ending.weight[index] for index in indices)
        total = total + sum(module.wide.inside.weight[index] for index in indices)
    return (total / len(text) ** 0.5 + ending).detach().numpy()


@pytest.mark.parametrize("name", FAMILIES)
def test_ngrams_add_their_weights_to_the_logits(name):
    """The weights inside a text are divided by the square root of its length; those at its end are not."""
    settings = {"ngrams": 3, "ngram_slots": 101}
    module, _ = make(name, settings)
    without, _ = make(name, settings)
    with torch.no_grad():
        for weight in without.wide.parameters():
            weight.zero_()
    added = [ngram_logits(module, text[:length]) for text, length in zip(TEXTS, LENGTHS, strict=True)]
    assert_close(last_logits(module, TEXTS) - last_logits(without, TEXTS), np.stack(added), 1e-5)


def grams(text, distinct):
    """The n-grams of up to 3 tokens of a text, with its boundaries; the boundaries alone are none."""
    line = ["^", *text.tolist(), "$"]
    found = [tuple(line[start : start + size]) for size in (1, 2, 3) for start in range(len(line) - size + 1)]
    found = [gram for gram in found if gram not in [("^",), ("$",)]]
    return list(dict.fromkeys(found)) if distinct else found


@pytest.mark.parametrize(("name", "distinct"), [("classifier", False), ("bidirectional_classifier", True)])
def test_the_linear_part_sums_the_weights_of_known_ngrams(name, distinct):
    """An n-gram has one key wherever it stands; the sum is divided by the root of the number of known n-grams."""
    module, _ = make(name, {"linear_ngrams": 3})
    texts = [np.array([5, 6, 5, 6]), np.array([6, 5, 6, 5, 5, 6, 7]), np.array([9])]
    for text in texts:
        keys = [key for key in module.ngram_keys(torch.from_numpy(text)[None])[0].tolist() if key != -1]
        assert len(keys) == len(grams(text, distinct))
        assert len(set(keys)) == len(grams(text, True))
    weights = {
        key: torch.randn(C) for key in module.ngram_keys(torch.from_numpy(texts[0])[None])[0].tolist() if key + 1
    }
    bias = torch.randn(C)
    before = last_logits(module, texts[1][None])
    module.set_linear(torch.tensor(list(weights)), torch.stack(list(weights.values())), bias)
    known = [key for key in module.ngram_keys(torch.from_numpy(texts[1])[None])[0].tolist() if key in weights]
    shared = [gram for gram in grams(texts[1], distinct) if gram in grams(texts[0], True)]
    expected = sum(weights[key] for key in known) / len(shared) ** 0.5 + bias

    assert len(known) == len(shared) > 5
    assert_close(last_logits(module, texts[1][None])[0], expected.numpy(), 1e-5)
    assert not np.allclose(before[0], expected.numpy(), atol=0.01)
    assert_close(last_logits(module, texts[2][None])[0], bias.numpy())  # it has no known n-gram


def test_different_ngrams_have_different_keys():
    """Among all pairs of 1,000 words, whose ids are close together, and among as many triples."""
    pairs = np.stack(np.meshgrid(np.arange(4, 1004), np.arange(4, 1004)), -1).reshape(-1, 2)
    triples = np.random.default_rng(0).integers(4, 1004, (1_000_000, 3))
    for number, windows in ((1_000_000, pairs), (len(np.unique(triples, axis=0)), triples)):
        assert number - len(np.unique(window_keys(windows)[-1])) < 0.001 * number


@pytest.mark.parametrize("name", FAMILIES)
def test_weights_are_loaded_whatever_the_number_of_ngrams_in_them(name):
    module, _ = make(name, {"linear_ngrams": 3})
    other = FAMILIES[name][0](module.config).eval()
    assert len(other.linear.keys) == 1
    other.load_state_dict(module.state_dict())

    assert torch.equal(other.linear.keys, module.linear.keys)
    assert other.linear.keys.dtype == torch.int32
    assert_close(last_logits(other, TEXTS), last_logits(module, TEXTS), 0)


def test_ngram_dropout_keeps_the_mean():
    """Half of the n-grams are dropped, and the weights of the others doubled."""
    module, _ = make("classifier", {"ngrams": 2, "ngram_slots": 101, "ngram_dropout": 0.5})
    tokens = torch.from_numpy(TEXTS[1:2]).expand(4000, -1)
    with torch.no_grad():
        (expected, *_), _ = module.wide.running(tokens, module.wide.initial_state(4000))
        module.train()
        dropped, _ = module.wide.running(tokens, module.wide.initial_state(4000))
    assert dropped[:, -1].std() > 0.1
    assert_close(dropped.mean(0), expected, 0.1)
