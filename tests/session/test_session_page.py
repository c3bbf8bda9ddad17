"""A session as a page: each token once, in the branch that read it first, with its turn and its writer."""

import numpy as np
import pytest

from seqshell.core.pictures.page import Heading, Note, Passage, Tree
from seqshell.session import Session, inspection
from seqshell.session.interventions import Clamp, Steering
from seqshell.testing import tiny_classification_model, tiny_forecast_model, tiny_translation_model


def passages(session):
    """The pieces of each branch, joined by writer."""
    found, name = {}, ""
    for block in session.as_page().blocks:
        name = block.text if isinstance(block, Heading) else name
        if isinstance(block, Passage):
            found.setdefault(name, []).append([(piece.text, piece.bold) for piece in block.pieces])
    return found


def turn(session, line):
    session.begin_turn(line)
    return list(session.respond(line, 5))[-1].answer


def test_what_branches_share_is_shown_once(session):
    answer = turn(session, "abc")
    session.branch_off("other")
    second = turn(session, "de")
    session.checkout("main")
    third = turn(session, "fg")

    assert passages(session) == {
        "main": [[("abc", True), (answer, False), ("fg", True), (third, False)]],
        "other": [[("… ", False), ("de", True), (second, False)]],
    }
    assert [block for block in session.as_page().blocks if isinstance(block, Tree)]


def test_a_branch_whose_parent_went_back_shows_what_the_parent_lost(session):
    turn(session, "abcdef")
    whole = session.text().text
    session.branch_off("other")
    session.checkout("main")
    session.rewind(4)

    assert passages(session) == {
        "main": [[("abcd", True)]],
        "other": [[("… ", False), ("ef", True), (whole[6:], False)]],
    }


def test_a_reset_begins_another_text_of_the_same_branch(session):
    answer = turn(session, "abc")
    session.begin_turn()
    session.reset()
    session.begin_turn()
    session.feed("de")
    notes = [block.text for block in session.as_page().blocks if isinstance(block, Note)]

    assert passages(session) == {"main": [[("abc", True), (answer, False)], [("de", True)]]}
    assert notes[1:] == ["from the initial state"]


def test_each_part_has_its_turn_its_seed_and_the_options_of_the_answer(session):
    session.set_seed(7)
    session.begin_turn("abc")
    list(session.respond("abc", 3, scaled=0.5))
    (passage,) = (block for block in session.as_page().blocks if isinstance(block, Passage))

    assert [piece.note for piece in passage.pieces] == ["turn 1 · you", "turn 1 · tiny · seed 7 · scaled=0.5"]


def test_translations_have_their_sources(new_translator):
    session = new_translator(tiny_translation_model())
    for source in ("i love the cat", "the cat"):
        session.begin_turn(source)
        list(session.translate(source, 4))
    notes = [block.text for block in session.as_page().blocks if isinstance(block, Note)]

    assert notes[1:] == ["translation of: i love the cat", "translation of: the cat"]


def test_a_new_session_and_an_empty_branch_say_so(session):
    assert [block.text for block in session.as_page().blocks if isinstance(block, Note)][1:] == ["nothing yet"]
    turn(session, "abc")
    session.branch_off("other")
    assert session.as_page().blocks[-1] == Note("all of it is in another branch")


def test_the_work_is_linear_in_the_tokens_and_branches(session, monkeypatch):
    """Each of 40 branches of a long text adds two runs, whatever it shares."""
    read, of_run = [], inspection.text_of_run
    monkeypatch.setattr(inspection, "text_of_run", lambda *given: read.append(given) or of_run(*given))
    session.feed("abcdefgh" * 50)
    for _ in range(40):
        session.branch_off()
        turn(session, "ab")
    session.as_page()

    assert len(read) == 81
    assert sum(last - first + 1 for _, first, last, _ in read) == session._cursor.timeline.num_tokens


def test_notebooks_show_a_session_and_nothing_moves(session):
    turn(session, "abc")
    before = (session.position, session.branch, session.ids())
    shown = session._repr_html_()

    assert "<h1>A session with tiny</h1>" in shown
    assert '<b><span title="turn 1 · you">abc</span></b>' in shown
    assert (session.position, session.branch, session.ids()) == before


@pytest.mark.parametrize(
    ("make", "read", "written"),
    [
        (tiny_classification_model, "classify abc", "abc"),
        (tiny_forecast_model, "observe 9.8 9.9", "9.8 9.9"),
        (tiny_translation_model, "translate the cat", ""),
    ],
)
def test_sessions_of_every_task_have_a_page(make, read, written):
    session, (method, _, text) = Session(make()), read.partition(" ")
    list(getattr(session, method)(text)) if method == "translate" else getattr(session, method)(text)

    assert (
        "".join(text for parts in passages(session).values() for part in parts for text, bold in part if bold)
        == written
    )
    assert session._repr_html_().count("<h2>") == 1


def test_interventions_are_noted_where_they_begin_and_end(session):
    session.feed("abc")
    clamp = Clamp("0[3]", 0, (3,), np.float32(2))
    for active, text in (
        ((clamp,), "de"),
        ((clamp, Steering("once", (np.ones((1, 8), np.float32),), once=True)), "f"),
        ((), "g"),
    ):
        session.begin_turn()
        session.intervene(active)
        session.feed(text)
    blocks = session.as_page().blocks[3:]

    assert [block.text if isinstance(block, Note) else block.pieces[0].text for block in blocks] == [
        "abc",
        "from here on: 0[3] = 2",
        "de",
        "the state was changed here",
        "f",
        "from here on: no interventions",
        "g",
    ]
