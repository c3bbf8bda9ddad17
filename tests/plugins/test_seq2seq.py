"""The encoder-decoders against the papers' equations, with padding, and the numpy decoders against the torch models."""

import numpy as np
import pytest
import torch
from tests.plugins.seq2seq_models import FAMILIES, SOURCE_SIZE, TARGET_SIZE, H, N, make
from tests.plugins.seq2seq_reference import Reference

from seqshell import BOS, EOS, PAD
from seqshell.core.state import attention_of, leaves, map_leaves, rows
from seqshell.layers import LSTMState
from seqshell.training.translation.loss import pair_loss
from seqshell_seq2seq.states import AttentionState, ContextState, FeedingState

LENGTHS = np.array([3, 6, 1, 4])
SOURCE = np.random.default_rng(0).integers(4, SOURCE_SIZE, (4, 6))
SOURCE[np.arange(4), LENGTHS - 1] = EOS
SOURCE[np.arange(6) >= LENGTHS[:, None]] = PAD
TARGET = np.random.default_rng(1).integers(4, TARGET_SIZE, (4, 7))
TARGET[:, 0] = BOS

KINDS = ("dot", "general", "additive", "concat")
WITHOUT_ATTENTION = [
    {},
    {"cell": "gru", "bidirectional": False},
    {"cell": "rnn", "encoder_layers": 2, "num_layers": 2},
    {"encoder_layers": 2, "num_layers": 3, "hidden_size": 2 * N},
    {"hidden_size": 2 * N, "num_layers": 2, "encoder_layers": 2},
    {"context": "mean", "num_layers": 2},
    {"cell": "gru", "context": "max"},
    {"feed_context": True},
    {"feed_context": True, "cell": "gru", "context": "max", "num_layers": 2},
    {"reversed_source": True, "bidirectional": False},
    {"tied": True, "shared_embedding": True, "source_vocab_size": TARGET_SIZE},
    {"tied": True, "embed_size": H},
    {"source_marks": "both", "encoder_layers": 2, "num_layers": 2, "scaled_embedding": False},
    {"source_marks": "none", "context": "mean", "directions": "summed", "encoder_layers": 2},
    {"source_marks": "both", "reversed_source": True, "padded_to": 5, "cell": "gru", "reset": "before"},
    {"padded_to": 4, "context": "max", "reset": "before", "cell": "gru", "encoder_layers": 2, "num_layers": 2},
    {"feed_context": True, "readout_inputs": "all", "cell": "gru", "bidirectional": False, "directions": "summed"},
    {"feed_context": True, "readout_inputs": "all", "tied": True, "context": "top", "num_layers": 2},
    {"bridge": "layer", "hidden_size": 2 * N, "initial_cell": "hidden", "context": "top", "num_layers": 2},
    {"bridge": "layer", "hidden_size": 2 * N, "encoder_layers": 2, "num_layers": 2},
    {"bridge": "directions", "hidden_size": N, "encoder_layers": 2, "num_layers": 3, "feed_context": True},
    {"bridge": "zeros", "feed_context": True, "num_layers": 2},
]
WITH_ATTENTION = [
    *({"attention": kind, "cell": cell, "hidden_size": 2 * N} for kind in KINDS for cell in ("rnn", "lstm", "gru")),
    *({"attention": kind, "placement": "before"} for kind in ("general", "additive", "concat")),
    *({"attention": kind, "input_feeding": True} for kind in ("general", "additive", "concat")),
    {"attention": "dot", "input_feeding": True, "tied": True, "bidirectional": False, "encoder_size": H, "cell": "gru"},
    {"placement": "before", "cell": "gru", "num_layers": 2, "encoder_layers": 3},
    {"context": "mean", "num_layers": 2, "input_feeding": True},
    {"context": "max", "tied": True, "shared_embedding": True, "source_vocab_size": TARGET_SIZE},
    {"source_marks": "both", "attention": "additive", "placement": "before", "readout_inputs": "all", "cell": "gru"},
    {"source_marks": "both"},
    {"source_marks": "none", "input_feeding": True, "scaled_embedding": False},
    {"readout_inputs": "hidden", "placement": "before", "attention": "additive", "cell": "gru", "bridge": "layer"},
    {"attention": "position", "placement": "before", "readout_inputs": "hidden", "cell": "gru", "attention_size": 9},
    {"attention": "position", "placement": "before", "num_layers": 2, "source_marks": "both"},
    {"readout_inputs": "hidden", "tied": True, "embed_size": H},
    {"readout_inputs": "all", "directions": "summed", "attention": "concat", "hidden_size": N},
    {"directions": "summed", "bridge": "directions", "encoder_layers": 2, "num_layers": 2, "hidden_size": N},
    {"cell": "gru", "reset": "before", "input_feeding": True, "bridge": "zeros"},
    {"context": "top", "encoder_layers": 2, "num_layers": 2, "bridge": "layer", "hidden_size": 2 * N},
]
CASES = [
    *(("seq2seq", settings) for settings in WITHOUT_ATTENTION),
    *(("attention_seq2seq", settings) for settings in WITH_ATTENTION),
]


