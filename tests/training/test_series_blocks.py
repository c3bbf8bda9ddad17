"""Large tables of series that are read in blocks are those that are read row by row."""

from __future__ import annotations

import codecs
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.training.block_tables import read, write_table

from seqshell.core.errors import RecipeError
from seqshell.training.data import large_table, large_text, line_blocks
from seqshell.training.forecasting import block_reading, corpus, plain_blocks
from seqshell.training.forecasting.data import read_series
from seqshell.training.recipes.settings import DataSettings


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is large, and read in small blocks."""
    monkeypatch.setattr(large_text, "LARGE", 1)
    monkeypatch.setattr(large_table, "BEGINNING", 1500)
    monkeypatch.setattr(line_blocks, "BLOCK", 700)
    monkeypatch.setattr(block_reading, "LAST", 20)


def same(path: Path, monkeypatch: pytest.MonkeyPatch, **data: Any) -> tuple[Any, list[bool]]:
    """What is stored of a table, or the error, in both ways of reading."""
    found, at_once = read(path, monkeypatch, at_once=True, **data)
    assert found == read(path, monkeypatch, at_once=False, **data)[0]
    return found, at_once


@pytest.mark.parametrize(
    "table",
    [
        {"numbers": "long", "times": "%Y-%m-%d %H:%M:%S"},
        {"numbers": "exponents", "times": "%Y-%m-%dT%H:%M:%S", "order": "none"},
        {"numbers": "spaces", "times": "%d/%m/%Y %H:%M"},
        {"numbers": "commas", "times": "%Y-%m-%d|%H:%M", "delimiter": ";"},
        {"numbers": "gaps", "keys": ("a", "a longer key", "é"), "order": "time"},
        {"numbers": "plain", "keys": ("a", "b "), "order": "none", "delimiter": "\t"},
        {"numbers": "plain", "keys": ("1", "2"), "times": ""},
        {"numbers": "plain", "times": ""},
        {"change": lambda lines: [line.replace("\n", ",\r\n") for line in lines]},
        {"change": lambda lines: ["\ufeff# a comment\n", *lines[1:]]},
        {"change": lambda lines: [f"{number},{line}" if number else f",{line}" for number, line in enumerate(lines)]},
    ],
    ids=lambda table: ",".join(f"{name}={value!r}" for name, value in table.items() if name != "change") or "changed",
)
def test_usual_tables_are_read_at_once(table: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(tmp_path / "series.csv", **table)
    found, at_once = same(tmp_path / "series.csv", monkeypatch, fill="linear")
    assert not isinstance(found, str), found
    assert len(at_once) > 2
    assert all(at_once[:-1])  # the last block is not used


@pytest.mark.parametrize("fill", ["linear", "previous", "short"])
def test_gaps_of_large_tables_are_filled_as_those_of_small_ones(
    fill: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(lines: list[str]) -> list[str]:
        missing = 1, 2, 39, 40, 41, 148, 150
        return [f"{line[: line.rfind(',')]},\n" if row in missing else line for row, line in enumerate(lines)]

    monkeypatch.setattr(corpus, "GATHERED", 8)  # four rows
    path = tmp_path / "series.csv"
    write_table(path, keys=("a", "b"), change=change)
    small = read_series(DataSettings(table=path.name, fill=fill, series_column="key"), tmp_path)
    large, _ = read(path, monkeypatch, at_once=True, fill=fill, series_column="key")
    assert not isinstance(large, str), large
    arrays, facts = large
    assert arrays["values"] == np.concatenate([part.values for part in small.parts]).tobytes()
    assert facts["sizes"] == [len(part) for part in small.parts] == ([73, 74] if fill == "short" else [75, 75])
    assert facts["firsts"] == ([2, 75] if fill == "short" else [0, 75])
    assert [note for note in facts["understood"] if "missing" in note] == [
        note for note in small.understood if "missing" in note and "times" not in note
    ]


def test_gaps_of_large_tables_are_refused_as_those_of_small_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "GATHERED", 10)
    path = tmp_path / "series.csv"
    write_table(path, numbers="gaps", keys=("a", "b"), order="time")
    with pytest.raises(RecipeError) as raised:
        read_series(DataSettings(table=path.name, fill="none"), tmp_path)
    assert read(path, monkeypatch, at_once=True, fill="none")[0] == raised.value.message
    assert "the longest gap, of 4, begins here" in raised.value.message


def in_row(change: Callable[[str], str]) -> Callable[[list[str]], list[str]]:
    """What changes a single line."""
    return lambda lines: [*lines[:59], change(lines[59]), *lines[60:]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda line: f"{line}\n", ""),
        (lambda line: f",,\n{line}", ""),
        (lambda line: line.replace("\n", ",7\n"), "row 60: 4 cells, but others have 3"),
        (lambda line: line[: line.rfind(",")] + ",1e400\n", "row 60, column y: 1e400 is too large"),
        (lambda line: line[: line.rfind(",")] + ",1e31\n", "row 60, column y: 1e+31 is too large; the limit is 1e+30"),
        (lambda line: f"{line[:16]},NA,1e400\n", "row 60, column y: 1e400 is too large"),
        (lambda line: line[: line.rfind(",")] + ",five\n", "row 60, column y: 'five' is not a number"),
        (lambda line: line[: line.rfind(",")] + ",$5\n", ""),
        (lambda line: line[16:], "row 60, column time: the time is missing; correct or remove the row"),
        (lambda line: f"5{line[16:]}", "row 60, column time: '5' is not a time like"),
        (lambda line: f"{line}{line}", "rows 60 and 61 have the same time"),
        (lambda line: line.replace("-", "\r"), "row 60: new-line character seen in unquoted field"),
    ],
    ids=[
        "blank",
        "empty",
        "longer",
        "infinite",
        "large",
        "gap",
        "word",
        "currency",
        "no time",
        "number",
        "twice",
        "old Mac",
    ],
)
def test_unusual_rows_are_read_one_by_one(
    change: Callable[[str], str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(tmp_path / "series.csv", change=in_row(change))
    found, at_once = same(tmp_path / "series.csv", monkeypatch, decimal=".")
    assert at_once[0]
    assert not all(at_once)
    if message:
        assert message in found
    else:
        assert not isinstance(found, str), found


def test_times_that_begin_again_beside_a_column_of_words_are_read_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words may be the key of several series."""
    write_table(tmp_path / "series.csv", keys=("one", "two"))
    found, at_once = same(tmp_path / "series.csv", monkeypatch)
    assert found == "series.csv: rows 6 and 82 have the same time; remove one of them"
    assert at_once.count(False) == 1


