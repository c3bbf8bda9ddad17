"""A forecast on the screen: the series, what may come and the interval, in letters and in colour, at any width."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest

from seqshell.core.events import Forecast
from seqshell.terminal.forecast_chart import Series, draw_forecast
from seqshell.terminal.printer import Printer
from seqshell.terminal.renderer import Drawing

CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Screen(io.StringIO):
    encoding = "utf-8"


def drawn(event, *, colours=0, width=40):
    printer = Printer(Screen(), colours=colours, width=lambda: width)
    Drawing(printer).draw(event)
    return printer.stream.getvalue()


def seen(*arguments, **options):
    return re.sub(r" +$", "", CONTROL.sub("", drawn(*arguments, **options)), flags=re.MULTILINE)


def column(*values):
    return np.array(values, np.float64)[:, None]


RISE = Forecast(("OT",), column(0, 1, 2), column(3, 4), column(2, 2), column(4, 6), 3, interval=(0.1, 0.9))


def test_a_rise_goes_on_rising_inside_of_its_interval():
    assert seen(RISE, width=30) == (
        "    6 ┤                     .\n"
        "      ┤                   ...\n"
        "      ┤                 .....\n"
        "      ┤                ......\n"
        "      ┤               ...oooo\n"
        "      ┤             ...ooo...\n"
        "2.727 ┤            .oooo.....\n"
        "      ┤          oooo........\n"
        "      ┤       ****\n"
        "      ┤    ****\n"
        "      ┤ ****\n"
        "    0 ┤**\n"
        "       -2        now       +2\n"
        "+1 3 (2 to 4)   ...\n"
        "* observed   o forecast\n"
        ". 80 % interval\n"
    )


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("colours", [-1, 0, 16, 256])
def test_no_line_is_wider_than_the_window(width, colours):
    noise = np.random.default_rng(0).normal(size=(300, 1)).cumsum(0) * 1234.5
    event = Forecast(("OT",), noise[:200], noise[200:], noise[200:] - 9, noise[200:] + 9, 200, interval=(0.05, 0.95))
    lines = seen(event, colours=colours, width=width).splitlines()

    assert max(map(len, lines)) <= width
    assert len([line for line in lines if "┤" in line or "|" in line]) == 12


def test_in_colour_the_forecast_and_its_interval_are_told_apart_by_colour():
    text = drawn(RISE, colours=256, width=60)
    dots = re.findall(r"\x1b\[38;5;108m([⠀-⣿]+)", text)

    assert dots
    assert "░" in text
    assert not re.search(r"\x1b\[[0-9;]+m[⠀-⣿]*\x1b\[0m[⠀-⣿]", text.splitlines()[-5])
    assert "* observed" not in seen(RISE, colours=256)


def test_without_unicode_there_are_letters_alone():
    class Ascii(io.StringIO):
        encoding = "ascii"

    printer = Printer(Ascii(), colours=16, width=lambda: 60)
    draw_forecast(printer, RISE)
    assert CONTROL.sub("", printer.stream.getvalue()).isascii()


def test_a_point_without_interval_has_none_in_the_legend_and_in_the_numbers():
    text = seen(Forecast(("OT",), column(0, 1, 2), column(3, 4)), width=60)
    assert "quantile" not in text
    assert "+1 3   +2 4\n" in text


def test_an_interval_that_ends_early_is_drawn_as_far_as_it_is_known():
    nan = np.nan
    text = seen(
        Forecast(
            ("OT",), column(0, 1, 2), column(3, 4, 5), column(2, nan, nan), column(4, nan, nan), interval=(0.1, 0.9)
        ),
        width=60,
    )
    assert "+1 3 (2 to 4)   +2 4   +3 5\n" in text


def test_several_columns_have_a_chart_each():
    rows = np.arange(12, dtype=np.float64).reshape(6, 2)
    text = seen(Forecast(("load", "OT"), rows[:4], rows[4:]), width=60)

    assert [line for line in text.splitlines() if line in ("load", "OT")] == ["load", "OT"]
    assert "+1 8   +2 10\n" in text
    assert "+1 9   +2 11\n" in text
    many = np.arange(30, dtype=np.float64).reshape(3, 10)
    assert "showing 4 of 10 columns; /forecast -o FILE.json saves all" in seen(
        Forecast(tuple("abcdefghij"), many[:2], many[2:]), width=60
    )


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0])
def test_a_series_that_never_changes_is_a_level_line(value):
    lines = [
        line
        for line in seen(Forecast(("OT",), column(value, value), column(value)), width=60).splitlines()
        if "┤" in line
    ]
    marked = [line for line in lines if "*" in line or "o" in line]

    assert len(lines) == 12
    assert len(marked) == 1


def test_the_scale_spans_all_that_is_drawn():
    assert Series([1.0, 2.0], [3.0], [-4.0], [9.0]).scale == (-4.0, 9.0)
    assert Series([1.0], [3.0], [float("nan")], [float("nan")]).scale == (1.0, 3.0)
    assert Series([5.0], [5.0]).scale == (4.5, 5.5)
