"""The tokens of an answer on the screen: hints at its end, colours by surprisal, pace and speed."""

import numpy as np
import pytest

from seqshell.core.events import (
    Finished,
    Token,
)
from seqshell.terminal.token_colours import SurprisalColours
from seqshell.terminal.token_stream import TokenStream, translation_hints


def answer(stream, text, stop="length", **more):
    """Stream a text character by character and finish it."""
    stream.begin()
    for character in text:
        stream.draw_token(Token(character))
    stream.draw_end(Finished(text, len(text), stop, -1.0, 0, len(text), **more))


def test_the_first_three_answers_end_with_a_hint(new_printer, visible):
    printer = new_printer()
    stream = TokenStream(printer, lambda: False)
    for _ in range(4):
        answer(stream, "\nthe morning of the w")

    hint = "stopped at 21 tokens · Enter continues, /regen tries again, /undo goes back\n"
    assert visible(printer) == f"the morning of the w▌\n{hint}" * 3 + "the morning of the w\n"


def test_the_hint_follows_the_text_on_the_same_line_if_it_fits(new_printer, visible):
    printer = new_printer(width=100)
    answer(TokenStream(printer, lambda: False), "\nthe morning of the w")
    hint = "stopped at 21 tokens · Enter continues, /regen tries again, /undo goes back\n"
    assert visible(printer) == f"the morning of the w▌  {hint}"


def test_an_interrupted_answer_always_has_a_note(new_printer, visible):
    printer = new_printer()
    stream = TokenStream(printer, lambda: False)
    for _ in range(3):
        answer(stream, "a")
    answer(stream, "ab", stop="interrupt")
    assert visible(printer).endswith("ab▌  interrupted after 2 tokens\n")


def test_the_hint_is_on_the_next_line_if_the_answer_ends_with_a_newline(new_printer, visible):
    printer = new_printer()
    answer(TokenStream(printer, lambda: False), "ab\n", stop="eos")
    assert visible(printer) == "ab\nended after 3 tokens · Enter continues, /regen tries again, /undo goes back\n"


def test_candidates_are_numbered(new_printer, visible):
    printer = new_printer()
    answer(TokenStream(printer, lambda: False), "ab", candidate=2, branch="main.3", settings="temperature=0.5")
    assert visible(printer) == "ab▌  candidate 2, main.3, temperature=0.5\n"


def test_tokens_are_coloured_by_the_surprisal_in_their_outputs(new_printer):
    printer = new_printer(colours=256)
    stream = TokenStream(printer, lambda: False)
    stream.begin(colours=SurprisalColours())
    stream.draw_token(Token("a", 0, 0, np.array([0.0, 0.0], np.float32)))  # ln 2 nats: level 1
    assert printer.stream.getvalue() == "\x1b[38;5;63ma\x1b[0m"


def test_pace_limits_the_tokens_per_second(new_printer):
    printer, now = new_printer(), [0.0]

    def sleep(seconds):
        now[0] += seconds

    stream = TokenStream(printer, lambda: False, lambda: now[0], sleep)
    stream.begin(20.0)
    for _ in range(5):
        stream.draw_token(Token("a"))
    assert now[0] == pytest.approx(5 / 20)


def test_an_interrupt_does_not_wait_for_the_pace(new_printer):
    stream = TokenStream(new_printer(), lambda: True)
    stream.begin(0.001)
    stream.draw_token(Token("a"))
    assert stream.printer.stream.getvalue() == "a"


def test_speed_does_not_include_the_time_spent_waiting_for_the_pace(new_printer):
    times = iter([0.0, 1.0, 1.5])
    printer = new_printer()
    stream = TokenStream(printer, lambda: False, clock=lambda: next(times))
    stream.begin()
    for _ in range(11):
        stream._clock = (lambda: 1.0) if stream._num_tokens == 0 else stream._clock
        stream.draw_token(Token("a"))
    stream._clock = lambda: 1.5
    assert stream.draw_end(Finished("a" * 11, 11, "length", 0.0, 0, 11)) == pytest.approx(20)


def test_the_speed_of_a_search_includes_the_time_before_its_first_token(new_printer):
    times = iter([0.0, 0.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    stream = TokenStream(new_printer(), lambda: False, clock=lambda: next(times, 2.0))
    stream.begin()
    for _ in range(4):
        stream.draw_token(Token("a"))
    assert stream.draw_end(Finished("aaaa", 4, "eos", 0.0, 0, 4), streams=False) == pytest.approx(2)


def test_an_answer_without_tokens_has_no_speed(new_printer):
    stream = TokenStream(new_printer(), lambda: False)
    stream.begin()
    assert stream.draw_end(Finished("", 0, "eos", 0.0, 0, 0)) == 0


# Context


def first_line(printer, visible, before, text, *, surprisal=False):
    """The first lines of an answer after a text; every token has the surprisal 0."""
    stream = TokenStream(printer, lambda: False)
    stream.begin(colours=SurprisalColours() if surprisal else None)
    for character in text:
        outputs = np.array([0.0, -1000.0])
        stream.draw_token(Token(character, 0, 0, outputs), before if stream.is_at_start else "")
    stream.end_line()
    return visible(printer)


@pytest.mark.parametrize(
    ("before", "text", "shown"),
    [
        ("ROMEO:\nWhat counsel of Har", "ry", "of Harry\n"),
        ("Har", "ry", "Harry\n"),
        ("ROMEO:", "What", "What\n"),
        ("What counsel", " of", " of\n"),
        ("What counsel ", "of", "of\n"),
        ("", "of", "of\n"),
        ("a" * 100, "b", "a" * 20 + "b\n"),
    ],
)
def test_an_answer_that_continues_a_cut_word_repeats_two_words(new_printer, visible, before, text, shown):
    assert first_line(new_printer(width=40), visible, before, text) == shown


def test_the_repeated_words_are_grey_and_have_no_surprisal(new_printer, visible):
    printer = new_printer(colours=256)
    first_line(printer, visible, "of Har", "ry")
    assert printer.stream.getvalue() == "\x1b[38;5;243mof Har\x1b[0mry\n"
    assert first_line(new_printer(), visible, "of Har", "ry", surprisal=True) == "of Harry\n      00\n"


@pytest.mark.parametrize(
    ("has_attention", "is_search", "hints"),
    [
        (
            True,
            True,
            ("/attention shows the weights, /set nbest 5 shows five", "/attention shows the weights", "/attention"),
        ),
        (True, False, ("/attention shows the weights", "/attention")),
        (False, False, ("/undo goes back", "/undo")),
    ],
)
def test_a_translation_is_followed_by_hints_that_its_model_and_strategy_can_follow(has_attention, is_search, hints):
    assert translation_hints(has_attention=has_attention, is_search=is_search) == hints
