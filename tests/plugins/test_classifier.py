"""The classifiers: pooling against its equations, padding, dropout, and the numpy decoders against the torch models."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from tests.plugins.small_classifiers import (
    EVERY_CASE,
    FAMILIES,
    LENGTHS,
    SETTINGS,
    TEXTS,
    C,
    E,
    H,
    V,
    assert_close,
    assert_states_close,
    hidden_states,
    last_logits,
    make,
    weights,
)

from seqshell import PAD, UNK, CheckpointError, UsageError
from seqshell.core.plugin_api import build
from seqshell.core.state import attention_of, leaves, map_leaves, rows
from seqshell_classifier.classifiers import Classifier
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.states import EMPTY_LOG_TOTAL, ClassifierState, RunningAttention, RunningMean


@EVERY_CASE
def test_the_decoder_equals_the_model(name, settings):
    """For single texts, and for a padded batch."""
    module, decoder = make(name, settings)
    assert_close(decoder.feed(TEXTS, decoder.initial_state(4))[0], last_logits(module, TEXTS))
    for row, length in enumerate(LENGTHS):
        text = TEXTS[row : row + 1, :length]
        assert_close(decoder.feed(text, decoder.initial_state(1))[0], last_logits(module, text))


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_causal_decoder_equals_the_model_after_every_token(settings):
    """In steps, for a single text and for a batch. The states are equal, too, in type and values."""
    module, decoder = make("classifier", settings)
    text = np.where(TEXTS == PAD, UNK, TEXTS)
    for chosen in (slice(None), slice(1)):
        inputs = torch.from_numpy(text[chosen])
        with torch.inference_mode():
            expected, after = module(inputs, module.initial_state(len(inputs)))
        state = decoder.initial_state(len(inputs))
        assert_states_close(state, map_leaves(lambda leaf: leaf.numpy(), module.initial_state(len(inputs))))
        for step, column in enumerate(text[chosen].T):
            outputs, state = decoder.step(column, state)
            assert_close(outputs, expected[:, step])
        assert_states_close(state, map_leaves(lambda leaf: leaf.numpy(), after))


@EVERY_CASE
def test_the_decoder_equals_the_model_for_many_texts(name, settings):
    """Enough of them for the decoder to use a table of the vocabulary's input products."""
    module, decoder = make(name, settings)
    repeated = np.arange(70) % 4
    assert_close(decoder.feed(TEXTS[repeated], decoder.initial_state(70))[0], last_logits(module, TEXTS)[repeated])


@EVERY_CASE
def test_padding_changes_neither_logits_nor_gradients(name, settings):
    module, decoder = make(name, settings)
    padded = np.pad(TEXTS, ((0, 0), (0, 4)), constant_values=PAD)
    assert_close(last_logits(module, padded), last_logits(module, TEXTS))
    single = np.concatenate([last_logits(module, TEXTS[row : row + 1, :length]) for row, length in enumerate(LENGTHS)])
    assert_close(last_logits(module, TEXTS), single)
    outputs, state = decoder.feed(padded, decoder.initial_state(4))
    assert_close(outputs, single)
    expected_states = [
        decoder.feed(TEXTS[row : row + 1, :length], decoder.initial_state(1))[1] for row, length in enumerate(LENGTHS)
    ]
    for row, expected in enumerate(expected_states):
        assert_states_close(rows(state, slice(row, row + 1)), expected)

    gradients = []
    for texts in (TEXTS, padded):
        outputs, _ = module(torch.from_numpy(texts), module.initial_state(4))
        last = torch.from_numpy(LENGTHS - 1) if outputs.shape[1] > 1 else torch.zeros(4, dtype=torch.int64)
        outputs[torch.arange(4), last].square().sum().backward()
        gradients.append(np.concatenate([weight.grad.flatten().numpy() for weight in module.parameters()]))
        module.zero_grad()
    assert_close(gradients[1], gradients[0], 2e-5)


