"""Answers: what is committed when it is told, stop texts, characters over several tokens, strategies, faults and long sessions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqshell import Advanced, Hypotheses, Hypothesis, UsageError
from seqshell.core.errors import PluginError
from seqshell.core.events import Finished, Token
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.decoding.probabilities import log_probs
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.session import Session
from seqshell.session.token_text import StopTexts, TokenText
from seqshell.testing import tiny_model


class Script:
    """A model over a tokenizer that writes one given text, whatever it reads: its state is the number of tokens read."""

    def __init__(self, ids, size):
        self.ids, self.size = ids, size

    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, 1), np.int64)

    def step(self, inputs, state):
        state = state + 1
        return np.stack([self.outputs(row) for row in state[:, 0]]), state

    def feed(self, inputs, state):
        for column in range(inputs.shape[1]):
            outputs, state = self.step(inputs[:, column], state)
        return outputs, state

    def outputs(self, position):
        return np.where(np.arange(self.size) == self.ids[(position - 1) % len(self.ids)], 50, 0).astype(np.float32)


def writing(text, tokenizer=None, **options):
    """A session that has read one token and goes on with `text`, over and over."""
    tokenizer = tokenizer or CharTokenizer("".join(sorted(set(text) | {">"})))
    ids = tokenizer.encode(text) if isinstance(text, str) else list(text)
    session = Session(replace(tiny_model(), decoder=Script(ids, tokenizer.size), tokenizer=tokenizer), **options)
    session.feed_ids([tokenizer.encode(">")[0]])
    return session


def told(events):
    return "".join(event.text for event in events if isinstance(event, Token))


def written(session):
    return session.text().text[1:]


# Told and committed


def test_the_session_stands_at_the_token_that_was_told_last():
    session = Session(tiny_model())
    session.feed("abc")
    for token in islice(session.generate(10), 6):
        assert session.position == token.position + 1
        assert session.ids()[-1] == token.id
        assert session.text().text[-1] == token.text


def test_interrupted_generation_continues_as_if_it_had_not_been():
    one_go, session = Session(tiny_model()), Session(tiny_model())
    whole = told(one_go.respond("abc", 8))
    answer = session.respond("abc", 8)
    first = told(islice(answer, 3))
    answer.close()

    assert first + told(session.generate(5)) == whole
    assert session.here.state.tolist() == one_go.here.state.tolist()


def test_an_interrupt_ends_the_answer_at_the_next_token():
    session = Session(tiny_model())
    seen = []
    for event in session.generate(10):
        seen.append(event)
        if len(seen) == 4:
            session.interrupt()

    assert (seen[-1].stop, seen[-1].num_tokens, session.position) == ("interrupt", 4, 4)
    assert len(told(session.generate(3))) == 3


def test_an_interrupt_while_nothing_runs_stops_nothing():
    session = Session(tiny_model())
    session.interrupt()
    assert len(told(session.respond("abc", 3))) == 3
    session.interrupt()
    session.begin_turn()
    assert len(told(session.generate(3))) == 3


def test_moving_the_session_ends_the_answer_that_was_being_read():
    session = Session(tiny_model())
    answer = session.respond("abc", 9)
    next(answer)
    session.rewind(1)

    (finished,) = answer
    assert (finished.stop, session.position) == ("interrupt", 1)


def test_the_end_tells_what_was_told_and_the_models_log_probability():
    session = Session(tiny_model())
    *tokens, finished = session.respond("abc", 300)
    sum_of_all = sum(log_probs(token.outputs)[token.id] for token in tokens)

    assert finished == Finished(told(tokens), 300, "length", finished.log_prob, 3, 303, "main")
    assert finished.log_prob == pytest.approx(sum_of_all)


def test_a_token_shows_the_logits_that_it_was_drawn_from():
    session = Session(tiny_model())
    session.feed("abc")
    before = session.here.outputs[0].tolist()

    assert next(session.generate(3)).outputs.tolist() == before


@pytest.mark.parametrize(
    ("number", "stop", "message"),
    [(0, (), "1 to 1,000,000"), (1_000_001, (), "1 to 1,000,000"), (5, ("a", ""), "empty")],
)
def test_what_cannot_be_done_is_said_before_anything_is_read(number, stop, message):
    with pytest.raises(UsageError, match=message):
        Session(tiny_model()).generate(number, stop=stop)


def test_without_a_number_an_answer_has_two_hundred_tokens():
    assert len(told(Session(tiny_model()).generate())) == 200


# Stop texts


def test_a_stop_text_is_neither_told_nor_kept():
    session = writing("one two three")
    *tokens, finished = session.generate(50, stop=" three")

    assert told(tokens) == finished.answer == written(session) == "one two"
    assert (finished.stop, finished.start, finished.end, session.position) == ("stop", 1, 8, 8)


def test_the_first_of_several_stop_texts_counts():
    assert told(writing("one two three").generate(50, stop=("three", "two"))) == "one "


def test_the_state_goes_back_to_the_token_before_a_stop_text_that_begins_inside_a_token():
    @dataclass
    class Words(CharTokenizer):
        name: ClassVar[str] = "words"

        def __init__(self):
            super().__init__(">abc")

        def piece(self, token):
            return (b">", b"one ", b"tw", b"o three")[token]

    session = writing([1, 2, 3], Words())

    assert told(session.generate(9, stop="o th")) == "one tw"
    assert told(session.generate(9, stop="e t")) == "o three"


def test_what_might_be_a_stop_text_and_is_not_is_told_late_but_whole():
    session = writing("aabaabaac")
    seen = []
    for event in session.generate(9, stop="aac"):
        seen.append((event.text, session.position - 1))

    assert seen == [("a", 1), ("a", 2), ("b", 3), ("a", 4), ("a", 5), ("b", 6), ("", 6)]


def test_going_away_while_tokens_wait_leaves_them_to_be_drawn_again():
    session = writing("abcdefgh")
    answer = session.generate(50, stop="cdx")
    assert told(islice(answer, 2)) == "ab"
    answer.close()

    assert written(session) == "ab"
    assert told(session.generate(4)) == "cdef"


def test_at_the_limit_what_waits_is_told():
    session = writing("abcdefgh")
    *tokens, finished = session.generate(4, stop="cdx")

    assert told(tokens) == written(session) == "abcd"
    assert (finished.stop, finished.num_tokens) == ("length", 4)


def test_a_stop_text_may_be_spread_over_two_answers():
    """What the first one told stays; the second ends where the stop text is complete."""
    session = writing("ab##cd")
    assert told(session.generate(3, stop="##")) == "ab#"
    session.begin_turn()
    *tokens, finished = session.generate(9, stop="##")

    assert (told(tokens), finished.stop, written(session)) == ("", "stop", "ab#")


def test_the_users_own_text_is_no_part_of_a_stop_text():
    session = writing("##cd#", CharTokenizer("#>cd"))
    list(session.generate(1))
    session.feed("#")  # read in the place of the model's second

    assert told(session.generate(2, stop="##")) == "cd"


def test_an_interrupt_while_tokens_wait_leaves_the_answer_of_one_go():
    one_go = told(writing("abab#").generate(9, stop="ab#"))
    session = writing("abab#")
    answer = session.generate(9, stop="ab#")
    first = next(answer)
    session.interrupt()
    rest = list(answer)

    assert rest[-1].stop == "interrupt"
    assert first.text + told(rest) + told(session.generate(9, stop="ab#")) == one_go == "ab"


@given(
    st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3),
    st.text("abc", max_size=30),
    st.lists(st.integers(1, 3), max_size=20),
)
def test_watching_token_by_token_finds_what_a_search_in_the_whole_finds(texts, whole, sizes):
    """The whole text cut anyhow into tokens: what is told is all that ends before the first stop text, and no token is told too early."""
    cuts = [0, *(cut for cut in np.cumsum(sizes).tolist() if cut < len(whole)), len(whole)]
    pieces = [whole[start:end] for start, end in pairwise(cuts)]
    watch, waiting, out = StopTexts(texts), [], ""
    for piece in pieces:
        waiting.append(piece)
        free, found = watch.add(piece.encode())
        out += "".join(waiting[:free])
        del waiting[:free]
        if found:
            break
        assert not any(text in out for text in texts)
    else:
        found, out = False, out + "".join(waiting)

    seen = "".join(
        pieces[
            : next((n for n in range(len(pieces)) if any(t in "".join(pieces[: n + 1]) for t in texts)), len(pieces))
            + 1
        ]
    )
    places = [seen.find(text) for text in texts if text in seen]
    if not places:
        assert (found, out) == (False, whole)
    else:
        begins = [cut for cut in cuts if cut <= min(places)]
        assert (found, out) == (True, whole[: begins[-1]])


# Characters over several tokens


def test_a_character_is_told_with_its_last_byte():
    session = writing(">é€😀", ByteTokenizer())
    events = list(session.generate(10))

    assert [event.text for event in events[:-1]] == [">", "", "é", "", "", "€", "", "", "", "😀"]
    assert events[-1].answer == written(session) == ">é€😀"


def test_a_character_may_be_spread_over_two_answers():
    session = writing("€", ByteTokenizer())
    assert told(session.generate(2)) == "" == written(session)
    session.begin_turn()

    assert told(session.generate(1)) == "€" == written(session)


def test_bytes_that_are_no_character_are_told_as_the_replacement_character():
    session = writing([0xC3, 0x28, 0xFF, 0xE2, 0x82], ByteTokenizer())
    events = list(session.generate(6))

    assert [event.text for event in events[:-1]] == ["", "\ufffd(", "\ufffd", "", "", "\ufffd"]


def test_what_is_fed_after_half_a_character_begins_a_new_one():
    session = writing("€", ByteTokenizer())
    list(session.generate(1))
    session.feed("a")

    assert session.text().text == ">\ufffda"


def test_going_back_into_a_character_and_on_tells_it_whole():
    session = writing("€uro", ByteTokenizer())
    list(session.generate(6))
    session.rewind(2)

    assert told(session.generate(2)) == "€"


def test_a_stop_text_of_several_bytes_leaves_no_half_of_it():
    session = writing("ab€c", ByteTokenizer())

    assert told(session.generate(9, stop="€")) == "ab" == written(session)
    assert session.position == 3


@given(st.lists(st.integers(0, 255), max_size=12))
def test_the_tail_read_off_the_ids_is_the_one_of_decoding_them_all(ids):
    pieces, tail, text = TokenText(ByteTokenizer()), b"", ""
    for token in ids:
        part, tail = pieces.read(token, tail)
        text += part

    assert pieces.tail(ids) == tail
    assert text == bytes(ids)[: len(ids) - len(tail)].decode("utf-8", "replace")


# Strategies


@dataclass(frozen=True)
class Found:
    """Does not stream: two greedy rows at once, and the answer with every state it passed."""

    name: ClassVar[str] = "found"
    streams: ClassVar[bool] = False
    ends: int = 1000

    def search(self, decoder, start, request):
        state, outputs = np.repeat(start.state, 2, 0), np.repeat(start.outputs, 2, 0)
        ids, states, rows = [], [], []
        for _ in range(min(self.ends, request.stop.max_tokens)):
            ids.append(int(outputs[0].argmax()))
            outputs, state = decoder.step(np.array([ids[-1]] * 2), state)
            states.append(state[:1] * np.float32(1 + 2.0**-20))  # as it is in a larger product
            rows.append(outputs[:1])
        yield Hypotheses(0, (Hypothesis(tuple(ids), -1.0, -1.0, tuple(states), tuple(rows)),))


def test_an_answer_that_was_found_is_committed_with_the_states_it_passed():
    session = Session(tiny_model(), snapshot_mb=0)
    *tokens, finished = session.respond("abc", 40, strategy=Found())
    state = session.here.state
    session.rewind(10)
    tenth = session.here.state
    session.redo()
    greedy = told(Session(tiny_model()).respond("abc", 40, strategy=Greedy()))

    assert told(tokens) == finished.answer == greedy
    assert finished.stop == "length"
    assert session.here.state is state
    session.rewind(10)
    assert session.here.state is tenth  # nothing else could compute it again


def test_a_strategy_that_ends_by_itself_ends_the_answer():
    *tokens, finished = Session(tiny_model()).respond("abc", 40, strategy=Found(ends=3))

    assert (len(tokens), finished.stop) == (3, "eos")


def test_stop_texts_hold_for_what_was_found():
    greedy = told(Session(tiny_model()).respond("abc", 9, strategy=Greedy()))
    session = Session(tiny_model())

    assert told(session.respond("abc", 9, strategy=Found(), stop=greedy[4:6])) == greedy[: greedy.index(greedy[4:6])]


def test_the_end_of_sequence_ends_the_answer_before_it():
    class Ending(CharTokenizer):
        eos = 1

    session = writing("ab#c", Ending("#!>abc"))
    session.model.tokenizer.eos = session.model.tokenizer.encode("#")[0]
    *tokens, finished = Session.generate(session, 9)

    assert (told(tokens), finished.stop, session.position) == ("ab", "eos", 3)


def test_specials_are_never_drawn():
    class Padded(CharTokenizer):
        pad, bos, unk = 0, 1, 2

    session = Session(tiny_model(tokenizer=Padded("_<?abcd")))

    assert session._answers.excluded == {0, 1, 2}
    assert not set(told(session.generate(200))) & set("_<?")


def test_a_strategy_is_named_for_one_call_or_set():
    strategies = {"greedy": Greedy, "sample": Sample}
    session = Session(tiny_model(), strategies=strategies)
    greedy = told(session.respond("abc", 9, strategy="greedy"))
    session.undo()
    session.strategy = Greedy()

    assert told(session.respond("abc", 9)) == greedy
    with pytest.raises(UsageError, match="greedx"):
        session.generate(3, strategy="greedx")


# Faults


class Faulty:
    """A model that fails at its fifth step, in one way or another."""

    def __init__(self, decoder, fault):
        self.decoder, self.fault, self.steps = decoder, fault, 0
        self.initial_state, self.feed = decoder.initial_state, decoder.feed

    def step(self, inputs, state):
        self.steps += 1
        outputs, state = self.decoder.step(inputs, state)
        return (self.fault(outputs) if self.steps == 5 else outputs), state


def raising(outputs):
    raise ZeroDivisionError("by nought")


FAULTS = {
    "failed: ZeroDivisionError: by nought": raising,
    "returned NaN": lambda outputs: outputs * np.nan,
    "returned infinite logits": lambda outputs: outputs + np.inf,
    "returned outputs of the shape \\[1, 9\\]": lambda outputs: outputs[:, 1:],
    "returned NoneType": lambda outputs: None,
}


@pytest.mark.parametrize(("message", "fault"), FAULTS.items())
def test_a_fault_of_the_model_ends_the_answer_before_the_token_it_failed_on(message, fault):
    model = tiny_model()
    session = Session(replace(model, decoder=Faulty(model.decoder, fault)))
    session.feed("abc")
    answer, seen = session.generate(9), []
    with np.errstate(invalid="ignore"), pytest.raises(PluginError, match=f"the model tiny {message}"):
        seen.extend(answer)

    sound = list(Session(model).respond("abc", 4))
    session.undo_tokens(0)
    assert session.position == 7
    assert session.text().text == "abc" + told(sound)


def test_a_fault_is_told_after_the_end_of_the_answer():
    model = tiny_model()
    session = Session(replace(model, decoder=Faulty(model.decoder, raising)))
    answer = session.generate(9)
    told_events = list(islice(answer, 5))

    assert (told_events[-1].stop, told_events[-1].num_tokens) == ("error", 4)
    with pytest.raises(PluginError):
        next(answer)


def test_what_waited_when_a_fault_came_is_told():
    session = writing("abcdefgh")
    session = Session(replace(session.model, decoder=Faulty(session.model.decoder, raising)))
    session.feed(">")
    events = []
    with pytest.raises(PluginError):
        events.extend(session.generate(9, stop="cdx"))
    assert written(session) == "abcd"


def test_a_model_with_impossible_tokens_is_sound():
    """Logits of -inf exclude a token; only a model that excludes all of them is at fault."""
    model = tiny_model()
    step = model.decoder.step

    def masked(inputs, state):
        outputs, state = step(inputs, state)
        return np.where(np.arange(10) < 5, outputs, -np.inf), state

    model.decoder.step = masked
    session = Session(model)
    session.feed("a")

    assert set(told(session.generate(60))[1:]) <= set("\n abc")


def test_a_feed_that_fails_changes_nothing():
    model = tiny_model()
    feed, calls = model.decoder.feed, []

    def failing(inputs, state):
        calls.append(inputs.shape[1])
        if len(calls) == 4:
            raise MemoryError
        return feed(inputs, state)

    model.decoder.feed = failing
    session = Session(model)
    session.feed("abc")
    here = session.here
    with pytest.raises(PluginError, match="the model tiny failed: MemoryError"):
        session.feed("d" * 100)

    assert session.here is here
    assert calls == [3, 29, 32, 32]
    assert session.feed("d") == 1


@dataclass(frozen=True)
class Wrong:
    """A strategy that chooses an id that there is not, or raises."""

    name: ClassVar[str] = "wrong"
    streams: ClassVar[bool] = True
    raises: bool = False

    def search(self, decoder, start, request):
        if self.raises:
            raise KeyError("oh")
        outputs, state = decoder.step(np.array([99 % 10]), start.state)
        yield Advanced(np.array([99]), state, outputs, start.memories)


@pytest.mark.parametrize(("raises", "message"), [(True, "KeyError: 'oh'"), (False, "the id 99")])
def test_a_fault_of_a_strategy_names_it(raises, message):
    session = Session(tiny_model())
    session.feed("abc")
    with pytest.raises(PluginError, match=f"the strategy wrong .* failed: .*{message}"):
        list(session.generate(3, strategy=Wrong(raises)))
    assert session.position == 3


# Long sessions


def test_a_long_session_stays_within_its_budget_and_goes_back_anywhere():
    session = Session(tiny_model(), snapshot_mb=0.25)
    text = "abc" * 100 + told(session.respond("abc" * 100, 20_000))
    session.rewind(777)

    assert session._cursor.store.bytes <= 250_000 * 17 / 16
    assert session.tail == "\n".join(text[:777].split("\n")[-2:])
    assert told(session.generate(500)) == text[777:1277]
