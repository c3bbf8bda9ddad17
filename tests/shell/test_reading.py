"""Long texts: progress, Ctrl-C while one is read, and reading the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.shell.sending import send

from seqshell import UsageError
from seqshell.core.events import Finished, Moved, Notice, Progress
from seqshell.session import reading
from seqshell.testing import tiny_forecast_model, tiny_model
from seqshell.testing.shell import shell_for

LONG = "abcdefgh" * 20
NOTE = "stopped: 64 of 160 characters read · Enter reads the rest · /undo removes them"


class CtrlC:
    """A decoder that calls `press` while it reads its second chunk."""

    def __init__(self, decoder):
        self.decoder, self.press, self.calls = decoder, lambda: None, 0
        self.initial_state = decoder.initial_state

    def feed(self, inputs, state):
        return self._called(self.decoder.feed(inputs, state))

    def step(self, inputs, state):
        return self._called(self.decoder.step(inputs, state))

    def _called(self, result):
        self.calls += 1
        if self.calls == 2:
            self.press()
        return result


def shell_with(model):
    decoder = CtrlC(model.decoder)
    shell = shell_for(replace(model, decoder=decoder))
    shell.interactive = True
    shell.settings.set("max_tokens", 5)
    decoder.press = shell.interrupt
    return shell


@pytest.fixture
def shell(folder):
    return shell_with(tiny_model())


def notes(events):
    return [event.text for event in events if isinstance(event, Notice)]


def answers(events):
    return [event.answer for event in events if isinstance(event, Finished)]


@pytest.fixture
def uninterrupted(folder):
    """The session after the lines without Ctrl-C."""

    def run(*lines):
        shell = shell_for(tiny_model())
        shell.settings.set("max_tokens", 5)
        send(shell, *lines)
        return shell.session

    return run


def test_an_empty_line_reads_the_rest_of_a_text(shell, uninterrupted):
    assert notes(send(shell, f"/feed {LONG}")) == [NOTE]
    assert shell.session.text().text == LONG[:64]
    assert notes(send(shell, "")) == ["160 tokens read · position 160"]
    assert shell.session.text().text == LONG
    assert send(shell, "")[-1] == answers_of_one_go(uninterrupted(f"/feed {LONG}"))


def answers_of_one_go(session):
    return list(session.generate(5))[-1]


def test_an_empty_line_reads_the_rest_of_a_message_and_answers_it(shell, uninterrupted):
    events = send(shell, LONG)
    assert (notes(events), answers(events), shell.session.position) == ([NOTE], [], 64)
    (answer,) = answers(send(shell, ""))
    assert LONG + answer == shell.session.text().text == uninterrupted(LONG).text().text
    assert (shell.session.line, shell.session.undo().position) == (LONG, 0)  # it is one turn


def test_reseed_can_be_stopped_and_undone(shell):
    send(shell, "/feed abc")
    assert notes(send(shell, f"/reseed {LONG}")) == [NOTE.replace("64", "32")]
    (moved,) = [event for event in send(shell, "") if isinstance(event, Moved)]
    assert (moved.position, moved.was, moved.tail, shell.session.text().text) == (160, 3, LONG, LONG)
    send(shell, "/undo")
    assert shell.session.text().text == "abc"


@pytest.mark.parametrize("line", ["/undo", "/set max_tokens 3", "a", "/feed b"])
def test_any_other_line_drops_the_rest(shell, line):
    send(shell, f"/feed {LONG}", line)
    before = shell.session.text().text
    send(shell, "")
    assert before.startswith("" if line == "/undo" else LONG[:64])
    assert LONG not in shell.session.text().text
    assert shell.session.unread is None


def test_undo_removes_what_was_read(shell):
    send(shell, "/feed abc")
    shell.workspace.session.model.decoder.calls = 0
    send(shell, f"/feed {LONG}", "/undo")
    assert shell.session.text().text == "abc"


def test_values_are_counted_as_values(folder):
    shell = shell_with(tiny_forecast_model())
    found = notes(send(shell, " ".join(["1", "2"] * 50)))
    assert found == ["stopped: 64 of 100 values read · Enter reads the rest · /undo removes them"]
    assert shell.session.position == 64
    send(shell, "")
    assert shell.session.position == 100


def test_a_text_that_takes_long_shows_progress(shell, monkeypatch):
    monkeypatch.setattr(reading, "SILENT_SECONDS", 0)
    monkeypatch.setattr(reading, "SECONDS_BETWEEN", 0)
    shell.session.model.decoder.press = lambda: None
    shown = [event for event in send(shell, f"/feed {LONG}") if isinstance(event, Progress)]
    assert [event.done for event in shown] == [32, 64, 96, 128, 160, 160]
    assert shown[1] == Progress(64, 160, "64 of 160 tokens", "reading")


def test_a_score_can_be_stopped(shell):
    with pytest.raises(UsageError, match="interrupted before the text was scored"):
        send(shell, f"/score {LONG}")
    assert shell.session.position == 0