def pooled(kind, hidden, module):
    """Pool hidden states [T, M] to [M], from the equations."""
    if kind == "mean":
        return hidden.mean(0)
    if kind == "max":
        return hidden.max(0)
    if kind == "attention":
        scores = np.exp(np.tanh(hidden) @ weights(module)["pools.attention.vector"])
        return scores @ hidden / scores.sum()
    return hidden[-1] if isinstance(module, Classifier) else np.concatenate((hidden[-1, :H], hidden[0, H:]))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(
    "kinds", [("last",), ("mean",), ("max",), ("attention",), ("last", "max"), ("mean", "attention")]
)
def test_the_logits_are_the_readout_of_the_pooled_hidden_states(name, kinds):
    module, _ = make(name, {"pooling": "+".join(kinds), "num_layers": 2})
    hidden = hidden_states(module, TEXTS[1])
    vector = np.concatenate([pooled(kind, hidden, module) for kind in kinds])
    assert_close(
        last_logits(module, TEXTS[1:2])[0], weights(module)["readout.weight"] @ vector + weights(module)["readout.bias"]
    )


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_the_logits_after_each_token_are_those_of_the_text_up_to_it(pooling):
    module, _ = make("classifier", {"pooling": pooling})
    with torch.inference_mode():
        outputs, _ = module(torch.from_numpy(TEXTS[1:2]), module.initial_state())
    for length in range(1, 8):
        assert_close(outputs[0, length - 1], last_logits(module, TEXTS[1:2, :length])[0])


@pytest.mark.parametrize("length", [1, 255, 256, 257, 600])
@pytest.mark.parametrize("pooling", ["mean", "attention", "last+max"])
def test_feeding_a_long_text_equals_stepping_through_it(pooling, length):
    """Even if the text is longer than a chunk."""
    _, decoder = make("classifier", {"pooling": pooling})
    text = np.random.default_rng(2).integers(UNK, V, (1, length))
    fed, state = decoder.feed(text, decoder.initial_state(1)), decoder.initial_state(1)
    for token in text[0]:
        outputs, state = decoder.step(np.array([token]), state)
    assert_close(fed[0], outputs, 1e-5)
    for actual, expected in zip(leaves(fed[1]), leaves(state), strict=True):
        assert_close(actual, expected, 1e-5)


def test_a_bidirectional_lstm_equals_torchs_over_packed_sequences():
    module, _ = make("bidirectional_classifier", {"num_layers": 2, "pooling": "last"})
    reference = torch.nn.LSTM(E, H, 2, batch_first=True, bidirectional=True)
    own = module.state_dict()
    reference.load_state_dict(
        {
            f"{kind}_l{layer}{suffix}": own[f"recurrent.{layer}.{direction}.0.{kind}_l0"]
            for layer in range(2)
            for direction, suffix in (("ahead", ""), ("back", "_reverse"))
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
    )
    with torch.inference_mode():
        embedded = module.embedding(torch.from_numpy(TEXTS))
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            embedded, torch.from_numpy(LENGTHS), batch_first=True, enforce_sorted=False
        )
        _, (final, _) = reference(packed)
        expected = module.readout(torch.cat((final[-2], final[-1]), -1))
    assert_close(last_logits(module, TEXTS), expected)


@pytest.mark.parametrize(
    ("pooling", "kind"), [("last", tuple), ("mean", RunningMean), ("max", np.ndarray), ("attention", RunningAttention)]
)
def test_the_state_contains_the_state_of_pooling_but_no_source_attention(pooling, kind):
    _, decoder = make("classifier", {"pooling": pooling})
    state = decoder.feed(TEXTS, decoder.initial_state(4))[1]
    assert type(state) is ClassifierState
    assert type(state.pools[0]) is kind
    assert attention_of(state) is None


def test_attention_with_extreme_scores_is_finite_and_equal_in_model_and_decoder():
    module, decoder = make("classifier", {"pooling": "attention"})
    with torch.no_grad():
        module.pools["attention"].vector.mul_(1e4)
    decoder.pools[0].vector = module.pools["attention"].vector.detach().numpy()
    text = np.random.default_rng(3).integers(UNK, V, (1, 50))
    with torch.inference_mode():
        expected, _ = module(torch.from_numpy(text), module.initial_state())
    state = decoder.initial_state(1)
    for step, token in enumerate(text[0]):
        outputs, state = decoder.step(np.array([token]), state)
        assert_close(outputs, expected[:, step], 1e-4)
    assert np.isfinite(expected.numpy()).all()


def test_before_the_first_token_attention_has_no_weight():
    _, decoder = make("classifier", {"pooling": "attention"})
    (state,) = decoder.initial_state(2).pools
    assert state.log_total.tolist() == [[EMPTY_LOG_TOTAL], [EMPTY_LOG_TOTAL]]
    assert not state.mean.any()


