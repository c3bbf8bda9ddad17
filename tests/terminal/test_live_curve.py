"""The loss curve of a training, drawn in place on a terminal."""

from __future__ import annotations

import pyte
import pytest

from seqshell.core.events import Data, LossCurve, LossCurves, Notice, Progress, Table, TrainingStep
from seqshell.terminal import live_curve
from seqshell.terminal.live_curve import MOST_POINTS, LiveCurve, RecentLosses
from seqshell.terminal.renderer import Renderer


class Window:
    """A terminal that keeps what scrolls out of it."""

    def __init__(self, new_printer, monkeypatch, columns=80, lines=24, colours=256):
        self.screen = pyte.HistoryScreen(columns, lines, history=1000)
        self._terminal = pyte.Stream(self.screen)
        self.columns = columns
        self.printer = new_printer(colours=colours)
        self.printer._width = lambda: self.columns
        monkeypatch.setattr(type(self.printer), "height", property(lambda printer: lines))
        self.renderer = Renderer(self.printer)
        self.monkeypatch = monkeypatch

    def draw(self, *events):
        for event in events:
            self.renderer.draw(event)
        return self

    @property
    def written(self):
        return self.printer.stream.getvalue()

    @property
    def lines(self):
        """The lines on the screen and above it, without empty ones at the end."""
        self._terminal.feed(self.written.replace("\n", "\r\n"))
        self.printer.stream.truncate(0)
        self.printer.stream.seek(0)
        above = ["".join(row[column].data for column in range(self.screen.columns)) for row in self.screen.history.top]
        return "\n".join(line.rstrip() for line in (*above, *self.screen.display)).rstrip("\n").split("\n")


@pytest.fixture
def window(new_printer, monkeypatch):
    monkeypatch.setattr(live_curve, "EVERY", 0.0)
    return lambda **size: Window(new_printer, monkeypatch, **size)


def step(number, loss, history=()):
    return TrainingStep(number, 10, f"loss {loss}", "epoch 1 of 2", update=number, loss=loss, history=history)


RECORDS = [{"step": 1, "loss": 4.0}, {"step": 3, "epoch": 1, "validation": {"nats": 2.5}}]


def test_the_picture_grows_in_place(window):
    shown = window().draw(step(1, 4.0), step(2, 3.0))
    first = shown.lines
    second = shown.draw(step(3, 2.0, RECORDS)).lines

    assert len(first) == len(second) == 11
    assert second[0].startswith("        4 │")
    assert second[9].strip() == "⠒⠒ training 2.0000 · ● validation 2.5000, best 2.5000 at 3"
    assert second[10] == "epoch 1 of 2 · 30 % · loss 2.0"
    assert "●" in "".join(second[:7])


def test_a_picture_is_one_write_that_erases_nothing_first(window, monkeypatch):
    shown = window().draw(step(1, 4.0), step(2, 3.0))
    written = []
    monkeypatch.setattr(shown.printer.stream, "write", written.append)
    shown.draw(step(3, 2.0))

    (text,) = written
    assert text.startswith("\x1b[?2026h\r\x1b[11A")
    assert text.endswith("\x1b[J\x1b[?2026l")
    assert text.count("\x1b[K\n") == 11


def test_notes_stand_above_the_picture(window):
    lines = window().draw(step(1, 4.0), Notice("epoch 1: training 4.0"), step(2, 3.0), Data({})).lines

    assert lines[0] == "epoch 1: training 4.0"
    assert lines[-1] == "epoch 1 of 2 · 20 % · loss 3.0"
    assert len(lines) == 12


def test_the_last_picture_stays_and_the_same_curve_is_not_drawn_again(window):
    curve = LossCurves((LossCurve("a", ((1, 4.0), (2, 3.0))),))
    shown = window().draw(step(1, 4.0), step(2, 3.0), Table(("a",), ((1,),)), curve)
    lines = shown.lines
    again = shown.draw(curve).lines

    assert lines[9].strip() == "⠒⠒ training 3.0000"
    assert lines[10:] == ["a", "1"]
    assert again[21].strip() == "⠒⠒ training 3.0000"


