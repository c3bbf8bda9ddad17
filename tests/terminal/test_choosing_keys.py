"""The keys and rows of /pick and /explore, with a keyboard and a screen in memory."""

from __future__ import annotations

import io

import pytest
from prompt_toolkit.application.current import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.utils import get_cwidth

from seqshell.core.errors import UsageError
from seqshell.inspect.alternatives import alternatives
from seqshell.inspect.exploring import Explorer
from seqshell.inspect.picking import Picker
from seqshell.terminal import choosing_keys
from seqshell.terminal.choosing_screen import explore_rows, pick_rows
from seqshell.terminal.signals import Signals
from seqshell.testing import shell_for, tiny_model

DOWN, LEFT, RIGHT = "\x1b[B", "\x1b[D", "\x1b[C"
ENTER, BACKSPACE, ESCAPE, CTRL_C = "\r", "\x7f", "\x1b", "\x03"
TOKENS = "abcab"


@pytest.fixture
def shell():
    shell = shell_for(tiny_model())
    list(shell.handle(f"/feed {TOKENS}"))
    return shell


@pytest.fixture
def press(keyboard, new_runner, visible, shell):
    """Return a function that sends a line, presses keys and gives what was written and the outcome."""

    def run(line, keys, **options):
        runner = new_runner(shell, **options)
        keyboard.send_text(keys)
        outcome = runner.run(line)
        return visible(runner._printer), outcome

    return run


def text(rows):
    return ["".join(part for _, part in row).rstrip() for row in rows]


def test_digits_take_tokens_backspace_takes_back_and_enter_takes_the_models_choice(press, shell):
    second = shell.session.top(2).tokens[-1].id
    shown, outcome = press("/pick", "12" + BACKSPACE + BACKSPACE + "2" + ENTER + CTRL_C)

    assert outcome.done
    assert shell.session.ids()[5] == second
    assert shell.session.position == 7
    assert "position 7 · main · 2 tokens chosen · /undo goes back" in shown
    press("/undo", "")
    assert shell.session.text().text == TOKENS


@pytest.mark.parametrize("end", [ESCAPE, CTRL_C, BACKSPACE + ESCAPE, "xyz" + CTRL_C])
def test_ending_at_once_chooses_nothing(press, shell, end):
    before = shell.session.here
    shown, outcome = press("/pick", end)

    assert outcome.done
    assert (shown, shell.session.here) == ("", before)


def test_explore_moves_forks_and_quits(press, shell):
    shown, _ = press("/explore", LEFT * 3 + DOWN + "q")
    assert (shown, shell.session.text().text) == ("", TOKENS)

    choices = alternatives(shell.session, 2, 9).choices
    other = next(each for each in choices if not each.taken)
    shown, _ = press("/explore", LEFT * 3 + str(other.rank) + LEFT + RIGHT + "q")
    assert "position 3 · main.2 · /branches shows the others" in shown
    assert shell.session.text().text == "ab" + other.text
    press("/explore", LEFT + DOWN * 9 + " " + CTRL_C)
    assert [(each.name, each.fork) for each in shell.session.branches()][:2] == [("main", 0), ("main.2", 2)]
    before = shell.session.here
    press("/explore", "1 1uuu" + ESCAPE)
    assert shell.session.here is before


def test_an_error_ends_the_application_and_the_terminal_is_as_before(shell, new_printer, keyboard, monkeypatch):
    def fails(self, step):
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(Explorer, "select", fails)
    written = io.StringIO()
    output = Vt100_Output(written, lambda: Size(24, 80), term="xterm")
    with create_app_session(input=keyboard, output=output):
        keyboard.send_text(LEFT + DOWN)
        with pytest.raises(ZeroDivisionError, match="a mistake"), Signals() as signals:
            choosing_keys.run(Explorer(shell.session), new_printer(colours=256), signals)

    assert written.getvalue().count("\x1b[?1049h") == written.getvalue().count("\x1b[?1049l") == 1
    assert written.getvalue().rindex("\x1b[?25h") > written.getvalue().rindex("\x1b[?25l")


def test_an_error_while_drawing_ends_the_application_too(shell, new_printer, keyboard, monkeypatch):
    explorer = Explorer(shell.session)
    monkeypatch.setattr(Explorer, "view", property(lambda self: 1 / 0))
    with pytest.raises(ZeroDivisionError), Signals() as signals:
        choosing_keys.run(explorer, new_printer(colours=256), signals)


def test_a_terminal_that_cannot_move_the_cursor_is_told_another_way(press):
    for line in ("/pick", "/explore"):
        shown, outcome = press(line, "", colours=-1)
        assert not outcome.done
        assert "this terminal cannot move the cursor" in shown


@pytest.mark.parametrize("size", [(100, 30), (80, 24), (60, 20), (20, 5), (8, 3), (2, 1)])
@pytest.mark.parametrize("unicode", [True, False])
def test_the_rows_fit_every_window_and_the_keys_are_on_the_last(shell, size, unicode):
    width, height = size
    shell.session.feed("abc d\n" * 40)
    explorer = Explorer(shell.session)
    for _ in range(2):
        rows = text(explore_rows(explorer, "", width, height, unicode))
        assert len(rows) == height
        assert all(get_cwidth(row) <= width for row in rows)
        if width >= 8:
            assert rows[-1].startswith("q quit")
        if width >= 60:
            assert rows[-1].endswith("u undo")
            assert rows[0] == f"main · position {explorer.position} of 245"
        explorer.move(-100)
        explorer.select(9)
    rows = text(pick_rows(Picker(shell.session), "", width, height, unicode))
    assert len(rows) <= height
    assert all(get_cwidth(row) <= width for row in rows)


def test_the_place_stays_on_the_screen_and_its_token_is_marked(shell):
    shell.session.feed("abcde \n" * 30)
    explorer = Explorer(shell.session)
    for position in (0, 1, 11, 100, 214, 215):
        explorer.move(position - explorer.position)
        rows = explore_rows(explorer, "", 40, 20, True)
        marked = [part for row in rows for style, part in row if style == "class:cursor"]
        taken = (shell.session.token_texts()[position:] or [" "])[0]
        assert marked == ["↵" if taken == "\n" else taken], position


def test_a_choice_shows_its_number_mark_probabilities_and_branch(shell):
    explorer = Explorer(shell.session)
    explorer.move(-2)
    explorer.select(1 if not explorer.selected else -1)
    explorer.fork()
    shell.session.checkout("main")
    explorer.move(-1)
    rows = text(explore_rows(explorer, "", 80, 24, True))
    shown = rows[-2 - len(explorer.shown.choices) : -2]

    assert sum(row.startswith("▸*") for row in shown) == 1
    assert sum(row.endswith(" main.2") for row in shown) == 1
    assert [row[2] for row in shown[:9]] == list("123456789")


def test_a_message_of_a_refusal_is_shown_and_the_keys_go_on(shell, new_printer):
    screen = choosing_keys.ChoosingScreen(Picker(shell.session), new_printer())
    screen._press(lambda: (_ for _ in ()).throw(UsageError("not this one")), None)

    assert screen._message == "not this one"
