"""Rows and cells of large files found by their bytes: the same as those that are read one by one."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.training.large_files import classification

from seqshell.core.errors import RecipeError
from seqshell.host import Registry
from seqshell.training.data import large_table, large_text, row_counting
from seqshell.training.data.cell_blocks import Column, Irregular, hashes_of_texts
from seqshell.training.data.file_format import FileFormat
from seqshell.training.data.file_rows import FileContent, FileRows
from seqshell.training.data.large_table import LargeTable
from seqshell.training.data.large_text import LargeText
from seqshell.training.data.token_rows import TextRows
from seqshell.training.data.word_counting import row_counts
from seqshell.training.preparation import prepare

pytestmark = pytest.mark.usefixtures("small_blocks_of_rows")

PLAIN = "".join(f"text {number} of it,label{number % 3}\n" for number in range(40))
SPACES = (
    " a b",
    "a b ",
    "a  b",
    "  ",
    "",
    "a\u00a0b",
    "a\u2003",
    "\u3000a",
    "a\tb",
    "“a”",
    "日本",
    " \u00a0 ",
    "Â",
    "à",
)


def written(folder: Path, content: str | bytes, name: str = "t.csv") -> LargeTable:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = large_table.large_table(path, FileFormat())
    assert found is not None
    return found


def cells_of(table: LargeTable, columns: tuple[Column, ...]) -> list[tuple[int, tuple[str, ...]]]:
    """The number and the cells of each row, found by their bytes."""
    content, found = table.text.path.read_bytes(), []
    for block in table.blocks(columns):
        for row, number in enumerate(block.numbers.tolist()):
            cells = []
            for column in block.columns:
                start, size = int(column.starts[row]), int(column.sizes[row])
                meant = column.changed.get(row, content[start : start + size])
                assert column.is_blank[row] == (not meant.decode().strip())
                cells.append(meant.decode())
            found.append((number, tuple(cells)))
    return found


TABLES = {
    "plain": "text,label\n" + PLAIN,
    "no names": PLAIN,
    "no end": "text,label\n" + PLAIN.removesuffix("\n"),
    "crlf": ("text,label\n" + PLAIN).replace("\n", "\r\n"),
    "mark": b"\xef\xbb\xbftext,label\n" + PLAIN.encode(),
    "comment": "# of mine\n\ntext,label\n" + PLAIN,
    "separator": "sep=;\ntext;label\n" + PLAIN.replace(",", ";"),
    "blank rows": "text,label\n"
    + PLAIN
    + "\n \n"
    + PLAIN
    + ",\n"
    + PLAIN
    + ' "" ,x\n'.replace('"', "")
    + " , \n"
    + PLAIN,
    "quotes": "text,label\n" + PLAIN + '"a, ""b""\nc",x\n"",y\n"""",z\n' + PLAIN + '"d\n\n",x\n',
    "quotes crlf": ("text,label\n" + PLAIN + '"a, ""b""\nc",x\n"",y\n"d\n\n","x"\n').replace("\n", "\r\n"),
    "blank rows in quotes": "text,label\n" + PLAIN + '"a",x\n"",""\n" ","\n"\n"",x\n' + PLAIN,
    "index": ",text,label\n" + "".join(f"{row},text {row} of it,label{row % 3}\n" for row in range(60)),
    "more columns": "id,text,more,label\n" + "".join(f"n{row},text {row},é,l{row % 3}\n" for row in range(60)),
    "total": "text,label\n" + "".join(f"text {row} of it,{row % 3}\n" for row in range(60)) + "Total,60\n",
    "spaces": "text,label\n" + PLAIN + "".join(f"{each},x\n" for each in SPACES),
    "quoted spaces": "text,label\n" + PLAIN + "".join(f'"{each}",x\n' for each in (*SPACES, " a\n")),
    "tabs": ("text,label\n" + PLAIN + 'a "b" c,x\n').replace(",", "\t"),
    "quotes between tabs": ("text,label\n" + PLAIN).replace(",", '"\t"').replace("\n", '"\n"').removesuffix('"'),
}


