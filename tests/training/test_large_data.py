"""Pairs, labelled texts and series in large files: encoded once, with the batches and figures of data in memory."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqshell.core.errors import RecipeError
from seqshell.host import Registry
from seqshell.training.data import large_table, large_text, token_rows, vocabularies
from seqshell.training.data.array_store import ArrayStore, remove_stores
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import Recipe, recipe_from
from seqshell.training.translation import corpus

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

    assert isinstance(prepared.objective.encoded[0].sources, token_rows.TokenRows)
    assert_same_training(prepared.objective, small.objective)
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
    assert len(remove_stores(first.parent)) == 3


def test_large_files_of_different_lengths_are_refused(
    tmp_path: Path, registry: Registry, large: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pairs(tmp_path)
    with (tmp_path / "a.en").open("a") as file:
        file.write("more\nlines\n")
    large()
    with pytest.raises(RecipeError, match=r"^a\.fr has 128 lines and a\.en has 130; they must match line by line$"):
        prepare(translation(tmp_path, data={"source": "a.fr", "target": "a.en"}), registry)
    whole = prepare(translation(tmp_path), registry).tokenizer.size
    monkeypatch.setattr(vocabularies, "WHOLE", 100)
    monkeypatch.setattr(vocabularies, "SAMPLE", 60)
    monkeypatch.setattr(corpus, "SAMPLED", (100, 60))
    assert 6 < prepare(translation(tmp_path), registry).tokenizer.size < whole
