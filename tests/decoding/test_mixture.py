"""A mixture of decoders: its probabilities, its state, and models that cannot be mixed."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.state import leaves
from seqshell.core.tasks import Task
from seqshell.decoding.mixture import mixed
from seqshell.decoding.probabilities import log_probs
from seqshell.models.mixture import mixed_model
from seqshell.session import Session
from seqshell.testing.tiny_language_model import tiny_model
from seqshell.testing.tiny_translator import tiny_translation_model

ONE, OTHER = tiny_model(seed=0), tiny_model(seed=1, hidden_size=4)
IDS = np.array([[1, 2, 3], [3, 2, 1]])


def test_the_probabilities_are_the_weighted_means():
    decoder = mixed([ONE.decoder, OTHER.decoder], [3, 1])
    outputs, state = decoder.feed(IDS, decoder.initial_state(2))
    found = [model.decoder.feed(IDS, model.decoder.initial_state(2)) for model in (ONE, OTHER)]
    expected = 0.75 * np.exp(log_probs(found[0][0])) + 0.25 * np.exp(log_probs(found[1][0]))

    np.testing.assert_allclose(np.exp(outputs), expected, rtol=1e-5)
    for part, (_, own) in zip(leaves(state), found, strict=True):
        np.testing.assert_array_equal(part, own)
    again, _ = decoder.step(IDS[:, -1], decoder.feed(IDS[:, :-1], decoder.initial_state(2))[1])
    np.testing.assert_allclose(again, outputs, atol=1e-6)
    np.testing.assert_allclose(decoder.state_outputs(state), outputs, atol=1e-5)


def test_a_token_that_one_model_excludes_is_possible_if_another_allows_it():
    decoder = mixed([ONE.decoder, OTHER.decoder], [1, 1])
    mean = np.exp(decoder._mean([np.array([[0, -np.inf]]), np.array([[-np.inf, 0.0]])]))

    np.testing.assert_allclose(mean, [[0.5, 0.5]])


def test_a_decoder_without_outputs_of_states_leaves_the_mixture_without_them():
    class Silent:
        initial_state, step, feed = ONE.decoder.initial_state, ONE.decoder.step, ONE.decoder.feed

    decoder = mixed([ONE.decoder, Silent()], [1, 1])
    assert decoder.state_outputs(decoder.initial_state(1)) is None


def test_a_session_on_a_mixture_undoes_and_branches_as_on_one_model():
    session = Session(mixed_model([ONE, OTHER], [0.7, 0.3]))
    session.feed("abc")
    before = [np.array(leaf) for leaf in leaves(session.state)]
    session.feed("de")
    after = [np.array(leaf) for leaf in leaves(session.state)]
    session.undo_tokens(2)
    for leaf, expected in zip(leaves(session.state), before, strict=True):
        np.testing.assert_array_equal(leaf, expected)
    session.branch_off("other")
    session.feed("fg")
    session.checkout("main")
    session.redo()
    for leaf, expected in zip(leaves(session.state), after, strict=True):
        np.testing.assert_array_equal(leaf, expected)
    assert len(after) == 2


def test_a_saved_session_of_a_mixture_opens_on_the_same_mixture_only(tmp_path):
    session = Session(mixed_model([ONE, OTHER], [0.7, 0.3]))
    session.feed("abc")
    session.save(tmp_path / "mixed.safetensors")
    same, another = (mixed_model([ONE, OTHER], weights) for weights in ([7, 3], [3, 7]))

    assert Session.restore(tmp_path / "mixed.safetensors", same, report=print).text().text == "abc"
    with pytest.raises(CheckpointError, match="weights"):
        Session.restore(tmp_path / "mixed.safetensors", another, report=print)


def test_translation_models_are_mixed():
    one, other = tiny_translation_model(seed=0), tiny_translation_model(seed=1)
    decoder = mixed_model([one, other], [1, 1]).decoder
    source, lengths = np.array([[4, 5, 2]]), np.array([3])
    state = decoder.encode(source, lengths)
    outputs, _ = decoder.step(np.array([1]), state)
    own = [model.decoder.step(np.array([1]), model.decoder.encode(source, lengths))[0] for model in (one, other)]

    np.testing.assert_allclose(np.exp(outputs), np.exp([log_probs(each) for each in own]).mean(0), rtol=1e-5)
    assert len(state) == 2


def test_a_mixture_keeps_what_all_its_models_record():
    header = {"config": {"max_length": 9, "hidden_size": 4}, "provenance": {"data": {"name": "x"}, "epochs": 3}}
    other = {**header, "provenance": {"data": {"name": "y"}}}
    one, another = (replace(ONE, header=each) for each in (header, other))

    found = mixed_model([one, one], [1, 1]).header
    assert (found["config"], found["provenance"]) == ({"max_length": 9}, {"data": {"name": "x"}})
    assert "provenance" not in mixed_model([one, another], [1, 1]).header
    assert "provenance" not in mixed_model([replace(ONE, header={"provenance": 3}), ONE], [1, 1]).header


def test_a_mixture_says_what_it_is():
    model = mixed_model([ONE, replace(OTHER, name="other")], [7, 3])

    assert model.name == "tiny+other"
    assert model.header["about"] == "A mixture of tiny=0.7, other=0.3."
    assert model.num_parameters == ONE.num_parameters + OTHER.num_parameters
    assert model.fingerprint == mixed_model([ONE, OTHER], [0.7, 0.3]).fingerprint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokenizer": tiny_model("abc").tokenizer}, "b has another vocabulary than tiny (3 and 10 tokens)"),
        ({"source_tokenizer": ONE.tokenizer}, "b has another source vocabulary than tiny (10 and 0 tokens)"),
        ({"task": Task.TAG}, "b cannot be mixed: its task is tag; models for generate, translate and classify can"),
        ({"labels": ("x",)}, "b has other labels than tiny, so they cannot be mixed"),
        ({"causal": False}, "b does not read a text as tiny does, so they cannot be mixed"),
        ({"header": {"config": {"max_length": 9}}}, "b does not read a text as tiny does"),
        ({"task": Task.TRANSLATE}, "b is for translate, and tiny for generate"),
    ],
)
def test_models_that_do_not_fit_together_are_not_mixed(change, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        mixed_model([ONE, replace(OTHER, name="b", **change)], [1, 1])