def encoded(module, source=SOURCE, lengths=LENGTHS):
    with torch.inference_mode():
        return module.encode(torch.from_numpy(source), torch.from_numpy(lengths))


def logits_of(module, source=SOURCE, lengths=LENGTHS, target=TARGET):
    """The module's logits [B, T, V] and the state after the target."""
    with torch.inference_mode():
        outputs, state = module(torch.from_numpy(target), encoded(module, source, lengths))
    return outputs.numpy(), map_leaves(lambda leaf: leaf.numpy(), state)


def assert_close(actual, expected, atol=3e-6):
    np.testing.assert_allclose(actual, expected, atol=atol)


def assert_states_close(actual, expected):
    assert type(actual) is type(expected)
    for leaf, expected_leaf in zip(leaves(actual), leaves(expected), strict=True):
        assert (leaf.shape, leaf.dtype) == (expected_leaf.shape, expected_leaf.dtype)
        assert_close(leaf, expected_leaf)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_the_decoder_equals_the_model(name, settings):
    """encode, step and feed, for single rows and a batch: logits, states and their types."""
    module, decoder = make(name, settings)
    for chosen in (slice(None), slice(1), slice(2, 3)):
        source, lengths, target = SOURCE[chosen], LENGTHS[chosen], TARGET[chosen]
        state = decoder.encode(source, lengths)
        assert_states_close(state, map_leaves(lambda leaf: leaf.numpy(), encoded(module, source, lengths)))
        expected, expected_state = logits_of(module, source, lengths, target)
        outputs, fed = decoder.feed(target, state)
        assert_close(outputs, expected[:, -1])
        assert_states_close(fed, expected_state)
        for step, column in enumerate(target.T):
            outputs, state = decoder.step(column, state)
            assert_close(outputs, expected[:, step])
        assert_states_close(state, expected_state)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_the_decoder_equals_the_model_for_many_rows(name, settings):
    """Enough of them for the decoder to use a table of the vocabulary's input products."""
    module, decoder = make(name, settings)
    repeated = np.arange(70) % 4
    expected, _ = logits_of(module)
    state = rows(decoder.encode(SOURCE, LENGTHS), repeated)
    assert_close(decoder.feed(TARGET[repeated], state)[0], expected[repeated, -1])
    for step, column in enumerate(TARGET.T):
        outputs, state = decoder.step(column[repeated], state)
        assert_close(outputs, expected[repeated, step])


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_padding_of_source_and_target_changes_neither_loss_nor_logits(name, settings):
    module, decoder = make(name, settings)
    target = TARGET.copy()
    ends = np.array([7, 4, 5, 6])
    target[np.arange(7) >= ends[:, None]] = PAD
    padded = [np.pad(ids, ((0, 0), (0, 3))) for ids in (SOURCE, target)]
    logits, padded_logits = logits_of(module, target=target)[0], logits_of(module, padded[0], target=padded[1])[0]
    assert_close(padded_logits[:, :7], logits)
    losses = [loss(module, SOURCE, target), loss(module, *padded)]
    single = 0.0
    for row, (length, end) in enumerate(zip(LENGTHS, ends, strict=True)):
        source, target_row = SOURCE[row : row + 1, :length], target[row : row + 1, :end]
        assert_close(logits_of(module, source, LENGTHS[row : row + 1], target_row)[0][0], logits[row, :end])
        assert_close(
            decoder.feed(target_row, decoder.encode(source, LENGTHS[row : row + 1]))[0][0], logits[row, end - 1]
        )
        single += loss(module, source, target_row, LENGTHS[row : row + 1])
    assert losses == pytest.approx([single, single], rel=1e-5)


