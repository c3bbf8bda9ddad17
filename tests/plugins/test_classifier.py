"""The classifiers: pooling as its equations have it, padding, dropout, and the decoders in numpy against their modules."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from seqshell import PAD, UNK, CheckpointError, UsageError
from seqshell.core.plugin_api import build
from seqshell.core.state import attention_of, leaves, map_leaves, rows
from seqshell.layers.hashing import ngram_indices
from seqshell_classifier.classifiers import BidirectionalClassifier, Classifier
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.decoders import BidirectionalClassifierDecoder, ClassifierDecoder
from seqshell_classifier.states import NOTHING, AttendedSoFar, ClassifierState, MeanSoFar

V, C, E, H = 13, 3, 5, 4  # sizes: vocabulary, classes, token vectors, hidden state
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
]
FAMILIES = {
    "classifier": (Classifier, ClassifierDecoder),
    "bidirectional_classifier": (BidirectionalClassifier, BidirectionalClassifierDecoder),
}
EACH = pytest.mark.parametrize(("name", "settings"), [(name, settings) for name in FAMILIES for settings in SETTINGS])


def made(name, settings, seed=1):
    """A module with weights that are nowhere zero, and the decoder of the same weights."""
    config = build(ClassifierConfig, {"vocab_size": V, "num_classes": C, "embed_size": E, "hidden_size": H} | settings)
    torch.manual_seed(seed)
    model_type, decoder_type = FAMILIES[name]
    module = model_type(config).eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight += 0.5 * torch.randn_like(weight)
    return module, decoder_type(config, weights(module))


def weights(module):
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def belief(module, texts):
    """The outputs that count, those of the last token: [B, C]."""
    with torch.inference_mode():
        outputs, _ = module(torch.from_numpy(texts), module.initial_state(len(texts)))
    last = np.maximum((texts != PAD).sum(1), 1) - 1 if outputs.shape[1] > 1 else 0
    return outputs.numpy()[np.arange(len(texts)), last]


def hidden_states(module, text):
    """What is pooled of a text [T]: [T, M]."""
    with torch.inference_mode():
        hidden = module.embedding(torch.from_numpy(text)[None])
        if isinstance(module, Classifier):
            hidden, _ = module.recurrent(hidden, module.recurrent.initial_state(1))
        else:
            for layer in module.recurrent:
                hidden = layer(hidden, torch.tensor([len(text)]))
    return hidden[0].numpy()


def near(seen, wanted, atol=3e-6):
    np.testing.assert_allclose(seen, wanted, atol=atol)


def states_near(seen, expected):
    assert type(seen) is type(expected)
    for leaf, wanted in zip(leaves(seen), leaves(expected), strict=True):
        assert (leaf.shape, leaf.dtype) == (wanted.shape, wanted.dtype)
        near(leaf, wanted)


@EACH
def test_the_decoder_equals_the_module(name, settings):
    """Alone and together, padded."""
    module, decoder = made(name, settings)
    near(decoder.feed(TEXTS, decoder.initial_state(4))[0], belief(module, TEXTS))
    for row, length in enumerate(LENGTHS):
        alone = TEXTS[row : row + 1, :length]
        near(decoder.feed(alone, decoder.initial_state(1))[0], belief(module, alone))


def told_by_ngrams(module, text):
    """Their equation, place by place: the logits [C] that they add after a text."""
    config, total, ending = module.config, 0, 0
    known = [-1] * (config.ngrams - 1) + text.tolist()
    for end in range(config.ngrams, len(known) + 1):
        (found,) = np.stack(
            ngram_indices(np.array([known[end - config.ngrams : end]]), config.ngram_slots)[1:], 1
        ).tolist()
        ending = sum(module.wide.ending.weight[place] for place in found)
        total = total + sum(module.wide.inside.weight[place] for place in found)
    return (total / len(text) ** 0.5 + ending).detach().numpy()


@pytest.mark.parametrize("name", FAMILIES)
def test_ngrams_add_their_weights(name):
    """Those within a text by the root of its length, those at its end whole."""
    settings = {"ngrams": 3, "ngram_slots": 101}
    module, _ = made(name, settings)
    told = belief(module, TEXTS)
    silent, _ = made(name, settings)
    with torch.no_grad():
        for weight in silent.wide.parameters():
            weight.zero_()
    heard, _ = made(name, settings)
    near(
        told - belief(silent, TEXTS),
        np.stack([told_by_ngrams(heard, text[:length]) for text, length in zip(TEXTS, LENGTHS, strict=True)]),
        1e-5,
    )


def test_ngrams_that_are_left_out_in_training_are_made_up_for():
    """A half of them, the others twice: the mean over many passes is what all of them say."""
    module, _ = made("classifier", {"ngrams": 2, "ngram_slots": 101, "ngram_dropout": 0.5})
    tokens = torch.from_numpy(TEXTS[1:2]).expand(4000, -1)
    with torch.no_grad():
        (wanted, *_), _ = module.wide.running(tokens, module.wide.initial_state(4000))
        module.train()
        seen, _ = module.wide.running(tokens, module.wide.initial_state(4000))
    assert seen[:, -1].std() > 0.1
    near(seen.mean(0), wanted, 0.1)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_causal_decoder_believes_after_every_token_what_the_module_believes(settings):
    """Stepped, alone and together; states and their kinds are the same too."""
    module, decoder = made("classifier", settings)
    text = np.where(TEXTS == PAD, UNK, TEXTS)
    for which in (slice(None), slice(1)):
        inputs = torch.from_numpy(text[which])
        with torch.inference_mode():
            expected, after = module(inputs, module.initial_state(len(inputs)))
        state = decoder.initial_state(len(inputs))
        states_near(state, map_leaves(lambda leaf: leaf.numpy(), module.initial_state(len(inputs))))
        for step, column in enumerate(text[which].T):
            outputs, state = decoder.step(column, state)
            near(outputs, expected[:, step])
        states_near(state, map_leaves(lambda leaf: leaf.numpy(), after))


@EACH
def test_many_rows_give_what_the_module_gives(name, settings):
    """Enough of them for the table of all tokens' products."""
    module, decoder = made(name, settings)
    many = np.arange(70) % 4
    near(decoder.feed(TEXTS[many], decoder.initial_state(70))[0], belief(module, TEXTS)[many])


