"""A training that is stopped or killed is resumed bit for bit; a resume file that does not fit is refused."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.small_trainings import TEXT, assert_same, recipe, started

from seqshell.core.errors import RecipeError
from seqshell.core.events import Event, Notice, Progress
from seqshell.host import Registry
from seqshell.models import file
from seqshell.training import resume
from seqshell.training.loop import train


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["lstm", "gru"])
@pytest.mark.parametrize("at", [1, 14, 17, 28])  # within an epoch, after its last batch, early and late in later epochs
def test_a_training_resumes_bit_for_bit(tmp_path: Path, registry: Registry, architecture: str, at: int) -> None:
    chosen = recipe(tmp_path, architecture=architecture, epochs=3)
    straight = started(chosen, registry, tmp_path / "straight")
    list(straight.epochs())
    halted = started(chosen, registry, tmp_path / "halted")
    next(islice(halted.epochs(), at, None))
    halted.write()
    torch.manual_seed(99)  # as in another process

    resumed = started(chosen, registry, tmp_path / "halted")
    torch.rand(3)
    resumed.restore()
    list(resumed.epochs())

    assert straight.progress.step == resumed.progress.step == straight.total_steps
    assert_same(straight, resumed)


def test_work_after_the_last_resume_point_is_repeated_identically(tmp_path: Path, registry: Registry) -> None:
    """As after a kill: the process ends without warning in the middle of an epoch."""
    chosen = recipe(tmp_path, epochs=3)
    straight = started(chosen, registry, tmp_path / "straight")
    list(straight.epochs())
    killed = started(chosen, registry, tmp_path / "killed")
    running = killed.epochs()
    next(islice(running, 18, None))  # the end of the epoch wrote a resume file; later work is lost
    del running, killed

    resumed = started(chosen, registry, tmp_path / "killed")
    resumed.restore()
    assert (resumed.progress.epoch, resumed.progress.batch) == (1, 0)
    list(resumed.epochs())

    assert_same(straight, resumed)


@pytest.mark.slow
@pytest.mark.parametrize(
    "training",
    [
        {"optimizer": "sgd", "learning_rate": 0.5, "momentum": 0.9},
        {"optimizer": "sgd", "ema": 0.0},
        {"optimizer": "adam"},
    ],
    ids=["momentum", "without average", "adam"],
)
def test_every_optimizer_learns_and_resumes(tmp_path: Path, registry: Registry, training: dict[str, Any]) -> None:
    chosen = recipe(tmp_path, epochs=2, clip_value=0.5, **training)
    straight = started(chosen, registry, tmp_path / "straight")
    list(straight.epochs())
    halted = started(chosen, registry, tmp_path / "halted")
    next(islice(halted.epochs(), 5, None))
    halted.write()
    resumed = started(chosen, registry, tmp_path / "halted")
    resumed.restore()
    list(resumed.epochs())

    assert_same(straight, resumed)
    losses = [record["loss"] for record in straight.progress.history if "loss" in record]
    assert losses[-1] < losses[0]


def test_a_stopped_training_keeps_the_best_and_can_be_resumed(tmp_path: Path, registry: Registry) -> None:
    chosen, out = recipe(tmp_path), tmp_path / "a.safetensors"
    straight = list(train(chosen, registry, tmp_path / "b.safetensors"))
    seen: list[Event] = []
    for event in train(chosen, registry, out, stopped=lambda: sum(isinstance(event, Progress) for event in seen) >= 20):
        seen.append(event)

    assert any("stopped after 20 of" in event.text for event in seen if isinstance(event, Notice))
    header, _ = file.read(out)
    assert header["provenance"]["epoch"] == 1
    rest = list(train(chosen, registry, out, resume=True))

    assert sum(isinstance(event, Progress) for event in [*seen, *rest]) == sum(
        isinstance(event, Progress) for event in straight
    )
    fingerprints = [file.fingerprint(*file.read(tmp_path / f"{name}.safetensors")) for name in "ab"]
    assert fingerprints[0] == fingerprints[1]


def test_closing_the_generator_keeps_the_best(tmp_path: Path, registry: Registry) -> None:
    out = tmp_path / "a.safetensors"
    events = train(recipe(tmp_path), registry, out)
    done = 0
    for event in events:
        done += isinstance(event, Progress)
        if done == 20:
            break
    events.close()  # type: ignore[attr-defined]  # it is a generator

    assert file.read_header(out)["provenance"]["epoch"] == 1
    assert resume.read_resume(tmp_path / "a.run" / "resume.safetensors")[0]["place"]["step"] == 20


def test_closing_before_any_validation_writes_no_checkpoint_and_can_be_resumed(
    tmp_path: Path, registry: Registry
) -> None:
    out = tmp_path / "a.safetensors"
    out.write_bytes(b"an earlier model")
    events = train(recipe(tmp_path), registry, out)
    next(event for event in events if isinstance(event, Progress))
    events.close()  # type: ignore[attr-defined]  # it is a generator

    assert out.read_bytes() == b"an earlier model"
    assert resume.read_resume(tmp_path / "a.run" / "resume.safetensors")[0]["place"]["step"] == 1


@pytest.mark.parametrize(
    ("steps", "end"),
    [
        (0, "no model written: stopped before the first step"),
        (3, "no model written: stopped after 3 of 56 steps; --resume continues from here"),
    ],
)
def test_a_training_that_is_stopped_before_any_validation_says_that_it_writes_no_model(
    tmp_path: Path, registry: Registry, steps: int, end: str
) -> None:
    out = tmp_path / "a.safetensors"
    out.write_bytes(b"an earlier model")
    (tmp_path / "a.run").mkdir()
    earlier = tmp_path / "a.run" / "resume.safetensors"
    earlier.write_bytes(b"an earlier run")
    seen: list[Event] = []
    for event in train(
        recipe(tmp_path), registry, out, stopped=lambda: sum(isinstance(event, Progress) for event in seen) >= steps
    ):
        seen.append(event)

    assert seen[-1] == Notice(end)
    assert out.read_bytes() == b"an earlier model"
    assert (earlier.read_bytes() == b"an earlier run") == (steps == 0)


def test_a_resume_with_another_recipe_or_text_is_refused(tmp_path: Path, registry: Registry) -> None:
    run = started(recipe(tmp_path), registry, tmp_path / "run")
    run.write()

    with pytest.raises(RecipeError, match=r"another training\.learning_rate"):
        started(recipe(tmp_path, learning_rate=0.1), registry, tmp_path / "run").restore()
    with pytest.raises(RecipeError, match=r"another model\.hidden_size"):
        started(recipe(tmp_path, model={"hidden_size": 13}), registry, tmp_path / "run").restore()
    with pytest.raises(RecipeError, match=r"text.txt has changed"):
        started(recipe(tmp_path, TEXT[:-1] + "x"), registry, tmp_path / "run").restore()
    started(recipe(tmp_path, sample_every=0, resume_every=7, dtype="float16"), registry, tmp_path / "run").restore()


def test_a_missing_or_damaged_resume_file_is_named(tmp_path: Path, registry: Registry) -> None:
    chosen = recipe(tmp_path)
    with pytest.raises(RecipeError, match="nothing to resume"):
        started(chosen, registry, tmp_path / "run").restore()
    run = started(chosen, registry, tmp_path / "run")
    run.write()
    data = run.resume_file.read_bytes()
    for broken in (b"", data[: len(data) // 2], b"\xff" * 40):
        run.resume_file.write_bytes(broken)
        with pytest.raises(RecipeError, match="cannot resume from"):
            started(chosen, registry, tmp_path / "run").restore()


def test_two_trainings_cannot_write_to_one_folder(tmp_path: Path, registry: Registry) -> None:
    first = train(recipe(tmp_path), registry, tmp_path / "a.safetensors")
    next(first)
    with pytest.raises(RecipeError, match="another training is writing to"):
        next(train(recipe(tmp_path), registry, tmp_path / "a.safetensors"))
    first.close()  # type: ignore[attr-defined]  # it is a generator
