"""What files are for: tables, texts and words with tags of many kinds, and what the user names."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.training.user_files import OPINIONS

from seqshell.core.errors import RecipeError
from seqshell.core.tasks import Task
from seqshell.training.classification.data import read_recipe_examples
from seqshell.training.forecasting.data import read_series
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.translation.data import read_sentences

ANIMALS = ("cat", "dog", "cow", "hen", "fox")
TIERE = ("Katze", "Hund", "Kuh", "Henne", "Fuchs")
PAIRS = [
    (f"the {animal} sees {number} birds", f"{tier} sieht {number} Vögel")
    for animal, tier in zip(ANIMALS, TIERE, strict=True)
    for number in range(8)
]


def rows(*cells: str, mark: str = ",") -> str:
    return mark.join(cells) + "\n"


def opinions(header: str, form: Callable[[int, str], str]) -> str:
    return header + "".join(form(number, text) for number, text in enumerate(OPINIONS))


def days(header: str, form: Callable[[int], str], number: int = 60) -> str:
    return header + "".join(form(day) for day in range(number))


def pairs(header: str, form: Callable[[str, str], str]) -> str:
    return header + "".join(form(source, target) for source, target in PAIRS)


def made(folder: Path, name: str, text: str | bytes, *overrides: str) -> Any:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_recipe(str(folder / name), overrides)


TABLES_OF_TEXTS = {
    "capital.csv": opinions("Text,Label\n", lambda n, text: f"{text},{n % 2}\n"),
    "comments.csv": opinions("Comment,Sentiment\n", lambda n, text: f'"{text}, yes",{("pos", "neg")[n % 2]}\n'),
    "spam.csv": opinions("v1,v2\n", lambda n, text: f'{("ham", "spam")[n % 2]},"{text}"\n'),
    "no_names.csv": opinions("", lambda n, text: f"{text},{n % 3}\n"),
    "labels_first.tsv": opinions("", lambda n, text: f"{('a', 'b', 'c', 'd')[n % 4]}\t{text}\n"),
    "pipes.txt": opinions("id\tscore\tcomment\n", lambda n, text: f"{n}\t{n % 2}\t{text}\n"),
    "ids.csv": opinions("id,opinion,mood\n", lambda n, text: f"tt{n:05},{text},{('up', 'down')[n % 2]}\n"),
    "booleans.csv": opinions("tweet,is_spam\n", lambda n, text: f"{text},{n % 2 == 0}\n"),
    "index.csv": opinions(",review,stars\n", lambda n, text: f"{n},{text},{1 + n % 5}\n"),
    "dated.csv": opinions("date,tweet,sentiment\n", lambda n, text: f"2021-03-{1 + n % 28:02},{text},{n % 2}\n"),
    "bom.csv": "\ufeff" + opinions("text;label\r\n", lambda n, text: f"{text};{n % 2}\r\n"),
    "lines.jsonl": "".join(
        json.dumps({"id": number, "review": text, "rating": number % 5}) + "\n" for number, text in enumerate(OPINIONS)
    ),
    "many.json": json.dumps([{"sentence": text, "intent": f"i{number % 4}"} for number, text in enumerate(OPINIONS)]),
    "fast.txt": opinions("", lambda n, text: f"__label__{('up', 'down')[n % 2]} {text}\n"),
}
COLUMNS = {
    "capital.csv": ("Text", "Label", 2),
    "comments.csv": ("Comment", "Sentiment", 2),
    "spam.csv": ("v2", "v1", 2),
    "no_names.csv": ("column1", "column2", 3),
    "labels_first.tsv": ("column2", "column1", 4),
    "pipes.txt": ("comment", "score", 2),
    "ids.csv": ("opinion", "mood", 2),
    "booleans.csv": ("tweet", "is_spam", 2),
    "index.csv": ("review", "stars", 5),
    "dated.csv": ("tweet", "sentiment", 2),
    "bom.csv": ("text", "label", 2),
    "lines.jsonl": ("review", "rating", 5),
    "many.json": ("sentence", "intent", 4),
}


@pytest.mark.parametrize("name", TABLES_OF_TEXTS)
def test_tables_of_texts_and_labels_are_for_classifiers(tmp_path, name):
    recipe = made(tmp_path, name, TABLES_OF_TEXTS[name])
    examples = read_recipe_examples(recipe)

    assert (recipe.task, len(examples)) == (Task.CLASSIFY, 40)
    assert examples.texts[2].startswith(OPINIONS[2])
    if name in COLUMNS:
        text, label, number = COLUMNS[name]
        assert (recipe.data.text_column, recipe.data.label_column) == (text, label)
        assert len(set(examples.labels)) == number
        start = f"{name}: 40 texts in column {text}, {number} labels in column {label}"
        assert recipe.understood[0].startswith(f"{start} (--set data.label_column=NAME to change)")


TABLES_OF_PAIRS = {
    "cards.txt": pairs("", lambda one, two: rows(one, two, f"CC-BY 2.0 (France) #{len(one)}", mark="\t")),
    "names.csv": pairs("source,target\n", lambda one, two: rows(one, two)),
    "swapped.csv": pairs("target,source\n", lambda one, two: rows(two, one)),
    "languages.tsv": pairs("English\tGerman\n", lambda one, two: rows(one, two, mark="\t")),
    "codes.csv": pairs("id,en,de\n", lambda one, two: rows(str(len(two)), f'"{one}"', two)),
    "semicolons.csv": "\ufeff" + pairs("", lambda one, two: rows(one, two, mark=";")),
    "old_mac.tsv": pairs("", lambda one, two: rows(one, two, mark="\t")).replace("\n", "\r"),
    "quoted.tsv": pairs("", lambda one, two: rows(f'"{one}"', f'"{two}"', mark="\t")),
    "blank.tsv": pairs("", lambda one, two: rows(one, two, mark="\t") + "\n" * one.endswith("7 birds")),
    "lines.jsonl": "".join(json.dumps({"src": one, "tgt": two}) + "\n" for one, two in PAIRS),
}


@pytest.mark.parametrize("name", TABLES_OF_PAIRS)
def test_tables_of_two_texts_are_pairs(tmp_path, name):
    recipe = made(tmp_path, name, TABLES_OF_PAIRS[name])
    sentences = read_sentences(recipe)

    assert recipe.task == Task.TRANSLATE
    assert set(zip(sentences.training.sources, sentences.training.targets, strict=True)) == set(PAIRS)
    assert recipe.understood[0].startswith(f"{name}: 40 pairs, from ")
    languages = (recipe.data.source_language, recipe.data.target_language)
    assert languages == (("en", "de") if name in ("languages.tsv", "codes.csv") else ("", ""))


def test_what_is_left_out_of_pairs_and_how_to_swap_them_is_told(tmp_path):
    recipe = made(tmp_path, "cards.txt", TABLES_OF_PAIRS["cards.txt"])
    swap = ["data.source_column=column2", "data.target_column=column1"]

    assert recipe.understood[0] == (
        "cards.txt: 40 pairs, from column1 to column2 "
        f"({' '.join(f'--set {each}' for each in swap)} to swap); left out: column3"
    )
    swapped = load_recipe(str(tmp_path / "cards.txt"), swap)
    assert read_sentences(swapped).training.sources[0] == "Katze sieht 0 Vögel"


TABLES_OF_NUMBERS = {
    "euros.csv": days("Tag;Betrag\n", lambda n: f"{1 + n % 28:02}.{1 + n // 28:02}.2021;1.{n + 100},5 €\n"),
    "values.csv": days("kWh\n", lambda n: f"{n % 7}.5\n"),
    "no_names.csv": days("", lambda n: f"2021-{1 + n // 28:02}-{1 + n % 28:02},{n % 7}\n"),
    "thousands.csv": days("year,people\n", lambda n: f'{1900 + n},"{n + 1},{n + 100}"\n'),
    "percent.csv": days("month,share\n", lambda n: f"{2000 + n // 12}-{1 + n % 12:02},{n}.5%\n"),
    "totals.csv": days("day,kWh\n", lambda n: f"2021-{1 + n // 28:02}-{1 + n % 28:02},{n % 7}\n") + "Total,177\n",
    "remarks.csv": days(
        "day,kWh,remark\n", lambda n: f"2021-{1 + n // 28:02}-{1 + n % 28:02},{n % 7},{'' if n % 9 else f'well {n}'}\n"
    ),
    "index.csv": days(",day,kWh\n", lambda n: f"{n},2021-{1 + n // 28:02}-{1 + n % 28:02},{n % 7}\n"),
    "commas.csv": days("day,kWh,\n", lambda n: f"2021-{1 + n // 28:02}-{1 + n % 28:02},{n % 7},\n"),
    "lines.jsonl": days("", lambda n: f'{{"day": "2021-{1 + n // 28:02}-{1 + n % 28:02}", "kWh": {n % 7}}}\n'),
    "values.txt": days("", lambda n: f"{n % 7}\n"),
    "table.txt": days("day,kWh\n", lambda n: f"2021-{1 + n // 28:02}-{1 + n % 28:02},{n % 7}\n"),
    "switch.csv": days("day,on\n", lambda n: f"2021-{1 + n // 28:02}-{1 + n % 28:02},{n % 3 == 0}\n"),
}
FORECAST = {
    "values.txt": ("column1", 0.0),
    "euros.csv": ("Betrag", 1100.5),
    "values.csv": ("kWh", 0.5),
    "no_names.csv": ("column2", 0.0),
    "thousands.csv": ("people", 1100.0),
    "percent.csv": ("share", 0.5),
    "switch.csv": ("on", 1.0),
}


@pytest.mark.parametrize("name", TABLES_OF_NUMBERS)
def test_tables_of_numbers_are_series(tmp_path, name):
    recipe = made(tmp_path, name, TABLES_OF_NUMBERS[name])
    series = read_series(recipe.data, recipe.folder)
    column, first = FORECAST.get(name, ("kWh", 0.0))

    assert (recipe.task, series.columns[0], len(series)) == (Task.FORECAST, column, 60)
    assert series.parts[0].values[0, 0] == first


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.txt", "once upon a time\n" * 30, "a.txt: plain text, 510 characters"),
        ("a.md", "# Notes\n\n\tindented\n" * 30, "a.md: plain text, 570 characters"),
        ("a.txt", ("übung\n" * 60).encode("utf-16-le"), "a.txt: read as utf-16-le"),
    ],
)
def test_other_files_are_texts(tmp_path, name, text, line):
    recipe = made(tmp_path, name, text)

    assert recipe.task == Task.GENERATE
    assert line in recipe.understood


TAGGED = "the\tDET\ncow\tNOUN\nsees\tVERB\n.\tPUNCT\n\n" * 9
NER = "EU NNP B-ORG\nrejects VBZ O\n. . O\n\n" * 9


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.csv",
            b"PK\x03\x04\x14\0\x08xl/workbook.xml",
            "is no text: it is a zip archive or a spreadsheet such as .xlsx",
        ),
        ("a.csv", "<html><body><table>", "a.csv is an HTML page, no table"),
        ("a.csv", "", "is empty"),
        (
            "a.csv",
            "kettle\nlamp\n" * 9,
            r"in doubt what to train on the columns column1 \(2 different texts\): --set task",
        ),
        ("a.csv", "word\n" + "".join(f"{word}\n" for word in OPINIONS), r"on the columns word \(texts\): --set task="),
        (
            "a.csv",
            days("id,label\n", lambda n: f"tt{n:04},{n % 2}\n"),
            r"id \(codes\), label \(numbers\): --set data.text",
        ),
        (
            "a.csv",
            opinions("review,score\n", lambda n, text: f"{text},{n * 1.37}\n"),
            r"review \(texts\), score \(numbers\)",
        ),
        (
            "a.csv",
            opinions("a,b,mood\n", lambda n, text: f"{text},{text[::-1]},{n % 2}\n"),
            "it is in doubt what to train",
        ),
        ("a.csv", days("width,length,kind\n", lambda n: f"{n},{n * 2},{('x', 'y')[n % 2]}\n"), "--set task=forecast"),
        (
            "a.tsv",
            "my pairs\n" + pairs("", lambda a, b: rows(a, b, mark="\t")),
            "first row has 1 cell, but most have 2",
        ),
        (
            "a.tsv",
            "a b\tc\nd\n",
            "a.tsv, row 2: 1 cells, but others have 2; --set task=generate learns the file as plain",
        ),
        ("a.jsonl", '{"text": "a", "labels": ["x", "y"]}\n', "row 1, key labels: a list, but a cell is a text"),
        ("a.txt", "__label__a one\n__label__a __label__b two\n", "line 2: more than one label"),
        ("a.txt", "na\xefve\n".encode("latin-1") * 99, "probably cp1252 .*--set data.encoding=cp1252 reads it"),
    ],
)
def test_what_is_in_doubt_is_refused_with_a_way_out(tmp_path, name, text, message):
    with pytest.raises(RecipeError, match=message):
        made(tmp_path, name, text)


@pytest.mark.parametrize("text", [TAGGED, opinions("a,b,mood\n", lambda n, text: f"{text},{text[::-1]},{n % 2}\n")])
def test_the_ways_out_of_a_refusal_work_as_written(tmp_path, text):
    recipe = made(tmp_path, "a.csv", text, "task=generate")
    assert (recipe.task, recipe.data.text) == (Task.GENERATE, "a.csv")
    assert recipe.understood == (f"a.csv: plain text, {len(text):,} characters",)


def test_columns_and_tasks_that_the_user_names_decide(tmp_path):
    text = opinions("a,b,mood\n", lambda n, text: f"{text},{text[::-1]},{n % 2}\n")

    labelled = made(tmp_path, "a.csv", text, "data.text_column=b")
    assert (labelled.data.text_column, labelled.data.label_column) == ("b", "mood")
    assert labelled.understood[0].endswith("; left out: a")
    translated = made(tmp_path, "a.csv", text, "data.source_column=b", "data.target_column=a")
    assert (translated.task, translated.data.source_column) == (Task.TRANSLATE, "b")
    assert made(tmp_path, "a.csv", text, "task=translate").understood[0].startswith("a.csv: 40 pairs, from a to b (")
    flowers = days("width,length,kind\n", lambda n: f"{n % 7},{n * 2},{('x', 'y')[n % 2]}\n")
    assert made(tmp_path, "b.csv", flowers, "task=forecast").task == Task.FORECAST
    assert made(tmp_path, "b.csv", flowers, "data.columns=width").data.columns == ("width",)
    latin = opinions("review,mood\n", lambda n, text: f"{text} \xe9,{n % 2}\n").encode("cp1252")
    assert read_recipe_examples(made(tmp_path, "c.csv", latin, "data.encoding=cp1252")).texts[0].endswith("é")


def test_a_missing_label_is_not_a_label_of_its_own(tmp_path):
    text = opinions("review,mood\n", lambda n, text: f"{text},{('up', 'down', 'none', 'up')[n % 4]}\n")
    examples = read_recipe_examples(made(tmp_path, "a.csv", text + "well well,nan\nso so,\n"))
    assert (len(examples), examples.num_unlabelled) == (40, 2)
    assert set(examples.labels) == {"up", "down", "none"}

    recipe = made(tmp_path, "a.csv", text)
    assert set(read_recipe_examples(recipe).labels) == {"up", "down", "none"}
    assert recipe.understood[0].startswith("a.csv: 40 texts in column review, 3 labels in column mood")


def test_packed_files_are_understood_as_others(tmp_path):
    recipe = made(tmp_path, "a.csv.gz", gzip.compress(TABLES_OF_TEXTS["comments.csv"].encode()))
    assert (recipe.task, recipe.name, recipe.data.label_column) == (Task.CLASSIFY, "a", "Sentiment")


def test_the_last_word_of_a_name_tells_what_a_column_is(tmp_path):
    text = opinions(
        "user_name,text,airline_sentiment\n", lambda n, text: f"Jo Doe {n},{text},{('up', 'down')[n % 2]}\n"
    )
    recipe = made(tmp_path, "tweets.csv", text)

    assert (recipe.data.text_column, recipe.data.label_column) == ("text", "airline_sentiment")


@pytest.mark.parametrize(("name", "text"), [("a.txt", TAGGED), ("a.iob", NER)])
def test_words_with_tags_are_for_a_tagger(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    recipe = load_recipe(str(tmp_path / name))

    assert (recipe.task, recipe.data.tags, recipe.architecture) == (Task.TAG, name, "bidirectional_tagger")
    assert recipe.understood[0].startswith(f"{name}: words with tags, ")
