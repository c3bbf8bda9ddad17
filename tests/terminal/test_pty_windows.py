"""The whole program in windows of other sizes, and on simple terminals."""

import re

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def home(shared_home, tmp_path):
    (tmp_path / "models").symlink_to(shared_home / "models")
    return tmp_path


def test_explore_works_in_small_windows_and_its_end_shows_the_prompt_again(window):
    screen = window(size=(20, 60)).until("main at 0").enter("/feed ROMEO: What").type("/explore\r").until("u undo$")
    assert screen.lines[0] == "main · position 11 of 11"
    assert screen.lines[-1] == "q quit  ←→ token  ↑↓ choice  Space fork  1-9 take  u undo"
    screen.process.setwinsize(5, 20)
    screen.screen.resize(5, 20)
    screen.until("^q quit  ←→ token$").type("\x1b[D\x1b[D").until("position 9")
    assert (len(screen.lines), screen.lines[-1]) == (5, "q quit  ←→ token")
    screen.process.setwinsize(24, 80)
    screen.screen.resize(24, 80)
    screen.until("u undo$").type("q").until(r"^>>>")
    assert screen.output.count("\x1b[?1049h") == screen.output.count("\x1b[?1049l") == 1
    screen.type("/pick\r").until("Esc end").type("1\r\x03").until("position 13 · main · 2 tokens chosen")


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "xterm"}, {"TERM": "linux"}])
def test_it_works_without_colours_and_on_simple_terminals(window, variables):
    screen = (
        window("--set", "surprisal=on", **variables)
        .until(">>>")
        .enter("ROMEO:")
        .enter("/branches")
        .enter("/top 3")
        .enter("/set")
    )
    assert not re.search(r"\x1b\[[0-9;]*38;[25]", screen.output)
    if variables.get("TERM") == "dumb":
        assert "\x1b" not in screen.output
    assert screen.type("\x04").status() == 0


def test_output_fits_a_resized_window(window):
    screen = window(size=(24, 80)).until("main at 0")
    screen.process.setwinsize(20, 60)
    screen.screen.resize(20, 60)
    screen.enter("/set").enter("/help")
    assert all(len(line) < 60 for line in screen.lines)


def test_the_toolbar_appears_on_terminals_that_do_not_report_the_cursor_position(window):
    screen = window(PROMPT_TOOLKIT_NO_CPR="1").until("main at 0").enter("ROMEO:").until("main at 36")
    assert screen.lines[screen.screen.cursor.y + 1].startswith("shakespeare · main at 36 · seed ")
