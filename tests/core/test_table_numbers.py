"""Columns of numbers as people and programs write them, and refusals of those that can be read in two ways."""

from __future__ import annotations

import math

import pytest

from seqshell.core.tables.numbers import CellFault, are_numbers, is_number, read_numbers


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "-2.5", "+3", ".5", "4.", "1e3", "-0"], [1, -2.5, 3, 0.5, 4, 1000, 0]),
        (["1,5", "0,25", "-3"], [1.5, 0.25, -3]),
        (["1.234,5", "12,5"], [1234.5, 12.5]),
        (["1,234.50", "950", "1,234,567"], [1234.5, 950, 1234567]),
        (["1.234.567", "1.234"], [1234567, 1234]),
        (["1.234", "0.567"], [1.234, 0.567]),  # thousands have no leading zero
        (["1.234", "5.678"], [1.234, 5.678]),  # as pandas does
        (["1,234", "2000"], [1.234, 2000]),  # 2,000 would have a comma
        (["1 234,5", "1\u00a0234\u202f567"], [1234.5, 1234567]),
        (["1'234.5", "12’345"], [1234.5, 12345]),
        (["12,34,567", "1,00,000"], [1234567, 100000]),
        (["$1,234.50", "-$3", "($4.5)", "$-5"], [1234.5, -3, -4.5, -5]),
        (["1.234,50 €", "12,00 €"], [1234.5, 12]),
        (["EUR 5.5", "EUR 6"], [5.5, 6]),
        (["12.5%", "3 %"], [12.5, 3]),
        (["True", "false", "TRUE"], [1, 0, 1]),
        (["\u22125", "\u20136.5"], [-5, -6.5]),
        (["1.5e-3", "2,000.5"], [0.0015, 2000.5]),
    ],
)
def test_numbers_are_read_as_they_are_written(cells, values):
    assert list(read_numbers(cells).values) == values
    assert are_numbers(cells)


def test_missing_values_are_nan_and_signs_are_noted():
    column = read_numbers(["$1", "NA", "", "#N/A", "<NA>", "-", "$2"])
    assert [value for value in column.values if not math.isnan(value)] == [1, 2]
    assert column.notes == ("$ left out",)
    assert read_numbers(["1,5 %", "2 %"]).notes == ("% left out", "decimal comma")
    assert not are_numbers(["", "NA"])


@pytest.mark.parametrize(
    ("cells", "delimiter", "values"),
    [
        (["1,234", "5,678"], ",", [1234, 5678]),
        (["1,234", "5,678"], ";", [1.234, 5.678]),
        (["1,234", "950"], "\t", [1234, 950]),
    ],
)
def test_the_delimiter_decides_if_the_cells_do_not(cells, delimiter, values):
    assert list(read_numbers(cells, delimiter=delimiter).values) == values


@pytest.mark.parametrize(
    ("cells", "delimiter", "message"),
    [
        (["1,234", "5,678"], "\t", "'1,234' may be 1.234 or 1234; --set data.decimal=. or --set data.decimal=, names"),
        (["950", "1.050"], ",", "'1.050' may be 1.050 or 1050"),
        (["1.234", "5.678"], ";", "'1.234' may be 1.234 or 1234"),
        (["1.5", "2,5"], ";", "'2,5' and '1.5' in one column use different decimal separators"),
        (["1.5", "warm"], ",", "'warm' is not a number"),
        (["1", "inf"], ",", "'inf' is not a number"),
        (["1", "1_0"], ",", "'1_0' is not a number"),
        (["1", "1e999"], ",", "1e999 is too large"),
        (["$1", "€2"], ",", "'€2' is in €, but a cell above it in \\$"),
        (["1%", "2"], ",", "'2' has no percent sign, but others of this column have one"),
        (["1", "true"], ",", "'true' is not a number"),
        (["5 kg", "6 kg"], ",", "'5 kg' is not a number"),
        (["12 34"], ",", "'12 34' is not a number"),
    ],
)
def test_columns_that_are_no_numbers_or_that_remain_open_are_refused(cells, delimiter, message):
    with pytest.raises(CellFault, match=message):
        read_numbers(cells, delimiter=delimiter, key="data.decimal")


def test_the_decimal_separator_can_be_set():
    assert list(read_numbers(["1,234", "5,678"], decimal=",").values) == [1.234, 5.678]
    assert list(read_numbers(["1.234", "5.678"], decimal=",").values) == [1234, 5678]
    with pytest.raises(CellFault, match=r"'1\.5' is not a number with the decimal separator ','"):
        read_numbers(["1.5"], decimal=",")


@pytest.mark.parametrize("cell", ["2020-01-01", "01.02.2020", "12:30", "", "NA", "true", "1.2.3", "a1"])
def test_times_gaps_and_words_are_no_numbers(cell):
    assert not is_number(cell)
