"""Counted n-grams, maximum entropy and the neural n-gram: probabilities worked out by hand and by a slow way, and the checkpoints of counts."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch

from seqshell import CheckpointError
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models.opening import open_model
from seqshell.models.saving import save_checkpoint
from seqshell.testing import check_architecture, failed
from seqshell_ngram.config import MaxEntConfig, NeuralNGramConfig, NGramConfig
from seqshell_ngram.counts import count_grams, from_weights, narrow, to_weights
from seqshell_ngram.decoders import MaxEntDecoder, NGramDecoder
from seqshell_ngram.maxent import MaxEntLanguageModel
from seqshell_ngram.neural_ngram import NeuralNGramLanguageModel
from seqshell_ngram.ngram import NGramLanguageModel
from seqshell_ngram.smoothing import discounts

REGISTRY = load_registry(Policy(no_plugins=True))
SMOOTHINGS = ("witten_bell", "kneser_ney", "modified_kneser_ney")
A, B, C = range(3)


def counted(ids, order, smoothing, vocab_size=3):
    module = NGramLanguageModel(NGramConfig(vocab_size, order, smoothing)).eval()
    module.count(torch.tensor(ids, dtype=torch.int64))
    return module


def decoder(module):
    return NGramDecoder(module.config, {name: values.numpy() for name, values in module.state_dict().items()})


def after(module, context):
    """The probabilities [V] of what comes after some tokens, by the module and by its decoder, which agree."""
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


def draws(seed, vocab_size, length):
    """A text with a habit: most tokens are the sum of the last two."""
    random = np.random.default_rng(seed)
    ids = [0, 1]
    for _ in range(length - 2):
        ids.append(int((ids[-1] + ids[-2]) % vocab_size if random.random() < 0.7 else random.integers(vocab_size)))
    return ids


# By hand: the text a b a b a c, a vocabulary of a, b, c


def test_witten_bell_gives_what_is_worked_out_by_hand():
    """P(w) = (c(w) + 3/3) / (6 + 3): 3 types among 6 tokens. After b always a: (2 + 1 P(a)) / (2 + 1)."""
    module = counted([A, B, A, B, A, C], 2, "witten_bell")
    unigrams = np.array([3 + 1, 2 + 1, 1 + 1]) / 9

    np.testing.assert_allclose(after(module, [B]), (np.array([2, 0, 0]) + unigrams) / 3, rtol=1e-5)
    np.testing.assert_allclose(after(module, [A]), (np.array([0, 2, 1]) + 2 * unigrams) / 5, rtol=1e-5)
    np.testing.assert_allclose(after(module, []), unigrams, rtol=1e-5)


def test_kneser_ney_counts_what_a_token_came_after_and_not_how_often():
    """Bigrams ab ab ba ba ac. a came after one token, b after one, c after one: continuation counts 1, 1, 1 of 3. With no count of 2 among
    them the discount is 1/2, so that each keeps 1/6 and 1/2 is shared by all: 1/3 each. Of the bigrams one stands once and two twice: the
    discount is 1 / (1 + 2 * 2) = 1/5."""
    module = counted([A, B, A, B, A, C], 2, "kneser_ney")
    unigrams = np.full(3, 1 / 3)

    np.testing.assert_allclose(after(module, []), unigrams, rtol=1e-5)
    np.testing.assert_allclose(after(module, [B]), np.array([1.8, 0, 0]) / 2 + 0.2 / 2 * unigrams, rtol=1e-5)
    np.testing.assert_allclose(after(module, [A]), np.array([0, 1.8, 0.8]) / 3 + 0.4 / 3 * unigrams, rtol=1e-5)


def test_the_discounts_are_those_of_chen_and_goodman():
    counts = np.array([1] * 10 + [2] * 4 + [3] * 2 + [4] * 1 + [9] * 5)
    share = 10 / (10 + 2 * 4)

    np.testing.assert_allclose(discounts(counts, "kneser_ney"), [0, share, share, share])
    wanted = [0, 1 - 2 * share * 4 / 10, 2 - 3 * share * 2 / 4, 3 - 4 * share * 1 / 2]
    np.testing.assert_allclose(discounts(counts, "modified_kneser_ney"), wanted)
    np.testing.assert_allclose(discounts(np.array([7, 8]), "modified_kneser_ney"), [0, 0.5, 0.5, 0.5])


# By a slow way


def slow(ids, order, smoothing, vocab_size):
    """P(w | context) straight from the formulas, over dictionaries."""
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
        taken = discounts(np.array(list(here.values())), smoothing)
        left = sum(taken[min(count, 3)] for count in followers.values())
        count = followers.get(word, 0)
        return (count - taken[min(count, 3)]) / total + left / total * lower

    return probability


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_every_probability_is_that_of_the_formulas(smoothing, order):
    ids = draws(3, 3, 60)
    module, probability = counted(ids, order, smoothing), slow(ids, order, smoothing, 3)
    for length in range(5):
        for context in product(range(3), repeat=length):
            wanted = [probability(word, context) for word in range(3)]
            np.testing.assert_allclose(after(module, list(context)), wanted, rtol=1e-4)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize(
    "ids", [[], [B], [A, A], [A, B, C], draws(1, 5, 400)], ids=["nothing", "one", "twins", "once each", "much"]
)
def test_probabilities_sum_to_one_and_none_is_zero_whatever_was_counted(smoothing, ids):
    module = counted(ids, 4, smoothing, vocab_size=7)
    for context in ([], [B], [A, B], [6, 6, 6], [6, A, B], [A, B, C], [B, C, A, B, C]):
        probs = after(module, context)
        assert probs.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)
        assert (probs > 0).all()


def test_counting_again_forgets_what_was_counted_before():
    module = counted(draws(1, 3, 50), 3, "kneser_ney")
    module.count(torch.tensor([A, B, A, B, A, C]))
    np.testing.assert_array_equal(after(module, [A]), after(counted([A, B, A, B, A, C], 3, "kneser_ney"), [A]))


# Counts in checkpoints


def test_counts_are_kept_as_small_whole_numbers_and_come_back():
    tables = count_grams(np.array(draws(2, 9, 500)), 4, 9)
    weights = to_weights(tables)

    assert {values.dtype.name for values in weights.values()} == {"uint8"}
    assert [narrow(np.array([largest])).dtype.name for largest in (255, 256, 40_000, 2**40)] == [
        "uint8",
        "int16",
        "int32",
        "int64",
    ]
    for seen, expected in zip(from_weights(weights, 4, 9), tables, strict=True):
        for name in ("tokens", "counts", "parents", "followers"):
            np.testing.assert_array_equal(getattr(seen, name), getattr(expected, name))


def test_a_counted_model_is_saved_and_opened_without_a_loss(tmp_path):
    tokenizer = CharTokenizer("abc")
    module = counted(draws(5, 3, 300), 4, "modified_kneser_ney")
    path = save_checkpoint(
        tmp_path / "abc.safetensors", architecture="ngram", module=module, tokenizer=tokenizer, registry=REGISTRY
    )
    model = open_model(path, REGISTRY)

    assert model.num_parameters == sum(values.numel() for values in module.state_dict().values()) > 100
    assert type(model.decoder) is NGramDecoder
    outputs, _ = model.decoder.feed(np.array([[A, B, C]]), model.decoder.initial_state(1))
    np.testing.assert_allclose(np.exp(outputs[0]), after(module, [A, B, C]), rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights: weights.pop("grams.2.counts"), r"lacks the tensor grams\.2\.counts"),
        (lambda weights: weights.update({"grams.1.tokens": weights["grams.1.tokens"][::-1]}), "not sorted"),
        (lambda weights: weights.update({"grams.1.counts": weights["grams.1.counts"][1:]}), "do not fit together"),
        (lambda weights: weights.update({"grams.2.counts": weights["grams.2.counts"] * 0}), "cannot be"),
        (lambda weights: weights.update({"grams.1.followers": weights["grams.1.followers"] * 0}), "0 followers"),
        (lambda weights: weights.update({"grams.1.tokens": np.array([0.5, 1, 2])}), "must be whole numbers"),
        (lambda weights: weights.update({"grams.1.tokens": np.array([0, 1, 3], np.uint8)}), "cannot be"),
    ],
)
def test_tensors_that_cannot_be_counts_are_refused(change, said):
    weights = to_weights(count_grams(np.array([A, B, A, C, B, B]), 3, 3))
    change(weights)
    with pytest.raises(CheckpointError, match=said):
        NGramDecoder(NGramConfig(3, 3), weights)


# The state


@pytest.mark.parametrize("order", [1, 2, 5])
def test_the_state_is_the_last_tokens(order):
    model = decoder(counted(draws(1, 3, 60), order, "witten_bell"))
    _, state = model.feed(np.array([[A, B, C, A]]), model.initial_state(1))

    assert state.dtype == np.int64
    assert state.tolist() == [[-1, -1, -1, -1, A, B, C, A][9 - order :]]


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
def test_they_keep_the_contract_with_other_settings_too(name, settings):
    assert failed(check_architecture(REGISTRY.architectures[name], settings)) == []


# Maximum entropy and the neural network


def test_each_feature_of_a_maximum_entropy_model_has_a_weight_of_its_own_in_a_large_table():
    """Raised alone, the weight of (a b, c) is felt after a b and nowhere else."""
    module = MaxEntLanguageModel(MaxEntConfig(3, order=3, table_size=1_000_003))
    outputs, _ = module(torch.tensor([[A, B]]), module.initial_state(1))
    outputs[0, -1, C].backward()
    felt = module.table.weight.grad[:, 0].nonzero()[:, 0]
    assert len(felt) == 3  # c, b c and a b c

    def logits(context):
        with torch.inference_mode():
            return module(torch.tensor([context]), module.initial_state(1))[0][0, -1]

    with torch.no_grad():
        module.table.weight[felt] = 1.0
    assert logits([A, B]).tolist() == [0, 0, 3]
    assert logits([C, B]).tolist() == [0, 0, 2]
    assert logits([B, A]).tolist() == [0, 0, 1]


def test_features_wrap_around_the_end_of_a_small_table():
    module = MaxEntLanguageModel(MaxEntConfig(11, order=3, table_size=4))
    torch.nn.init.normal_(module.table.weight)
    model = MaxEntDecoder(module.config, {"table.weight": module.table.weight.detach().numpy()})
    with torch.inference_mode():
        outputs, _ = module(torch.tensor([[1, 2, 3]]), module.initial_state(1))
    np.testing.assert_allclose(
        model.feed(np.array([[1, 2, 3]]), model.initial_state(1))[0][0], outputs[0, -1].numpy(), rtol=1e-5
    )


def test_the_neural_network_is_that_of_the_equation():
    torch.manual_seed(0)
    module = NeuralNGramLanguageModel(NeuralNGramConfig(5, order=3, embed_size=4, hidden_size=6))
    weights = {name: values.numpy() for name, values in module.state_dict().items()}
    with torch.inference_mode():
        outputs, state = module(torch.tensor([[1, 3]]), module.initial_state(1))

    x = np.concatenate([weights["embedding.weight"][1 + 1], weights["embedding.weight"][3 + 1]])
    hidden = np.tanh(weights["hidden.bias"] + weights["hidden.weight"] @ x)
    wanted = weights["readout.bias"] + weights["direct.weight"] @ x + weights["readout.weight"] @ hidden
    np.testing.assert_allclose(outputs[0, -1].numpy(), wanted, rtol=1e-4, atol=1e-6)
    assert state.tolist() == [[1, 3]]


@pytest.mark.parametrize(
    "make",
    [
        lambda: MaxEntLanguageModel(MaxEntConfig(5, order=3, table_size=1000)),
        lambda: NeuralNGramLanguageModel(NeuralNGramConfig(5, order=3, embed_size=6, hidden_size=12, direct=False)),
    ],
    ids=["maxent", "neural_ngram"],
)
def test_they_learn_what_the_last_two_tokens_tell(make):
    """Seven in ten tokens are the sum of the last two: no unigram knows, whose best is log 5 = 1.61 nats. The entropy of the habit is 1.0."""
    torch.manual_seed(0)
    ids, module = torch.tensor([draws(4, 5, 600)]), make()
    optimizer = torch.optim.Adam(module.parameters(), 0.05)
    for _ in range(60):
        logits, _ = module(ids[:, :-1], module.initial_state(1))
        loss = torch.nn.functional.cross_entropy(logits[0], ids[0, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1.1


def test_before_anything_is_counted_all_tokens_are_equally_likely():
    module = NGramLanguageModel(NGramConfig(8))
    with torch.inference_mode():
        outputs, _ = module(torch.tensor([[1, 2]]), module.initial_state(1))
    np.testing.assert_allclose(outputs.numpy(), -math.log(8), rtol=1e-6)
