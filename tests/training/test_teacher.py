"""Classifiers trained with a teacher: the loss by hand, what it changes and what not, resuming, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.training.teachers import TABLES, recipe, saved, started

from seqshell.core.errors import RecipeError
from seqshell.core.events import Notice, Progress
from seqshell.models import file
from seqshell.training.classification import teacher_answers
from seqshell.training.dry_run import dry_run
from seqshell.training.loop import train
from seqshell.training.memory import estimate_memory
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.run import Run
from seqshell.training.teacher import ask_teacher


def last_probabilities(module, batch):
    """[B, C], in float64."""
    with torch.no_grad():
        outputs = module(torch.from_numpy(batch[0]), module.initial_state(len(batch[0])))[0]
    last = (batch[0] != 0).sum(1) - 1
    return outputs[torch.arange(len(last)), torch.from_numpy(last)].double().softmax(-1).numpy()


# Classification


def test_the_loss_of_a_classifier_is_the_usual_one_and_the_cross_entropy_with_the_mean_of_the_teachers(
    data_folder, registry
):
    one, two = (saved(data_folder, registry, name, seed, hidden_size=seed) for name, seed in (("one", 3), ("two", 4)))
    taught = {"label_smoothing": 0.1, "class_weights": 0.7, "teacher_weight": 0.3}
    chosen = recipe(data_folder, teacher="./one.safetensors+./two.safetensors", **taught)
    prepared = prepare(chosen, registry)
    objective, module = prepared.objective, prepared.new_module().eval()
    batch = next(objective.batches(0))

    own, teacher = (
        last_probabilities(module, batch),
        (last_probabilities(one, batch) + last_probabilities(two, batch)) / 2,
    )
    labels, logs = batch[1], np.log(own)
    usual = -(0.9 * logs[np.arange(len(labels)), labels] + 0.1 * logs.mean(1))
    expected = (objective.weights[labels] * (0.7 * usual - 0.3 * (teacher * logs).sum(1))).mean()
    assert objective.loss(module, batch, ()).loss.item() == pytest.approx(expected, rel=1e-5)

    run = Run(prepared, data_folder / "run")
    assert [event.description for event in ask_teacher(run.objective, run.group, lambda: 0)] == ["asking the teacher"]
    remembered = next(objective.batches(0))
    np.testing.assert_allclose(remembered[2], teacher, rtol=1e-5)
    assert objective.loss(module, remembered, ()).loss.item() == pytest.approx(expected, rel=1e-5)
    with torch.autocast("cpu", torch.bfloat16):  # in which the teacher stays exact
        np.testing.assert_allclose(objective.answers.of_batch(torch.from_numpy(batch[0])), teacher, rtol=1e-5)


def test_a_teacher_of_weight_0_changes_nothing(data_folder, registry):
    saved(data_folder, registry, "one", 1)
    plain = Run(prepare(recipe(data_folder), registry), data_folder / "plain")
    taught = started(
        recipe(data_folder, teacher="./one.safetensors", teacher_weight=0), registry, data_folder / "taught"
    )
    for run in (plain, taught):
        list(run.epochs())

    assert taught.prepared.teacher is None
    for name, weight in plain.weights().items():
        assert torch.equal(weight, taught.weights()[name]), name


def test_a_student_of_weight_1_approaches_its_teacher(data_folder, registry):
    teacher = saved(data_folder, registry, "one", 1)
    run = started(
        recipe(
            data_folder,
            teacher="./one.safetensors",
            teacher_weight=1,
            epochs=12,
            ema=0,
            batch_size=8,
            learning_rate=0.05,
        ),
        registry,
        data_folder / "run",
    )
    batch = next(run.objective.batches(0))
    expected = last_probabilities(teacher, batch)

    def distance():
        return np.abs(last_probabilities(run.module.eval(), batch) - expected).mean()

    before = distance()
    list(run.epochs())
    assert distance() < before / 5


@pytest.mark.parametrize("task", TABLES)
def test_a_training_with_a_teacher_resumes_bit_for_bit(data_folder, registry, task):
    saved(data_folder, registry, "one", 1, task)
    chosen = recipe(data_folder, task, teacher="./one.safetensors", state_zeroing=0.3)
    straight = started(chosen, registry, data_folder / "straight")
    list(straight.epochs())

    halted = started(chosen, registry, data_folder / "halted")
    for _ in range(4):
        next(halted.epochs())
    halted.write()
    resumed = started(chosen, registry, data_folder / "halted")
    resumed.restore()
    list(resumed.epochs())

    assert straight.progress.step == resumed.progress.step == straight.total_steps
    for name, weight in straight.weights().items():
        assert torch.equal(weight, resumed.weights()[name]), name

    saved(data_folder, registry, "one", 2, task)
    with pytest.raises(RecipeError) as caught:
        started(chosen, registry, data_folder / "halted").restore()
    assert str(caught.value).startswith("the teacher has changed since ")


def test_answers_that_take_too_much_memory_are_not_remembered(data_folder, registry, monkeypatch):
    saved(data_folder, registry, "one", 1)
    chosen = recipe(data_folder, teacher="./one.safetensors")
    remembered = prepare(chosen, registry)
    assert remembered.objective.answers.num_bytes == 8 * len(remembered.objective.training_ids)
    monkeypatch.setattr(teacher_answers, "MOST_REMEMBERED", 8 * len(remembered.objective.training_ids) - 1)
    asked = prepare(chosen, registry)
    runs = [Run(each, data_folder / "run") for each in (remembered, asked)]
    assert [len(list(ask_teacher(run.objective, run.group, lambda: 0))) for run in runs] == [1, 0]

    batches = [next(each.objective.batches(0)) for each in (remembered, asked)]
    assert list(map(len, batches)) == [3, 2]
    module = asked.new_module().eval()
    one, other = (
        each.objective.loss(module, batch, ()).loss for each, batch in zip((remembered, asked), batches, strict=True)
    )
    torch.testing.assert_close(one, other)
    assert asked.objective.answers.added_to(batches[1]) is batches[1]
    sizes = [estimate_memory(each).weights for each in (remembered, asked)]
    assert sizes[0] - sizes[1] == 8 * len(remembered.objective.training_ids)
    assert sizes[1] - estimate_memory(prepare(recipe(data_folder), registry)).weights == asked.teacher.num_bytes > 1000


def test_a_stop_while_the_teacher_is_asked_ends_it(data_folder, registry, monkeypatch):
    saved(data_folder, registry, "one", 1)
    monkeypatch.setattr("seqshell.training.classification.evaluation.TOKENS", 40)
    run = Run(prepare(recipe(data_folder, teacher="./one.safetensors"), registry), data_folder / "run")
    seen = []
    for event in ask_teacher(run.objective, run.group, lambda: len(seen) > 2):
        seen.append(event)

    assert len(seen) == 3
    assert seen[-1].done < seen[-1].total
    assert len(next(run.objective.batches(0))) == 2


def test_a_checkpoint_names_its_teachers_without_folders(data_folder, registry):
    saved(data_folder, registry, "one", 1)
    saved(data_folder, registry, "two", 2)
    chosen = recipe(
        data_folder, teacher=f"./one.safetensors+{data_folder}/two.safetensors", teacher_weight=0.5, epochs=1
    )
    events = list(train(chosen, registry, data_folder / "child.safetensors"))

    notes = [event.text for event in events if isinstance(event, Notice)]
    assert notes[0] == "learning from one+two: 0.5 of the loss compares with it"
    (asked,) = [event for event in events if isinstance(event, Progress) and event.description == "asking the teacher"]
    assert (asked.done, asked.total) == (58, 58)
    header = file.read_header(data_folder / "child.safetensors")
    found = header["provenance"]["teacher"]
    marks = {name: file.fingerprint(*file.read(data_folder / f"{name}.safetensors")) for name in ("one", "two")}
    assert found["members"] == [{"name": name, "fingerprint": mark} for name, mark in marks.items()]
    assert found["name"] == "one+two"
    assert 'teacher = "one.safetensors+two.safetensors"\nteacher_weight = 0.5\n' in header["provenance"]["recipe"]
    plan = dry_run(chosen, registry)
    assert plan.notes[0] == notes[0]
    assert plan.seconds_per_epoch > 0


# Names, and what is refused


def test_files_are_relative_to_the_recipe_and_of_an_override_to_the_current_folder(data_folder, registry):
    for name in ("one", "two"):
        saved(data_folder, registry, name, len(name))
    saved(data_folder, registry, "a+b", 2)
    (data_folder / "a+b.safetensors").rename("a+b.safetensors")
    assert prepare(recipe(data_folder, teacher="./one.safetensors"), registry).teacher.model.name == "one"
    for given, found in {
        "./a+b.safetensors": "a+b",
        "a+b.safetensors+one.safetensors": "a+b+one",
        f"{data_folder}/one.safetensors+./a+b.safetensors": "one+a+b",
    }.items():
        chosen = recipe(data_folder, overrides=[f"training.teacher={given}"])
        assert prepare(chosen, registry).teacher.model.name == found
    with pytest.raises(RecipeError) as caught:
        prepare(recipe(data_folder, teacher="./a+b.safetensors"), registry)
    assert str(caught.value) == f"child: training.teacher: no file '{data_folder}/a+b.safetensors'"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"teacher": "namez"}, "training.teacher: no model 'namez'; did you mean names?"),
        ({"teacher": "./one.safetensors+namez"}, "training.teacher: no model 'namez'; did you mean names?"),
        ({"teacher": "shakespeare"}, "training.teacher: shakespeare is a language model, not a classifier"),
        (
            {"teacher": "names"},
            "training.teacher: names has another vocabulary than the training (83 and 17 tokens); a teacher needs the "
            "same one",
        ),
        (
            {"teacher": "./one.safetensors+names"},
            "training.teacher: names has another vocabulary than one (83 and 17 tokens), so they cannot be mixed",
        ),
        ({"teacher": "./cz.safetensors"}, "training.teacher: cz has other labels than the training: no label 'ru'"),
        (
            {"teacher": "./more.safetensors"},
            "training.teacher: more has other labels than the training: a label 'cz' and 1 other",
        ),
        (
            {"teacher": "./turned.safetensors"},
            "training.teacher: turned has the labels of the training in another order",
        ),
        (
            {"task": "translate", "teacher": "english-french"},
            "training.teacher: english-french has another vocabulary than the training (5,000 and 29 tokens); a "
            "teacher needs the same one",
        ),
        (
            {"task": "generate", "teacher": "./x.safetensors", "overrides": ["architecture=ngram", "model={}"]},
            "training.teacher: ngram is fitted by counting, so it has no teacher",
        ),
        ({"teacher_weight": 0.5}, "training.teacher_weight has no effect without training.teacher"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused_in_one_line(data_folder, registry, settings, message):
    for name, labels in {
        "one": ("pl", "ru"),
        "cz": ("cz", "pl"),
        "more": ("cz", "pl", "ru", "uk"),
        "turned": ("ru", "pl"),
    }.items():
        if name in str(settings):
            saved(data_folder, registry, name, 1, labels=labels)
    with pytest.raises(RecipeError) as caught:
        prepare(recipe(data_folder, **settings), registry)
    assert str(caught.value) == f"child: {message}"


def test_there_are_no_teachers_of_forecasters(data_folder, registry):
    tables = {"task": "forecast", "architecture": "forecaster", "data": {"table": "x.csv"}}
    chosen = recipe_from(tables | {"training": {"teacher": "oil-temperature"}}, name="child", folder=data_folder)
    with pytest.raises(RecipeError) as caught:
        prepare(chosen, registry)
    assert str(caught.value) == (
        "child: training.teacher: no teacher for task forecast; there are teachers for generate, translate, classify, "
        "tag"
    )
