"""The maxent and neural_ngram models: their features, their equation, and what they learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.plugins.token_texts import A, B, C, random_text

from seqshell_ngram.config import MaxEntConfig, NeuralNGramConfig, NGramConfig
from seqshell_ngram.decoders import MaxEntDecoder
from seqshell_ngram.maxent import MaxEntLanguageModel
from seqshell_ngram.neural_ngram import NeuralNGramLanguageModel
from seqshell_ngram.ngram import NGramLanguageModel


def test_in_a_large_table_each_feature_of_maxent_has_its_own_weight():
    """The features of c after a b are c, b c and a b c; raising their weights affects other contexts less."""
    module = MaxEntLanguageModel(MaxEntConfig(3, order=3, table_size=1_000_003))
    outputs, _ = module(torch.tensor([[A, B]]), module.initial_state(1))
    outputs[0, -1, C].backward()
    features = module.table.weight.grad[:, 0].nonzero()[:, 0]
    assert len(features) == 3

    def logits(context):
        with torch.inference_mode():
            return module(torch.tensor([context]), module.initial_state(1))[0][0, -1]

    with torch.no_grad():
        module.table.weight[features] = 1.0
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


def test_the_neural_ngram_matches_its_equation():
    torch.manual_seed(0)
    module = NeuralNGramLanguageModel(NeuralNGramConfig(5, order=3, embed_size=4, hidden_size=6))
    weights = {name: values.numpy() for name, values in module.state_dict().items()}
    with torch.inference_mode():
        outputs, state = module(torch.tensor([[1, 3]]), module.initial_state(1))

    x = np.concatenate([weights["embedding.weight"][1 + 1], weights["embedding.weight"][3 + 1]])
    hidden = np.tanh(weights["hidden.bias"] + weights["hidden.weight"] @ x)
    expected = weights["readout.bias"] + weights["direct.weight"] @ x + weights["readout.weight"] @ hidden
    np.testing.assert_allclose(outputs[0, -1].numpy(), expected, rtol=1e-4, atol=1e-6)
    assert state.tolist() == [[1, 3]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: MaxEntLanguageModel(MaxEntConfig(5, order=3, table_size=1000)),
        lambda: NeuralNGramLanguageModel(NeuralNGramConfig(5, order=3, embed_size=6, hidden_size=12, direct=False)),
    ],
    ids=["maxent", "neural_ngram"],
)
def test_maxent_and_neural_ngram_learn_to_use_the_last_two_tokens(make):
    """The entropy of the text is 1.0 nats; without context, the best loss is log 5 = 1.61 nats."""
    torch.manual_seed(0)
    ids, module = torch.tensor([random_text(4, 5, 600)]), make()
    optimizer = torch.optim.Adam(module.parameters(), 0.05)
    for _ in range(60):
        logits, _ = module(ids[:, :-1], module.initial_state(1))
        loss = torch.nn.functional.cross_entropy(logits[0], ids[0, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1.1


def test_before_a_text_is_counted_all_tokens_are_equally_likely():
    module = NGramLanguageModel(NGramConfig(8))
    with torch.inference_mode():
        outputs, _ = module(torch.tensor([[1, 2]]), module.initial_state(1))
    np.testing.assert_allclose(outputs.numpy(), -math.log(8), rtol=1e-6)