@pytest.mark.parametrize("name", FAMILIES)
def test_word_dropout_reads_tokens_as_unknown_in_training_only(name):
    module, _ = make(name, {"word_dropout": 0.5})
    texts = np.full((1, 400), 7)
    unknown = set()
    module.embedding.register_forward_hook(lambda _, inputs, __: unknown.add(float((inputs[0] == UNK).float().mean())))
    last_logits(module, texts)
    torch.manual_seed(0)
    last_logits(module.train(), texts)
    normal, dropped = sorted(unknown)
    assert normal == 0
    assert 0.4 < dropped < 0.6


@pytest.mark.parametrize("dropout", ["dropout", "embed_dropout", "word_dropout"])
@pytest.mark.parametrize("name", FAMILIES)
def test_dropout_acts_in_training_only(name, dropout):
    module, _ = make(name, {dropout: 0.5, "pooling": "mean"})
    assert (last_logits(module, TEXTS) == last_logits(module, TEXTS)).all()
    module.train()
    assert (last_logits(module, TEXTS) != last_logits(module, TEXTS)).any()


def test_max_pooling_does_not_clip_hidden_states_scaled_by_dropout():
    """Dropout may scale a unit to values far below -1."""
    module, _ = make("classifier", {"dropout": 0.9})
    hidden = torch.full((1, 2, H), -9.0)
    values, _ = module.pools["max"].running(hidden, module.initial_state().pools[0])
    assert (values == -9).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_classifier_learns_which_texts_contain_a_token(name, cell):
    torch.manual_seed(0)
    module, _ = make(name, {"cell": cell, "pooling": "max", "num_classes": 2, "hidden_size": 8})
    texts = torch.randint(UNK, V, (64, 6))
    labels = (texts == 5).any(1).long()
    optimizer = torch.optim.Adam(module.parameters(), 0.05)
    for _ in range(40):
        outputs, _ = module(texts, module.initial_state(64))
        loss = torch.nn.functional.cross_entropy(outputs[:, -1], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (last_logits(module, texts.numpy()).argmax(1) == labels.numpy()).mean() > 0.95


def test_an_empty_row_is_read_as_a_single_padding_token():
    """The shell never asks for one, but it must not break the other rows of a batch."""
    for name in FAMILIES:
        module, decoder = make(name, {"pooling": "mean+attention"})
        texts = np.concatenate((TEXTS, np.zeros((1, 7), np.int64)))
        assert_close(decoder.feed(texts, decoder.initial_state(5))[0], last_logits(module, texts))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_classes": 1}, "num_classes must be at least 2, not 1"),
        (
            {"pooling": "median"},
            "pooling must be last, mean, max, attention or several of them joined by \\+, not 'median'",
        ),
        ({"pooling": "max+max"}, "not 'max\\+max'"),
        ({"pooling": ""}, "not ''"),
        ({"cut": "middle"}, "cut must be head, tail or both"),
        ({"max_length": -1}, "max_length must be 0 to 1,000,000"),
    ],
)
def test_invalid_settings_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        build(ClassifierConfig, {"vocab_size": V, "num_classes": C} | settings)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_error_for_invalid_weights_names_the_tensor(name):
    module, _ = make(name, {"pooling": "attention"})
    decoder_type = FAMILIES[name][1]
    with pytest.raises(CheckpointError, match=r"lacks the tensor pools\.attention\.vector"):
        decoder_type(module.config, {key: value for key, value in weights(module).items() if "pools" not in key})
    with pytest.raises(CheckpointError, match=r"readout\.weight is \[3, 2\]; the config requires"):
        decoder_type(module.config, weights(module) | {"readout.weight": np.zeros((C, 2), np.float32)})


def test_decoding_does_not_import_torch():
    code = "import sys, seqshell_classifier.decoders; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("name", FAMILIES)
def test_input_and_forget_gates_start_with_the_configured_biases(name):
    sizes = {"vocab_size": V, "num_classes": C, "embed_size": E, "hidden_size": H}
    module = FAMILIES[name][0](build(ClassifierConfig, sizes | {"cell": "lstm", "input_bias": -3, "forget_bias": 5}))
    biases = [value for key, value in module.named_parameters() if key.endswith("bias_ih_l0")]

    assert len(biases) == (1 if name == "classifier" else 2)
    for bias in biases:
        assert bias.tolist() == [-3.0] * H + [5.0] * H + [0.0] * 2 * H
