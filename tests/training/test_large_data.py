"""Pairs and labelled texts in large files: encoded once, with the batches and figures of data in memory."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.training.large_files import classification, pairs, translation, write_pairs, write_series, write_texts

from seqshell.core.errors import RecipeError
from seqshell.core.text_output import readable
from seqshell.host import Registry
from seqshell.training.classification import folders, large_sources
from seqshell.training.classification.large_sources import text_sizes
from seqshell.training.data import large_table, large_text, understanding, vocabularies
from seqshell.training.data.array_store import ArrayStore, remove_stores
from seqshell.training.data.json_arrays import array_lines, is_array
from seqshell.training.preparation import prepare
from seqshell.training.preparation_progress import silent
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.translation import corpus, large_pairs

TWO_TOKENIZERS = {"source_tokenizer": {"name": "char"}, "target_tokenizer": {"name": "word"}}


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
