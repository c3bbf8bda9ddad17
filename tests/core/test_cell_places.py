"""The places of cells in the bytes of a table are those at which a parser of CSV divides it."""

from __future__ import annotations

import csv
import io

import pytest

from seqshell.core.tables.cell_places import find_cells


@pytest.mark.parametrize(
    ("lines", "delimiter"),
    [
        ("a,b\n1,2\n,3\n", ","),
        ("a;b,c;d\r\n1;2;3\r\n", ";"),
        ('"a",b\n"",c\n"d e","é"\n', ","),
        ("a\nb\n", ""),
    ],
)
def test_cells_are_those_of_a_parser(lines: str, delimiter: str) -> None:
    found = find_cells(lines.encode(), delimiter)
    assert found is not None
    columns = [found.texts(column) for column in range(found.starts.shape[1])]
    rows = list(csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter or "\x1f"))
    assert [list(row) for row in zip(*columns, strict=True)] == rows
    assert found.text(len(found) - 1, 0) == rows[-1][0]


@pytest.mark.parametrize(
    "lines",
    [
        "a,b\n\n1,2\n",
        "a,b\n1\n",
        "a,b\n1\n2,3,4\n",
        '"a,b",c\nd,e\n',
        '"a""b",c\n',
        'a"b,c"d\n',
        '",b\n',
        "a,b\rc,d\n",
        "a,b",
    ],
)
def test_lines_that_need_a_parser_are_left_to_it(lines: str) -> None:
    assert find_cells(lines.encode(), ",") is None


def test_blank_lines_of_a_single_column_and_long_delimiters_are_left_to_a_parser() -> None:
    assert find_cells(b"a\n\nb\n", "") is None
    assert find_cells("a§b\n".encode(), "§") is None


def test_cells_of_one_size_are_a_matrix_and_all_cells_are_words() -> None:
    found = find_cells(b"ab,c\nde,\nfg,a longer one\n", ",")
    assert found is not None
    matrix = found.matrix(0)
    assert matrix is not None
    assert matrix.tobytes() == b"abdefg"
    assert found.matrix(1) is None
    words = found.words(1)
    assert [b"".join(word[row].tobytes() for word in words).rstrip(b"\0") for row in range(3)] == [
        b"c",
        b"",
        b"a longer one",
    ]