@EACH
def test_padding_changes_nothing(name, settings):
    """Not the belief, whatever stands beside a text in the batch, and not the gradient."""
    module, decoder = made(name, settings)
    further = np.pad(TEXTS, ((0, 0), (0, 4)), constant_values=PAD)
    near(belief(module, further), belief(module, TEXTS))
    alone = np.concatenate([belief(module, TEXTS[row : row + 1, :length]) for row, length in enumerate(LENGTHS)])
    near(belief(module, TEXTS), alone)
    outputs, state = decoder.feed(further, decoder.initial_state(4))
    near(outputs, alone)
    one_by_one = [
        decoder.feed(TEXTS[row : row + 1, :length], decoder.initial_state(1))[1] for row, length in enumerate(LENGTHS)
    ]
    for row, expected in enumerate(one_by_one):
        states_near(rows(state, slice(row, row + 1)), expected)

    slopes = []
    for texts in (TEXTS, further):
        outputs, _ = module(torch.from_numpy(texts), module.initial_state(4))
        last = torch.from_numpy(LENGTHS - 1) if outputs.shape[1] > 1 else torch.zeros(4, dtype=torch.int64)
        outputs[torch.arange(4), last].square().sum().backward()
        slopes.append(np.concatenate([weight.grad.flatten().numpy() for weight in module.parameters()]))
        module.zero_grad()
    near(slopes[1], slopes[0], 2e-5)