def longer(lines: list[str]) -> list[str]:
    return [line.replace("\n", ",7\n") if number > 59 else line for number, line in enumerate(lines)]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"times": "", "change": in_row(lambda line: f",\n{line}")}, ""),
        ({"change": longer}, "row 61: 4 cells, but others have 3"),
        ({"delimiter": "\t", "keys": ("b", '5"'), "order": "time"}, ""),
    ],
    ids=["blank", "longer", "quote"],
)
def test_unusual_blocks_are_read_row_by_row(
    table: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(tmp_path / "series.csv", **table)
    found, at_once = same(tmp_path / "series.csv", monkeypatch)
    assert found == f"series.csv, {message}" if message else not isinstance(found, str), found
    assert not all(at_once)


def test_times_that_are_words_in_a_block_are_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(lines: list[str]) -> list[str]:
        return [f"noon{line[16:]}" if 50 <= number < 100 else line for number, line in enumerate(lines)]

    write_table(tmp_path / "series.csv", change=change)
    assert not all(same(tmp_path / "series.csv", monkeypatch)[1])


def test_words_that_become_dates_are_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(lines: list[str]) -> list[str]:
        notes = [
            f"word{number % 7}" if number < 90 else f"2001-02-{number % 28 + 1:02}" for number in range(len(lines))
        ]
        return [f"{note},{line}" for note, line in zip(["note", *notes[1:]], lines, strict=True)]

    write_table(tmp_path / "series.csv", times="", change=change)
    at_once = same(tmp_path / "series.csv", monkeypatch)[1]
    assert at_once[0]
    assert not all(at_once)


def test_keys_with_one_hash_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_blocks, "_MIXED", np.uint64(0))
    write_table(tmp_path / "series.csv", keys=("aaaaaaaa1", "bbbbbbbb1"), order="time")
    found, at_once = same(tmp_path / "series.csv", monkeypatch)
    assert found[1]["names"] == ["aaaaaaaa1", "bbbbbbbb1"]
    assert not any(at_once)


