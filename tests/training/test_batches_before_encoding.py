"""The batches and the weights of a training whose texts are encoded while it runs are those of one that waited."""

from __future__ import annotations

import threading
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from tests.training.large_files import classification, translation, write_pairs, write_texts

from seqshell.core.events import Progress
from seqshell.host import Registry
from seqshell.training.classification import encoding
from seqshell.training.data.array_store import ArrayStore, remove_stores
from seqshell.training.data.batches import group_by_length
from seqshell.training.loop import train
from seqshell.training.preparation import prepare

pytestmark = pytest.mark.usefixtures("small_blocks_of_rows")


def batches_of(objective: Any, first: int = 0) -> list[list[Any]]:
    return [[array.tolist() for array in batch] for batch in objective.batches(5, first)]


@pytest.mark.parametrize("kind", ["pairs", "char pairs", "texts", "cut texts"])
def test_batches_before_the_tokens_are_in_the_file_are_those_after(
    tmp_path: Path, registry: Registry, kind: str
) -> None:
    write_pairs(tmp_path)
    write_texts(tmp_path)
    cut = {"model": {"max_length": 3}} if "cut" in kind else {}
    made = classification(tmp_path, **cut) if "texts" in kind else translation(tmp_path)
    if kind == "char pairs":
        made = translation(
            tmp_path, tokenizer={"name": "char"}, training={"max_length": 12, "batch_tokens": 60, "batch_size": 1}
        )
    prepared = prepare(made, registry)
    before = batches_of(prepared.objective)
    assert len(before) == prepared.objective.num_batches > 3
    assert all(len(batch[0]) for batch in before)
    assert batches_of(prepared.objective, 3) == before[3:]
    with prepared.beside():
        while not any(store is not None and {"ids", "sources"} & set(store.arrays) for store in stores(tmp_path)):
            pass
    name = "texts.csv" if "texts" in kind else "pairs.tsv"
    examples = prepared.objective.first_examples(2)
    (tmp_path / name).write_text("changed")  # of texts whose tokens are there, no more is read for a batch
    assert batches_of(prepared.objective) == before
    assert batches_of(prepared.objective, 3) == before[3:]
    assert examples


def stores(folder: Path) -> list[ArrayStore | None]:
    """The stores without the places of texts."""
    paths = [path for path in folder.rglob("*.tokens") if path.is_file()]
    found = [ArrayStore.open(path) for path in paths]
    return [store for store in found if store is not None and "training" not in store.arrays]


@pytest.mark.parametrize("make", [translation, classification], ids=["pairs", "texts"])
def test_weights_do_not_depend_on_the_file_nor_on_a_stop(tmp_path: Path, registry: Registry, make: Any) -> None:
    from safetensors.numpy import load_file

    write_pairs(tmp_path)
    write_texts(tmp_path)
    defaults = {"defaults": {"max_tokens": 3}} if make is translation else {}
    made, paths = make(tmp_path, **defaults), [tmp_path / f"{name}.safetensors" for name in ("whole", "again", "part")]
    list(train(made, registry, paths[0]))
    list(train(made, registry, paths[1]))
    remove_stores(tmp_path / "encoded")
    events = train(made, registry, paths[2])
    updates = (event for event in events if isinstance(event, Progress) and "epoch" in event.description)
    next(islice(updates, 4, None))
    events.close()
    remove_stores(tmp_path / "encoded")
    list(train(made, registry, paths[2], resume=True))
    whole, *others = ({name: values.tolist() for name, values in load_file(path).items()} for path in paths)
    assert others == [whole, whole]


def test_one_order_is_drawn_before_the_first_update_and_the_rest_is_encoded_after_it(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_texts(tmp_path)
    drawn = []

    def group(*given: Any, **more: Any) -> Any:
        drawn.append(given)
        return group_by_length(*given, **more)

    def is_encoding() -> bool:
        return any(thread.name == "seqshell-encoding" for thread in threading.enumerate())

    monkeypatch.setattr(encoding, "group_by_length", group)
    events = train(classification(tmp_path), registry, tmp_path / "a.safetensors")
    next(event for event in events if isinstance(event, Progress) and "epoch" in event.description)
    assert len(drawn) == 1
    assert not is_encoding()
    next(events)
    assert is_encoding() or stores(tmp_path)
    events.close()
    assert not is_encoding()
