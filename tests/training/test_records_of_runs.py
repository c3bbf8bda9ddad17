"""What a training writes about itself: how it ended, its losses, and its log for TensorBoard."""

from __future__ import annotations

import json
from itertools import islice

import pytest
from tests.training.small_runs import small

from seqshell.core.errors import RecipeError
from seqshell.core.events import LossCurves, TrainingStep
from seqshell.training.loop import train
from seqshell.training.progress import TrainingProgress
from seqshell.training.run_folder import METRICS_FILE, RESUME_FILE, RUN_FILE


def test_steps_carry_the_loss_and_the_history_and_the_curve_comes_at_the_end(trained):
    steps = [event for event in trained[1] if isinstance(event, TrainingStep)]
    (curves,) = [event for event in trained[1] if isinstance(event, LossCurves)]

    assert [step.update for step in steps] == list(range(1, len(steps) + 1))
    assert curves.curves[0].training[0] == (1, pytest.approx(steps[0].loss))
    assert [step for step, _ in curves.curves[0].validation] == [len(steps) // 2, len(steps)]
    assert steps[0].history is steps[-1].history
    assert all(step.speed > 0 and step.unit == "nats" for step in steps)


def test_a_training_that_is_stopped_or_fails_is_recorded(tmp_path, registry, monkeypatch):
    def refuse(progress, losses):
        raise RecipeError("the loss is NaN")

    def about(name):
        return json.loads((tmp_path / f"{name}.run" / RUN_FILE).read_text())

    events = train(small(tmp_path), registry, tmp_path / "closed.safetensors")
    steps = (event for event in events if isinstance(event, TrainingStep))
    list(islice(steps, 3))
    events.close()
    list(
        train(
            small(tmp_path, epochs=3),
            registry,
            tmp_path / "stopped.safetensors",
            stopped=iter([0] * 6 + [1] * 9).__next__,
        )
    )
    events = train(small(tmp_path), registry, tmp_path / "failed.safetensors")
    next(step for step in events if isinstance(step, TrainingStep) and step.update == 6)
    monkeypatch.setattr(TrainingProgress, "check_finite", refuse)
    with pytest.raises(RecipeError, match="the loss is NaN"):
        list(events)

    assert (about("closed")["status"], about("closed")["step"]) == ("stopped", 3)
    assert about("stopped")["status"] == "stopped"
    assert about("failed")["status"] == "failed"
    assert about("failed")["reason"] == "the loss is NaN"
    assert (tmp_path / "closed.run" / RESUME_FILE).exists()


def test_the_record_of_an_earlier_training_stays_if_nothing_was_written(models, registry):
    before = (models / "a.run" / RUN_FILE).read_bytes()
    events = train(small(models), registry, models / "a.safetensors")
    next(event for event in events if isinstance(event, TrainingStep))
    with pytest.raises(KeyboardInterrupt):
        events.throw(KeyboardInterrupt())

    assert (models / "a.run" / RUN_FILE).read_bytes() == before


def test_an_unknown_log_and_a_missing_package_are_refused_first(tmp_path, registry, monkeypatch):
    with pytest.raises(RecipeError, match="--log is tensorboard, not wandb"):
        next(train(small(tmp_path), registry, tmp_path / "a.safetensors", log="wandb"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RecipeError, match="--log tensorboard needs tensorboard: pip install tensorboard"):
        next(train(small(tmp_path), registry, tmp_path / "a.safetensors", log="tensorboard"))


@pytest.mark.slow
def test_tensorboard_reads_the_losses_the_figures_and_the_samples(tmp_path, registry):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # half a second

    for stops, resume in ([0] * 99, False), ([0] * 6 + [1] * 9, False), ([0] * 99, True):
        out, stopped = tmp_path / "a.safetensors", iter(stops).__next__
        list(train(small(tmp_path, epochs=3), registry, out, resume, log="tensorboard", stopped=stopped))
    found = EventAccumulator(str(tmp_path / "a.run" / "tensorboard"))
    found.Reload()
    history = [json.loads(line) for line in (tmp_path / "a.run" / METRICS_FILE).read_text().splitlines()]
    losses = {record["step"]: record["loss"] for record in history if "loss" in record}

    assert {each.step: each.value for each in found.Scalars("loss/training")} == pytest.approx(losses)
    assert len(found.Scalars("loss/validation")) == len(found.Scalars("validation/blocks256")) == 3
    assert len(found.Scalars("learning_rate")) == len(found.Scalars("tokens_per_second")) == len(losses)
    assert b"the " in found.Tensors("sample/text_summary")[0].tensor_proto.string_val[0]
    assert b'architecture = "gru"' in found.Tensors("recipe/text_summary")[0].tensor_proto.string_val[0]