@pytest.mark.parametrize("first", [0, 3])
def test_blocks_are_the_lines_without_the_first_ones(
    first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_blocks, "BLOCK", 10)
    lines = [f"line {number}\n" for number in range(20)]
    (tmp_path / "text").write_bytes(codecs.BOM_UTF8 + "".join(lines).encode())
    found = list(line_blocks.line_blocks(large_text.LargeText(tmp_path / "text"), first, 4, large_text.unheard))
    assert b"".join(found).decode() == "".join(lines[first:])
    assert len(found) > 10
    assert found[-1].decode() == "".join(lines[-4:])


def test_quotation_marks_around_cells_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "series.csv"
    write_table(path, keys=("a", "b"), order="time")
    plain, _ = read(path, monkeypatch, at_once=True)
    path.write_text(path.read_text().replace(",", '","').replace("\n", '"\n"').removesuffix('"').join(('"', "")))
    quoted, at_once = read(path, monkeypatch, at_once=True)
    assert not isinstance(quoted, str), quoted
    assert quoted[0]["values"] == plain[0]["values"]
    assert all(at_once)


def test_a_line_end_within_quotation_marks_is_read_row_by_row_from_there_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "series.csv"
    write_table(path, keys=("a", "b"), order="time")
    head, *lines = path.read_text().splitlines(keepends=True)
    whole, _ = same(path, monkeypatch)
    for changed in (70, 0):
        some = [*lines[:changed], lines[changed].replace("a,", '"a\n",'), *lines[changed + 1 :]]
        path.write_text(head + "".join(some))
        found, at_once = same(path, monkeypatch)
        assert not isinstance(found, str), found
        assert found[0]["values"] == whole[0]["values"]
        assert at_once[:1] == ([True] if changed else [])
        assert all(at_once) == (not changed)
    path.write_text(head.replace("x", '"x\n"') + "".join(lines))
    found, at_once = same(path, monkeypatch)
    assert found[0]["values"] == whole[0]["values"]
    assert at_once == []


def test_texts_in_other_encodings_and_json_are_read_row_by_row_and_packed_ones_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "series.csv"
    write_table(path)
    whole, _ = read(path, monkeypatch, at_once=True)
    text = path.read_text()
    (tmp_path / "packed.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "wide.csv").write_text(text, "utf-16")
    names, *rows = (line.split(",") for line in text.splitlines())
    objects = (
        {name: cell if name == "time" else float(cell) for name, cell in zip(names, row, strict=True)} for row in rows
    )
    (tmp_path / "series.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in objects))
    for name, is_at_once in (("packed.csv.gz", True), ("wide.csv", False), ("series.jsonl", False)):
        found, at_once = read(tmp_path / name, monkeypatch, at_once=True)
        assert found[0]["values"] == whole[0]["values"]
        assert bool(at_once) == is_at_once
    latin, at_once = read(path, monkeypatch, at_once=True, encoding="latin-1")
    assert (latin[0]["values"], at_once) == (whole[0]["values"], [])
