"""Trainings on large texts: encoded once into a file, with the weights of a text in memory, also after a stop."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tests.training.large_texts import TEXT, TOKENIZERS, recipe

from seqshell.cli import main
from seqshell.core.errors import RecipeError
from seqshell.core.events import Progress
from seqshell.core.text_output import readable
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.host import Registry
from seqshell.training.data import (
    large_text,
)
from seqshell.training.data.array_store import ArrayStore, check_room, locked, remove_stores, write_store
from seqshell.training.data.large_text import LargeText
from seqshell.training.data.text import Streams
from seqshell.training.language import begun
from seqshell.training.language.corpus import beside, large_corpus, read_recipe_text
from seqshell.training.loop import train
from seqshell.training.preparation import tokenizer_type
from seqshell.training.preparation_progress import Stages, reported
from seqshell.training.recipes.recipe import Recipe


def stored(made: Recipe, registry: Registry) -> Path:
    """The file with the tokens."""
    found = large_corpus(made, tokenizer_type(registry, made.tokenizer))
    assert found is not None
    return found.path


def bent(path: Path, place: int) -> None:
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def assert_same_weights(one: Path, other: Path) -> None:
    left, right = load_file(one), load_file(other)
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name])


def test_the_weights_are_those_of_a_text_in_memory_and_the_next_run_reuses_the_file(
    tmp_path: Path, registry: Registry, request: pytest.FixtureRequest
) -> None:
    made = recipe(tmp_path, TOKENIZERS[1])
    list(train(made, registry, tmp_path / "one.safetensors"))
    assert not (tmp_path / "encoded").exists()
    request.getfixturevalue("blocks")
    events = list(train(made, registry, tmp_path / "two.safetensors"))

    assert_same_weights(tmp_path / "one.safetensors", tmp_path / "two.safetensors")
    stages = [event.description for event in events if isinstance(event, Progress)]
    assert list(dict.fromkeys(stages))[:2] == ["reading text.txt", "encoding text.txt"]
    (path,) = (tmp_path / "encoded").glob("*.tokens")
    written = path.stat().st_mtime_ns
    events = list(train(made, registry, tmp_path / "three.safetensors"))
    assert "encoding text.txt" not in [event.description for event in events if isinstance(event, Progress)]
    assert path.stat().st_mtime_ns == written


def test_a_training_on_characters_begins_before_they_are_encoded(
    tmp_path: Path, registry: Registry, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recipe(tmp_path)
    small = Streams(read_recipe_text(made, CharTokenizer)[2], 5, 7)
    request.getfixturevalue("blocks")
    monkeypatch.setattr(begun, "BLOCK", 50)
    monkeypatch.setattr(begun, "MOST_BLOCKS", 3)
    _, text, ids, validation = read_recipe_text(made, CharTokenizer)
    assert isinstance(ids, begun.BegunTokens)
    assert not stored(made, registry).exists()
    assert_same_batches(Streams(ids, 5, 7), small)  # type: ignore[arg-type]  # read like an array
    assert [int(ids[0]), int(ids[-1])] == [small.ids[0], small.ids[-1]]
    assert text.validation_bytes == len(TEXT[len(ids) :].encode())

    with beside(made, CharTokenizer, None):
        assert_same_batches(Streams(ids, 5, 7), small)  # type: ignore[arg-type]  # as above
        while not stored(made, registry).exists():
            threading.Event().wait(0.01)
    (tmp_path / "text.txt").write_text("changed " * 200)
    assert_same_batches(Streams(ids, 5, 7), small)  # type: ignore[arg-type]  # as above
    np.testing.assert_array_equal(validation[:9], read_recipe_text(recipe(tmp_path), CharTokenizer)[3][:9])
    remove_stores(stored(made, registry).parent)
    _, _, ids, _ = read_recipe_text(made, CharTokenizer)
    (tmp_path / "text.txt").write_text("again " * 200)
    with pytest.raises(RecipeError, match=r"^text\.txt was changed while it was read; train again$"):
        ids[5]


def assert_same_batches(one: Streams, other: Streams) -> None:
    for batch, expected in zip(one.batches(11), other.batches(11), strict=True):
        np.testing.assert_array_equal(batch, expected)


def test_a_stopped_training_continues_as_one_in_memory_that_was_not_stopped(
    tmp_path: Path, registry: Registry, request: pytest.FixtureRequest
) -> None:
    made, out, whole = recipe(tmp_path), tmp_path / "part.safetensors", tmp_path / "whole.safetensors"
    list(train(made, registry, whole))
    request.getfixturevalue("blocks")
    events = train(made, registry, out)
    for number, _ in enumerate(
        event for event in events if isinstance(event, Progress) and "epoch" in event.description
    ):
        if number == 7:
            events.close()
            break
    remove_stores(tmp_path / "encoded")
    list(train(made, registry, out, resume=True))

    assert_same_weights(out, whole)


@pytest.mark.parametrize("harm", ["ids", "end", "cut", "none"])
def test_a_damaged_file_is_written_again(tmp_path: Path, registry: Registry, blocks: None, harm: str) -> None:
    made = recipe(tmp_path, TOKENIZERS[1])
    kind = tokenizer_type(registry, made.tokenizer)
    before = np.array(read_recipe_text(made, kind)[2])
    path = stored(made, registry)
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    elif harm != "none":
        bent(path, {"ids": 5, "end": -1}[harm])
    assert (ArrayStore.open(path) is None) == (harm != "none")

    np.testing.assert_array_equal(read_recipe_text(made, kind)[2], before)
    assert ArrayStore.open(path) is not None


def test_a_changed_text_has_another_file_and_is_not_resumed(tmp_path: Path, registry: Registry, blocks: None) -> None:
    made, out = recipe(tmp_path), tmp_path / "a.safetensors"
    list(train(made, registry, out))
    before = stored(made, registry)
    recipe(tmp_path, text=TEXT.replace("cat", "dog"))

    assert stored(made, registry) != before
    with pytest.raises(RecipeError, match=r"text\.txt has changed since"):
        list(train(made, registry, out, resume=True))


def test_a_text_that_changes_while_it_is_encoded_is_refused(tmp_path: Path, registry: Registry, blocks: None) -> None:
    made = recipe(tmp_path)
    found = large_corpus(made, tokenizer_type(registry, made.tokenizer))
    assert found is not None

    def stages(stage: str) -> object:
        if stage.startswith("vocabulary"):
            (tmp_path / "text.txt").write_text(TEXT.replace("cat", "tac"), "utf-8")
        return large_text.unheard

    with pytest.raises(RecipeError, match=r"text\.txt was changed while it was read; train again"):
        found.encode(stages)  # type: ignore[arg-type]
    assert not list(tmp_path.rglob("*.tokens"))


def test_work_that_is_stopped_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "encoded" / "a.tokens"
    begun = threading.Event()

    def work(stages: Stages) -> None:
        report = stages("encoding")

        def parts() -> Iterator[bytes]:
            while True:
                yield b"1"
                begun.set()
                report(1, 2)

        write_store(path, [("ids", "u1", parts())], {})

    assert {event.done for event in reported(work, begun.is_set)} <= {1}
    assert list(path.parent.iterdir()) == []
    with pytest.raises(RecipeError, match=r"^cannot read none: No such file"):
        list(reported(lambda stages: print(LargeText(Path("none")).facts()), lambda: False))


def test_two_trainings_write_a_file_once_and_a_full_disk_is_one_clear_line(
    tmp_path: Path, registry: Registry, blocks: None
) -> None:
    path = tmp_path / "encoded" / "a.tokens"
    with locked(path) as mine, locked(path) as other:
        assert (mine, other) == (True, False)
        assert remove_stores(tmp_path / "encoded") == []
        assert path.with_suffix(".lock").exists()
    with pytest.raises(RecipeError, match="MB free, but the encoded data needs about 1,000,000,000,000 MB; choose"):
        check_room(path, 10**18)
    (tmp_path / "file").touch()
    with pytest.raises(RecipeError, match=r"^cannot write to"):
        list(train(recipe(tmp_path), registry, tmp_path / "file" / "a.safetensors"))


def test_stores_are_removed_with_what_unfinished_ones_left(tmp_path: Path, registry: Registry, blocks: None) -> None:
    made = recipe(tmp_path, TOKENIZERS[1])
    read_recipe_text(made, tokenizer_type(registry, made.tokenizer))
    path = stored(made, registry)
    size, left = path.stat().st_size, path.with_name(".seqshell-1-a.tmp")
    left.write_bytes(b"12345")
    (path.parent / "other.txt").touch()

    assert remove_stores(path.parent) == [(left, 5), (path, size)]
    assert [each.name for each in path.parent.iterdir()] == ["other.txt"]
    assert remove_stores(tmp_path / "none") == []


def test_models_clean_says_what_it_removes(
    tmp_path: Path, blocks: None, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    made = dataclasses.replace(recipe(tmp_path, TOKENIZERS[1]), store=tmp_path / "encoded")
    read_recipe_text(made, ByteTokenizer)
    path = stored(made, registry)
    size = path.stat().st_size

    assert main(["models", "clean", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"removed {path} ({readable(size)})\nfreed {readable(size)}\n"
    assert main(["models", "clean", str(tmp_path), "--json"]) == 0
    assert capsys.readouterr().out == '{"removed":[],"bytes":0}\n'
    assert main(["models", "clean", str(tmp_path / "none")]) == 2
    assert main(["models", "list", "all"]) == 2
