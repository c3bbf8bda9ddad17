"""Tables in all dialects: delimiters, quotes, comments, names, and what programs add to a table."""

from __future__ import annotations

import pytest

from seqshell.core.errors import RecipeError
from seqshell.core.tables.names import has_names
from seqshell.core.tables.reading import parse_table

DAYS = [f"2021-03-{day:02}" for day in range(1, 10)]


def lines(*rows: str) -> str:
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("name", "text", "columns", "first", "delimiter"),
    [
        ("a.csv", lines("day;kWh", "01.03.2021;1,5", "02.03.2021;2,5"), ("day", "kWh"), ("01.03.2021", "1,5"), ";"),
        ("a.csv", lines("a|b", "x, y|1", "z|2"), ("a", "b"), ("x, y", "1"), "|"),
        ("a.csv", lines("a\tb", "x, y\t1", "z, w\t2"), ("a", "b"), ("x, y", "1"), "\t"),
        ("a.csv", lines("a,b", '"x; y",1', '"z; w",2'), ("a", "b"), ("x; y", "1"), ","),
        ("a.csv", lines("sep=;", "a;b", "x,1;2"), ("a", "b"), ("x,1", "2"), ";"),
        ("a.csv", lines("text", "x", "y"), ("text",), ("x",), ""),
        ("a.csv", lines("text", "x, y, z", "so", "a, b"), ("text",), ("x, y, z",), ""),
        ("a.tsv", lines("a\tb", '"say ""no"""\t1', "yes\t2"), ("a", "b"), ('say "no"', "1"), "\t"),
        ("a.tsv", lines("a\tb", '"one"\t1', '"two"\t2'), ("a", "b"), ("one", "1"), "\t"),
        ("a.tsv", lines('"a"\t"b"', '"one\ttwo"\t"1"'), ("a", "b"), ("one\ttwo", "1"), "\t"),
        ("a.tsv", lines("a\tb", '"Quite so."\t1', "he said\t2"), ("a", "b"), ('"Quite so."', "1"), "\t"),
        ("a.tsv", lines("a\tb", '"Quite" so\t1', '"x"\t2'), ("a", "b"), ('"Quite" so', "1"), "\t"),
    ],
)
def test_the_delimiter_and_the_quotes_are_found(name, text, columns, first, delimiter):
    table = parse_table(name, text)

    assert (table.columns, table.rows[0], table.delimiter) == (columns, first, delimiter)
    assert table.notes == ()


def test_lines_above_a_table_are_counted_and_comments_are_noted():
    table = parse_table("a.csv", lines("# by a program", "", "# 2021", "day,kWh", "2021-03-01,5", "", "2021-03-02,6"))

    assert table.columns == ("day", "kWh")
    assert table.numbers == (5, 7)
    assert table.notes == ("2 comment lines left out",)


def test_a_comment_with_as_many_cells_names_the_columns():
    table = parse_table("a.csv", lines("# made by hand", "# day, kWh", *(f"{day},{5}" for day in DAYS)))

    assert table.columns == ("day", "kWh")
    assert len(table.rows) == 9
    assert table.notes == ("1 comment line left out",)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (lines("good film,1", "bad film,0", "so so film,0"), None),
        (lines("good,yes", "bad,no", "fine,yes", "poor,no", "well,yes", "ill,no", "nice,yes"), None),
        (lines("1.5,2", "1.6,3"), None),
        (lines("2021-03-01,5", "2021-03-02,6"), None),
        (lines("0,1,2", "5.5,6.5,7.5", "5.6,6.6,7.6"), ("0", "1", "2")),
        (lines("2019,2020,2021", "5.5,6.5,7.5", "5.6,6.6,7.6"), ("2019", "2020", "2021")),
        (lines("1,2,3", "2,3,4", "3,4,5"), None),
        (lines("town,2019,2020", "Kew,5,6", "Rye,7,8"), ("town", "2019", "2020")),
        (lines("Satz,Wertung", "das war gut,1", "das war schlecht,0", "nun ja nun,1"), ("Satz", "Wertung")),
        (
            lines("opinion,mood", *(f"it was {word},{word[0]}" for word in ("abc", "bcd", "add", "bee", "all", "bob"))),
            ("opinion", "mood"),
        ),
        (lines("one,two", "five six seven,acht neun zehn", "a b c,d e f"), ("one", "two")),
        (lines("the first long sentence here,der erste", "another long sentence,ein anderer"), None),
    ],
)
def test_names_are_found_by_the_cells_below_them(text, columns):
    table = parse_table("a.csv", text)

    assert table.has_names == (columns is not None)
    assert table.columns == (columns or tuple(f"column{place + 1}" for place in range(len(table.columns))))
    assert len(table.rows) == text.count("\n") - (columns is not None)


def test_names_are_found_in_a_table_that_is_sorted_by_label():
    """The labels of the first 300 rows are equal; those further down tell that "module" is none of them."""
    rows = [f"what number {number} does,{label}" for label in ("socket", "email") for number in range(300)]

    assert parse_table("x.csv", "\n".join(["summary,module", *rows])).has_names
    assert not parse_table("x.csv", "\n".join(["what it does,email", *rows])).has_names


