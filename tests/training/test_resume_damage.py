"""Resume files that were damaged: refused in one line, with what the user can do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from seqshell.core.errors import RecipeError
from seqshell.host import Registry
from seqshell.training import resume
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import Recipe, recipe_from
from seqshell.training.run import Run

TRAINING = {"epochs": 3, "batch_size": 4, "sequence_length": 16, "ema": 0.9, "sample_length": 5, "precision": "float32"}


def small(folder: Path, **training: Any) -> Recipe:
    (folder / "text.txt").write_text("the cat sat on the mat and the dog sat on the log " * 20)
    tables = {
        "task": "generate",
        "architecture": "gru",
        "data": {"text": "text.txt"},
        "model": {"embed_size": 4, "hidden_size": 6, "num_layers": 1},
        "training": {**TRAINING, **training},
    }
    return recipe_from(tables, name="small", folder=folder)


def trained(folder: Path, registry: Registry, **training: Any) -> Run:
    """A run with a validation behind it, in the second epoch."""
    run = Run(prepare(small(folder, **training), registry), folder / "small.run")
    for _ in run.epochs(lambda: run.progress.epoch == 1 and run.progress.batch == 2):
        pass
    run.write()
    return run


def restored(run: Run, registry: Registry) -> Run:
    again = Run(run.prepared, run.folder)
    again.restore()
    return again


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Iterator[Run]:
    run = trained(tmp_path_factory.mktemp("whole"), registry)
    content = run.resume_file.read_bytes()
    restored(run, registry)
    yield run
    run.resume_file.write_bytes(content)


def refusal(run: Run, registry: Registry, change: Callable[[dict[str, Any], dict[str, Tensor]], object]) -> str:
    """The message about a file of which something was changed before it was written, with its hint."""
    content = run.resume_file.read_bytes()
    record, tensors = resume.read_resume(run.resume_file)
    change(record, tensors)
    resume.write_resume(run.resume_file, record, tensors)
    try:
        with pytest.raises(RecipeError) as caught:
            restored(run, registry)
    finally:
        run.resume_file.write_bytes(content)
    start = f"cannot resume from {run.resume_file}: it is damaged"
    assert caught.value.message.startswith(start)
    assert caught.value.hint == "omit --resume to start over"
    return caught.value.message.removeprefix(start)


NAN = float("nan")
CHANGES: list[tuple[Callable[[dict[str, Any], dict[str, Tensor]], object], str]] = [
    (lambda record, tensors: tensors.pop("optimizer.0.exp_avg"), ": the optimizer has other numbers than exp_avg, "),
    (lambda record, tensors: tensors.update({"optimizer.77.step": torch.zeros(())}), ": the optimizer has other"),
    (lambda record, tensors: tensors["optimizer.0.exp_avg_sq"].sub_(1), ": exp_avg_sq of the optimizer is below 0"),
    (
        lambda record, tensors: tensors.update({"optimizer.0.exp_avg": torch.zeros(3)}),
        ": exp_avg of the optimizer is [3] of torch.float32, not [",
    ),
    (lambda record, tensors: tensors.pop("best.readout.bias"), ": its weights lack readout.bias"),
    (lambda record, tensors: tensors.pop("average.readout.bias"), ": its weights lack readout.bias"),
    (lambda record, tensors: tensors.pop("weights.readout.bias"), ""),
    (
        lambda record, tensors: tensors.update({"weights.readout.bias": tensors["weights.readout.bias"].long()}),
        ": readout.bias of its weights is [",
    ),
    (lambda record, tensors: tensors["best.readout.bias"][:2].fill_(NAN), ": 2 of the "),
    (lambda record, tensors: tensors.update({"state.1": torch.zeros(1)}), ": its state has 2 tensors, not 1"),
    (lambda record, tensors: tensors.update({"state.0": torch.zeros(1)}), ": its state is [1] of torch.float32"),
    (lambda record, tensors: tensors.update({"random.torch": torch.zeros(5, dtype=torch.uint8)}), ""),
    (lambda record, tensors: tensors.pop("random.torch"), ""),
    (lambda record, tensors: record["random"]["numpy"].__setitem__(0, "PCG64"), ""),
    (lambda record, tensors: record["random"]["python"].pop(), ""),
    (lambda record, tensors: record["draws"].update(bit_generator="MT19937"), ""),
    (lambda record, tensors: record.pop("draws"), ""),
    (lambda record, tensors: record.pop("place"), ""),
    (lambda record, tensors: record.update(recipe=[]), ""),
    (lambda record, tensors: record.update(precision="int4"), ": its precision is unknown"),
    (lambda record, tensors: record["optimizer"][0].update(lr=NAN), ": the learning rate of the optimizer is no"),
    (lambda record, tensors: record["place"].update(step="3"), ": its step is 3"),
    (lambda record, tensors: record["place"].update(epoch=-1), ": its epoch is -1"),
    (lambda record, tensors: record["place"].update(order=10**12), ": its position in the data is impossible"),
    (lambda record, tensors: record["place"].update(seconds=NAN), ": its seconds is nan"),
    (lambda record, tensors: record["place"].update(history=[3]), ": a record of its history has neither"),
    (lambda record, tensors: record["place"].update(best={"epoch": 1}), ": a record of its history has neither"),
    (lambda record, tensors: record["place"].update(more=1), ""),
]


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_a_resume_file_that_does_not_fit_is_refused_in_one_line(whole, registry, change, reason):
    message = refusal(whole, registry, change)

    assert message.startswith(reason) if reason else message == ""
    assert "\n" not in message


@pytest.mark.parametrize("place", [0, 8, 1000, -5000, -1])
def test_a_changed_byte_is_noticed(whole, registry, place):
    """In the header by the format, in the record and the data by the checksum."""
    content = whole.resume_file.read_bytes()
    changed = bytearray(content)
    changed[place] ^= 1
    whole.resume_file.write_bytes(changed)
    try:
        with pytest.raises(RecipeError, match=r"^cannot resume from .*: it is damaged$"):
            restored(whole, registry)
    finally:
        whole.resume_file.write_bytes(content)


def test_the_best_weights_are_offered_if_they_were_kept(tmp_path, registry):
    run = trained(tmp_path, registry)
    best = tmp_path / "small.safetensors"
    best.touch()
    run.resume_file.write_bytes(b"")
    with pytest.raises(RecipeError) as caught:
        restored(run, registry)
    assert caught.value.hint == (
        f"omit --resume to start over, or replace it by --set training.parent={best} to start from the best weights"
    )


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_file_without_a_checksum_is_resumed(tmp_path, registry, optimizer):
    """As earlier versions wrote it."""
    run = trained(tmp_path, registry, optimizer=optimizer)
    record, tensors = resume.read_resume(run.resume_file)
    save_file(load_file(run.resume_file), run.resume_file, {resume.RECORD: json.dumps(record)})

    again = restored(run, registry)

    assert again.progress == run.progress
    assert all(torch.equal(tensor, tensors[f"weights.{name}"]) for name, tensor in again.module.state_dict().items())