def pooled(kind, hidden, module):
    """[T, M] -> [M], as the equations have it."""
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
def test_the_logits_are_the_read_out_of_the_pooled_hidden_states(name, kinds):
    module, _ = made(name, {"pooling": "+".join(kinds), "num_layers": 2})
    hidden = hidden_states(module, TEXTS[1])
    vector = np.concatenate([pooled(kind, hidden, module) for kind in kinds])
    near(belief(module, TEXTS[1:2])[0], weights(module)["readout.weight"] @ vector + weights(module)["readout.bias"])


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_the_belief_after_each_token_is_that_of_the_text_up_to_there(pooling):
    module, _ = made("classifier", {"pooling": pooling})
    with torch.inference_mode():
        outputs, _ = module(torch.from_numpy(TEXTS[1:2]), module.initial_state())
    for length in range(1, 8):
        near(outputs[0, length - 1], belief(module, TEXTS[1:2, :length])[0])


@pytest.mark.parametrize("length", [1, 255, 256, 257, 600])
@pytest.mark.parametrize("pooling", ["mean", "attention", "last+max"])
def test_a_long_text_fed_at_once_is_the_same_text_stepped(pooling, length):
    """Also where the hidden states of the text are not held all at once."""
    _, decoder = made("classifier", {"pooling": pooling})
    text = np.random.default_rng(2).integers(UNK, V, (1, length))
    fed, state = decoder.feed(text, decoder.initial_state(1)), decoder.initial_state(1)
    for token in text[0]:
        outputs, state = decoder.step(np.array([token]), state)
    near(fed[0], outputs, 1e-5)
    for seen, expected in zip(leaves(fed[1]), leaves(state), strict=True):
        near(seen, expected, 1e-5)