def test_names_can_be_told():
    text = lines("one,two", "five,six")

    assert parse_table("a.csv", text, header="no").rows == (("one", "two"), ("five", "six"))
    assert parse_table("a.csv", lines("1,2", "3,4"), header="yes").columns == ("1", "2")
    assert parse_table("a.csv", lines("1,2", "3,4"), wanted=("2",)).columns == ("1", "2")
    assert parse_table("a.csv", lines("1,2", "3,4")).notes == (
        "no names in the first row: 2 columns named column1 to column2",
    )


@pytest.mark.parametrize(
    ("text", "columns", "rows", "note"),
    [
        (lines("day,kWh,", "2021-03-01,5,", "2021-03-02,6,"), ("day", "kWh"), 2, ""),
        (lines("day,kWh", "2021-03-01,5,", "2021-03-02,6,"), ("day", "kWh"), 2, ""),
        (lines("day,kWh,", "2021-03-01,5", "2021-03-02,6"), ("day", "kWh"), 2, ""),
        (lines("day,kWh", "2021-03-01,5", ",", "2021-03-02,6", ",,"), ("day", "kWh"), 2, ""),
        (
            lines(",day,kWh", "0,2021-03-01,5", "1,2021-03-02,6"),
            ("day", "kWh"),
            2,
            "the first column, which counts, left out",
        ),
        (
            lines("day,kWh", "1,2021-03-01,5", "2,2021-03-02,6"),
            ("day", "kWh"),
            2,
            "the first column, which counts, left out",
        ),
        (lines(",kWh", "Kew,5", "Rye,6"), ("column1", "kWh"), 2, "without a name: column1"),
        (lines("day,kWh", *(f"{day},5" for day in DAYS), "Total,45"), ("day", "kWh"), 9, "row 11, 'Total', left out"),
        (
            lines("town,kWh", "Kew,5", "Rye,6", "Ely,7", "Average:,6"),
            ("town", "kWh"),
            3,
            "row 5, 'Average:', left out",
        ),
        (lines("town,kWh", "Kew,5", "Rye,6", "Ely,7", "Total,9"), ("town", "kWh"), 4, ""),
        (lines("text,label", "so,1", "no,0", "a total,1", "total,0"), ("text", "label"), 4, ""),
    ],
)
def test_what_programs_add_to_a_table_is_left_out_with_a_note(text, columns, rows, note):
    table = parse_table("a.csv", text)

    assert (table.columns, len(table.rows)) == (columns, rows)
    assert table.notes == ((note,) if note else ())


def test_json_lines_and_arrays_are_tables():
    text = '{"text": "so", "n": 1.50, "ok": true}\n\n{"n": null, "text": "no, \\"no\\""}\n'
    table = parse_table("a.jsonl", text)

    assert table.columns == ("text", "n", "ok")
    assert table.rows == (("so", "1.50", "true"), ('no, "no"', "", ""))
    assert (table.numbers, table.delimiter) == ((1, 3), "")
    assert parse_table("a.json", '[{"a": 1},\n {"a": 2}]\n').rows == (("1",), ("2",))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", lines("a,b", "1,2", "3"), r"a\.csv, row 3: 1 cells, but the first row names 2 columns"),
        ("a.csv", lines("1,2", "3"), r"a\.csv, row 2: 1 cells, but others have 2"),
        ("a.csv", lines("My file", "a,b", "1,2", "3,4"), r"a\.csv: the first row has 1 cell, but most have 2; remove"),
        ("a.csv", lines("a,b", '"x,2', "y,3"), r"a\.csv, row 2: a quotation mark is not closed"),
        ("a.csv", lines("a,b", '"x" y,2'), r"a\.csv, row 2: there is text after the quotation mark that closes a cell"),
        ("a.csv", "<!DOCTYPE html>\n<html>\n", r"a\.csv is an HTML page, no table; export the table as CSV"),
        ("a.csv", "\n\n", r"a\.csv has no rows"),
        ("a.csv", "a,b\n", r"a\.csv has no rows below the column names"),
        ("a.jsonl", '{"a": 1}\n{"a": [1]}\n', r"a\.jsonl, row 2, key a: a list, but a cell is a text, a number"),
        ("a.jsonl", '{"a": {"b": 1}}\n', r"a\.jsonl, row 1, key a: an object, but a cell is"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', r"a\.jsonl, row 2: not JSON: Expecting value"),
        ("a.jsonl", "5\n", r"a\.jsonl, row 1: not an object; a table needs an object for each row, such as"),
        ("a.json", '{\n"a": {"0": 1}\n}\n', r"a\.json is one object; a table needs an object for each row"),
    ],
)
def test_what_is_no_table_is_refused_with_its_row(name, text, message):
    with pytest.raises(RecipeError, match=message):
        parse_table(name, text)


@pytest.mark.parametrize(
    ("first", "is_header"),
    [
        (("English", "Español", "Notes"), True),  # two names that tell are enough
        (("sentence_en", "sentence_de"), True),
        (("He left", "Et alors"), False),  # short words that are codes of languages, too
        (("I speak some English", "Ich spreche etwas Deutsch"), False),
    ],
)
def test_languages_name_columns_where_they_are_not_a_part_of_a_sentence(first, is_header):
    below = [(f"some words {number}", f"andere Worte {number}", "") for number in range(9)]

    assert has_names([first, *(row[: len(first)] for row in below)], expected=False) is is_header
