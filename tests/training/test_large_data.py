"""Pairs, labelled texts and series in large files: encoded once, with the batches and figures of data in memory."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqshell.core.errors import RecipeError
from seqshell.core.text_output import readable
from seqshell.host import Registry
from seqshell.training.classification import folders, large_sources
from seqshell.training.classification.large_sources import text_sizes
from seqshell.training.data import large_table, large_text, line_blocks, token_rows, understanding, vocabularies
from seqshell.training.data.array_store import ArrayStore, remove_stores
from seqshell.training.data.json_arrays import array_lines, is_array
from seqshell.training.forecasting import block_reading
from seqshell.training.forecasting import corpus as series
from seqshell.training.preparation import prepare
from seqshell.training.preparation_progress import silent
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.recipe import Recipe, recipe_from
from seqshell.training.translation import corpus, large_pairs

ONES = ("un", "deux", "trois", "quatre", "cinq", "café", '"six"')
OTHERS = ("one", "two", "three", "four", "five", "coffee", "'six'")
TRAINING = {"epochs": 1, "batch_size": 8, "precision": "float32", "sample_every": 0}
TWO_TOKENIZERS = {"source_tokenizer": {"name": "char"}, "target_tokenizer": {"name": "word"}}


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes every file large from now on, read in small blocks."""

    def make() -> None:
        monkeypatch.setattr(large_text, "LARGE", 1)
        monkeypatch.setattr(large_text, "BLOCK", 70)
        monkeypatch.setattr(large_table, "BEGINNING", 500)
        monkeypatch.setattr(token_rows, "TOGETHER", 16)
        monkeypatch.setattr(token_rows, "BUFFER", 32)
        monkeypatch.setattr(token_rows, "FORGOTTEN", 100)

    return make


def pairs(number: int = 120) -> list[tuple[str, str]]:
    draws = random.Random(0)
    rows = [draws.choices(range(len(ONES)), k=draws.randint(1, 5)) for _ in range(number)]
    made = [(" ".join(ONES[each] for each in row), " ".join(OTHERS[each] for each in row)) for row in rows]
    return [*made, ("", "nothing"), ("trop " * 30, "long"), *made[:5], (" ", " ")]


def translation(folder: Path, **changed: Any) -> Recipe:
    tables = {
        "task": "translate",
        "architecture": "seq2seq",
        "data": {"validation": 0.2, **changed.pop("data", {"pairs": "pairs.tsv"})},
        **({"tokenizer": {"name": "word"}} if "source_tokenizer" not in changed else {}),
        "model": {"embed_size": 4, "hidden_size": 6},
        "training": {**TRAINING, "max_length": 20, **changed.pop("training", {})},
        **changed,
    }
    return recipe_from(tables, name="small", folder=folder)


def write_pairs(folder: Path) -> None:
    rows = pairs()
    (folder / "pairs.tsv").write_text("".join(f"{one}\t{other}\n" for one, other in rows))
    (folder / "a.fr").write_text("\n".join(one for one, _ in rows))
    (folder / "a.en").write_text("".join(f"{other}\n" for _, other in rows))
    (folder / "more.tsv").write_text("dix\tten\nun deux\tone two\n" + f"{rows[3][0]}\t{rows[3][1]}\n")


def classification(folder: Path, **changed: Any) -> Recipe:
    tables = {
        "task": "classify",
        "architecture": "classifier",
        "data": {"table": "texts.csv", "validation": 0.2, **changed.pop("data", {})},
        "tokenizer": {"name": "word"},
        "model": {"embed_size": 4, "hidden_size": 6, **changed.pop("model", {})},
        "training": TRAINING,
    }
    return recipe_from(tables, name="small", folder=folder)


def write_texts(folder: Path) -> None:
    draws = random.Random(1)
    rows = [(one.replace('"', '""'), draws.choice(("yes", "no", "0"))) for one, _ in pairs()]
    lines = "".join(f'"{text}",{label}\n' for text, label in [*rows, ("un  deux", ""), ("un", "yes"), ("a\nb", "no")])
    (folder / "texts.csv").write_text("text,label\n" + lines)
    (folder / "other.csv").write_text("text,label\nun deux,yes\nsix,no\n")


def assert_same_training(one: Any, other: Any) -> None:
    """Both objectives have the same batches, figures and descriptions."""
    for order in (0, 7):
        for batch, expected in zip(one.batches(order, 1), other.batches(order, 1), strict=True):
            for array, values in zip(batch, expected, strict=True):
                np.testing.assert_array_equal(array, values)
    for name in ("data", "split", "description", "num_batches"):
        assert getattr(one, name) == getattr(other, name)
    assert one.first_examples(3) == other.first_examples(3)
    assert one.examples() == other.examples()