def test_of_a_training_that_ends_without_one_the_last_picture_stays(window):
    shown = window().draw(step(1, 4.0), step(2, 3.0))
    shown.renderer.end_progress()
    lines = shown.draw(Notice("stopped")).lines

    assert lines[9].strip() == "⠒⠒ training 3.0000"
    assert lines[10:] == ["stopped"]


def test_a_narrower_window_gets_a_narrower_picture(window):
    shown = window(columns=100).draw(step(1, 4.0))
    shown.columns = 30
    text = shown.draw(step(2, 3.0)).written.rpartition("\x1b[?2026h")[2]

    screen = pyte.Screen(200, 40)
    pyte.Stream(screen).feed(text.replace("\n", "\r\n"))
    assert max(len(line.rstrip()) for line in screen.display) < 30


def test_a_low_window_gets_a_bar(window):
    shown = window(lines=12).draw(step(1, 4.0))
    shown.renderer.end_progress()

    assert "│" not in "".join(shown.lines)


def test_a_bar_gives_way_to_the_picture(window):
    lines = window().draw(Progress(1, 2, "of 2", "encoding"), step(1, 4.0)).lines

    assert not any("encoding" in line for line in lines)
    assert lines[0].startswith("        4 │")


def test_a_terminal_without_escape_sequences_gets_a_few_lines(window):
    lines = window(colours=-1).draw(*(step(number, 1.0) for number in range(11))).lines

    assert lines[1] == "epoch 1 of 2 10 % loss 1.0"
    assert len(lines) == 11


@pytest.mark.parametrize("colours", [0, 16])
def test_without_shades_it_has_no_colours(window, colours):
    shown = window(colours=colours).draw(step(1, 4.0), step(3, 2.0, RECORDS))

    assert "38;" not in shown.written
    assert "\x1b[2m" in shown.written or "\x1b[90m" in shown.written
    assert shown.lines[0].startswith("        4 │")


def test_of_a_resumed_training_the_losses_before_are_drawn(new_printer):
    now = [0.0]
    curve = LiveCurve(new_printer(colours=256), lambda: now[0])
    curve.show(step(5, 1.0, RECORDS))
    curve.show(step(6, 0.5, RECORDS))

    assert curve.curve.training == ((1, 4.0), (5, 1.0), (6, 0.5))
    assert curve.curve.validation == ((3, 2.5),)
    assert curve.printer.stream.getvalue().count("training") == 1  # the second picture is not due yet
    now[0] = 1.0
    curve.show(step(7, 0.5, RECORDS))
    assert curve.printer.stream.getvalue().count("training") == 2


def test_many_losses_are_kept_as_means():
    losses = RecentLosses()
    for update in range(1, 10 * MOST_POINTS + 1):
        losses.add(update, update % 2)

    assert len(losses.points) < MOST_POINTS
    assert losses.points[-1] == (10 * MOST_POINTS, 0.5)
    assert {loss for _, loss in losses.points} == {0.5}


def test_several_curves_are_drawn_below_their_names(drawn):
    one = LossCurve("a", ((1, 4.0), (2, 3.0)))

    lines = drawn(LossCurves((one, one))).split("\n")
    assert lines[0] == lines[11] == "a"


def test_in_a_window_that_became_too_low_only_the_end_of_the_picture_is_drawn_again(window, monkeypatch):
    shown = window().draw(step(1, 4.0))
    monkeypatch.setattr(type(shown.printer), "height", property(lambda printer: 5))
    written = shown.draw(step(2, 3.0)).written.rpartition("\x1b[?2026h")[2]
    again = shown.draw(step(3, 2.0)).written.rpartition("\x1b[?2026h")[2]

    assert written.startswith("\r\x1b[4A")
    assert again.count("\n") == written.count("\n") == 4
    assert "epoch 1 of 2 · 30 % · loss 2.0" in again