@pytest.mark.parametrize("form", TABLES)
@pytest.mark.parametrize("block", [90, 1 << 20])
def test_cells_found_by_their_bytes_are_those_that_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, block: int
) -> None:
    monkeypatch.setattr(large_text, "BLOCK", block)
    content = TABLES[form]
    table = written(tmp_path, content if form != "quotes between tabs" else '"' + str(content))
    names = table.beginning.columns
    places = [names.index(name) if name in names else place for place, name in enumerate(("text", "label"))]
    found = cells_of(table, tuple(Column(place, is_hashed=True) for place in places))
    assert found == [(number, tuple(row[place] for place in places)) for number, row in table.rows()]
    assert len(found) >= 40
    single = [cells[0] for _, cells in cells_of(table, (Column(places[0], single_spaced=True), Column(places[1])))]
    assert single == [" ".join(row[places[0]].split()) for _, row in table.rows()]


@pytest.mark.parametrize(
    "end",
    [
        "a,b,c\n",
        "a\n",
        'a "b",x\n',
        '"a"b,x\n',
        '"a\n',
        "a\0,x\n",
        "a\rb,x\n",
        b"\xff,x\n",
        "\n" * 90,
        ",\n" * 90,
        f'"{"a" * 140_000}",x\n',
    ],
    ids=lambda end: str(end)[:9].encode("unicode_escape").decode(),
)
def test_unusual_rows_are_read_one_by_one(tmp_path: Path, end: str | bytes) -> None:
    content = ("text,label\n" + PLAIN).encode() + (end.encode() if isinstance(end, str) else end) + PLAIN.encode()
    table = written(tmp_path, content)
    with pytest.raises(Irregular):
        cells_of(table, (Column(0), Column(1)))


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv.gz", "t.csv"])
def test_other_files_are_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    import gzip

    text = "".join(json.dumps({"text": line}) + "\n" for line in PLAIN.split("\n")) if "json" in name else PLAIN
    content = (
        gzip.compress(text.encode()) if name.endswith(".gz") else text.encode("utf-16" if name == "t.csv" else "utf-8")
    )
    table = written(tmp_path, content, name)
    with pytest.raises(Irregular):
        cells_of(table, (Column(0),))
    if name == "t.csv":
        table = written(tmp_path, text)
        monkeypatch.setattr("seqshell.training.data.row_scanning.LONGEST", 50)
        (tmp_path / name).write_text(f'{text}"{"a" * 900}')
        with pytest.raises(Irregular):
            cells_of(table, (Column(0),))


def test_equal_texts_have_equal_hashes(tmp_path: Path) -> None:
    texts = ["", "a", "b", "ab", "abcdefgh", "abcdefghi", "é" * 30, "é" * 31, "a\0", "a" * 16, "a" * 17]
    hashes = hashes_of_texts([text.encode() for text in (*texts, *texts)]).tolist()
    assert hashes[: len(texts)] == hashes[len(texts) :]
    assert len(set(hashes)) == len(texts)
    table = written(tmp_path, TABLES["quotes"])
    found = [block.columns[0] for block in table.blocks((Column(0, is_hashed=True),))]
    expected = hashes_of_texts([row[0].encode() for _, row in table.rows()])
    np.testing.assert_array_equal(np.concatenate([cells.hashes for cells in found]), expected)


