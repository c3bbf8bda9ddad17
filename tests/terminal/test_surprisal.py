"""Surprisal on the screen: levels, digits without colour, and the legend."""

import math

from seqshell.terminal.surprisal import draw_legend, level, shade
from seqshell.terminal.token_writer import TokenWriter


def test_surprisal_has_ten_levels_of_half_a_nat():
    assert [level(nats) for nats in (0.0, 0.49, 0.5, 1.4, 4.49, 4.5, 50.0, math.inf, math.nan)] == [
        0,
        0,
        1,
        2,
        8,
        9,
        9,
        9,
        9,
    ]


def test_in_bits_a_level_is_three_quarters_of_a_bit(new_printer, visible):
    assert [level(bits, "bits") for bits in (0.0, 0.74, 0.75, 6.74, 6.75)] == [0, 0, 1, 8, 9]
    printer = new_printer()
    writer = TokenWriter(printer)
    for text, nats in (("a", 0.5), ("b", 0.53), ("c", 1.0)):
        writer.write(text, *shade(nats, "bits"))
    writer.finish_line()
    draw_legend(printer, "bits")
    assert visible(printer) == "abc\n011\nsurprisal in bits: 0 below 0.75, 1 below 1.5, ... 9 from 6.75\n"


def test_without_colour_digits_are_written_under_the_tokens(new_printer, visible):
    printer = new_printer()
    writer = TokenWriter(printer)
    for text, nats in (("ab", 0.1), ("c", 1.0), ("\n", 9.0), ("日", 0.5), ("d", 2.0)):
        writer.write(text, *shade(nats))
    writer.finish_line()
    assert visible(printer) == "abc\n0 29\n日d\n1 4\n"


def test_an_empty_line_has_no_digits(new_printer, visible):
    printer = new_printer()
    writer = TokenWriter(printer)
    for character in "a\n\nb":
        writer.write(character, *shade(0.0))
    writer.finish_line()
    assert visible(printer) == "a\n00\n\nb\n0\n"


def test_digits_follow_each_wrapped_line(new_printer, visible):
    printer = new_printer(width=20)
    writer = TokenWriter(printer)
    for character in "a" * 25:
        writer.write(character, *shade(0.0))
    writer.finish_line()
    assert visible(printer) == "a" * 19 + "\n" + "0" * 19 + "\n" + "a" * 6 + "\n" + "0" * 6 + "\n"


def test_the_legend_fits_a_narrow_window(new_printer, visible):
    for colours in (256, 0):
        printer = new_printer(colours=colours, width=60)
        draw_legend(printer)
        assert len(visible(printer)) <= 60
        assert "4.5" in visible(printer)
