"""Progress of subcommands on a terminal: the picture of the shell, with notes and what others print above it."""

import io
import sys
from contextlib import redirect_stderr

import pyte
import pytest

from seqshell.cli.progress import results_of, show
from seqshell.core.events import LossCurve, LossCurves, Notice, Progress, Table, Text, TrainingStep
from seqshell.terminal import live_curve, printer

CURVES = LossCurves((LossCurve("a", ((1, 4.0), (2, 3.0))),))


class Terminal(io.StringIO):
    """A window of 80 columns and 24 lines."""

    encoding = "utf-8"
    on_write = None  # called once, in the middle of the next write

    def isatty(self):
        return True

    def write(self, text):
        call, self.on_write = self.on_write, None
        if call is not None:
            call()
        return super().write(text)

    @property
    def lines(self):
        screen = pyte.Screen(80, 24)
        pyte.Stream(screen).feed(self.getvalue().replace("\n", "\r\n"))
        return "\n".join(line.rstrip() for line in screen.display).rstrip().split("\n")


@pytest.fixture
def terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(printer, "terminal_width", lambda stream: 80)
    monkeypatch.setattr(printer, "terminal_height", lambda stream: 24)
    monkeypatch.setattr(live_curve, "EVERY", 0.0)
    return terminal


def step(number, loss):
    return TrainingStep(number, 10, f"loss {loss}", "epoch 1 of 2", update=number, loss=loss, history=())


def results_on(terminal, events):
    """What the events yield besides progress and notes, which the terminal shows."""
    with redirect_stderr(terminal):
        return list(results_of(events))


def test_a_training_draws_its_curve_in_place_and_only_once(terminal):
    with redirect_stderr(terminal):
        show([Notice("a note"), step(1, 4.0), step(2, 3.0), Table(("a",), ((1,),)), CURVES, Text("the end")], terminal)
    lines = terminal.lines

    assert lines[0] == "a note"
    assert lines[1].startswith("        4 │")
    assert lines[10].strip() == "⠒⠒ training 3.0000"
    assert lines[11:] == ["a", "1", "the end"]


def test_results_in_a_pipe_have_the_curve_although_it_was_drawn_on_the_terminal(terminal):
    pipe = io.StringIO()
    with redirect_stderr(terminal):
        show([step(1, 4.0), step(2, 3.0), CURVES, Notice("the end")], pipe)

    assert "training 3.0000" in pipe.getvalue()
    assert "\x1b" not in pipe.getvalue()
    assert terminal.lines[10:] == ["the end"]


def test_what_others_print_stands_above_the_curve(terminal):
    def events():
        yield step(1, 4.0)
        print("a warning\x1b[31m", file=sys.stderr)
        yield step(2, 3.0)
        print("no end", end="", file=sys.stderr)

    assert results_on(terminal, events()) == []
    lines = terminal.lines
    assert lines[0] == "a warning^[[31m"
    assert lines[1].startswith("        4 │")
    assert lines[11:] == ["no end"]


def test_what_a_signal_handler_prints_while_the_curve_is_drawn_waits_for_the_end_of_the_picture(terminal):
    def events():
        yield step(1, 4.0)
        terminal.on_write = lambda: print("stopping after this step", file=sys.stderr)
        yield step(2, 3.0)
        yield step(3, 2.0)

    results_on(terminal, events())
    lines = terminal.lines
    assert lines[0] == "stopping after this step"
    assert lines[10].strip() == "⠒⠒ training 2.0000"
    assert len(lines) == 11


def test_a_bar_is_gone_before_the_results(terminal):
    found = results_on(
        terminal, [Progress(1, 2, "of 2", "encoding"), Notice("half"), Progress(2, 2, "of 2"), Text("a")]
    )

    assert found == [Text("a")]
    assert terminal.lines == ["half"]
