"""Stop texts, and characters that span several tokens."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, pairwise
from typing import ClassVar

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.decoding.stop_texts import StopTexts, StopWatch
from seqshell.session.token_text import TokenText

# Stop texts


def test_a_stop_text_is_neither_emitted_nor_kept(joined, writing, written):
    session = writing("one two three")
    *tokens, finished = session.generate(50, stop=" three")

    assert joined(tokens) == finished.answer == written(session) == "one two"
    assert (finished.stop, finished.start, finished.end, session.position) == ("stop", 1, 8, 8)


def test_the_first_of_several_stop_texts_ends_the_answer(joined, writing):
    assert joined(writing("one two three").generate(50, stop=("three", "two"))) == "one "


def test_a_stop_text_that_begins_inside_a_token_ends_before_that_token(joined, writing):
    @dataclass
    class Words(CharTokenizer):
        name: ClassVar[str] = "words"

        def __init__(self):
            super().__init__(">abc")

        def piece(self, token):
            return (b">", b"one ", b"tw", b"o three")[token]

    session = writing([1, 2, 3], Words())

    assert joined(session.generate(9, stop="o th")) == "one tw"
    assert joined(session.generate(9, stop="e t")) == "o three"


def test_the_beginning_of_a_stop_text_is_emitted_late_but_complete(writing):
    session = writing("aabaabaac")
    emitted = []
    for event in session.generate(9, stop="aac"):
        emitted.append((event.text, session.position - 1))

    assert emitted == [("a", 1), ("a", 2), ("b", 3), ("a", 4), ("a", 5), ("b", 6), ("", 6)]


def test_waiting_tokens_are_drawn_again_after_the_iterator_was_closed(joined, writing, written):
    session = writing("abcdefgh")
    answer = session.generate(50, stop="cdx")
    assert joined(islice(answer, 2)) == "ab"
    answer.close()

    assert written(session) == "ab"
    assert joined(session.generate(4)) == "cdef"


def test_waiting_tokens_are_emitted_at_the_limit(joined, writing, written):
    session = writing("abcdefgh")
    *tokens, finished = session.generate(4, stop="cdx")

    assert joined(tokens) == written(session) == "abcd"
    assert (finished.stop, finished.num_tokens) == ("length", 4)


def test_a_stop_text_may_span_two_answers(joined, writing, written):
    """What the first answer emitted stays; the second ends where the stop text is complete."""
    session = writing("ab##cd")
    assert joined(session.generate(3, stop="##")) == "ab#"
    session.begin_turn()
    *tokens, finished = session.generate(9, stop="##")

    assert (joined(tokens), finished.stop, written(session)) == ("", "stop", "ab#")


def test_the_users_text_is_never_part_of_a_stop_text(joined, writing):
    session = writing("##cd#", CharTokenizer("#>cd"))
    list(session.generate(1))
    session.feed("#")  # in place of the second one of the model

    assert joined(session.generate(2, stop="##")) == "cd"


def test_waiting_tokens_are_drawn_again_after_an_interrupt(joined, writing):
    one_go = joined(writing("abab#").generate(9, stop="ab#"))
    session = writing("abab#")
    answer = session.generate(9, stop="ab#")
    first = next(answer)
    session.interrupt()
    rest = list(answer)

    assert rest[-1].stop == "interrupt"
    assert first.text + joined(rest) + joined(session.generate(9, stop="ab#")) == one_go == "ab"


@given(
    st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3),
    st.text("abc", max_size=30),
    st.lists(st.integers(1, 3), max_size=20),
)
def test_stop_texts_are_found_as_by_searching_the_whole_text(texts, whole, sizes):
    """For any split of a text into tokens: all tokens before the first stop text are emitted, and none too early."""
    cuts = [0, *(cut for cut in np.cumsum(sizes).tolist() if cut < len(whole)), len(whole)]
    tokens = [whole[start:end] for start, end in pairwise(cuts)]
    watch, waiting, out = StopWatch(StopTexts(texts)), [], ""
    for token in tokens:
        waiting.append(token)
        free, found = watch.add(token.encode())
        out += "".join(waiting[:free])
        del waiting[:free]
        if found:
            break
        assert not any(text in out for text in texts)
    else:
        found, out = False, out + "".join(waiting)

    prefixes = ["".join(tokens[:end]) for end in range(1, len(tokens) + 1)]
    read = next((prefix for prefix in prefixes if any(text in prefix for text in texts)), whole)
    places = [read.find(text) for text in texts if text in read]
    if not places:
        assert (found, out) == (False, whole)
    else:
        begins = [cut for cut in cuts if cut <= min(places)]
        assert (found, out) == (True, whole[: begins[-1]])


# Characters over several tokens


def test_a_character_is_emitted_with_its_last_byte(writing, written):
    session = writing(">é€😀", ByteTokenizer())
    events = list(session.generate(10))

    assert [event.text for event in events[:-1]] == [">", "", "é", "", "", "€", "", "", "", "😀"]
    assert events[-1].answer == written(session) == ">é€😀"


def test_a_character_may_span_two_answers(joined, writing, written):
    session = writing("€", ByteTokenizer())
    assert joined(session.generate(2)) == "" == written(session)
    session.begin_turn()

    assert joined(session.generate(1)) == "€" == written(session)


def test_invalid_bytes_are_emitted_as_the_replacement_character(writing):
    session = writing([0xC3, 0x28, 0xFF, 0xE2, 0x82], ByteTokenizer())
    events = list(session.generate(6))

    assert [event.text for event in events[:-1]] == ["", "\ufffd(", "\ufffd", "", "", "\ufffd"]


def test_text_fed_after_half_a_character_begins_a_new_one(writing):
    session = writing("€", ByteTokenizer())
    list(session.generate(1))
    session.feed("a")

    assert session.text().text == ">\ufffda"


def test_rewinding_into_a_character_emits_it_again_in_full(joined, writing):
    session = writing("€uro", ByteTokenizer())
    list(session.generate(6))
    session.rewind(2)

    assert joined(session.generate(2)) == "€"


def test_a_stop_text_of_several_bytes_leaves_no_part_of_it(joined, writing, written):
    session = writing("ab€c", ByteTokenizer())

    assert joined(session.generate(9, stop="€")) == "ab" == written(session)
    assert session.position == 3


@given(st.lists(st.integers(0, 255), max_size=12))
def test_the_incomplete_tail_of_ids_equals_that_of_decoding_them_all(ids):
    token_text, tail, text = TokenText(ByteTokenizer()), b"", ""
    for token in ids:
        part, tail = token_text.read(token, tail)
        text += part

    assert token_text.tail(ids) == tail
    assert text == bytes(ids)[: len(ids) - len(tail)].decode("utf-8", "replace")
