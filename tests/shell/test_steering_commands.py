"""/clamp, /lesion, /steer, /interventions and /sweep: what they show, and what they refuse without moving anything."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import ActiveInterventions, Notice, Sweep
from seqshell.core.events.interventions import SweepRow
from seqshell.decoding.probabilities import log_probs
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.inspect.differences import divergence
from seqshell.inspect.steering import clamp, steering, sweep
from seqshell.session import Session
from seqshell.shell.completion import complete
from seqshell.terminal.toolbar import toolbar_parts
from seqshell.testing import (
    shell_for,
    tiny_classification_model,
    tiny_forecast_model,
    tiny_model,
    tiny_translation_model,
)


@pytest.fixture
def shell(folder):
    return shell_for(tiny_model())


@pytest.fixture
def run(shell):
    def events(line):
        return [event for event in shell.handle(line) if type(event).__name__ not in ("LineStarted", "LineFinished")]

    return events


def bits(session):
    return session.here.state.tobytes(), session.here.outputs.tobytes(), len(session.behaviour.cursor.timeline)


@pytest.fixture
def session():
    session = Session(tiny_model(), strategies={"greedy": Greedy, "sample": Sample})
    session.feed("abcdefgh")
    return session


def test_a_clamp_has_the_value_of_its_unit_and_of_every_unit_of_a_leaf(session):
    session.intervene((clamp(session, "0[3]", "2"),))
    assert session.here.state[0, 3] == 2
    session.intervene((*session.interventions, clamp(session, "0", "0.5")))
    assert session.here.state.tolist() == [[0.5] * 8]
    assert [each.name for each in session.interventions] == ["0[3] = 2", "0 = 0.5"]


def test_steering_adds_the_difference_of_the_two_states(session):
    decoder, before = session.model.decoder, session.here.state
    one, other = (decoder.feed(np.array([ids]), decoder.initial_state(1))[1] for ids in ([2, 3], [4]))
    found = steering(session, "ab", "c", 0.5)
    session.intervene((found,))
    assert session.here.state.tobytes() == (before + ((one - other) * 0.5).astype(np.float32)).tobytes()
    assert (found.name, session.interventions) == ('+"ab" -"c" 0.5 once', ())
    reverse = steering(session, "", "ab", once=False)
    assert (reverse.parts[0] == -one).all()


def test_a_sweep_shows_what_clamping_to_each_value_does_and_changes_nothing(session):
    before = bits(session)
    found = sweep(session, "0[3]", "-1", "1")
    assert bits(session) == before
    assert [row.value for row in found.rows] == np.linspace(-1, 1, 9).tolist()
    plain = np.exp(log_probs(session.here.outputs[0]))
    for row in found.rows[::4]:
        session.intervene((clamp(session, "0[3]", str(row.value)),))
        probs = np.exp(log_probs(session.here.outputs[0]))
        assert row.divergence == divergence(plain, probs)
        assert row.tokens[0] == (session.top(1).tokens[0].text, float(probs.max()))
        session.begin_turn()
        assert "".join(event.text for event in session.generate(24, strategy="greedy")) == row.text
        session.undo(2)
    assert bits(session)[:2] == before[:2]
    assert found.now == session.here.state[0, 3]


def test_a_sweep_says_if_no_value_reaches_the_next_token():
    rows = tuple(SweepRow(value, 0.0, (("a", 0.5),), "ab") for value in (-1.0, 1.0))
    note = " · the next token does not depend on it; the text after that may"
    assert Sweep("cell[0,3]", 0.5, rows).table().title.endswith(note)
    moved = (*rows, SweepRow(2.0, 1e-6, (("a", 0.5),), "ab"))
    assert not Sweep("cell[0,3]", 0.5, moved).table().title.endswith(note)


def test_a_sweep_of_a_classifier_shows_labels():
    session = Session(tiny_classification_model())
    session.classify("ab")
    found = sweep(session, "0[3]", "-1", "1")
    assert {text for text, _ in found.rows[0].tokens} <= set(session.model.labels)
    assert found.rows[0].text == ""


@pytest.mark.parametrize(
    ("begin", "message"),
    [
        (lambda s: clamp(s, "0[8]", "1"), "0[8] is outside 0, which goes from 0[0] to 0[7]"),
        (lambda s: clamp(s, "cell", "1"), "no leaf 'cell'; available: 0"),
        (lambda s: clamp(s, "0[1]", "nan"), "the value of 0[1] must be a finite number, not 'nan'"),
        (lambda s: clamp(s, "0[1]", "-inf"), "the value of 0[1] must be a finite number, not '-inf'"),
        (lambda s: clamp(s, "0[1]", "1e39"), "the value is too large for 0[1], which is float32"),
        (lambda s: steering(s, "a", "a"), "the two texts are equal ('a'), so their states have no difference"),
        (lambda s: steering(s, "a", "b", float("nan")), "the strength must be a finite number other than 0, not nan"),
        (lambda s: steering(s, "a", "b", 1e300), "the difference of 0 has numbers that are not finite"),
        (lambda s: steering(s, "z", "b"), "tiny's vocabulary has no 'z' (character 1 of your text)"),
        (lambda s: sweep(s, "0[1]", "2", "-2"), "the range must go from a lower value to a higher one, not 2..-2"),
        (lambda s: sweep(s, "0[1]", "0", "inf"), "the value of 0[1] must be a finite number, not 'inf'"),
    ],
)
def test_bad_input_is_one_line_and_moves_nothing(session, begin, message):
    before = bits(session)
    with pytest.raises((UsageError, VocabularyError)) as caught:
        begin(session)
    assert caught.value.message.startswith(message)
    assert bits(session) == before


def test_what_a_model_does_not_support_is_one_line():
    with pytest.raises(UsageError, match="depends on its source, so two states have no difference to add"):
        steering(Session(tiny_translation_model()), "the cat", "dog")
    whole = Session(tiny_classification_model(causal=False))
    with pytest.raises(UsageError, match="reads whole texts and cannot continue from a state"):
        clamp(whole, "0[1]", "1")
    with pytest.raises(UsageError, match="forecasts numbers and cannot predict the next token"):
        sweep(Session(tiny_forecast_model()), "0[1]", "-1", "1")


def test_the_commands_show_what_is_active_and_undo_ends_it(shell, run):
    run("abc")
    (clamped,) = run("/clamp 0[3]=2")
    assert clamped == ActiveInterventions(("0[3] = 2",), shell.session.position, "main", clamped.change)
    assert clamped.change.startswith("clamped 0[3] = 2 (was ")
    assert clamped.as_text().endswith(f"from position {shell.session.position:,} on · /undo goes back")
    run("/lesion 0[1]")
    (listed,) = run("/interventions")
    assert listed.as_text() == "1  0[3] = 2\n2  0[1] = 0"
    assert listed.as_json()["interventions"][1] == {"number": 2, "text": "0[1] = 0"}
    assert dict(shell.session.describe())["interventions"] == "0[3] = 2, 0[1] = 0"
    run("/interventions clear 1")
    assert [each.name for each in shell.session.interventions] == ["0[1] = 0"]
    run("/undo 3")
    (listed,) = run("/interventions")
    assert listed.as_text() == "no interventions"
    (swept,) = run("/sweep 0[3] -1..1")
    assert isinstance(swept, Sweep)
    assert swept.as_text().startswith("0[3] is ")
    assert swept.as_json()["values"][0]["js_bits"] == pytest.approx(swept.rows[0].divergence / np.log(2))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/clamp 0[3]", "write a unit and its value; usage: /clamp UNIT=VALUE"),
        ('/steer +"a"', 'write two texts in quotes; usage: /steer +"TEXT" -"TEXT" [STRENGTH] [once|every]'),
        ('/steer +"a" -"b" x', "the strength must be a number, not 'x'"),
        ('/steer +"a" -"b" 1 twice', "unexpected 'twice'"),
        ("/sweep 0[3] 1", "write the range as LOW..HIGH, not '1'"),
        ("/interventions clear", "no interventions are active here; /clamp, /lesion and /steer begin some"),
        ("/interventions all", "unexpected 'all'; usage: /interventions [clear [N]]"),
    ],
)
def test_a_line_that_is_not_complete_says_what_is_missing(shell, run, line, message):
    with pytest.raises(UsageError) as caught:
        run(line)
    assert caught.value.message.startswith(message)
    assert shell.session.interventions == ()


def test_the_toolbar_and_moves_say_what_is_active(shell, run):
    run("abc")
    run("/clamp 0[3]=2")
    assert "0[3] = 2" in toolbar_parts(shell)
    run("/lesion 0[1]")
    assert "2 interventions" in toolbar_parts(shell)
    (moved,) = run("/rewind 3")
    assert moved.interventions == ()
    (moved,) = run("/redo")
    assert moved.interventions == ("0[3] = 2", "0[1] = 0")


def test_a_sweep_is_shown_in_the_unit_that_is_set(shell, run):
    run("/feed abc")
    run("/set unit bits")
    (swept,) = run("/sweep 0[3] -1..1")
    assert f"{swept.rows[0].divergence / np.log(2):.4f}" in swept.as_text()
    assert swept.as_text().split("\n")[0].endswith("from the one here, in bits")


def test_units_are_completed(shell, run):
    run("/feed abc")
    assert ("0", "8 float32, 0[0] to 0[7]") in complete(shell, "/clamp ").items
    assert {("0[0]", ""), ("0[7]", "")} <= {*complete(shell, "/lesion 0[").items}
    assert not complete(shell, "/clamp 0[3]=").items


def test_steering_once_and_every_time_by_command(shell, run):
    (event,) = run('/steer +"ab" -"c" 0.5')
    assert shell.session.interventions == ()
    assert event.as_text() == 'steered +"ab" -"c" 0.5 once · at position 0 alone · /undo goes back'
    assert (event.as_json()["once"], event.as_json()["interventions"]) == (True, [])
    (event,) = run('/steer -"c" +"ab" 0.1 every')
    assert event.interventions == ('+"ab" -"c" 0.1 every',)
    assert event.as_text() == 'steered +"ab" -"c" 0.1 every · from position 0 on · /undo goes back'
    assert not any(isinstance(each, Notice) for each in (event,))
