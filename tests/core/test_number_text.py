"""Rows of numbers are read from text; an error about a gap, a word or a row of the wrong length says where it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqshell.core.errors import CheckpointError, UsageError, VocabularyError
from seqshell.core.number_text import as_rows, read_rows
from seqshell.core.series_tokenizer import Values
from seqshell.core.text_output import exact

ONE, TWO = ("OT",), ("load", "OT")
TABLE = """date,load,wind,OT
2016-07-01 00:00:00,1,7,2.5
2016-07-01 01:00:00,3,7,-4e1

2016-07-01 02:00:00,5,7,6
"""


@pytest.mark.parametrize(
    "text", ["9.8 9.9 10", "9.8, 9.9, 10", "9.8,9.9\t10", " 9.8\n9.9 1e1 ", "+9.8 9.9 10.", "9.8 , 9.9,10.0"]
)
def test_values_are_separated_by_spaces_or_commas(text):
    assert read_rows(text, ONE) == [(9.8,), (9.9,), (10.0,)]


def test_a_line_may_contain_several_rows():
    assert read_rows("1 2\n3,4 5 6\n", TWO) == [(1, 2), (3, 4), (5, 6)]


def test_columns_of_a_table_are_read_by_name_in_the_order_of_the_series():
    assert read_rows(TABLE, TWO) == [(1, 2.5), (3, -40), (5, 6)]
    assert read_rows(TABLE, ("OT", "load")) == [(2.5, 1), (-40, 3), (6, 5)]
    assert read_rows("day OT\nmonday 3\ntuesday 4\n", ONE) == [(3,), (4,)]
    assert read_rows('day;"OT"\n1;3\n2;4\n', ONE) == [(3,), (4,)]


@pytest.mark.parametrize(
    ("text", "message", "found"),
    [
        ("9.8 warm 9.9", "'warm' is not a number (value 2)", "warm"),
        ("9.8 9.9x", "'9.9x' is not a number (value 2)", "9.9x"),
        ("1_000", "'1_000' is not a number (value 1)", "1_000"),
        ("9.8\n9.9 nan", "'nan' is a missing value (line 2, value 2); a series cannot have gaps", "nan"),
        ("9.8, -", "'-' is a missing value (value 2); a series cannot have gaps", "-"),
        ("9.8,,9.9", "a value is missing (value 2); a series cannot have gaps", ","),
        (",9.8", "a value is missing (value 1); a series cannot have gaps", ","),
        ("9.8, ", "a value is missing (value 2); a series cannot have gaps", ","),
        ("1e999", "1e999 is too large (value 1)", "1e999"),
        ("\u0663", "'\u0663' is not a number (value 1)", "\u0663"),
    ],
)
def test_an_error_about_a_value_says_where_it_is(text, message, found):
    with pytest.raises(VocabularyError) as raised:
        read_rows(text, ONE)

    assert raised.value.message == message
    assert "".join(text[place] for place in raised.value.positions) == found


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("n/a", "'n/a' is a missing value (line 3, column OT); a series cannot have gaps"),
        ("", "a value is missing (line 3, column OT); a series cannot have gaps"),
    ],
)
def test_an_error_about_a_gap_in_a_table_names_line_and_column(cell, message):
    with pytest.raises(VocabularyError) as raised:
        read_rows(TABLE.replace("-4e1", cell), TWO)
    assert raised.value.message == message
    assert raised.value.text[raised.value.positions[0] - 2 :].startswith("7,")


def test_an_error_about_a_missing_column_names_it():
    with pytest.raises(
        UsageError, match=r"the table has no column 'OT', which the model reads; it has date, load, wind$"
    ):
        read_rows("date,load,wind\n1,2,3\n", ONE)


def test_an_error_about_the_length_of_a_row_names_the_line():
    with pytest.raises(UsageError, match=r"your line has 3 values, but a row has 2: load, OT$"):
        read_rows("1 2 3", TWO)
    with pytest.raises(UsageError, match=r"line 2 has 1 value, but a row has 2: load, OT$"):
        read_rows("1 2\n3\n4 5", TWO)
    with pytest.raises(UsageError, match=r"the table, row 3: 3 cells, but the first row names 4 columns$"):
        read_rows(TABLE.replace("01:00:00,3,", "01:00:00,"), TWO)


def test_python_numbers_and_arrays_are_converted_to_rows():
    assert as_rows([1, 2.5], ONE) == [(1.0,), (2.5,)]
    assert as_rows(np.array([[1, 2], [3, 4]]), TWO) == [(1.0, 2.0), (3.0, 4.0)]
    for wrong, message in [
        ([1, 2], "values of shape \\[2\\] are not rows of 2 values: load, OT"),
        ([[1, np.nan]], "row 1, column OT: nan is not a finite number"),
        ([[1, 2], [3]], "a series must be numbers in rows of equal length"),
    ]:
        with pytest.raises(UsageError, match=message):
            as_rows(wrong, TWO)


@given(st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2), min_size=1))
def test_reading_the_text_of_a_series_gives_the_same_series(rows):
    values = Values(TWO)
    ids = values.add(rows)
    text = b"".join(map(values.piece, ids)).decode()

    assert read_rows(text, TWO) == rows
    assert values.encode(text) == ids
    assert values.rows(ids).tolist() == [list(row) for row in rows]


def test_equal_rows_are_the_same_token():
    values = Values.train(["1 2", "2 3"], columns=ONE)

    assert values.encode("3 1 4") == [2, 0, 3]
    assert values.size == 4
    assert values.table.tolist() == [[1], [2], [3], [4]]
    assert Values.from_json(values.to_json()).columns == ONE
    with pytest.raises(CheckpointError, match="needs column names"):
        Values.from_json({"columns": []})


def test_numbers_are_written_in_the_shortest_exact_form():
    assert [exact(value) for value in (10.0, 9.8, -0.5, 1e22, 0.1 + 0.2)] == [
        "10",
        "9.8",
        "-0.5",
        "1e+22",
        "0.30000000000000004",
    ]


# Tables


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('d,x\n"a, b",5\n', [(5.0,)]),
        ('"d","x"\n"2020","5"\n', [(5.0,)]),
        ('x,d\n5,"he said ""no"", so"\n6,\n', [(5.0,), (6.0,)]),
        ("d;x\n1;2\n", [(2.0,)]),
        ("d,x\n,2\n", [(2.0,)]),
        ("d\tx\n1\t7\n", [(7.0,)]),
        ("x\n5\n6\n", [(5.0,), (6.0,)]),
    ],
)
def test_quoted_cells_and_other_separators_are_read(text, rows):
    assert read_rows(text, ("x",)) == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"Month","x"\n', 'no rows below the column names: "Month","x"'),
        ("x", "no rows below the column names: x"),
        ("d,x\n1,2,3\n", "the table, row 2: 3 cells, but the first row names 2 columns"),
        ('d,x\n"5\n', "the table, row 2: a quotation mark is not closed"),
        ("d,x\n1,12.3.4\n", "'12.3.4' is not a number (line 2, column x)"),
    ],
)
def test_a_table_without_valid_rows_is_rejected(text, message):
    with pytest.raises((UsageError, VocabularyError)) as raised:
        read_rows(text, ("x",))
    assert raised.value.message == message
    positions = getattr(raised.value, "positions", ())
    assert "".join(text[place] for place in positions or ()) in message
