"""A session: reading, going back and forth, branches, answers made again, and looking without moving."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from seqshell import Task, UsageError, VocabularyError, setting
from seqshell.core.errors import PluginError
from seqshell.core.events import Finished, Text, Token
from seqshell.core.tokenizers import ByteTokenizer
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.session import Session
from seqshell.testing import tiny_model


@dataclass(frozen=True)
class Cold:
    """Divides by a temperature."""

    name: ClassVar[str] = "cold"
    about_chance: ClassVar[bool] = True
    value: float = setting(1.0, low=0.01, high=100)

    def __call__(self, logits, context):
        return logits / self.value


@pytest.fixture
def session():
    return started()


def started(**options):
    return Session(tiny_model(), samplers={"cold": Cold}, strategies={"greedy": Greedy, "sample": Sample}, **options)


def told(events):
    return "".join(event.text for event in events if isinstance(event, Token))


def ends(events):
    return [event for event in events if isinstance(event, Finished)]


# Reading


def test_a_fresh_session_favours_nothing(session):
    assert (session.position, session.branch, session.seed, session.retry, session.text()) == (
        0,
        "main",
        0,
        0,
        Text(""),
    )
    assert [token.log_prob for token in session.top(10).tokens] == pytest.approx([-math.log(10)] * 10)


def test_feeding_moves_the_state_as_the_decoder_does(session):
    assert session.feed("abc") == 3

    ids = session.model.tokenizer.encode("abc")
    outputs, state = session.model.decoder.feed(np.array([ids]), session.model.decoder.initial_state(1))
    assert session.ids() == ids
    assert session.here.state.tolist() == state.tolist()
    assert session.here.outputs.tolist() == outputs.tolist()


def test_an_empty_message_reads_nothing_and_is_answered(session):
    session.feed("ab")
    state = session.here

    assert session.feed("") == 0
    assert session.here is state
    assert len(told(session.respond("", 5))) == 5


def test_unknown_characters_change_nothing_or_are_left_out(session):
    session.feed("ab")
    before = session.here
    with pytest.raises(VocabularyError) as caught:
        session.feed("aXbY")

    assert caught.value.positions == (1, 3)
    assert session.here is before
    assert session.feed("aXbY", unknown="skip") == 2
    assert session.text().text == "abab"


def test_an_unknown_character_stops_a_response_before_anything_is_read(session):
    with pytest.raises(VocabularyError):
        session.respond("X", 3)
    with pytest.raises(UsageError, match="1 to 1,000,000"):
        session.respond("abc", 0)

    assert session.position == 0


def test_ids_are_checked(session):
    assert session.feed_ids([1, 2]) == 2
    with pytest.raises(UsageError, match="0 to 9"):
        session.feed_ids([1, 10])
    with pytest.raises(UsageError, match="0 to 9"):
        session.feed_ids([-1])


def test_a_feed_that_is_interrupted_keeps_the_pieces_that_were_read(session):
    decoder, feed = session.model.decoder, session.model.decoder.feed

    def interrupting(inputs, state):
        session.interrupt()
        return feed(inputs, state)

    decoder.feed = interrupting
    session = Session(session.model)

    assert session.feed("abc" * 30) == 32
    assert session.position == 32
    assert session.feed("abc") == 3


def test_a_model_that_reads_texts_as_a_whole_has_no_live_state():
    session = Session(replace(tiny_model(), causal=False, task=Task.CLASSIFY))

    with pytest.raises(UsageError, match="tiny labels whole texts and cannot read a text without answering it"):
        session.feed("abc")
    with pytest.raises(UsageError, match="tiny labels whole texts and cannot generate text"):
        session.generate(3)


# Back and forth


def test_undo_takes_back_a_line_and_its_answer_and_the_same_line_gives_the_same_answer(session):
    first = told(session.respond("abc", 6))
    second = told(session.respond("de", 6))
    moved = session.undo()

    assert (moved.position, moved.was, moved.removed) == (9, 17, 8)
    assert session.tail == session.text().text == "abc" + first
    assert told(session.respond("de", 6)) == second
    assert session.undo(2).position == 0


def test_what_is_committed_after_begin_turn_is_one_turn(session):
    session.begin_turn("/poem")
    list(session.respond("ab", 3))
    list(session.respond("cd", 3))
    session.begin_turn("/continue")
    list(session.generate(2))

    assert session.undo().position == 10
    assert session.undo().position == 0


def test_redo_brings_turns_again_until_something_else_is_read(session):
    for line in "abc":
        list(session.respond(line, 2))
    session.undo(2)

    assert session.redo().position == 6
    assert session.redo().removed == -3
    session.undo(2)
    session.feed("h")
    with pytest.raises(UsageError, match="nothing to redo"):
        session.redo()


def test_redo_is_all_or_nothing(session):
    list(session.respond("a", 2))
    session.undo()
    with pytest.raises(UsageError, match="only 1 can"):
        session.redo(2)

    assert session.position == 0
    assert session.redo().position == 3


def test_a_rewind_is_brought_again_at_once(session):
    text = "abc" + told(session.respond("abc", 20))

    assert session.rewind(5).position == 5
    assert session.tail == text[:5]
    assert session.rewind(-2).position == 3
    assert session.redo().position == 5
    assert session.redo().position == 23
    assert session.text().text == text


def test_a_rewind_goes_to_just_after_the_last_occurrence_of_a_text(session):
    session.feed("ab cab caba")

    assert session.rewind_to("ab ").position == 7
    assert session.rewind_to("b").position == 6
    assert session.rewind_to("b").position == 6
    with pytest.raises(UsageError, match="'bb' is not in this branch's text"):
        session.rewind_to("bb")
    with pytest.raises(UsageError, match="name the text"):
        session.rewind_to("")


def test_a_text_is_found_thousands_of_tokens_back(session):
    session.feed("abc" + "h" * 9000)

    assert session.rewind_to("bc").position == 3


@pytest.mark.parametrize("position", [6, -6])
def test_a_rewind_stays_on_the_branch(session, position):
    session.feed("abcde")
    with pytest.raises(UsageError, match=f"{position} is outside"):
        session.rewind(position)


def test_there_is_nothing_to_take_back_at_the_start(session):
    with pytest.raises(UsageError, match="nothing to undo"):
        session.undo()
    session.feed("abc")
    with pytest.raises(UsageError, match="only 1 turn can be undone"):
        session.undo(2)
    with pytest.raises(UsageError, match="cannot undo 4 tokens: 3 were read"):
        session.undo_tokens(4)
    assert session.position == 3


def test_undo_by_tokens_and_going_on_draws_the_same_tokens(session):
    text = told(session.respond("abc", 12))
    session.undo_tokens(5)

    assert told(session.generate(5)) == text[-5:]


def test_a_reset_is_taken_back_and_done_again(session):
    list(session.respond("abc", 5))
    text, state = session.text(), session.here.state
    moved = session.reset()

    assert (moved.position, moved.was, moved.removed, session.tail) == (0, 8, 8, "")
    assert session.undo().position == 8
    assert session.tail == text.text
    assert session.here.state.tolist() == state.tolist()
    assert session.redo().position == 0


def test_a_reseed_forgets_then_reads(session):
    session.feed("abc")
    session.begin_turn()
    moved = session.reseed("de")
    fresh = started()
    fresh.feed("de")

    assert (moved.position, session.tail) == (2, "de")
    assert session.here.state.tolist() == fresh.here.state.tolist()
    session.undo()
    assert session.tail == "abc"


def test_a_reseed_with_an_unknown_character_changes_nothing(session):
    session.feed("abc")
    with pytest.raises(VocabularyError):
        session.reseed("aX")

    assert session.text().text == "abc"


def test_the_tail_is_the_last_two_lines(session):
    session.feed("ab\ncd\nef\n" + "h" * 200)

    assert session.tail == "ef\n" + "h" * 200
    session.rewind(9)
    assert session.tail == "ef\n"
    session.rewind(7)
    assert session.tail == "cd\ne"


# Branches


def test_branches_go_on_separately_from_one_moment(session):
    session.feed("abc")
    session.branch_off("other")
    other = told(session.generate(8))
    session.checkout("main")

    assert session.text().text == "abc"
    assert told(session.generate(8)) == other  # until the draws are changed
    session.set_seed(1)
    session.undo()
    assert told(session.generate(8)) != other
    assert session.text("other").text == "abc" + other


def test_branches_are_listed_parents_before_children_with_their_first_words(session):
    session.feed("abc")
    session.branch_off("one")
    session.feed("d e")
    session.branch_off()
    session.checkout("main")
    session.branch_off("two")
    session.drop("one")

    listed = [
        (each.name, each.position, each.current, each.text, each.parent, each.fork) for each in session.branches()
    ]
    assert listed == [
        ("main", 3, False, "abc", None, 0),
        ("one.2", 6, False, "d e", "main", 3),
        ("two", 3, True, "", "main", 3),
    ]


@pytest.mark.parametrize(("name", "message"), [("main", "already"), ("a b", "invalid name"), ("../x", "invalid name")])
def test_a_branch_needs_a_name_of_its_own(session, name, message):
    with pytest.raises(UsageError, match=message):
        session.branch_off(name)
    with pytest.raises(UsageError, match="no branch 'x'; available: main"):
        session.checkout("x")


def test_undo_on_a_branch_goes_on_behind_the_place_where_it_left(session):
    list(session.respond("ab", 3))
    list(session.respond("cd", 3))
    session.branch_off("other")
    list(session.respond("ef", 3))

    assert session.undo(3).position == 0
    assert session.checkout("main").position == 10


# Answers made again


def test_an_answer_made_again_is_another_draw_on_a_branch_of_its_own(session):
    first = told(session.respond("abc", 8))
    again = list(session.regenerate(1, 8))

    assert (session.branch, session.retry, ends(again)[0].branch, ends(again)[0].candidate) == (
        "main.2",
        1,
        "main.2",
        None,
    )
    assert session.text().text == "abc" + told(again) != "abc" + first
    assert session.checkout("main").tail == ""  # it reads no text; who wants it asks
    assert session.tail == "abc" + first


def test_candidates_are_numbered_and_the_session_stands_on_the_first(session):
    list(session.respond("abc", 8))
    made = ends(session.regenerate(3, 8))

    assert [(each.branch, each.candidate, each.num_tokens) for each in made] == [
        ("main.2", 1, 8),
        ("main.3", 2, 8),
        ("main.4", 3, 8),
    ]
    assert session.text().text == "abc" + made[0].answer
    assert len({each.answer for each in made} | {session.text("main").text[3:]}) == 4
    assert session.candidates() == ("main", "main.2", "main.3", "main.4")


def test_one_candidate_for_each_value_of_a_setting(session):
    list(session.respond("abc", 8))
    made = ends(session.regenerate([{"cold": "0.01"}, {"cold": 100}], 8))
    greedy = started()
    greedy.feed("abc")

    assert session.text().text == "abc" + told(greedy.generate(8, strategy="greedy"))
    assert session.chain == ()
    assert [each.settings for each in made] == ["cold=0.01", "cold=100"]


def test_a_wrong_setting_makes_no_branch(session):
    list(session.respond("abc", 8))
    with pytest.raises(UsageError, match=r"0\.01 to 100"):
        session.regenerate([{"cold": 1}, {"cold": 1000}])

    assert [branch.name for branch in session.branches()] == ["main"]


def test_making_again_leaves_out_what_was_fed_after_the_answer(session):
    list(session.respond("abc", 4))
    session.feed("ddd")
    list(session.regenerate(1, 4))

    assert session.text().text.startswith("abc")
    assert session.position == 7


def test_the_turn_of_an_answer_made_again_is_that_of_its_line(session):
    list(session.respond("ab", 3))
    list(session.respond("cd", 3))
    list(session.regenerate(1, 3))

    assert session.undo().position == 5


def test_the_smallest_retries_that_a_point_has_not_seen_are_taken(session):
    list(session.respond("abc", 4))
    list(session.regenerate(2, 4))
    session.drop("main.3")
    list(session.regenerate(1, 4))

    assert (session.branch, session.retry) == ("main.3", 3)
    assert session.rewind(3).position == 3
    assert session.retry == 0  # the number belongs to the moment
    list(session.generate(4))
    assert session.text().text == session.text("main").text


def test_empty_answers_made_again_are_different_draws_too(session):
    list(session.respond("abc", 4))
    text = session.text().text
    for expected in (1, 2, 3):
        list(session.regenerate(1, 4, stop=tuple("abcdefgh \n")))
        assert (session.retry, session.position) == (expected, 3)
    assert session.text("main").text == text


def test_there_is_nothing_to_make_again_before_the_first_answer_and_after_a_reset(session):
    session.feed("abc")
    with pytest.raises(UsageError, match="no answer"):
        session.regenerate()
    list(session.generate(3))
    session.reset()
    with pytest.raises(UsageError, match="no answer"):
        session.regenerate()
    with pytest.raises(UsageError, match="no other candidate"):
        session.candidates()


def test_an_interrupt_ends_all_candidates(session):
    list(session.respond("abc", 4))
    seen = []
    for event in session.regenerate(3, 5):
        seen.append(event)
        if len(seen) == 8:  # two tokens of the second
            session.interrupt()

    assert [(end.num_tokens, end.stop) for end in ends(seen)] == [(5, "length"), (2, "interrupt")]
    assert [branch.name for branch in session.branches()] == ["main", "main.2", "main.3"]
    assert session.branch == "main.2"


def test_going_away_from_the_second_candidate_leaves_the_first_whole(session):
    list(session.respond("abc", 4))
    answer = session.regenerate(2, 5)
    first = told([next(answer) for _ in range(6)])
    next(answer)
    answer.close()

    assert session.text().text == "abc" + first
    assert session.text("main.3").text[:3] == "abc"
    assert len(session.ids("main.3")) == 4


def test_a_candidate_that_fails_at_once_leaves_no_branch(session):
    @dataclass(frozen=True)
    class Broken:
        name = "broken"

        def __call__(self, logits, context):
            raise ArithmeticError("no")

    list(session.respond("abc", 4))
    session.chain = (Broken(),)
    with pytest.raises(PluginError, match="broken"):
        list(session.regenerate(2, 4))

    assert [(branch.name, branch.current) for branch in session.branches()] == [("main", True)]
    assert session.position == 7


# The draws


def test_another_seed_keeps_the_state_and_changes_the_draws(session):
    session.feed("abc")
    state = session.here
    session.set_seed(5)

    assert session.here is state
    assert (session.seed, session.retry) == (5, 0)
    assert told(session.generate(12)) == told(started(seed=5).respond("abc", 12))
    with pytest.raises(UsageError, match="the seed must be 0 to"):
        session.set_seed(-1)


def test_a_seed_starts_again_at_the_first_draw(session):
    list(session.respond("abc", 4))
    list(session.regenerate(1, 4))
    session.set_seed(0)

    assert session.retry == 0


# Looking


def test_the_text_tells_what_the_user_wrote(session):
    first = told(session.respond("abc", 4))
    session.feed("de")
    session.feed("f")

    assert session.text() == Text(f"abc{first}def", ((0, 3), (7, 10)))


def test_the_likeliest_tokens_are_shown_for_the_model_and_after_the_chain(session):
    session.feed("abc")
    session.chain = (Cold(0.5),)
    top = session.top(4).tokens
    logits = session.here.outputs[0].astype(float)

    assert [token.log_prob for token in top] == sorted((token.log_prob for token in top), reverse=True)
    for token in top:
        assert token.text == session.model.tokenizer.vocabulary[token.id]
        assert token.log_prob == pytest.approx(logits[token.id] - np.log(np.exp(logits).sum()))
        assert token.chain_log_prob == pytest.approx(2 * logits[token.id] - np.log(np.exp(2 * logits).sum()))
    assert len(session.top(100).tokens) == 10


def test_a_score_is_the_log_probability_of_going_on_so_and_moves_nothing(session):
    session.feed("abc")
    before = session.here
    score = session.score("dead")
    finished = ends(session.generate(6))[0]
    session.undo_tokens(6)

    assert session.here.node == before.node
    assert score.log_prob == pytest.approx(sum(token.log_prob for token in score.tokens))
    assert score.nats == pytest.approx(-score.log_prob / 4)
    assert score.perplexity == pytest.approx(math.exp(score.nats))
    assert score.bits_per_char == pytest.approx(score.nats / math.log(2))
    assert session.score(finished.answer).log_prob == pytest.approx(finished.log_prob)
    for token in score.tokens:
        better = [text for text, log_prob in token.likeliest if log_prob > token.log_prob]
        assert len(token.likeliest) == 5
        assert len(better) == min(token.rank, 5)
    with pytest.raises(UsageError, match="cannot score an empty text"):
        session.score("")


def test_a_score_in_bytes_counts_characters_for_its_bits():
    session = Session(tiny_model(tokenizer=ByteTokenizer()))
    score = session.score("é")

    assert [token.text for token in score.tokens] == ["", "é"]
    assert score.bits_per_char == pytest.approx(-score.log_prob / math.log(2))


def test_a_state_is_described_in_words(session):
    session.feed("abc")
    described = session.describe()

    assert described["position"] == 3
    assert described["branch"] == "main"
    assert described["size"] == "32 bytes"
    assert described["state"] == f"8 float32, norm {np.linalg.norm(session.here.state.astype(float)):.4g}"
    assert described["snapshots"] == "2 kept, 2 whole, 0.0 of 256 MB"
    assert described["going back"] == "at once"
    session.snapshot_mb = 0
    session.feed("d" * 90)
    assert described["going back"] != session.describe()["going back"]
