"""A whole training: it lowers the loss, keeps the best weights, and reports errors."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.small_trainings import recipe, started

from seqshell.core.errors import RecipeError
from seqshell.core.events import Event, LossCurves, Notice, Progress, Table, Text
from seqshell.host import Registry
from seqshell.models import file
from seqshell.models.opening import open_model
from seqshell.training import resume
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.progress import duration
from seqshell.training.stopping import milestone


def test_a_training_learns_and_writes_a_checkpoint_that_opens(tmp_path: Path, registry: Registry) -> None:
    out = tmp_path / "cat.safetensors"
    exact = {"dropout": 0.0, "embed_dropout": 0.0, "weight_dropout": 0.0}  # so that few steps are enough

    events = list(train(recipe(tmp_path, model=exact), registry, out))

    progress = [event for event in events if isinstance(event, Progress)]
    assert [event.done for event in progress] == list(range(1, 1 + progress[0].total))
    assert "loss" in progress[0].text
    assert "tokens/s" in progress[0].text
    assert "left" in progress[0].text
    table = next(event for event in events if isinstance(event, Table))
    texts = [event.text for event in events if isinstance(event, Text)]
    assert texts[-1] == f"seqshell -m {out}"
    assert texts[-2].startswith("sample after training:\nthe ")
    assert texts[-3].startswith("sample before training:\nthe ")
    (curves,) = [event for event in events if isinstance(event, LossCurves)]
    assert events.index(curves) > events.index(table)

    model = open_model(out, registry)
    header = model.header
    assert (model.architecture, model.tokenizer.name) == ("lstm", "char")
    assert header["defaults"] == {"strategy": "sample", "sampler": "temperature=0.8", "max_tokens": 200}
    assert (header["examples"], header["about"]) == (["the "], "It speaks of cats.")
    provenance = header["provenance"]
    assert provenance["metrics"]["nats"]["blocks256"] < 2.0  # the uniform distribution has 2.7
    assert table.rows[1][1] == f"{provenance['metrics']['nats']['blocks256']:.4f}"
    assert provenance["split"] == {"training": 1800, "validation": 200}
    assert "hidden_size = 12" in provenance["recipe"]
    lines = [json.loads(line) for line in (tmp_path / "cat.run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines if "epoch" in line] == [1, 2, 3, 4]
    assert lines[-1]["validation"]["blocks256"] < lines[0]["loss"]


def test_a_training_that_predicts_everything_stops_before_its_last_epoch(tmp_path: Path, registry: Registry) -> None:
    chosen = recipe(tmp_path, "ab" * 400, epochs=200, early_stopping=0, schedule="constant")
    events = list(train(chosen, registry, tmp_path / "a.safetensors"))
    metrics = file.read_header(tmp_path / "a.safetensors")["provenance"]["metrics"]
    epoch = sum(isinstance(event, Notice) and event.text.startswith("epoch ") for event in events)

    assert epoch < 200
    assert Notice(f"stopped after epoch {epoch} of 200: the validation data leaves nothing to improve") in events
    assert metrics["nats"]["blocks256"] <= 0.01


def test_improvements_that_are_too_small_do_not_count_but_add_up() -> None:
    first = milestone({"nats": 1.0})

    assert milestone({"nats": 0.99995}, first) == [1.0, 1.0]
    assert milestone({"nats": 0.9998}, first) == [0.9998, 0.9998]
    assert milestone({"wanting": 0.5, "nats": 0.8}, [0.5, 1.0]) == [0.5, 0.8]  # the accuracy is the same, not the nats
    assert milestone({"wanting": 0.5, "nats": 1.2}, [0.5, 1.0]) == [0.5, 1.0]


def test_a_loss_that_explodes_brings_back_the_best_weights_at_half_the_rate(tmp_path: Path, registry: Registry) -> None:
    chosen = recipe(tmp_path, epochs=4)
    run = started(chosen, registry, tmp_path / "run")
    running = run.epochs()
    next(event for event in running if isinstance(event, Notice))
    best = run.best_weights
    with torch.no_grad():
        for weight in run.module.parameters():
            weight.mul_(1000)  # as after an update that went wrong
    found = next(event for event in running if isinstance(event, Notice))

    assert found.level == "warning"
    assert found.text.endswith("the training loss has exploded: back to the best weights, at half the learning rate")
    assert run.progress.scale == 0.5
    assert all(torch.equal(tensor, best[name]) for name, tensor in run.module.state_dict().items())
    losses = [event.text for event in running if isinstance(event, Notice)]
    assert len(losses) == 2
    assert run.progress.history[-2]["loss"] < run.progress.history[0]["loss"]


def test_the_training_loss_of_an_epoch_is_of_this_epoch_alone(tmp_path: Path, registry: Registry) -> None:
    run = started(recipe(tmp_path), registry, tmp_path / "run")
    notices = [event.text for event in run.epochs() if isinstance(event, Notice)]
    history = run.progress.history
    epochs = [place for place, record in enumerate(history) if "epoch" in record]

    for before, at, text in zip([-1, *epochs], epochs, notices, strict=False):
        losses = [record["loss"] for record in history[before + 1 : at]]
        assert f": training {sum(losses) / len(losses):.3f}, " in text


def test_a_loss_of_nan_ends_training_and_keeps_the_best(tmp_path: Path, registry: Registry) -> None:
    out, chosen = tmp_path / "a.safetensors", recipe(tmp_path)
    done: list[Event] = []
    for event in train(chosen, registry, out, stopped=lambda: sum(isinstance(event, Progress) for event in done) >= 20):
        done.append(event)
    out.unlink()
    path = tmp_path / "a.run" / "resume.safetensors"
    record, tensors = resume.read_resume(path)
    resume.write_resume(
        path, record, tensors | {"weights.readout.bias": torch.full_like(tensors["weights.readout.bias"], float("nan"))}
    )

    with pytest.raises(
        RecipeError, match=r"NaN or infinite \(step 21, epoch 2\); the best weights so far are in .*a.safetensors"
    ) as caught:
        list(train(chosen, registry, out, resume=True))

    assert "learning_rate" in caught.value.hint
    assert open_model(out, registry).header["provenance"]["epoch"] == 1


def test_training_stops_early_without_improvement(tmp_path: Path, registry: Registry) -> None:
    chosen = recipe(tmp_path, epochs=50, early_stopping=2, learning_rate=0.0)
    run = started(chosen, registry, tmp_path / "run")
    list(run.epochs())

    assert run.progress.epoch == 3  # the first is the best, two more are no better
    assert run.reason_to_stop == "no improvement on the validation data for 2 epochs"
    again = started(chosen, registry, tmp_path / "run")
    again.restore()
    assert list(again.epochs()) == []


def test_a_plateau_lowers_the_rate(tmp_path: Path, registry: Registry) -> None:
    run = started(
        recipe(tmp_path, epochs=6, schedule="plateau", plateau_patience=2, learning_rate=0.0),
        registry,
        tmp_path / "run",
    )
    list(run.epochs())

    assert run.progress.scale == 0.25  # after the epochs 3 and 5


def test_states_are_carried_and_sometimes_reset(tmp_path: Path, registry: Registry) -> None:
    kept = started(recipe(tmp_path, state_zeroing=0.0), registry, tmp_path / "kept")
    running = kept.epochs()
    next(running)
    before = kept.state.hidden.clone()
    assert before.abs().sum() > 0
    assert not before.requires_grad

    dropped = started(recipe(tmp_path, state_zeroing=1.0), registry, tmp_path / "dropped")
    dropped.state = kept.state
    dropped._begin_streams_anew()
    assert torch.equal(dropped.state.hidden, torch.zeros_like(before))
    assert torch.equal(kept.state.hidden, before)  # states are never written to


def test_a_state_of_another_dtype_than_the_initial_one_is_reset_too(tmp_path: Path, registry: Registry) -> None:
    """With bf16, modules that use the layers of torch return states in bf16."""
    run = started(recipe(tmp_path, state_zeroing=1.0), registry, tmp_path / "run")
    initial = run.module.initial_state(2)
    run.state = initial._replace(hidden=torch.ones_like(initial.hidden, dtype=torch.bfloat16))
    run._begin_streams_anew()
    assert run.state.hidden.dtype == torch.bfloat16
    assert not run.state.hidden.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"hiden_size": 3}}, r"small: \[model\] .*did you mean hidden_size"),
        ({"model": {"vocab_size": 3}}, "model.vocab_size is filled in from the data"),
        ({"model": {"dropout": 2}}, "dropout must be 0 to 0.99"),
        ({"architecture": "lsmt"}, "no architecture 'lsmt'; did you mean lstm"),
        ({"device": "gpu"}, "training.device: no device 'gpu'"),
    ],
)
def test_a_recipe_that_cannot_be_built_says_why(
    tmp_path: Path, registry: Registry, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        started(recipe(tmp_path, **change), registry, tmp_path / "run")


def test_unknown_tokenizers_samplers_and_settings_are_reported_before_training(
    tmp_path: Path, registry: Registry
) -> None:
    chosen = recipe(tmp_path)
    for change, message in (
        ({"tokenizer": {"name": "chra"}}, "no tokenizer 'chra'; did you mean char"),
        ({"tokenizer": {"name": "char", "min_freq": 2}}, "cannot train the tokenizer char with"),
        (
            {"defaults": dataclasses.replace(chosen.defaults, sampler="temprature=1")},
            "defaults: no sampler 'temprature'; did you mean temperature",
        ),
        (
            {"defaults": dataclasses.replace(chosen.defaults, strategy="samples")},
            "defaults: no strategy 'samples'; did you mean sample",
        ),
    ):
        with pytest.raises(RecipeError, match=message):
            prepare(dataclasses.replace(chosen, **change), registry)


def test_byte_models_are_trained_and_validated_with_a_carried_state(tmp_path: Path, registry: Registry) -> None:
    chosen = dataclasses.replace(recipe(tmp_path, "né " * 300, epochs=1), tokenizer={"name": "byte"})
    run = started(chosen, registry, tmp_path / "run")
    list(run.epochs())

    assert run.prepared.config.vocab_size == 256
    assert list(run.progress.history[-1]["validation"]) == ["carry"]


def test_a_character_only_in_the_validation_text_is_in_the_vocabulary(tmp_path: Path, registry: Registry) -> None:
    prepared = prepare(recipe(tmp_path, "abcd" * 100 + "z"), registry)
    assert prepared.tokenizer.size == 5


def test_durations_are_formatted() -> None:
    assert [duration(seconds) for seconds in (0.4, 45, 89, 3600, 3900, 90_000)] == [
        "0 s",
        "45 s",
        "1 min",
        "1 h 00 min",
        "1 h 05 min",
        "25 h 00 min",
    ]
