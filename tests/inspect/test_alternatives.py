"""What else was likely at a position is what /top shows there, and another token continues as if it had been read."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell.core.errors import UsageError
from seqshell.core.state import leaves
from seqshell.inspect.alternatives import alternatives, take
from seqshell.session import Session
from seqshell.testing import tiny_model, tiny_translation_model


@pytest.fixture(params=["tiny", "odd"])
def session(request):
    return request.getfixturevalue(request.param)


def likely(choices):
    return [(each.id, each.text, each.log_prob, each.chain_log_prob) for each in choices]


def top(session, number):
    return [(each.id, each.text, each.log_prob, each.chain_log_prob) for each in session.top(number).tokens]


def states(session):
    return [leaf.tobytes() for leaf in leaves(session.state)] + [session.here.outputs.tobytes()]


def test_the_alternatives_at_each_position_are_the_most_likely_tokens_after_a_rewind(session, registry):
    session.chain = (registry.samplers["repeat_penalty"](1.5), registry.samplers["temperature"](0.5))
    list(session.generate(4))
    session.snapshot_mb = 0  # states are computed again
    ids = session.ids()
    for position in range(session.position, -1, -1):
        found = alternatives(session, position, 9)
        assert [each.id for each in found.choices if each.taken] == ids[position : position + 1]
        assert [each.rank for each in found.choices] == list(range(1, 10))
        assert found.before == session.text().text[:position]
        session.rewind(position)
        assert likely(found.choices) == top(session, 9)
        if position < len(ids):
            session.redo()


def test_an_unlikely_token_that_was_taken_comes_last(tiny):
    logs = [alternatives(tiny, 1, 9).taken.rank for _ in range(2)]
    found = alternatives(tiny, 1, 1).choices

    assert logs[0] == logs[1] == found[-1].rank > 1
    assert [each.taken for each in found] == [False, True]


def test_a_token_that_is_taken_earlier_is_a_branch_as_if_it_had_been_read(session):
    before, ids = states(session), session.ids()
    session.begin_turn("/alt")
    rank = next(each.rank for each in alternatives(session, 2, 9).choices if not each.taken)
    token = next(each.id for each in alternatives(session, 2, 9).choices if each.rank == rank)
    moved = take(session, 2, rank)

    assert (moved.position, moved.branch, moved.undo_path) == (3, "main.2", "/checkout main goes back")
    again = Session(session.model)
    again.feed_ids(ids[:2])
    again.feed_ids([token])
    assert session.ids() == again.ids() == [*ids[:2], token]
    for one, other in zip(leaves(session.state), leaves(again.state), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    session.undo()
    assert session.ids() == ids[:2]
    session.checkout("main")
    assert (states(session), session.ids()) == (before, ids)


def test_at_the_end_of_the_text_a_token_is_taken_on_the_same_branch(tiny):
    (first, *_) = tiny.top(1).tokens
    tiny.begin_turn("/alt")
    moved = take(tiny, tiny.position, 1)

    assert (moved.branch, tiny.ids()[-1]) == ("main", first.id)
    tiny.undo()
    assert tiny.text().text == "abc"


def test_a_branch_from_before_its_parent_began_is_a_child_of_the_one_that_read_that_part(tiny):
    rank = next(each.rank for each in alternatives(tiny, 2, 9).choices if not each.taken)
    take(tiny, 2, rank)
    rank = next(each.rank for each in alternatives(tiny, 1, 9).choices if not each.taken)
    take(tiny, 1, rank)

    assert [(each.name, each.parent, each.fork) for each in tiny.branches()] == [
        ("main", None, 0),
        ("main.2", "main", 2),
        ("main.3", "main", 1),
    ]


@pytest.mark.parametrize(
    ("position", "rank", "message"),
    [
        (4, 1, "position 4 is outside this branch, which is at 3"),
        (-1, 1, "position -1 is outside this branch, which is at 3"),
        (3, 0, "the number of the token must be 1 to 10, not 0"),
        (3, 11, "the number of the token must be 1 to 10, not 11"),
    ],
)
def test_what_cannot_be_taken_is_refused_and_nothing_moves(tiny, unmoved, position, rank, message):
    before = unmoved(tiny)
    with pytest.raises(UsageError) as error:
        take(tiny, position, rank)

    assert error.value.message == message
    assert unmoved(tiny) == before


def test_the_token_that_was_taken_is_not_taken_again(tiny, unmoved):
    before, taken = unmoved(tiny), alternatives(tiny, 1, 9).taken
    with pytest.raises(UsageError, match="'b' is the token that was taken at position 1; choose another"):
        take(tiny, 1, taken.rank)

    assert unmoved(tiny) == before


def test_within_a_translation_the_alternatives_are_shown_and_a_prefix_is_the_way_to_take_one(unmoved):
    session = Session(tiny_translation_model())
    with pytest.raises(UsageError, match="no translation here yet"):
        alternatives(session, 0, 3)
    list(session.translate("the cat", 5))
    before = unmoved(session)
    found = alternatives(session, 0, 5)
    with pytest.raises(UsageError, match="cannot continue from a token") as error:
        take(session, 0, next(each.rank for each in found.choices if not each.taken and each.id > 3))

    assert found.taken.id == session.ids()[0]
    assert error.value.hint.startswith("/translate --prefix ")
    assert unmoved(session) == before


def test_a_special_token_cannot_be_taken(unmoved):
    from seqshell.core.tokenizers import CharTokenizer

    session = Session(tiny_model(tokenizer=CharTokenizer("abc", specials=True)))
    session.feed("ab")
    before = unmoved(session)
    found = [each for each in alternatives(session, 2, 9).choices if each.id < 4]
    for each in found:
        with pytest.raises(UsageError, match="is no text, so it cannot be chosen"):
            take(session, 2, each.rank)

    assert len(found) == 4
    assert unmoved(session) == before