def texts_of(batches: Iterable[Any]) -> list[Any]:
    """The different rows of all batches, without padding."""
    found = set[Any]()
    for batch in batches:
        found.update(
            zip(*([tuple(row[row != 0].tolist()) for row in array] for array in batch if array.ndim > 1), strict=True)
        )
    return sorted(found)


def assert_same_texts(one: Any, other: Any) -> None:
    """Both objectives read the same texts in an epoch, and have the same figures."""
    assert texts_of(one.batches(7)) == texts_of(other.batches(7))
    assert one.data == other.data
    assert one.split == other.split
    assert one.description.replace("about ", "") == other.description
    assert one.first_examples(3) == other.first_examples(3)
    assert one.examples() == other.examples()
    np.testing.assert_array_equal(one.inputs().steps, other.inputs().steps)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"data": {"source": "a.fr", "target": "a.en"}, **TWO_TOKENIZERS},
        {"data": {"pairs": "pairs.tsv", "extra_pairs": "more.tsv", "extra_copies": 3}},
        {"data": {"pairs": "pairs.tsv", "validation": "more.tsv"}, "training": {"plain_sources": 0.5}},
    ],
)
def test_pairs_of_large_files_are_those_of_small_ones(
    tmp_path: Path, registry: Registry, large: Callable[[], None], changed: dict[str, Any]
) -> None:
    write_pairs(tmp_path)
    recipe = translation(tmp_path, **changed)
    small = prepare(recipe, registry)
    large()
    prepared = prepare(recipe, registry)

    assert_same_texts(prepared.objective, small.objective)
    assert prepared.tokenizer.to_json() == small.tokenizer.to_json()
    assert (prepared.source_tokenizer is prepared.tokenizer) == (small.source_tokenizer is small.tokenizer)
    module = small.new_module().eval()
    assert prepared.objective.validate(module) == small.objective.validate(module)


def test_encoded_pairs_are_used_again_until_a_file_or_a_setting_changes(
    tmp_path: Path, registry: Registry, large: Callable[[], None]
) -> None:
    write_pairs(tmp_path)
    large()

    def path(**changed: Any) -> Path:
        found = corpus.large_pairs(translation(tmp_path, **changed), registry, None)
        assert found is not None
        found.read()
        found.encode(silent)
        return found.path

    first = path()
    written = first.stat().st_mtime_ns
    assert path() == first
    assert first.stat().st_mtime_ns == written
    assert path(training={"max_length": 4}) != first
    data = bytearray(first.read_bytes())
    data[3] ^= 1
    first.write_bytes(data)
    assert ArrayStore.open(first) is None
    assert path() == first
    assert ArrayStore.open(first) is not None
    (tmp_path / "pairs.tsv").write_text("un\tone\ndeux\ttwo\n" * 40)
    assert path() != first
    assert len(remove_stores(first.parent)) == 6  # with what is written first


def test_large_files_of_different_lengths_are_refused(
    tmp_path: Path, registry: Registry, large: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pairs(tmp_path)
    with (tmp_path / "a.en").open("a") as file:
        file.write("more\nlines\n")
    large()
    with pytest.raises(RecipeError, match=r"^a\.fr has 128 lines and a\.en has 130; they must match line by line$"):
        prepare(translation(tmp_path, data={"source": "a.fr", "target": "a.en"}), registry)
    for module in (vocabularies, large_pairs):
        monkeypatch.setattr(module, "SAMPLE", 10**6)
    kinds = [{"name": "bpe", "vocab_size": 60, "min_freq": 1}, {"name": "word"}]
    whole = [prepare(translation(tmp_path, tokenizer=kind), registry).tokenizer.to_json() for kind in kinds]
    for module in (vocabularies, large_pairs):
        monkeypatch.setattr(module, "SAMPLE", 60)
    subwords, words = (prepare(translation(tmp_path, tokenizer=kind), registry).tokenizer.to_json() for kind in kinds)
    assert subwords != whole[0]
    assert words == whole[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"data": {"label_names": ["0 = maybe"]}},
        {"data": {"validation": "other.csv"}, "model": {"linear_ngrams": 2, "max_length": 3}},
    ],
)
def test_texts_of_a_large_table_are_those_of_a_small_one(
    tmp_path: Path, registry: Registry, large: Callable[[], None], changed: dict[str, Any]
) -> None:
    write_texts(tmp_path)
    recipe = classification(tmp_path, **changed)
    small = prepare(recipe, registry)
    large()
    prepared = prepare(recipe, registry)

    assert_same_texts(prepared.objective, small.objective)
    assert (prepared.labels, prepared.tokenizer.to_json()) == (small.labels, small.tokenizer.to_json())
    module = small.new_module().eval()
    assert prepared.objective.measure(module) == small.objective.measure(module)


