from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np
import pytest
import seqshell_poem
from seqshell_poem.command import poem

from seqshell import Finished, Token, UsageError, hookimpl
from seqshell.testing import check_command, failed, run, shell_for, tiny_classification_model, tiny_model


@dataclass(frozen=True)
class NoNewline:
    """Never draw the newline, token 0."""

    name: ClassVar[str] = "no_newline"

    def __call__(self, logits, context):
        return np.where(np.arange(logits.size) == 0, -np.inf, logits)


class OneLine:
    """A plugin as a class, with that sampler."""

    @staticmethod
    @hookimpl
    def seqshell_samplers():
        yield NoNewline


@pytest.fixture
def shell():
    return shell_for(tiny_model("\n abcdefgh"), plugins=[seqshell_poem])


def lines_of(events):
    return [line for line in "".join(event.text for event in events).split("\n") if line.strip()]


def test_the_command_passes_all_checks():
    assert not failed(check_command(poem))


@pytest.mark.parametrize(("words", "number"), [("a bed", 4), ("2 a bed", 2), ("1 bad cafe", 1)])
def test_poem_writes_the_requested_number_of_lines(shell, words, number):
    events = list(shell.handle(f"/poem {words}"))

    assert len(lines_of(events)) == number
    assert events[-1].text.endswith("\n")
    assert shell.session.text().text == words.lstrip("12 ") + "\n" + "".join(event.text for event in events)


def test_a_poem_is_the_beginning_of_what_the_model_would_write(shell):
    written = "".join(event.text for event in shell.handle("/poem a bed"))

    answer = run(['/feed "a bed\\n"', "/continue 300"], model=tiny_model("\n abcdefgh"))[-1].answer
    assert answer.startswith(written)


def test_a_poem_is_one_turn(shell):
    list(shell.handle("abc"))
    before = shell.session.text().text
    written = list(shell.handle("/poem 3 a bed"))
    after = shell.session.text().text

    list(shell.handle("/undo"))
    assert shell.session.text().text == before
    list(shell.handle("/redo"))
    assert shell.session.text().text == after
    list(shell.handle("/undo"))
    assert list(shell.handle("/poem 3 a bed")) == written


def test_ctrl_c_keeps_what_has_been_written(shell):
    events = shell.handle("/poem 3 a bed")
    written = list(islice(events, 5))
    shell.interrupt()
    written += list(events)

    assert isinstance(written[-1], Finished)
    assert written[-1].stop == "interrupt"
    assert shell.session.text().text == "a bed\n" + "".join(event.text for event in written if isinstance(event, Token))


def test_a_consumer_that_stops_iterating_leaves_the_session_at_the_last_token(shell):
    events = shell.handle("/poem 3 a bed")
    written = list(islice(events, 5))
    events.close()

    assert shell.session.text().text == "a bed\n" + "".join(event.text for event in written)


def test_a_model_that_never_ends_a_line_is_stopped():
    shell = shell_for(tiny_model("\n abcdefgh"), plugins=[seqshell_poem, OneLine])
    list(shell.handle("/sampler no_newline"))
    events = list(shell.handle("/poem 2 a bed"))

    assert sum(isinstance(event, Token) for event in events) == 160
    assert events[-1].stop == "length"


@pytest.mark.parametrize("words", ["", "0 a bed", "101 a bed"])
def test_invalid_arguments_are_refused_and_change_nothing(shell, words):
    with pytest.raises(UsageError, match="poem"):
        list(shell.handle(f"/poem {words}"))
    assert shell.session.position == 0


def test_poem_needs_a_generating_model():
    with pytest.raises(UsageError, match="/poem is for the task generate"):
        run(["/poem a bed"], model=tiny_classification_model(), plugins=[seqshell_poem])


def test_help_describes_poem(shell):
    (text,) = [event.text for event in shell.handle("/help poem")]

    assert "/poem [LINES] THEME" in text
    assert "/undo undoes all of it" in " ".join(text.split())