def test_texts_in_a_file_are_read_in_any_order_and_their_words_are_counted(tmp_path: Path) -> None:
    lines = [f"some{number % 4} words {'x' * number}" for number in range(40)] + ["\tafter a tab", "“quoted”", ""]
    path = tmp_path / "a.txt"
    path.write_text("\n".join(lines) + "\n")
    contents = [line.encode() for line in lines]
    sizes = np.array(list(map(len, contents)))
    starts, text = np.cumsum(sizes + 1) - sizes - 1, LargeText(path)
    kept = np.frombuffer(b"keptmore", np.uint8)
    content = FileContent(text, text.size, text.state(), kept)
    more = np.append(starts, [text.size, text.size + 4]), np.append(sizes, [4, 4])
    rows = FileRows(content, *more)
    whole = [*lines, "kept", "more"]
    assert list(rows) == whole
    assert [rows[-1], rows[3], *rows[40:42]] == ["more", whole[3], *whole[40:42]]
    with pytest.raises(IndexError):
        rows[45]
    order = np.random.default_rng(0).permutation(len(whole))
    assert list(rows.at(order)) == [whole[place] for place in order.tolist()]
    assert rows.at(order).at(np.array([2, 0]))[0] == whole[order[2]]
    assert rows.lengths.tolist() == [len(each.encode()) for each in whole]
    ends = np.append(0, np.cumsum(more[1]))
    others = TextRows(np.frombuffer("".join(whole).encode(), np.uint8), ends)

    def counts(texts: Any) -> dict[str, int]:
        found = dict[str, int]()
        for each in row_counts(texts):
            word, number = (each, 1) if isinstance(each, str) else each
            found[word] = found.get(word, 0) + number
        return found

    assert counts(rows) == counts(rows.at(order)) == counts(others)
    path.write_text("changed")
    for read in (lambda: rows[0], lambda: rows.contents_at(np.array([0, 41])), lambda: counts(rows)):
        with pytest.raises(RecipeError, match=r"^a\.txt was changed while it was read; train again$"):
            read()


@pytest.mark.parametrize("end", ["", 'a "b",x\n'], ids=["regular", "irregular"])
def test_words_are_counted_while_their_places_are_found(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    rows = [f"{text},{label}" for text in (*SPACES, "un\tdeux", "\u00c2 un", "un un un") for label in ("x", "", "y")]
    more = "".join(f"text {number} Of it{'!' * (number % 5)},label{number % 3}\n" for number in range(80))
    (tmp_path / "texts.csv").write_text("text,label\n" + more + "".join(f"{row}\n" for row in rows) + more + end)
    one_by_one = prepare(classification(tmp_path), registry)
    (store,) = tmp_path.rglob("*.tokens")
    store.unlink()
    monkeypatch.setattr(row_counting, "num_workers", lambda size: 1)
    monkeypatch.setattr(row_counting, "MOST_REMEMBERED", 3)
    prepared = prepare(classification(tmp_path), registry)
    assert prepared.tokenizer.to_json() == one_by_one.tokenizer.to_json()
    assert prepared.objective.split["validation"] > 10


def test_a_process_counts_the_words_of_the_places_that_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqshell.training.data.worker_processes import framed, packed

    path = tmp_path / "t.csv"
    path.write_text("one two,x\n\tone,y\ntwo two,x\n")
    text = LargeText(path)

    def counted_here(state: tuple[int, ...]) -> bytes:
        job = json.dumps({"path": str(path), "size": text.size, "state": state}).encode() + b"\n"
        places = packed(np.array([0, 10, 17, 7, 4, 7]), packed(np.array([3, 5]), b"new\x0bnew2"))
        out = io.BytesIO()
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(job + framed(places) + framed(b""))))
        monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=out))
        row_counting._work()
        return out.getvalue()

    words = {" one": 1, " two": 3, " new": 1, "\tone": 1, "\x0bnew2": 1}
    found = counted_here(text.state())
    assert dict(json.loads(found[8:-8])) == words
    assert found[-8:] == framed(b"")
    assert counted_here((1, 2, 3)) == b""  # the file has changed, which its caller finds


def test_a_file_that_changes_while_its_words_are_counted_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = written(tmp_path, TABLES["quotes"])
    monkeypatch.setattr(row_counting, "num_workers", lambda size: 1)
    (column,) = next(table.blocks((Column(0),))).columns
    with row_counting.RowCounting(table.text) as counting:
        counting.add(column)
        counting._workers.processes[0].kill()
        counting.end()
        with pytest.raises(RecipeError, match=r"^a process that counted words was killed; train again$"):
            list(counting.counts())
    with row_counting.RowCounting(table.text) as counting:
        table.text.path.write_text("changed")
        counting.add(column)
        counting.end()
        with pytest.raises(RecipeError, match=r"^t\.csv was changed while it was read; train again$"):
            list(counting.counts())
