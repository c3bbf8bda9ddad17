"""The printer: the number of colours, and the column of the cursor."""

from seqshell.terminal.printer import TRUE_COLOUR, number_of_colours


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
