"""Generating: each token is committed before it is emitted; strategies, and long sessions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np
import pytest

from seqshell import Hypotheses, Hypothesis, UsageError
from seqshell.core.events import Finished
from seqshell.core.tokenizers import CharTokenizer
from seqshell.decoding.probabilities import log_probs
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.session import Session
from seqshell.testing import tiny_model

# Emitting and committing


def test_the_session_is_at_the_token_emitted_last():
    session = Session(tiny_model())
    session.feed("abc")
    for token in islice(session.generate(10), 6):
        assert session.position == token.position + 1
        assert session.ids()[-1] == token.id
        assert session.text().text[-1] == token.text


def test_interrupted_generation_continues_as_if_uninterrupted(joined):
    one_go, session = Session(tiny_model()), Session(tiny_model())
    whole = joined(one_go.respond("abc", 8))
    answer = session.respond("abc", 8)
    first = joined(islice(answer, 3))
    answer.close()

    assert first + joined(session.generate(5)) == whole
    assert session.here.state.tolist() == one_go.here.state.tolist()


def test_an_interrupt_ends_the_answer_at_the_next_token(joined):
    session = Session(tiny_model())
    seen = []
    for event in session.generate(10):
        seen.append(event)
        if len(seen) == 4:
            session.interrupt()

    assert (seen[-1].stop, seen[-1].num_tokens, session.position) == ("interrupt", 4, 4)
    assert len(joined(session.generate(3))) == 3


def test_an_interrupt_while_nothing_runs_has_no_effect(joined):
    session = Session(tiny_model())
    session.interrupt()
    assert len(joined(session.respond("abc", 3))) == 3
    session.interrupt()
    session.begin_turn()
    assert len(joined(session.generate(3))) == 3


def test_moving_the_session_ends_the_running_answer():
    session = Session(tiny_model())
    answer = session.respond("abc", 9)
    next(answer)
    session.rewind(1)

    (finished,) = answer
    assert (finished.stop, session.position) == ("interrupt", 1)


def test_finished_has_the_answer_and_its_log_probability(joined):
    session = Session(tiny_model())
    *tokens, finished = session.respond("abc", 300)
    sum_of_all = sum(log_probs(token.outputs)[token.id] for token in tokens)

    assert finished == Finished(joined(tokens), 300, "length", finished.log_prob, 3, 303, "main")
    assert finished.log_prob == pytest.approx(sum_of_all)


def test_a_token_event_has_the_logits_it_was_drawn_from():
    session = Session(tiny_model())
    session.feed("abc")
    before = session.here.outputs[0].tolist()

    assert next(session.generate(3)).outputs.tolist() == before


@pytest.mark.parametrize(
    ("number", "stop", "message"),
    [(0, (), "1 to 1,000,000"), (1_000_001, (), "1 to 1,000,000"), (5, ("a", ""), "empty")],
)
def test_invalid_options_are_refused_before_generating(number, stop, message):
    with pytest.raises(UsageError, match=message):
        Session(tiny_model()).generate(number, stop=stop)


def test_an_answer_has_200_tokens_by_default(joined):
    assert len(joined(Session(tiny_model()).generate())) == 200


# Strategies


@dataclass(frozen=True)
class Found:
    """A search: steps two greedy rows together, and returns the answer with all its states."""

    name: ClassVar[str] = "found"
    streams: ClassVar[bool] = False
    ends: int = 1000

    def search(self, decoder, start, request):
        state, outputs = np.repeat(start.state, 2, 0), np.repeat(start.outputs, 2, 0)
        ids, states, rows = [], [], []
        for _ in range(min(self.ends, request.stop.max_tokens)):
            ids.append(int(outputs[0].argmax()))
            outputs, state = decoder.step(np.array([ids[-1]] * 2), state)
            states.append(state[:1] * np.float32(1 + 2.0**-20))  # as in a larger matrix product
            rows.append(outputs[:1])
        yield Hypotheses(0, (Hypothesis(tuple(ids), -1.0, -1.0, tuple(states), tuple(rows)),))


def test_the_answer_of_a_search_is_committed_with_its_states(joined):
    session = Session(tiny_model(), snapshot_mb=0)
    *tokens, finished = session.respond("abc", 40, strategy=Found())
    state = session.here.state
    session.rewind(10)
    tenth = session.here.state
    session.redo()
    greedy = joined(Session(tiny_model()).respond("abc", 40, strategy=Greedy()))

    assert joined(tokens) == finished.answer == greedy
    assert finished.stop == "length"
    assert session.here.state is state
    session.rewind(10)
    assert session.here.state is tenth  # it cannot be computed again


def test_a_search_that_ends_on_its_own_ends_the_answer():
    *tokens, finished = Session(tiny_model()).respond("abc", 40, strategy=Found(ends=3))

    assert (len(tokens), finished.stop) == (3, "eos")


def test_stop_texts_end_the_answer_of_a_search(joined):
    greedy = joined(Session(tiny_model()).respond("abc", 9, strategy=Greedy()))
    session = Session(tiny_model())

    assert joined(session.respond("abc", 9, strategy=Found(), stop=greedy[4:6])) == greedy[: greedy.index(greedy[4:6])]


def test_eos_ends_the_answer_and_is_not_part_of_it(joined, writing):
    class Ending(CharTokenizer):
        eos = 1

    session = writing("ab#c", Ending("#!>abc"))
    session.model.tokenizer.eos = session.model.tokenizer.encode("#")[0]
    *tokens, finished = Session.generate(session, 9)

    assert (joined(tokens), finished.stop, session.position) == ("ab", "eos", 3)


def test_special_tokens_are_never_drawn(joined):
    class Padded(CharTokenizer):
        pad, bos, unk = 0, 1, 2

    session = Session(tiny_model(tokenizer=Padded("_<?abcd")))

    assert session.excluded == {0, 1, 2}
    assert not set(joined(session.generate(200))) & set("_<?")


def test_a_strategy_is_chosen_for_one_call_or_for_the_session(joined):
    strategies = {"greedy": Greedy, "sample": Sample}
    session = Session(tiny_model(), strategies=strategies)
    greedy = joined(session.respond("abc", 9, strategy="greedy"))
    session.undo()
    session.strategy = Greedy()

    assert joined(session.respond("abc", 9)) == greedy
    with pytest.raises(UsageError, match="greedx"):
        session.generate(3, strategy="greedx")


# Long sessions


def test_a_long_session_stays_within_its_budget_and_can_go_back_anywhere(joined):
    session = Session(tiny_model(), snapshot_mb=0.25)
    text = "abc" * 100 + joined(session.respond("abc" * 100, 20_000))
    session.rewind(777)

    assert session.behaviour.cursor.store.bytes <= 250_000 * 17 / 16
    assert session.tail == "\n".join(text[:777].split("\n")[-2:])
    assert joined(session.generate(500)) == text[777:1277]
