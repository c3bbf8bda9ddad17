"""Forecasts on the screen: series, forecast and interval, in ASCII and in colour, at any width."""

import io
import re

import numpy as np
import pytest

from seqshell.core.events import Forecast
from seqshell.terminal.forecast_chart import Series, draw_forecast
from seqshell.terminal.printer import Printer
from seqshell.terminal.renderer import Renderer


def column(*values):
    return np.array(values, np.float64)[:, None]


RISE = Forecast(("OT",), column(0, 1, 2), column(3, 4), column(2, 2), column(4, 6), 3, interval=(0.1, 0.9))


def test_a_forecast_continues_the_series_inside_its_interval(drawn):
    assert drawn(RISE, width=30) == (
        "OT\n"
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
        "steps  -2      now         +2\n"
        "+1 3 (2 to 4)   ...\n"
        "* observed   o forecast\n"
        ". 80 % interval\n"
    )


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("colours", [-1, 0, 16, 256])
def test_no_line_is_wider_than_the_window(drawn, width, colours):
    noise = np.random.default_rng(0).normal(size=(300, 1)).cumsum(0) * 1234.5
    event = Forecast(("OT",), noise[:200], noise[200:], noise[200:] - 9, noise[200:] + 9, 200, interval=(0.05, 0.95))
    lines = drawn(event, colours=colours, width=width).splitlines()

    assert max(map(len, lines)) <= width
    assert len([line for line in lines if "┤" in line or "|" in line]) == 12


DAYS = Forecast(
    ("load", "OT"),
    np.arange(8, dtype=np.float64).reshape(4, 2),
    np.arange(8, 12, dtype=np.float64).reshape(2, 2),
    times=tuple(f"2024-02-{day} 00:00:00" for day in (24, 25, 26, 27, 28, 29)),
    time_column="date",
)


def test_times_of_a_table_are_below_the_rows_they_belong_to(drawn):
    lines = drawn(DAYS, width=60).splitlines()
    axes = [line for line in lines if line.startswith(" date  ")]
    chart = lines[1:9]

    assert (lines[0], lines[11]) == ("load", "OT")
    assert axes == [" date  2024-02-24 00:00     02-27 00:00         02-29 00:00"] * 2
    now, last = (axes[0].index(day) + len(day) - 1 for day in ("02-27 00:00", "02-29 00:00"))
    assert min(line.find("o") for line in chart if "o" in line) == now
    assert max(line.rfind("o") for line in chart) == last == 58
    assert "02-28 00:00 8   02-29 00:00 10" in lines
    assert "02-28 00:00 9   02-29 00:00 11" in lines


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100])
def test_times_that_do_not_fit_are_left_out(drawn, width):
    (axis, _) = (line for line in drawn(DAYS, width=width).splitlines() if line.startswith(" date"))
    assert len(axis) <= width
    assert axis.split()[-2:] == ["02-29", "00:00"]
    assert ("02-27" in axis) == (width >= 40)
    assert ("2024-02-24" in axis) == (width >= 60)


def test_forecast_and_interval_have_their_own_colours(drawn, new_printer):
    printer = new_printer(colours=256, width=60)
    Renderer(printer).draw(RISE)
    text = printer.stream.getvalue()

    assert re.findall(r"\x1b\[38;5;29m([⠀-⣿]+)", text)
    assert re.findall(r"\x1b\[38;5;67m([⠀-⣿])+", text)
    assert not re.search(r"\x1b\[[0-9;]+m[⠀-⣿]*\x1b\[0m[⠀-⣿]", text.splitlines()[-5])
    assert "* observed" not in drawn(RISE, colours=256)


@pytest.mark.parametrize("colours", [-1, 0, 16, 256])
def test_the_interval_has_no_holes(drawn, colours):
    wave = 10 + 3 * np.sin(np.arange(120) / 3)[:, None]
    event = Forecast(("OT",), wave[:60], wave[60:], wave[60:] - 4, wave[60:] + 4, 60, interval=(0.1, 0.9))
    rows = [line for line in drawn(event, colours=colours, width=80).splitlines() if "┤" in line]
    shade = 0x82 if colours > 0 else None
    columns = list(zip(*(row.ljust(79) for row in rows), strict=True))[
        45:
    ]  # the first is right of the last observation

    for cells in columns:
        inside = "".join(cells).strip()
        assert len(inside) > 4
        assert all(cell in ".o" if shade is None else (ord(cell) - 0x2800) & shade == shade for cell in inside)


def test_a_terminal_without_unicode_gets_ascii_only(visible):
    class Ascii(io.StringIO):
        encoding = "ascii"

    printer = Printer(Ascii(), colours=16, width=lambda: 60)
    draw_forecast(printer, RISE)
    assert visible(printer).isascii()


def test_a_forecast_without_interval_has_none_in_the_legend_and_the_numbers(drawn):
    text = drawn(Forecast(("OT",), column(0, 1, 2), column(3, 4)), width=60)
    assert "interval" not in text
    assert "+1 3   +2 4\n" in text


def test_an_interval_may_end_before_the_forecast(drawn):
    nan = np.nan
    text = drawn(
        Forecast(
            ("OT",), column(0, 1, 2), column(3, 4, 5), column(2, nan, nan), column(4, nan, nan), interval=(0.1, 0.9)
        ),
        width=60,
    )
    assert "+1 3 (2 to 4)   +2 4   +3 5\n" in text


def test_each_column_has_its_own_chart(drawn):
    rows = np.arange(12, dtype=np.float64).reshape(6, 2)
    text = drawn(Forecast(("load", "OT"), rows[:4], rows[4:]), width=60)

    assert [line for line in text.splitlines() if line in ("load", "OT")] == ["load", "OT"]
    assert "+1 8   +2 10\n" in text
    assert "+1 9   +2 11\n" in text
    many = np.arange(30, dtype=np.float64).reshape(3, 10)
    assert "showing 4 of 10 columns; /forecast -o FILE.json saves all" in drawn(
        Forecast(tuple("abcdefghij"), many[:2], many[2:]), width=60
    )


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0])
def test_a_constant_series_is_a_horizontal_line(drawn, value):
    lines = [
        line
        for line in drawn(Forecast(("OT",), column(value, value), column(value)), width=60).splitlines()
        if "┤" in line
    ]
    marked = [line for line in lines if "*" in line or "o" in line]

    assert len(lines) == 12
    assert len(marked) == 1


def test_the_scale_covers_series_forecast_and_interval():
    assert Series([1.0, 2.0], [3.0], [-4.0], [9.0]).scale == (-4.0, 9.0)
    assert Series([1.0], [3.0], [float("nan")], [float("nan")]).scale == (1.0, 3.0)
    assert Series([5.0], [5.0]).scale == (4.5, 5.5)
