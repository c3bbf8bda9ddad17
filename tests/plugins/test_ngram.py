"""The ngram models, against probabilities computed by hand and by a slow reference, and their counts and states."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch
from tests.plugins.token_texts import A, B, C, random_text

from seqshell import CheckpointError, PluginError
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.models.opening import open_model
from seqshell.models.saving import save_checkpoint
from seqshell.session import Session
from seqshell.testing import check_architecture, failed
from seqshell_ngram.config import NeuralNGramConfig, NGramConfig
from seqshell_ngram.counts import count_grams, from_weights, narrowed, to_weights
from seqshell_ngram.decoders import NGramDecoder
from seqshell_ngram.neural_ngram import NeuralNGramLanguageModel
from seqshell_ngram.ngram import NGramLanguageModel
from seqshell_ngram.smoothing import discounts

REGISTRY = load_registry(Policy(no_plugins=True))
SMOOTHINGS = ("witten_bell", "kneser_ney", "modified_kneser_ney")


def counted(ids, order, smoothing, vocab_size=3):
    module = NGramLanguageModel(NGramConfig(vocab_size, order, smoothing)).eval()
    module.count(torch.tensor(ids, dtype=torch.int64))
    return module


def decoder(module):
    return NGramDecoder(module.config, {name: values.numpy() for name, values in module.state_dict().items()})


def next_probs(module, context):
    """The probabilities [V] of the next token after a context. Checks that the model and its decoder agree."""
    model = decoder(module)
    if not context:
        probs = np.exp(model.logits(model.initial_state(1))[0])
    else:
        with torch.inference_mode():
            outputs, _ = module(torch.tensor([context]), module.initial_state(1))
        probs = outputs[0, -1].exp().numpy()
        np.testing.assert_allclose(
            np.exp(model.feed(np.array([context]), model.initial_state(1))[0][0]), probs, rtol=1e-5
        )
    return probs


# By hand, for the text a b a b a c


def test_witten_bell_probabilities_match_a_calculation_by_hand():
    """P(w) = (c(w) + 3/3) / (6 + 3): 3 types, 6 tokens. b is always followed by a: (2 + 1 P(a)) / (2 + 1)."""
    module = counted([A, B, A, B, A, C], 2, "witten_bell")
    unigrams = np.array([3 + 1, 2 + 1, 1 + 1]) / 9

    np.testing.assert_allclose(next_probs(module, [B]), (np.array([2, 0, 0]) + unigrams) / 3, rtol=1e-5)
    np.testing.assert_allclose(next_probs(module, [A]), (np.array([0, 2, 1]) + 2 * unigrams) / 5, rtol=1e-5)
    np.testing.assert_allclose(next_probs(module, []), unigrams, rtol=1e-5)


def test_kneser_ney_counts_the_different_tokens_before_a_token():
    """The bigrams are ab ab ba ba ac. One token precedes each of a, b and c, so the continuation counts are 1, 1, 1.

    No count is 2, so the discount is 1/2: each token keeps 1/6, and all share the other 1/2, which gives 1/3 each. One
    bigram occurs once and two occur twice: their discount is 1 / (1 + 2 * 2) = 1/5.
    """
    module = counted([A, B, A, B, A, C], 2, "kneser_ney")
    unigrams = np.full(3, 1 / 3)

    np.testing.assert_allclose(next_probs(module, []), unigrams, rtol=1e-5)
    np.testing.assert_allclose(next_probs(module, [B]), np.array([1.8, 0, 0]) / 2 + 0.2 / 2 * unigrams, rtol=1e-5)
    np.testing.assert_allclose(next_probs(module, [A]), np.array([0, 1.8, 0.8]) / 3 + 0.4 / 3 * unigrams, rtol=1e-5)


def test_discounts_are_those_of_chen_and_goodman():
    counts = np.array([1] * 10 + [2] * 4 + [3] * 2 + [4] * 1 + [9] * 5)
    d = 10 / (10 + 2 * 4)

    np.testing.assert_allclose(discounts(counts, "kneser_ney"), [0, d, d, d])
    modified = [0, 1 - 2 * d * 4 / 10, 2 - 3 * d * 2 / 4, 3 - 4 * d * 1 / 2]
    np.testing.assert_allclose(discounts(counts, "modified_kneser_ney"), modified)
    np.testing.assert_allclose(discounts(np.array([7, 8]), "modified_kneser_ney"), [0, 0.5, 0.5, 0.5])


# Against a slow reference


def reference(ids, order, smoothing, vocab_size):
    """P(w | context) directly from the formulas, with dictionaries."""
    grams = [
        Counter(tuple(ids[i : i + length]) for i in range(len(ids) - length + 1)) for length in range(1, order + 1)
    ]
    if smoothing != "witten_bell":
        for length in range(1, order):
            before = Counter(gram[1:] for gram in grams[length])
            grams[length - 1] = Counter({gram: max(1, before[gram]) for gram in grams[length - 1]})

    def probability(word, context):
        if len(context) >= order:
            return probability(word, context[len(context) - order + 1 :])
        lower = probability(word, context[1:]) if context else 1 / vocab_size
        here = grams[len(context)]
        followers = {gram[-1]: count for gram, count in here.items() if gram[:-1] == context}
        if not followers:
            return lower
        total = sum(followers.values())
        if smoothing == "witten_bell":
            return (followers.get(word, 0) + len(followers) * lower) / (total + len(followers))
        discount = discounts(np.array(list(here.values())), smoothing)
        backoff = sum(discount[min(count, 3)] for count in followers.values()) / total
        count = followers.get(word, 0)
        return (count - discount[min(count, 3)]) / total + backoff * lower

    return probability


@pytest.mark.slow
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_all_probabilities_match_the_formulas(smoothing, order):
    ids = random_text(3, 3, 60)
    module, probability = counted(ids, order, smoothing), reference(ids, order, smoothing, 3)
    for length in range(5):
        for context in product(range(3), repeat=length):
            expected = [probability(word, context) for word in range(3)]
            np.testing.assert_allclose(next_probs(module, list(context)), expected, rtol=1e-4)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize(
    "ids",
    [[], [B], [A, A], [A, B, C], random_text(1, 5, 400)],
    ids=["empty", "one", "twice the same", "once each", "long"],
)
def test_probabilities_sum_to_one_and_none_is_zero_for_any_text(smoothing, ids):
    module = counted(ids, 4, smoothing, vocab_size=7)
    for context in ([], [B], [A, B], [6, 6, 6], [6, A, B], [A, B, C], [B, C, A, B, C]):
        probs = next_probs(module, context)
        assert probs.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)
        assert (probs > 0).all()


def test_counting_again_replaces_earlier_counts():
    module = counted(random_text(1, 3, 50), 3, "kneser_ney")
    module.count(torch.tensor([A, B, A, B, A, C]))
    np.testing.assert_array_equal(
        next_probs(module, [A]), next_probs(counted([A, B, A, B, A, C], 3, "kneser_ney"), [A])
    )


# Counts in checkpoints


def test_counts_are_stored_in_the_smallest_integer_type():
    tables = count_grams(np.array(random_text(2, 9, 500)), 4, 9)
    weights = to_weights(tables)

    assert {values.dtype.name for values in weights.values()} == {"uint8"}
    types = [narrowed(np.array([largest])).dtype.name for largest in (255, 256, 40_000, 2**40)]
    assert types == ["uint8", "int16", "int32", "int64"]
    for actual, expected in zip(from_weights(weights, 4, 9), tables, strict=True):
        for name in ("tokens", "counts", "parents", "followers"):
            np.testing.assert_array_equal(getattr(actual, name), getattr(expected, name))


def test_an_ngram_model_is_saved_and_opened_without_loss(tmp_path):
    tokenizer = CharTokenizer("abc")
    module = counted(random_text(5, 3, 300), 4, "modified_kneser_ney")
    path = save_checkpoint(
        tmp_path / "abc.safetensors", architecture="ngram", module=module, tokenizer=tokenizer, registry=REGISTRY
    )
    model = open_model(path, REGISTRY)

    assert model.num_parameters == sum(values.numel() for values in module.state_dict().values()) > 100
    assert type(model.decoder) is NGramDecoder
    outputs, _ = model.decoder.feed(np.array([[A, B, C]]), model.decoder.initial_state(1))
    np.testing.assert_allclose(np.exp(outputs[0]), next_probs(module, [A, B, C]), rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("grams.2.counts"), r"lacks the tensor grams\.2\.counts"),
        (lambda weights: weights.update({"grams.1.tokens": weights["grams.1.tokens"][::-1]}), "not sorted"),
        (
            lambda weights: weights.update({"grams.1.counts": weights["grams.1.counts"][1:]}),
            "these numbers must be equal",
        ),
        (lambda weights: weights.update({"grams.2.counts": weights["grams.2.counts"] * 0}), "invalid tokens or counts"),
        (lambda weights: weights.update({"grams.1.followers": weights["grams.1.followers"] * 0}), "0 followers"),
        (lambda weights: weights.update({"grams.1.tokens": np.array([0.5, 1, 2])}), "must be a vector of integers"),
        (
            lambda weights: weights.update({"grams.1.tokens": np.array([0, 1, 3], np.uint8)}),
            "invalid tokens or counts",
        ),
    ],
)
def test_invalid_counts_are_refused(change, message):
    weights = to_weights(count_grams(np.array([A, B, A, C, B, B]), 3, 3))
    change(weights)
    with pytest.raises(CheckpointError, match=message):
        NGramDecoder(NGramConfig(3, 3), weights)


# The state


@pytest.mark.parametrize("order", [1, 2, 5])
def test_the_state_consists_of_the_last_tokens(order):
    model = decoder(counted(random_text(1, 3, 60), order, "witten_bell"))
    _, state = model.feed(np.array([[A, B, C, A]]), model.initial_state(1))

    assert state.dtype == np.int64
    assert state.tolist() == [[-1, -1, -1, -1, A, B, C, A][9 - order :]]


def test_a_saved_session_with_tokens_that_the_model_does_not_have_in_its_state_is_refused(tmp_path):
    config = NeuralNGramConfig(3, order=3, embed_size=2, hidden_size=2)
    module, tokenizer = NeuralNGramLanguageModel(config), CharTokenizer("abc")
    path = save_checkpoint(
        tmp_path / "m.safetensors", architecture="neural_ngram", module=module, tokenizer=tokenizer, registry=REGISTRY
    )
    session = Session(open_model(path, REGISTRY))
    session.feed("abc")
    saved = tmp_path / "s.safetensors"
    session.save(saved)
    header, tensors = file.read(saved)
    kinds = {"samplers": REGISTRY.samplers, "strategies": REGISTRY.strategies}
    assert Session.restore(saved, session.model, **kinds).text().text == "abc"
    file.write(saved, header, {**tensors, "state": tensors["state"] + 3})
    with pytest.raises(CheckpointError, match="a state has numbers that the model cannot go on from"):
        Session.restore(saved, session.model, **kinds)


def test_a_session_is_restored_although_its_model_gives_infinite_outputs_after_the_next_token(tmp_path):
    module = NeuralNGramLanguageModel(NeuralNGramConfig(3, order=3, embed_size=1, hidden_size=1))
    path = save_checkpoint(
        tmp_path / "m.safetensors",
        architecture="neural_ngram",
        module=module,
        tokenizer=CharTokenizer("abc"),
        registry=REGISTRY,
    )
    header, weights = file.read(path)
    weights = {name: np.ones_like(values) for name, values in weights.items()}
    weights["embedding.weight"][C + 1] = 2e38  # the direct connections add those of two tokens
    file.write(path, header, weights)
    session = Session(open_model(path, REGISTRY))
    session.feed("ac")
    session.save(tmp_path / "s.safetensors")
    kinds = {"samplers": REGISTRY.samplers, "strategies": REGISTRY.strategies}
    again = Session.restore(tmp_path / "s.safetensors", session.model, **kinds)
    assert again.text().text == "ac"
    with pytest.raises(PluginError, match="returned infinite logits"):
        again.feed("c")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ngram", {"order": 1}),
        ("ngram", {"order": 3, "smoothing": "kneser_ney"}),
        ("ngram", {"order": 12, "smoothing": "modified_kneser_ney"}),
        ("maxent", {"order": 1, "table_size": 7}),
        ("maxent", {"order": 3, "table_size": 100_000}),
        ("neural_ngram", {"order": 2, "direct": False, "embed_size": 4, "hidden_size": 6}),
        ("neural_ngram", {"order": 7, "embed_size": 4, "hidden_size": 6}),
    ],
)
def test_the_models_pass_the_contract_with_other_settings(name, settings):
    assert failed(check_architecture(REGISTRY.architectures[name], settings)) == []
