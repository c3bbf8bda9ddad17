"""Labelled texts: reading tables and folders, splitting, and errors with row and column."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from seqshell.core.errors import RecipeError
from seqshell.training.classification.data import Columns, Examples, check_seen, folds, read_examples, split_examples
from seqshell.training.data.tables import read_table
from seqshell.training.data.text import read_text


def written(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    return str(path)


def examples(*pairs: tuple[str, str]) -> Examples:
    texts, labels = zip(*pairs, strict=True)
    return Examples("some.tsv", "", texts, labels, tuple(f"some.tsv, row {row}" for row in range(2, len(pairs) + 2)))


# Tables


def test_white_space_in_labels_becomes_single_spaces(tmp_path):
    found = read_examples(written(tmp_path / "a.csv", 'text,label\na," new\n york "\n'), Columns())
    assert found.labels == ("new york",)


def test_csv_cells_may_be_quoted_and_tsv_cells_are_not(tmp_path):
    output = 'text,label\n"a, b\nc",x\n\n"say ""no""",y\n'
    table = read_table(written(tmp_path / "a.csv", output))

    assert table.columns == ("text", "label")
    assert table.rows == (("a, b\nc", "x"), ('say "no"', "y"))
    assert table.numbers == (2, 4)  # a blank row is counted, a line break in a cell is not
    assert table.where(1, "label") == "a.csv, row 4, column label"
    assert read_table(written(tmp_path / "a.tsv", 'label\ttext\nx\t"All" is, well\n')).rows == (
        ("x", '"All" is, well'),
    )
    assert read_table(written(tmp_path / "b.csv", "text;label\na, b;x\n")).rows == (("a, b", "x"),)


def test_a_gzipped_table_is_unpacked(tmp_path):
    path = tmp_path / "a.tsv.gz"
    path.write_bytes(gzip.compress(b"text\tlabel\r\nah\tx\r\n"))

    table = read_table(str(path))
    assert (table.name, table.rows) == ("a.tsv.gz", (("ah", "x"),))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(RecipeError, match=r"cannot unpack .*a\.tsv\.gz"):
        read_text(str(path))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "text,label\na,x\nb\n", "a.csv, row 3: 1 cells, but the first row names 2 columns"),
        ("a.tsv", "text\tlabel\na\tx\ty\n", "a.tsv, row 2: 3 cells, but the first row names 2 columns"),
        ("a.csv", 'text,label\n"a,x\n', "a.csv, row 2: a quotation mark is not closed"),
        ("a.csv", "text,label\n", "a.csv has no rows below the column names"),
        ("a.csv", "", "a.csv is empty"),
        (
            "a.csv",
            "text,stars\na,3\n",
            "a.csv, row 1: no column 'label'; select one of 'text', 'stars' with --set data.label_column=NAME",
        ),
        ("a.csv", "label,label,text\nx,y,a\n", "a.csv, row 1: more than one column is named 'label'"),
        ("a.csv", "text,label\na,\nb, \n", "a.csv has no labels"),
        ("a.csv", "text,label\n,x\n  ,y\n", "a.csv has no texts"),
    ],
)
def test_unreadable_examples_are_reported_with_row_and_column(tmp_path, name, text, message):
    with pytest.raises(RecipeError) as caught:
        read_examples(written(tmp_path / name, text), Columns())
    assert str(caught.value).removeprefix(f"{tmp_path}/") == message


def test_columns_and_labels_can_be_renamed(tmp_path):
    path = written(tmp_path / "reviews.csv", 'id,stars,review\n7, 1 ," so\n  so "\n8,2,great\n9,1,\n')
    found = read_examples(path, Columns("review", "stars", {"1": "bad", "one": "bad"}))

    assert found.texts == ("so so", "great")
    assert found.labels == ("bad", "2")
    assert found.places[1] == "reviews.csv, row 3, column stars"
    assert found.num_blank == 1


# Folders


def test_a_folder_has_a_file_for_each_label(tmp_path):
    folder = tmp_path / "names"
    folder.mkdir()
    written(folder / "Greek.txt", "Kosta\nPapas\n\n")
    written(folder / "Czech.txt", "Ceska \r\n")
    written(folder / "README.md", "no names")
    found = read_examples("names", Columns(), tmp_path)

    assert found.name == "names"
    assert list(zip(found.texts, found.labels, strict=True)) == [
        ("Ceska", "Czech"),
        ("Kosta", "Greek"),
        ("Papas", "Greek"),
    ]
    assert found.places[2] == "Greek.txt, line 2"
    before = found.digest
    written(folder / "Greek.txt", "Kosta\n")
    assert read_examples("names", Columns(), tmp_path).digest != before


def test_folders_without_label_files_or_with_an_empty_one_are_refused(tmp_path):
    with pytest.raises(RecipeError, match=r"has no files LABEL\.txt"):
        read_examples(str(tmp_path), Columns())
    written(tmp_path / "Korean.txt", "")
    with pytest.raises(RecipeError, match=r"Korean\.txt is empty"):
        read_examples(str(tmp_path), Columns())
    with pytest.raises(RecipeError, match="nowhere does not exist; get it from the moon"):
        read_examples("nowhere", Columns(), tmp_path, "the moon")


# Splits


def test_a_tenth_of_each_label_is_held_out_the_same_every_time():
    some = examples(
        *((f"{label}{number}", label) for label, size in (("a", 200), ("b", 20), ("c", 2)) for number in range(size))
    )
    split = split_examples(some, 0.1)

    assert [split.validation.labels.count(label) for label in "abc"] == [20, 2, 1]
    assert [split.training.labels.count(label) for label in "abc"] == [180, 18, 1]
    assert sorted(split.training.texts + split.validation.texts) == sorted(some.texts)
    assert split_examples(some, 0.1) == split
    assert set(split.validation.texts) != {f"a{number}" for number in range(20)}


def test_copies_of_a_text_are_on_one_side():
    some = examples(*((f"{number}", label) for number in range(40) for label in ("a", "b", "a")))
    split = split_examples(some, 0.25)

    assert (len(split.training), len(split.validation)) == (90, 30)
    assert not set(split.training.texts) & set(split.validation.texts)


def test_a_label_with_a_single_text_is_refused_with_its_row():
    with pytest.raises(RecipeError) as caught:
        split_examples(examples(("x", "a"), ("y", "b"), ("z", "b"), ("x", "a")), 0.1)
    assert str(caught.value).startswith(
        "some.tsv, row 2: this is the only text labelled 'a'; a label needs two texts, "
    )


def test_a_single_label_is_refused():
    with pytest.raises(RecipeError, match=r"some\.tsv has only the label 'a'; a classifier needs at least two"):
        split_examples(examples(("x", "a"), ("y", "a")), 0.1)


def test_an_unknown_label_is_refused_with_its_row():
    some = examples(("x", "a"), ("y", "Klingon"))
    check_seen(some, ["a", "Klingon"])
    with pytest.raises(RecipeError) as caught:
        check_seen(some, ["a", "b"])
    assert (
        str(caught.value) == "some.tsv, row 3: the label 'Klingon' does not occur in the training data, which has a, b"
    )


def test_folds_have_similar_sizes_and_keep_copies_together():
    texts = [str(number % 50) for number in range(100)]
    found = folds(texts, 5)

    assert [found.count(part) for part in range(5)] == [20] * 5
    assert found[:50] == found[50:]
