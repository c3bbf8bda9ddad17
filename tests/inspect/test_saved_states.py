"""Saved states: what is read is what was saved, and a damaged file or one of another model is refused by name."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.inspect.conftest import odd_model

import seqshell
from seqshell.core import paths
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.state import leaves
from seqshell.inspect import saved_states
from seqshell.models import file
from seqshell.session import Session
from seqshell.testing import tiny_classification_model, tiny_forecast_model, tiny_model, tiny_translation_model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kept.safetensors"


def test_a_state_of_any_leaves_is_read_as_it_was_saved(odd, path, bits):
    seqshell.save_state(path, odd)
    found = seqshell.load_state(path, Session(odd_model()))

    assert bits(found) == bits(odd.here)
    assert type(found.state) is type(odd.here.state)
    assert [leaf.dtype for leaf in leaves(found.state)] == [leaf.dtype for leaf in leaves(odd.here.state)]
    assert (found.given.name, found.given.text, found.given.position) == ("kept", "abcd", 4)


def test_another_session_continues_from_it_as_the_first_would(odd, path):
    saved_states.save_state(path, odd)
    other = Session(odd_model())
    moved = other.set_state(saved_states.load_state(path, other))
    assert (moved.position, moved.state, other.ids(), other.tail) == (0, "kept", [], "abcd")

    odd.feed("ef")
    other.feed("ef")
    assert [leaf.tobytes() for leaf in leaves(other.here.state)] == [leaf.tobytes() for leaf in leaves(odd.here.state)]
    assert other.here.outputs.tobytes() == odd.here.outputs.tobytes()
    assert other.text().text == "ef"


def test_the_last_200_characters_are_kept_with_those_before_a_state_that_was_given(tiny, path):
    tiny.feed("abcdefgh" * 40)
    tiny.set_state(saved_states.load_state(saved_states.save_state(path, tiny), tiny))
    tiny.feed("cab")
    found = saved_states.load_state(saved_states.save_state(path, tiny), tiny)

    assert found.given.text == ("abcdefgh" * 40 + "cab")[-200:]
    assert found.given.position == 326


def test_a_name_is_a_file_in_the_folder_of_states(tiny):
    assert saved_states.save_state("quotes", tiny) == paths.folder("states") / "quotes.safetensors"
    assert saved_states.listed() == [saved_states.SavedState("quotes", "tiny", 3, "abc")]

    saved_states.drop("quotes")
    assert saved_states.listed() == []


def test_a_translation_keeps_its_source(path, bits):
    session = Session(tiny_translation_model())
    list(session.translate("the cat", 6))
    session.rewind(2)
    source = session.behaviour.cursor.timeline.source(session.here.node)
    other = Session(tiny_translation_model())
    other.set_state(saved_states.load_state(saved_states.save_state(path, session), other))

    assert bits(other.here) == bits(session.here)
    assert other.behaviour.cursor.timeline.source(other.here.node).ids == source.ids
    assert [each.log_prob for each in other.top(3).tokens] == [each.log_prob for each in session.top(3).tokens]


def test_a_label_can_be_read_from_it(path):
    session, other = Session(tiny_classification_model()), Session(tiny_classification_model())
    session.classify("abc")
    other.set_state(saved_states.load_state(saved_states.save_state(path, session), other))

    assert other.label().probs == session.label().probs


def test_a_forecast_can_be_made_from_it(path):
    session, other = Session(tiny_forecast_model()), Session(tiny_forecast_model())
    session.observe([1.0, 2.0, 4.0])
    other.set_state(saved_states.load_state(saved_states.save_state(path, session), other))

    assert other.forecast().values.tolist() == session.forecast().values.tolist()
    assert other.forecast().history.size == 0


def test_a_model_that_reads_whole_texts_has_no_state_to_save(path):
    with pytest.raises(UsageError, match="reads whole texts and has no state"):
        saved_states.save_state(path, Session(tiny_classification_model(causal=False)))


def refused(path, session, unmoved, match):
    before = unmoved(session)
    with pytest.raises(CheckpointError, match=match) as caught:
        session.set_state(saved_states.load_state(path, session))
    assert unmoved(session) == before
    return caught.value


def test_a_state_of_another_model_is_refused_by_name(odd, tiny, path, unmoved):
    saved_states.save_state(path, odd)
    error = refused(path, tiny, unmoved, "kept.safetensors is a state of odd, and the current model is tiny")
    assert error.hint == "/load odd"

    saved_states.save_state(path, Session(tiny_model(seed=1)))
    refused(path, tiny, unmoved, "is a state of tiny, and the current model is one with other weights")


def test_a_session_and_a_model_are_no_states(tiny, path, unmoved):
    tiny.save(path)
    error = refused(path, tiny, unmoved, "kept.safetensors is a saved session, not a saved state")
    assert error.hint == f"/restore {path}"


def nan(header, tensors):
    tensors["state.layers"][0, 1, 1] = np.nan


def nan_outputs(header, tensors):
    tensors["outputs"][0, 1] = np.nan


def shape(header, tensors):
    tensors["state.layers"] = tensors["state.layers"][:, :, :2]


def two_rows(header, tensors):
    tensors["state.layers"] = np.repeat(tensors["state.layers"], 2, 0)


def dtype(header, tensors):
    tensors["state.layers"] = tensors["state.layers"].astype(np.float64)


def missing(header, tensors):
    del tensors["state.rest.1"]


def outputs(header, tensors):
    tensors["outputs"] = tensors["outputs"][:, :-1]


def no_outputs(header, tensors):
    del tensors["outputs"]


def index(header, tensors):
    tensors["state.last"][0, 1] = 99


def position(header, tensors):
    header["position"] = -1


def text(header, tensors):
    header["text"] = 3


def source(header, tensors):
    header["source"] = {"text": "ab", "ids": [1]}


def scale(header, tensors):
    header["scale"] = [1.0, 2.0]


DAMAGE = {
    nan: "is damaged: state.layers has no numbers of the type float32, or NaN among them",
    nan_outputs: "is damaged: its outputs are NaN",
    shape: r"is damaged: state.layers has the shape \(1, 2, 2\), and the model's is \(1, 2, 3\)",
    two_rows: "is damaged: state.layers does not have 1 rows",
    dtype: "is damaged: state.layers has no numbers of the type float32",
    missing: "is damaged: its parts do not fit together",
    outputs: r"is damaged: its outputs are outputs of the shape \[1, 9\] instead of \[1, 10\]",
    no_outputs: "is damaged: its parts do not fit together",
    index: "has numbers that odd cannot go on from",
    position: "is damaged: its text or its position is missing",
    text: "is damaged: its text or its position is missing",
    source: "is damaged: its source does not fit the model",
    scale: "is damaged: its scale does not fit the series",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda each: each.__name__)
def test_a_damaged_file_is_refused_and_nothing_has_moved(odd, path, unmoved, damage):
    saved_states.save_state(path, odd)
    header, tensors = file.read(path)
    damage(header, tensors)
    file.write(path, header, tensors)

    refused(path, odd, unmoved, DAMAGE[damage])


def test_a_damaged_file_is_listed_by_its_name(odd):
    path = saved_states.save_state("broken", odd)
    path.write_bytes(path.read_bytes()[:100])

    assert [(each.name, each.model) for each in saved_states.listed()] == [("broken", "damaged")]


def test_the_header_is_json_that_names_the_model(odd, path):
    saved_states.save_state(path, odd)
    header = file.read_header(path)

    assert json.loads(json.dumps(header["model"])) == {
        "name": "odd",
        "path": None,
        "fingerprint": "odd",
        "backend": "numpy",
        "weights": "float32",
    }
    assert (header["kind"], header["position"], header["text"]) == ("state", 4, "abcd")