def write_labelled(folder: Path, form: str) -> dict[str, Any]:
    """The texts of `write_texts` in another form; returns the [data] of a recipe for them."""
    draws, texts = random.Random(1), [one for one, _ in pairs() if one.strip()]
    rows = [(text, draws.choice(("yes", "no"))) for text in texts]
    if form == "fasttext":
        (folder / "texts.txt").write_text("\n" + "".join(f"__label__{label} {text}\n\n" for text, label in rows))
        return {"table": "texts.txt"}
    if form == "array":
        items = (json.dumps({"text": text, "label": label}, indent=1) for text, label in rows)
        (folder / "texts.json").write_text(" \n[" + " ,\n".join(items) + "]\n\n")
        return {"table": "texts.json"}
    for number, (text, label) in enumerate(rows):
        path = folder / "texts" / (f"{label}/{number:03}.txt" if form == "folders" else f"{label}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"{text}\n")
    return {"table": "", "folder": "texts"}


@pytest.mark.parametrize("form", ["fasttext", "array", "folder", "folders"])
def test_texts_of_other_large_files_are_those_of_small_ones(
    tmp_path: Path, registry: Registry, large: Callable[[], None], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    recipe = classification(tmp_path, data={**write_labelled(tmp_path, form), "label_names": ["no = never"]})
    small = prepare(recipe, registry)
    large()
    prepared = prepare(recipe, registry)

    assert_same_texts(prepared.objective, small.objective)
    assert prepared.labels == small.labels == ("never", "yes")
    assert list(prepared.objective.split_of.validation.places) == list(small.objective.split_of.validation.places)
    sizes = text_sizes(recipe)
    with monkeypatch.context() as patch:
        patch.setattr(large_text, "LARGE", 10**9)
        expected = text_sizes(recipe)
    assert sizes == expected if form != "array" else 0.7 < sizes[0] / expected[0] < 1.4
    monkeypatch.setattr(large_sources, "BEGINNING", 300)
    assert 0.4 < text_sizes(recipe)[0] / expected[0] < 2.5
    monkeypatch.setattr(understanding, "SAMPLE", 300)
    monkeypatch.setattr(folders, "LARGE", 1)
    path = tmp_path / (recipe.data.table or recipe.data.folder)
    found = understanding.understand(path, {})
    assert found.task == "classify"
    if form != "array":
        size = sum(file.stat().st_size for file in (path.rglob("*.txt") if path.is_dir() else [path]))
        assert readable(size) in found.lines[0]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[{"text": "a"}', "row 2: not JSON: the array does not end"),
        ('[{"text": "a"} {"text": "b"}]', "row 2: not JSON: a comma or a bracket is missing before it"),
        ('[{"text": "a"},]', "row 2: not JSON: Expecting value"),
        ('[{"text": "a"}, {"text"]', "row 2: not JSON: Expecting ':' delimiter"),
        ("[" * 5000, "row 1: not JSON: it is nested too deeply"),
        ('[{"text": "a"}] {}', "x.json: not JSON: there is more behind the array"),
    ],
    ids=["no end", "no comma", "no item", "no value", "deep", "more"],
)
def test_a_fault_in_an_array_is_named_with_its_row(text: str, fault: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(fault)):
        list(array_lines("x.json", [text[place : place + 3] for place in range(0, len(text), 3)]))
    assert list(array_lines("x.json", [" ", "\n[", " ]"])) == []
    assert not is_array("{}")


def test_a_fault_in_json_lines_is_named_with_its_row(
    tmp_path: Path, registry: Registry, large: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_table, "TOGETHER", 7)
    lines = [json.dumps({"text": one, "label": "yes"}) for one, _ in pairs()]
    (tmp_path / "texts.jsonl").write_text("\n".join([*lines, "{"]))
    large()
    with pytest.raises(RecipeError, match=f"^texts.jsonl, row {len(lines) + 1}: not JSON: "):
        prepare(classification(tmp_path, data={"table": "texts.jsonl"}), registry)


def test_a_fault_in_a_large_table_is_named_with_its_row(
    tmp_path: Path, registry: Registry, large: Callable[[], None]
) -> None:
    write_texts(tmp_path)
    with (tmp_path / "texts.csv").open("a") as file:
        file.write("trois,single\n")
    large()
    with pytest.raises(
        RecipeError, match=r"^texts\.csv, row 133, column label: this is the only text labelled 'single'"
    ):
        prepare(classification(tmp_path), registry)
    with (tmp_path / "texts.csv").open("a") as file:
        file.write("x,single,y\n" + "un,no\n" * 300)
    with pytest.raises(RecipeError, match=r"^texts\.csv, row 134: 3 cells, but others have 2"):
        prepare(classification(tmp_path), registry)


def write_series(folder: Path, order: str) -> None:
    """Two columns of three series: in order of time, mixed, with gaps, or as one series."""
    draws = random.Random(2)
    rows = [
        (f"2020-01-{day:02} {hour:02}:00", key, f"{draws.gauss(hour, 3):.3f}", f"{draws.gauss(9, 1):.2f}")
        for key in ("a", "b", "c")
        for day in range(1, 8)
        for hour in range(24)
    ]
    if order == "mixed":
        rows.sort()
        rows[60:90] = reversed(rows[60:90])
    if order == "gaps":
        rows[200] = (*rows[200][:2], "", rows[200][3])
        rows[0] = (*rows[0][:2], "", rows[0][3])
    if order == "one":
        rows = [(time, "", one, other) for time, key, one, other in rows if key == "a"]
    (folder / "series.csv").write_text("time,key,x,y\n" + "".join(f"{','.join(row)}\n" for row in rows))


@pytest.mark.parametrize("order", ["sorted", "mixed", "gaps", "one"])
def test_series_of_a_large_table_are_those_of_a_small_one(
    tmp_path: Path, registry: Registry, large: Callable[[], None], order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path, order)
    tables = {
        "task": "forecast",
        "architecture": "forecaster",
        "data": {"table": "series.csv", "validation": 0.2},
        "model": {"hidden_size": 4, "horizon": 4, "window": 8, "segment": 4, "linear_window": 4},
        "training": {**TRAINING, "sequence_length": 8},
    }
    recipe = recipe_from(tables, name="small", folder=tmp_path)
    small = prepare(recipe, registry)
    large()
    monkeypatch.setattr(line_blocks, "BLOCK", 2000)
    monkeypatch.setattr(block_reading, "LAST", 100)
    monkeypatch.setattr(series, "GATHERED", 40)
    monkeypatch.setattr(large_table, "BEGINNING", 1000 if order == "one" else 6000)
    prepared = prepare(recipe, registry)

    assert prepared.objective.source.is_stored
    one, other = prepared.objective, small.objective
    for batch, expected in zip(one.batches(7), other.batches(7), strict=True):
        for array, values in zip(batch, expected, strict=True):
            np.testing.assert_array_equal(array, values)
    assert (one.data, one.split, one.series, one.num_batches) == (
        other.data,
        other.split,
        other.series,
        other.num_batches,
    )
    assert one.first_examples(3) == other.first_examples(3)
    module = small.new_module().eval()
    assert one.validate(module) == other.validate(module)
    assert len(list((tmp_path / "encoded").glob("*.tokens"))) <= 1


def test_faults_of_large_series_are_named_with_their_rows(
    tmp_path: Path, registry: Registry, large: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_from(
        {
            "task": "forecast",
            "architecture": "forecaster",
            "data": {"table": "series.csv", "series_column": "key", "fill": "none"},
        },
        name="small",
        folder=tmp_path,
    )
    large()
    monkeypatch.setattr(line_blocks, "BLOCK", 2000)
    monkeypatch.setattr(block_reading, "LAST", 100)
    monkeypatch.setattr(large_table, "BEGINNING", 6000)
    write_series(tmp_path, "gaps")
    with pytest.raises(
        RecipeError, match=r"^series\.csv, row 2, column x: 1 value is missing in the series a; --set data\.fill=linear"
    ):
        prepare(recipe, registry)
    write_series(tmp_path, "sorted")
    with (tmp_path / "series.csv").open("a") as file:
        file.write("2020-01-01 00:00,b,1,2\n")
    with pytest.raises(RecipeError, match="rows 170 and 506 of the series 'b' have the same time; remove one of them"):
        prepare(recipe, registry)


def test_recipes_for_large_tables_are_made_from_their_first_rows(
    tmp_path: Path, large: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pairs(tmp_path)
    write_texts(tmp_path)
    write_series(tmp_path, "sorted")
    small = [load_recipe(str(tmp_path / name)) for name in ("pairs.tsv", "texts.csv", "series.csv")]
    large()
    monkeypatch.setattr(large_table, "BEGINNING", 1400)
    monkeypatch.setattr(understanding, "SAMPLE", 1000)
    found = [load_recipe(str(tmp_path / name)) for name in ("pairs.tsv", "texts.csv", "series.csv")]
    for one, other in zip(found, small, strict=True):
        assert (one.task, one.architecture, one.data.table) == (other.task, other.architecture, other.data.table)
        assert one.training.epochs == pytest.approx(other.training.epochs, rel=0.1)
    assert "; of its first rows: " in found[0].understood[0]