def test_both_directions_of_an_lstm_are_those_of_torch():
    """nn.LSTM over packed sequences, with the same weights."""
    module, _ = made("bidirectional_classifier", {"num_layers": 2, "pooling": "last"})
    reference = torch.nn.LSTM(E, H, 2, batch_first=True, bidirectional=True)
    own = module.state_dict()
    reference.load_state_dict(
        {
            f"{kind}_l{layer}{suffix}": own[f"recurrent.{layer}.{way}.0.{kind}_l0"]
            for layer in range(2)
            for way, suffix in (("ahead", ""), ("back", "_reverse"))
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
    near(belief(module, TEXTS), expected)


@pytest.mark.parametrize(
    ("pooling", "kind"), [("last", tuple), ("mean", MeanSoFar), ("max", np.ndarray), ("attention", AttendedSoFar)]
)
def test_a_state_holds_what_pooling_needs_and_nothing_that_translations_are_asked_for(pooling, kind):
    _, decoder = made("classifier", {"pooling": pooling})
    state = decoder.feed(TEXTS, decoder.initial_state(4))[1]
    assert type(state) is ClassifierState
    assert type(state.pools[0]) is kind
    assert attention_of(state) is None


def test_attention_of_scores_far_apart_stays_finite_and_the_same_however_it_is_read():
    module, decoder = made("classifier", {"pooling": "attention"})
    with torch.no_grad():
        module.pools["attention"].vector.mul_(1e4)
    decoder.pools[0].vector = module.pools["attention"].vector.detach().numpy()
    text = np.random.default_rng(3).integers(UNK, V, (1, 50))
    with torch.inference_mode():
        expected, _ = module(torch.from_numpy(text), module.initial_state())
    state = decoder.initial_state(1)
    for step, token in enumerate(text[0]):
        outputs, state = decoder.step(np.array([token]), state)
        near(outputs, expected[:, step], 1e-4)
    assert np.isfinite(expected.numpy()).all()


def test_before_any_token_attention_weighs_nothing():
    _, decoder = made("classifier", {"pooling": "attention"})
    (state,) = decoder.initial_state(2).pools
    assert state.log_total.tolist() == [[NOTHING], [NOTHING]]
    assert not state.mean.any()


@pytest.mark.parametrize("name", FAMILIES)
def test_word_dropout_reads_tokens_as_unknown_in_training_only(name):
    module, _ = made(name, {"word_dropout": 0.5})
    texts = np.full((1, 400), 7)
    unknown = set()
    module.embedding.register_forward_hook(lambda _, inputs, __: unknown.add(float((inputs[0] == UNK).float().mean())))
    belief(module, texts)
    torch.manual_seed(0)
    belief(module.train(), texts)
    quiet, dropped = sorted(unknown)
    assert quiet == 0
    assert 0.4 < dropped < 0.6


@pytest.mark.parametrize("dropout", ["dropout", "embed_dropout", "word_dropout"])
@pytest.mark.parametrize("name", FAMILIES)
def test_dropout_acts_in_training_only(name, dropout):
    module, _ = made(name, {dropout: 0.5, "pooling": "mean"})
    assert (belief(module, TEXTS) == belief(module, TEXTS)).all()
    module.train()
    assert (belief(module, TEXTS) != belief(module, TEXTS)).any()


def test_the_largest_of_hidden_states_that_dropout_scales_is_not_cut():
    """However far below -1 a scaled element is."""
    module, _ = made("classifier", {"dropout": 0.9})
    hidden = torch.full((1, 2, H), -9.0)
    values, _ = module.pools["max"].running(hidden, module.initial_state().pools[0])
    assert (values == -9).all()


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_it_learns_which_texts_hold_a_token(name, cell):
    torch.manual_seed(0)
    module, _ = made(name, {"cell": cell, "pooling": "max", "num_classes": 2, "hidden_size": 8})
    texts = torch.randint(UNK, V, (64, 6))
    labels = (texts == 5).any(1).long()
    optimizer = torch.optim.Adam(module.parameters(), 0.05)
    for _ in range(40):
        outputs, _ = module(texts, module.initial_state(64))
        loss = torch.nn.functional.cross_entropy(outputs[:, -1], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (belief(module, texts.numpy()).argmax(1) == labels.numpy()).mean() > 0.95


def test_a_row_without_any_token_is_a_text_that_is_pad():
    """Which nobody asks for; it must not fail the rows beside it."""
    for name in FAMILIES:
        module, decoder = made(name, {"pooling": "mean+attention"})
        texts = np.concatenate((TEXTS, np.zeros((1, 7), np.int64)))
        near(decoder.feed(texts, decoder.initial_state(5))[0], belief(module, texts))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"num_classes": 1}, "chooses among 2 classes at least, not 1"),
        (
            {"pooling": "median"},
            "pooling must be last, mean, max or attention, or some of them joined by \\+, not 'median'",
        ),
        ({"pooling": "max+max"}, "not 'max\\+max'"),
        ({"pooling": ""}, "not ''"),
        ({"cut": "middle"}, "cut must be head, tail or both"),
        ({"max_length": -1}, "max_length must be 0 to 1,000,000"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, told):
    with pytest.raises(UsageError, match=told):
        build(ClassifierConfig, {"vocab_size": V, "num_classes": C} | settings)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_decoder_names_the_weight_that_does_not_fit(name):
    module, _ = made(name, {"pooling": "attention"})
    decoder_type = FAMILIES[name][1]
    with pytest.raises(CheckpointError, match=r"lacks the tensor pools\.attention\.vector"):
        decoder_type(module.config, {key: value for key, value in weights(module).items() if "pools" not in key})
    with pytest.raises(CheckpointError, match=r"readout\.weight is \[3, 2\]; the config requires"):
        decoder_type(module.config, weights(module) | {"readout.weight": np.zeros((C, 2), np.float32)})


def test_decoding_needs_no_torch():
    code = "import sys, seqshell_classifier.decoders; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
