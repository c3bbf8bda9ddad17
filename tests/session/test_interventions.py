"""Interventions belong to a place in the history: they hold from there on, and not before."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from tests.session.interventions import STRATEGIES, clamp, turn

from seqshell import CheckpointError, UsageError
from seqshell.models import file
from seqshell.session import Session
from seqshell.session.interventions import Steering
from seqshell.testing import tiny_model
from seqshell.testing.tiny_language_model import TinyDecoder


def steering(strength, once=False):
    return Steering(f"by {strength}", (np.full((1, 8), strength, np.float32),), once)


@pytest.fixture
def session():
    session = Session(tiny_model(), strategies=STRATEGIES)
    session.begin_turn()
    session.feed("abcdefgh")
    return session


def bits(session):
    return session.here.state.tobytes(), session.here.outputs.tobytes()


def test_a_clamp_holds_here_and_after_every_token_and_the_outputs_follow(session):
    change = turn(session, clamp(3, 2))
    assert (session.here.state[0, 3], session.position, change.is_stale) == (2, 8, False)
    decoder = session.model.decoder
    assert session.here.outputs.tobytes() == decoder.state_outputs(session.here.state).tobytes()
    state = session.here.state
    for token in (1, 2, 3):
        state = decoder.step(np.array([token]), state)[1]
        state[0, 3] = 2
    session.feed_ids([1, 2, 3])
    assert session.here.state.tobytes() == state.tobytes()
    assert session.here.outputs.tobytes() == decoder.state_outputs(state).tobytes()
    list(session.generate(5))
    assert session.here.state[0, 3] == 2


def test_earlier_positions_are_as_they_were_and_later_ones_have_it(session):
    before = bits(session)
    turn(session, clamp(3, 2))
    after = bits(session)
    session.feed("ab")
    assert session.rewind(7).interventions == session.interventions == ()
    session.redo()
    moved = session.rewind(8)
    assert (bits(session), session.interventions[0].name) == (after, "0[3] = 2")
    assert moved.as_json()["interventions"] == [{"number": 1, "text": "0[3] = 2"}]
    moved = session.undo()
    assert (moved.position, moved.removed, moved.undo_path) == (8, 0, "/redo restores it")
    assert (bits(session), session.interventions) == (before, ())
    session.redo()
    assert bits(session) == after


def test_a_second_clamp_of_a_unit_replaces_the_first_and_the_text_has_no_trace_of_them(session):
    turn(session, clamp(3, 2))
    turn(session, *session.interventions, clamp(3, -1), clamp(4, 0))
    assert [each.name for each in session.interventions] == ["0[3] = -1", "0[4] = 0"]
    session.feed("a")
    assert (session.text().text, session.position, session.ids()[-1]) == ("abcdefgha", 9, 2)
    assert len(session.ids()) == 9


def test_steering_once_is_added_here_and_every_time_after_each_token(session):
    was = session.here.state
    turn(session, steering(0.5, once=True))
    assert (session.here.state == was + np.float32(0.5)).all()
    assert session.interventions == ()
    session.undo()
    turn(session, steering(0.5))
    state = session.model.decoder.step(np.array([2]), was + np.float32(0.5))[1] + np.float32(0.5)
    session.feed("a")
    assert session.here.state.tobytes() == state.tobytes()


def test_what_ends_leaves_the_state_as_it_is_and_the_model_then_goes_on_freely(session):
    turn(session, clamp(3, 2))
    held = bits(session)
    turn(session)
    assert (bits(session), session.interventions) == (held, ())
    session.feed("a")
    assert session.here.state[0, 3] != 2
    assert turn(session) is None


def test_a_new_text_has_the_clamps_from_its_beginning(session):
    turn(session, clamp(3, 2), steering(0.5))
    session.begin_turn()
    session.reset()
    assert session.here.state.tolist() == [[0, 0, 0, 2, 0, 0, 0, 0]]
    session.undo(2)
    session.begin_turn()
    session.reset()
    assert not session.here.state.any()


def test_regenerating_uses_what_is_active_here(session):
    session.begin_turn()
    list(session.generate(6))
    turn(session, clamp(3, 2))
    (first,) = [event.branch for event in session.regenerate(1) if hasattr(event, "stop")]
    assert (first, session.position, session.here.state[0, 3]) == ("main.2", 14, 2)
    session.rewind(8)
    assert session.interventions[0].name == "0[3] = 2"
    session.checkout("main")
    session.undo()
    assert (session.position, session.interventions) == (14, ())


def test_beam_search_top_and_score_see_it(session):
    turn(session, clamp(3, 2))
    top = session.top(3).tokens
    score = session.score("ab")
    before = bits(session)
    session.begin_turn()
    list(session.generate(4, strategy="beam"))
    assert session.here.state[0, 3] == 2
    session.undo()
    session.undo()
    assert session.top(3).tokens != top
    turn(session, clamp(3, 2))
    assert (session.top(3).tokens, session.score("ab").log_prob, bits(session)) == (top, score.log_prob, before)


def test_states_that_were_thinned_out_are_computed_with_it():
    session = Session(tiny_model(), snapshot_mb=0.001)
    session.feed("abcdefgh" * 20)
    session.intervene((clamp(3, 2), steering(0.25)))
    session.feed("abcdefgh" * 20)
    whole = Session(tiny_model())
    whole.feed("abcdefgh" * 20)
    whole.intervene((clamp(3, 2), steering(0.25)))
    for position in range(1, 161):
        whole.feed("abcdefgh"[(position - 1) % 8])
        assert session.ancestor(160 - position).state.tobytes() == whole.here.state.tobytes()


def test_a_model_that_cannot_tell_its_outputs_shows_the_effect_later():
    class Silent(TinyDecoder):
        state_outputs = None

    model = tiny_model()
    session = Session(replace(model, decoder=Silent(model.tokenizer.size)))
    session.feed("abc")
    outputs = session.here.outputs
    assert session.intervene((clamp(3, 2),)).is_stale
    assert session.here.outputs is outputs
    session.feed("a")
    assert session.here.state[0, 3] == 2


@pytest.mark.parametrize(
    ("intervention", "message"),
    [
        (clamp(9, 2), "0[9] is not in the state"),
        (clamp(3, np.nan), "the value of 0[3] must be a finite float32"),
        (clamp(3, 2, kind=np.float64), "the value of 0[3] must be a finite float32"),
        (steering(np.inf), "by inf has numbers that are not finite"),
        (Steering("short", (np.ones((1, 4), np.float32),)), "short does not have the shapes of the state"),
        (Steering("none", ()), "none does not have the leaves of the state"),
        (3, "int is not an intervention"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_moves(session, intervention, message):
    before = bits(session), len(session.behaviour.cursor.timeline)
    with pytest.raises(UsageError, match=re.escape(message)):
        turn(session, intervention)
    assert (bits(session), len(session.behaviour.cursor.timeline)) == before


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (1, "tiny cannot go on from this state: the model tiny returned infinite logits"),
        (2, "the state gets numbers that are too large for float32"),
    ],
)
def test_steering_that_overflows_is_refused_and_nothing_moves(session, times, message):
    before = bits(session)
    with pytest.raises(UsageError, match=message):
        turn(session, *(steering(3e38) for _ in range(times)))
    assert (bits(session), session.interventions) == (before, ())


class Adding(TinyDecoder):
    """It forgets nothing."""

    def step(self, inputs, state):
        hidden = state + self.embedding[inputs]
        return hidden @ self.readout, hidden


def test_steering_that_overflows_later_ends_the_answer_with_one_line():
    model = tiny_model()
    session = Session(replace(model, decoder=Adding(model.tokenizer.size)))
    session.intervene((steering(1e37),))
    answer = session.generate(99)
    with pytest.raises(UsageError, match="tiny cannot go on with 1 intervention: the model tiny returned") as caught:
        list(answer)
    assert caught.value.hint == "/interventions clear ends them, /undo goes back to before them"


def test_the_saved_session_has_it(session, tmp_path):
    turn(session, clamp(3, 2), steering(0.25))
    session.begin_turn()
    list(session.generate(5, strategy="greedy"))
    expected = bits(session)
    session.save(tmp_path / "a.safetensors")
    restored = Session.restore(tmp_path / "a.safetensors", tiny_model(), strategies=STRATEGIES)
    assert (bits(restored), [each.name for each in restored.interventions]) == (expected, ["0[3] = 2", "by 0.25"])
    list(session.generate(5, strategy="greedy"))
    list(restored.generate(5, strategy="greedy"))
    assert bits(restored) == bits(session)
    restored.undo(3)
    assert restored.interventions == ()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data["different"][0].update(index=[9]), "0[3] is not in the state"),
        (lambda data: data["different"][0].update(leaf=4), "0[3] is not in the state"),
        (lambda data: data["different"][0].update(value={"array": ["float32", [], "AADAfw=="]}), "must be a finite"),
        (lambda data: data["different"][0].update(value={"array": ["float32", [], "AACAPw=="]}), "does not hold"),
        (lambda data: data["different"][0].update(unit=3), "the name of an intervention is not a text"),
        (lambda data: data["changes"][0].__setitem__(0, 5), "parts do not fit together"),
        (lambda data: data["changes"][0].__setitem__(1, [3]), "not a number in its range"),
        (lambda data: data["changes"].append([5, []]), "interventions begin at a token"),
        (lambda data: data.pop("different"), "parts do not fit together"),
    ],
)
def test_a_damaged_file_is_one_line(session, tmp_path, damage, message):
    turn(session, clamp(3, 2))
    path = tmp_path / "a.safetensors"
    session.save(path)
    header, tensors = file.read(path)
    data = json.loads(tensors["interventions"].tobytes())
    damage(data)
    kept = {key: value for key, value in header.items() if key != "format"}
    file.write(path, kept, {**tensors, "interventions": np.frombuffer(json.dumps(data).encode(), np.uint8)})
    with pytest.raises(CheckpointError, match=re.escape(message)):
        Session.restore(path, tiny_model(), strategies=STRATEGIES)


def test_a_trace_has_the_states_that_it_makes(session):
    turn(session, clamp(3, 2))
    trace = session.trace("abc")
    assert trace.arrays["0"][:, 3].tolist() == [2, 2, 2]
    session.feed("abc")
    assert trace.arrays["0"][-1].tobytes() == session.here.state[0].tobytes()
    assert trace.outputs[-1].tobytes() == session.here.outputs[0].tobytes()