def loss(module, source, target, lengths=LENGTHS):
    source, lengths, target = (torch.from_numpy(values) for values in (source, lengths, target))
    with torch.inference_mode():
        nats, count = pair_loss(module, source, lengths, target[:, :-1], target[:, 1:])
    assert count == (target[:, 1:] != PAD).sum()
    return float(nats)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_model_and_decoder_match_the_papers_equations(name, settings):
    module, decoder = make(name, settings)
    logits, _ = logits_of(module)
    state = decoder.encode(SOURCE, LENGTHS)
    references = [Reference(module, source[:length]) for source, length in zip(SOURCE, LENGTHS, strict=True)]
    for step, column in enumerate(TARGET.T):
        outputs, state = decoder.step(column, state)
        for row, (reference, token, length) in enumerate(zip(references, column, LENGTHS, strict=True)):
            expected = reference.step(token)
            assert_close(logits[row, step], expected, atol=1e-5)
            assert_close(outputs[row], expected, atol=1e-5)
            if name == "attention_seq2seq":
                assert_close(state.attention[row, :length], reference.given_attention(length))
                assert not state.attention[row, length:].any()


@pytest.mark.parametrize(
    ("name", "settings", "kind"),
    [
        ("seq2seq", {}, LSTMState),
        ("seq2seq", {"cell": "gru"}, np.ndarray),
        ("seq2seq", {"feed_context": True}, ContextState),
        ("attention_seq2seq", {}, AttentionState),
        ("attention_seq2seq", {"input_feeding": True}, FeedingState),
    ],
)
def test_constant_fields_of_a_state_stay_the_same_object(name, settings, kind):
    _, decoder = make(name, settings)
    first = decoder.encode(SOURCE, LENGTHS)
    assert type(first) is kind
    for _, after in (
        decoder.step(TARGET[:, 0], first),
        decoder.feed(TARGET, first),
        decoder.step(TARGET[:, 0], decoder.feed(TARGET, first)[1]),
    ):
        for constant in {"context", "encoded", "keys", "mask"} & set(getattr(first, "_fields", ())):
            assert getattr(after, constant) is getattr(first, constant)
    assert (attention_of(first) is None) == (name == "seq2seq")


def test_dot_attention_uses_one_array_for_keys_and_encoded():
    _, decoder = make("attention_seq2seq", {"attention": "dot", "hidden_size": 2 * N})
    state = decoder.encode(SOURCE, LENGTHS)
    assert state.keys is state.encoded


def test_attention_is_zero_before_the_first_step():
    _, decoder = make("attention_seq2seq", {"input_feeding": True})
    state = decoder.encode(SOURCE, LENGTHS)
    assert not state.attention.any()
    assert not state.attended.any()


def test_logits_come_from_a_state_alone_where_nothing_else_is_read():
    """`state_outputs` equals what the step returned; None where the token or the state before it is needed."""
    for name, settings, has_outputs in [
        ("seq2seq", {"feed_context": True}, True),
        ("seq2seq", {"feed_context": True, "readout_inputs": "all"}, False),
        ("attention_seq2seq", {}, True),
        ("attention_seq2seq", {"placement": "before"}, False),
        ("attention_seq2seq", {"placement": "before", "readout_inputs": "hidden"}, True),
        ("attention_seq2seq", {"readout_inputs": "all"}, False),
    ]:
        _, decoder = make(name, settings)
        outputs, state = decoder.step(TARGET[:, 0], decoder.encode(SOURCE, LENGTHS))
        found = decoder.state_outputs(state)
        assert (found is not None) == has_outputs
        if has_outputs:
            assert_close(found, outputs)


def test_a_reversed_source_begins_with_its_eos():
    """Each row is reversed within its own length."""
    _, decoder = make("seq2seq", {"reversed_source": True, "bidirectional": False})
    _, plain = make("seq2seq", {"bidirectional": False})
    mirrored = SOURCE.copy()
    for row, length in enumerate(LENGTHS):
        mirrored[row, :length] = SOURCE[row, :length][::-1]
    for actual, expected in zip(decoder.encode(SOURCE, LENGTHS), plain.encode(mirrored, LENGTHS), strict=True):
        assert np.array_equal(actual, expected)


def test_the_initial_state_is_the_encoding_of_eos_alone():
    for name in FAMILIES:
        module, decoder = make(name, {})
        state = decoder.initial_state(2)
        assert_states_close(state, decoder.encode(np.full((2, 1), EOS), np.ones(2, np.int64)))
        assert_states_close(state, map_leaves(lambda leaf: leaf.detach().numpy(), module.initial_state(2)))
