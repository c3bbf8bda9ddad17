"""The notes of plugins: they follow undo, redo, rewind, branches and saving."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seqshell import CheckpointError, UsageError
from seqshell.models import file
from seqshell.session import Session
from seqshell.testing import tiny_classification_model, tiny_translation_model


def test_notes_are_undone_and_redone_with_the_turn_that_made_them(session):
    for number, text in enumerate(("abc", "de", "fgh"), 1):
        session.begin_turn()
        session.feed(text)
        session.notes["log"] = [number, text]

    seen = []
    for move, argument in (
        (session.undo, 1),
        (session.undo, 1),
        (session.redo, 2),
        (session.rewind, -1),
        (session.rewind, 0),
    ):
        move(argument)
        seen.append(session.notes.get("log"))

    assert seen == [[2, "de"], [1, "abc"], [3, "fgh"], [2, "de"], None]


def test_a_branch_keeps_its_notes_also_those_made_where_it_began(session):
    session.feed("abc")
    session.notes["log"] = "main"
    session.branch_off("other")
    session.notes["log"] = "other"
    session.feed("d")
    session.checkout("main")
    on_main = session.notes["log"]
    session.begin_turn()
    session.feed("h")
    session.undo()
    undone = session.notes["log"]
    session.checkout("other")
    on_other = session.notes["log"]
    session.rewind(3)

    assert (on_main, undone, on_other, session.notes["log"]) == ("main", "main", "other", "other")


def test_each_candidate_starts_with_the_notes_before_the_answer(session):
    session.begin_turn()
    session.notes["log"] = "before"
    list(session.respond("abc", 5))
    session.notes["log"] = "after"
    session.begin_turn()

    list(session.regenerate(2, 5))

    notes = {}
    for branch in session.branches():
        session.checkout(branch.name)
        notes[branch.name] = session.notes["log"]
    assert notes == {"main": "after", "main.2": "before", "main.3": "before"}


@pytest.mark.parametrize(
    ("model", "answer"), [(tiny_classification_model(), "classify"), (tiny_translation_model(), "translate")]
)
def test_notes_last_where_each_text_begins_anew(model, answer):
    session = Session(model)
    for number in (1, 2):
        session.begin_turn()
        result = getattr(session, answer)("the cat" if answer == "translate" else "abc")
        list(result) if answer == "translate" else None
        session.notes["log"] = [*session.notes.get("log", []), number]

    before = session.notes["log"]
    session.undo()

    assert (before, session.notes["log"]) == ([1, 2], [1])


def test_a_note_is_a_copy_that_changes_when_it_is_assigned(session):
    value = {"turns": [1]}
    session.notes["log"] = value
    value["turns"].append(2)
    session.notes["log"]["turns"].append(3)

    assert session.notes["log"] == {"turns": [1]}
    assert (list(session.notes), len(session.notes), "other" in session.notes) == (["log"], 1, False)
    assert repr(session.notes) == "{'log': {'turns': [1]}}"
    del session.notes["log"]
    with pytest.raises(KeyError):
        session.notes["log"]


@pytest.mark.parametrize("value", [object, float("nan"), np.float32(1), {1, 2}, [b"a"]], ids=repr)
def test_a_note_consists_of_json_values(session, value):
    with pytest.raises(UsageError, match="the note log must consist of JSON values"):
        session.notes["log"] = value
    with pytest.raises(UsageError, match="the name of a note must be a text, not 7"):
        session.notes[7] = 1

    assert dict(session.notes) == {}


def test_nothing_but_notes_changes_while_hooks_look_at_the_session(session):
    with session.held_still("not now", notes=True):
        session.notes["log"] = 1
        with pytest.raises(UsageError, match="not now"):
            session.feed("a")
    with session.held_still("not now"), pytest.raises(UsageError, match="not now"):
        session.notes["log"] = 2

    assert (session.notes["log"], session.position) == (1, 0)


def test_a_return_to_a_mark_restores_the_notes(session):
    session.notes["log"] = 1
    mark = session.mark()
    session.notes["log"] = 2
    session.feed("abc")

    session.return_to(mark)

    assert session.notes["log"] == 1


def test_a_file_without_notes_has_nothing_about_them(session, tmp_path):
    session.feed("abc")
    session.save(tmp_path / "one.safetensors")

    header, tensors = file.read(tmp_path / "one.safetensors")

    assert "notes" not in tensors
    assert "notes" not in json.dumps(header)


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("texts", [{"log": "{"}]),
        ("texts", [{"log": 3}]),
        ("texts", None),
        ("now", 9),
        ("runs", [[1]]),
        ("branches", []),
        ("branches", [[0, 0]]),
    ],
)
def test_damaged_notes_are_refused(session, tmp_path, part, wrong):
    path = tmp_path / "one.safetensors"
    session.notes["log"] = 1
    session.feed("abc")
    session.save(path)
    header, tensors = file.read(path)
    data = json.loads(tensors["notes"].tobytes()) | {part: wrong}
    file.write(path, header, {**tensors, "notes": np.frombuffer(json.dumps(data).encode(), np.uint8)})

    with pytest.raises(CheckpointError, match=r"one\.safetensors is damaged: "):
        Session.restore(path, session.model)
