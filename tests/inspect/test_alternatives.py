"""What else was likely at a position is what /top shows there, and another token continues as if it had been read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from seqshell.core.errors import PluginError, UsageError
from seqshell.core.state import leaves
from seqshell.decoding.strategies import Greedy
from seqshell.decoding.syntax import parse_strategy
from seqshell.inspect.alternatives import alternatives, take
from seqshell.session import Session
from seqshell.testing import tiny_model, tiny_translation_model


@dataclass(frozen=True)
class Broken:
    """A search that fails."""

    name: ClassVar[str] = "broken"
    streams: ClassVar[bool] = False

    def search(self, decoder, start, request):
        raise ValueError("broken")


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
    (moved,) = take(session, 2, rank)

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
    (moved,) = take(tiny, tiny.position, 1)

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


@pytest.fixture
def translator(registry):
    session = Session(tiny_translation_model(), samplers=registry.samplers, strategies=registry.strategies)
    session.strategy = registry.strategies["beam"](3)
    return session


def other_rank(session, position):
    """The rank of a word that was not taken at a position."""
    return next(each.rank for each in alternatives(session, position, 9).choices if not each.taken and each.id > 3)


def test_before_a_translation_there_are_no_alternatives(translator):
    with pytest.raises(UsageError, match="no translation here yet"):
        alternatives(translator, 0, 3)


@pytest.mark.parametrize("strategy", ["beam width=3", "greedy", "sample"])
def test_a_token_that_is_taken_in_a_translation_begins_another_as_a_prefix_does(translator, registry, strategy):
    translator.strategy = parse_strategy(strategy, registry.strategies)
    *_, first = translator.translate("i see the cat", 8)
    before, ids = states(translator), translator.ids()
    translator.begin_turn("/alt")
    rank = other_rank(translator, 2)
    token = next(each.id for each in alternatives(translator, 2, rank).choices if each.rank == rank)
    *tokens, finished = take(translator, 2, rank)
    words = "".join(translator.token_texts()[:3]).strip()

    assert [each.id for each in tokens] == translator.ids()
    assert translator.ids()[:3] == [*ids[:2], token]
    assert finished.answer.startswith(words)
    assert (finished.source, finished.branch, translator.branch) == ("i see the cat", "main.2", "main.2")
    again = Session(translator.model, strategies=registry.strategies)
    *same, asked = again.translate("i see the cat", 8, prefix=words, strategy=strategy)
    assert same == tokens
    assert replace(asked, branch="main.2") == finished
    assert states(again) == states(translator)
    assert (translator.text("main").text, translator.ids("main")) == (first.answer, ids)
    assert [(each.name, each.parent, each.fork) for each in translator.branches()] == [
        ("main", None, 0),
        ("main.2", "main", 2),
    ]
    translator.undo()
    assert (states(translator), translator.text().text, translator.branch) == (before, first.answer, "main.2")
    translator.redo()
    assert translator.text().text == finished.answer
    translator.checkout("main")
    assert (states(translator), translator.text().text) == (before, first.answer)


def test_a_corrected_translation_keeps_its_prefix_and_what_it_was_asked_for(translator, registry, folder):
    list(translator.translate("i see the cat", 5, strategy="sample", temperature=0.5))
    *_, finished = take(translator, 1, other_rank(translator, 1))
    ids = translator.ids()
    assert (finished.num_tokens, finished.stop) == (5, "length")
    list(translator.regenerate(3))
    for name in ("main.3", "main.4", "main.5"):
        assert translator.ids(name)[:2] == ids[:2]
        assert len(translator.ids(name)) <= 5
    translator.checkout("main.2")
    translator.save(folder / "saved.safetensors")
    again = Session.restore(folder / "saved.safetensors", translator.model, strategies=registry.strategies)
    assert (again.ids(), states(again)) == (ids, states(translator))
    translator.checkout("main.2")
    list(take(translator, 1, other_rank(translator, 1)))
    assert translator.ids()[0] == ids[0]
    assert {each.name: (each.parent, each.fork) for each in translator.branches()}["main.6"] == ("main", 1)


def test_a_token_after_the_whole_translation_makes_it_longer(translator):
    settings = {"unknown": "error", "max_tokens": 4, "stop": ()}
    list(translator.behaviour.answer("i see the cat", settings))
    ids = translator.ids()
    assert len(ids) == 4
    *_, finished = take(translator, 4, other_rank(translator, 4), {**settings, "max_tokens": 9})
    assert translator.ids("main") == translator.ids()[:4] == ids
    assert finished.num_tokens == 9 or finished.stop == "eos"


def test_the_best_translations_after_a_token_are_as_many_as_asked_for(translator):
    list(translator.translate("i see the cat", 8))
    rank = other_rank(translator, 0)
    word = next(each.text.strip() for each in alternatives(translator, 0, rank).choices if each.rank == rank)
    *_, finished = take(translator, 0, rank, {"nbest": 3})
    assert len(finished.candidates) == 3
    assert {each.text.split()[0] for each in finished.candidates} == {word}


def test_what_cannot_begin_a_translation_is_refused_and_nothing_moves(translator, unmoved):
    list(translator.translate("i see the cat", 3))
    before, rank = unmoved(translator), other_rank(translator, 2)
    with pytest.raises(UsageError, match="the prefix has 3 tokens, the answer at most 3; raise max_tokens"):
        take(translator, 2, rank)
    translator.strategy = Greedy()
    with pytest.raises(UsageError, match="greedy generates one answer; for the 2 best"):
        take(translator, 1, rank, {"nbest": 2})
    taken = alternatives(translator, 1, 9).taken
    with pytest.raises(UsageError, match="is the token that was taken at position 1"):
        take(translator, 1, taken.rank)
    assert unmoved(translator) == before


def test_a_state_from_within_a_translation_has_no_words_to_begin_with(translator):
    list(translator.translate("i see the cat", 3))
    translator.rewind(2)
    translator.set_state(translator.behaviour.record(translator.here.node, "here"))
    rank = other_rank(translator, 0)
    with pytest.raises(UsageError, match="the words before this state are not known") as error:
        take(translator, 0, rank)
    assert error.value.hint == "/translate --prefix WORDS TEXT begins with words that you write"


def test_a_search_that_fails_leaves_no_branch(translator, unmoved):
    list(translator.translate("i see the cat", 4))
    before, rank = (translator.here, translator.branches()), other_rank(translator, 1)
    translator.strategy = Broken()
    with pytest.raises(PluginError, match="broken"):
        list(take(translator, 1, rank))
    assert (translator.here, translator.branches()) == before


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
