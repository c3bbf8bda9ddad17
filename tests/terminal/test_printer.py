"""The printer: the number of colours, and the column of the cursor."""

import re

import pytest

from seqshell.terminal.printer import STYLES, TRUE_COLOUR, number_of_colours


def test_the_number_of_colours_depends_on_the_option_and_the_terminal():
    assert number_of_colours("auto", {"TERM": "xterm-256color"}) == 256
    assert number_of_colours("auto", {"TERM": "xterm"}) == 16
    assert number_of_colours("auto", {"TERM": "xterm", "COLORTERM": "truecolor"}) == TRUE_COLOUR
    assert number_of_colours("auto", {"TERM": "xterm-256color", "COLORTERM": "24bit"}) == TRUE_COLOUR
    assert number_of_colours("auto", {"TERM": "xterm", "COLORTERM": "yes"}) == 256
    assert number_of_colours("auto", {"TERM": "xterm", "COLORTERM": "truecolor", "NO_COLOR": "1"}) == 0
    assert number_of_colours("auto", {"TERM": "xterm", "NO_COLOR": "1"}) == 0
    assert number_of_colours("always", {"TERM": "xterm", "NO_COLOR": "1"}) == 16
    assert number_of_colours("never", {"TERM": "xterm-256color"}) == 0
    assert number_of_colours("always", {"TERM": "dumb"}) == -1


def test_the_column_is_tracked_over_wide_characters_tabs_and_wraps(new_printer):
    printer = new_printer(width=20)
    printer.write("日\ta")
    assert printer.column == 9
    printer.write("x" * 15)
    assert printer.column == 4
    printer.fresh_line()
    assert printer.column == 0


# Colours


def luminance(red, green, blue):
    """Relative luminance of a colour, 0 to 1 (WCAG 2.1)."""
    shares = (value / 255 for value in (red, green, blue))
    linear = [share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def rgb(number):
    """Red, green and blue of one of the 256 colours of xterm from 16 on."""
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    steps = ((number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6)
    return tuple(0 if step == 0 else 55 + 40 * step for step in steps)


@pytest.mark.parametrize("name", [name for name, (wide, _, _) in STYLES.items() if "38;5;" in wide])
def test_each_colour_is_readable_on_black_and_on_white(name):
    found = luminance(*rgb(int(re.search(r"38;5;(\d+)", STYLES[name][0]).group(1))))
    assert 1.05 / (found + 0.05) >= 3
    assert (found + 0.05) / 0.05 >= 3


def test_the_sixteen_colours_in_use_are_readable_in_every_theme():
    """Yellow, green and cyan are too light on white, and blue too dark on black."""
    red, magenta, grey = "31", "35", "90"
    assert {narrow for _, narrow, _ in STYLES.values()} <= {red, magenta, grey, "1", ""}
