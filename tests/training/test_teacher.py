"""Training with a teacher: the loss computed by hand, what it changes and what not, resuming, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from seqshell.core.errors import RecipeError
from seqshell.core.events import Notice, Progress
from seqshell.core.state import leaves, map_leaves
from seqshell.core.tasks import task_spec
from seqshell.core.tokenizers import PAD
from seqshell.host import resolve
from seqshell.models import file
from seqshell.models.saving import save_checkpoint
from seqshell.training.classification import teacher_answers
from seqshell.training.dry_run import dry_run
from seqshell.training.loop import train
from seqshell.training.memory import estimate_memory
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.run import Run
from seqshell.training.teacher import ask_teacher

STEMS = [first + vowel + last for first in "bdgk" for vowel in "aou" for last in "lnr"]
ROWS = [(stem + ending, label) for ending, label in (("ski", "pl"), ("ov", "ru")) for stem in STEMS]
LABELLED = {
    "task": "classify",
    "architecture": "classifier",
    "data": {"table": "names.tsv", "validation": 0.2},
    "model": {"embed_size": 5, "hidden_size": 6, "cell": "gru", "pooling": "last"},
}
QUICK = {
    "epochs": 2,
    "batch_size": 16,
    "sequence_length": 8,
    "precision": "float32",
    "warmup_steps": 0,
    "learning_rate": 0.02,
    "device": "cpu",
    "resume_every": 1000,
    "ema": 0.9,
}
WORDS = ["the cat sat on the mat", "a dog saw it", "the very old log and a cat", "it sat", "on the log a dog sat"]
FILES = {
    "names.tsv": "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in ROWS),
    "text.txt": " ".join(WORDS) * 5,
    "pairs.tsv": "".join(f"{line}\t{line[::-1]}\n" for line in WORDS),
    "tags.conll": "\n".join("".join(f"{word}\t{len(word) % 3}\n" for word in line.split()) for line in WORDS),
}
TABLES = {
    "classify": LABELLED,
    "generate": {"data": {"text": "text.txt"}, "architecture": "lstm", "model": {"embed_size": 6, "hidden_size": 8}},
    "translate": {
        "data": {"pairs": "pairs.tsv", "validation": "pairs.tsv"},
        "architecture": "seq2seq",
        "tokenizer": {"name": "word"},
        "model": {"embed_size": 5, "encoder_size": 6, "hidden_size": 6},
    },
    "tag": {
        "data": {"tags": "tags.conll", "validation": "tags.conll"},
        "architecture": "bidirectional_tagger",
        "tokenizer": {"name": "char"},
        "model": {"embed_size": 5, "hidden_size": 6},
    },
}


@pytest.fixture
def names(tmp_path, monkeypatch):
    """The folder of the data of each task, which is not the current one."""
    (tmp_path / "data").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    for name, text in FILES.items():
        (tmp_path / "data" / name).write_text(text)
    return tmp_path / "data"


def recipe(folder: Path, task="classify", overrides=(), **training):
    tables = {"task": task, **TABLES[task], "training": QUICK | training}
    return recipe_from(tables, name="child", folder=folder, overrides=overrides)


def saved(folder: Path, registry, name: str, seed: int, task="classify", tokenizer=None, labels=None, **config):
    """A checkpoint of an untrained model for the task in the folder, with weights that make its answers differ."""
    like = prepare(recipe(folder, task), registry)
    tokenizer = like.tokenizer if tokenizer is None else tokenizer
    labels = like.labels if labels is None else labels
    numbers = {"num_classes": len(labels), "source_vocab_size": like.source_tokenizer and like.source_tokenizer.size}
    sizes = {name: numbers.get(name, tokenizer.size) for name in task_spec(task).sizes}
    spec = registry.lookup("architecture", like.architecture.name)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = resolve(spec.model)(resolve(spec.config)(**{**TABLES[task]["model"], **sizes, **config})).eval()
        for parameter in module.parameters():
            parameter.data.mul_(3)
    save_checkpoint(
        folder / f"{name}.safetensors",
        architecture=like.architecture.name,
        module=module,
        tokenizer=tokenizer,
        source_tokenizer=like.source_tokenizer,
        labels=labels,
        registry=registry,
        provenance={},
    )
    return module


def started(chosen, registry, folder: Path) -> Run:
    run = Run(prepare(chosen, registry), folder)
    list(ask_teacher(run.objective, run.group, lambda: 0))
    return run


def last_probabilities(module, batch):
    """[B, C], in float64."""
    with torch.no_grad():
        outputs = module(torch.from_numpy(batch[0]), module.initial_state(len(batch[0])))[0]
    last = (batch[0] != 0).sum(1) - 1
    return outputs[torch.arange(len(last)), torch.from_numpy(last)].double().softmax(-1).numpy()


# Classification


def test_the_loss_of_a_classifier_is_the_usual_one_and_the_cross_entropy_with_the_mean_of_the_teachers(names, registry):
    one, two = (saved(names, registry, name, seed, hidden_size=seed) for name, seed in (("one", 3), ("two", 4)))
    taught = {"label_smoothing": 0.1, "class_weights": 0.7, "teacher_weight": 0.3}
    chosen = recipe(names, teacher="./one.safetensors+./two.safetensors", **taught)
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

    run = Run(prepared, names / "run")
    assert [event.description for event in ask_teacher(run.objective, run.group, lambda: 0)] == ["asking the teacher"]
    remembered = next(objective.batches(0))
    np.testing.assert_allclose(remembered[2], teacher, rtol=1e-5)
    assert objective.loss(module, remembered, ()).loss.item() == pytest.approx(expected, rel=1e-5)
    with torch.autocast("cpu", torch.bfloat16):  # in which the teacher stays exact
        np.testing.assert_allclose(objective.answers.of_batch(torch.from_numpy(batch[0])), teacher, rtol=1e-5)


def test_a_teacher_of_weight_0_changes_nothing(names, registry):
    saved(names, registry, "one", 1)
    plain = Run(prepare(recipe(names), registry), names / "plain")
    taught = started(recipe(names, teacher="./one.safetensors", teacher_weight=0), registry, names / "taught")
    for run in (plain, taught):
        list(run.epochs())

    assert taught.prepared.teacher is None
    for name, weight in plain.weights().items():
        assert torch.equal(weight, taught.weights()[name]), name


def test_a_student_of_weight_1_approaches_its_teacher(names, registry):
    teacher = saved(names, registry, "one", 1)
    run = started(
        recipe(
            names, teacher="./one.safetensors", teacher_weight=1, epochs=12, ema=0, batch_size=8, learning_rate=0.05
        ),
        registry,
        names / "run",
    )
    batch = next(run.objective.batches(0))
    expected = last_probabilities(teacher, batch)

    def distance():
        return np.abs(last_probabilities(run.module.eval(), batch) - expected).mean()

    before = distance()
    list(run.epochs())
    assert distance() < before / 5


@pytest.mark.parametrize("task", TABLES)
def test_a_training_with_a_teacher_resumes_bit_for_bit(names, registry, task):
    saved(names, registry, "one", 1, task)
    chosen = recipe(names, task, teacher="./one.safetensors", state_zeroing=0.3)
    straight = started(chosen, registry, names / "straight")
    list(straight.epochs())

    halted = started(chosen, registry, names / "halted")
    for _ in range(4):
        next(halted.epochs())
    halted.write()
    resumed = started(chosen, registry, names / "halted")
    resumed.restore()
    list(resumed.epochs())

    assert straight.progress.step == resumed.progress.step == straight.total_steps
    for name, weight in straight.weights().items():
        assert torch.equal(weight, resumed.weights()[name]), name

    saved(names, registry, "one", 2, task)
    with pytest.raises(RecipeError) as caught:
        started(chosen, registry, names / "halted").restore()
    assert str(caught.value).startswith("the teacher has changed since ")


def test_answers_that_take_too_much_memory_are_not_remembered(names, registry, monkeypatch):
    saved(names, registry, "one", 1)
    chosen = recipe(names, teacher="./one.safetensors")
    remembered = prepare(chosen, registry)
    assert remembered.objective.answers.num_bytes == 8 * len(remembered.objective.training_ids)
    monkeypatch.setattr(teacher_answers, "MOST_REMEMBERED", 8 * len(remembered.objective.training_ids) - 1)
    asked = prepare(chosen, registry)
    runs = [Run(each, names / "run") for each in (remembered, asked)]
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
    assert sizes[1] - estimate_memory(prepare(recipe(names), registry)).weights == asked.teacher.num_bytes > 1000


def test_a_stop_while_the_teacher_is_asked_ends_it(names, registry, monkeypatch):
    saved(names, registry, "one", 1)
    monkeypatch.setattr("seqshell.training.classification.evaluation.TOKENS", 40)
    run = Run(prepare(recipe(names, teacher="./one.safetensors"), registry), names / "run")
    seen = []
    for event in ask_teacher(run.objective, run.group, lambda: len(seen) > 2):
        seen.append(event)

    assert len(seen) == 3
    assert seen[-1].done < seen[-1].total
    assert len(next(run.objective.batches(0))) == 2


def test_a_checkpoint_names_its_teachers_without_folders(names, registry):
    saved(names, registry, "one", 1)
    saved(names, registry, "two", 2)
    chosen = recipe(names, teacher=f"./one.safetensors+{names}/two.safetensors", teacher_weight=0.5, epochs=1)
    events = list(train(chosen, registry, names / "child.safetensors"))

    notes = [event.text for event in events if isinstance(event, Notice)]
    assert notes[0] == "learning from one+two: 0.5 of the loss compares with it"
    (asked,) = [event for event in events if isinstance(event, Progress) and event.description == "asking the teacher"]
    assert (asked.done, asked.total) == (58, 58)
    header = file.read_header(names / "child.safetensors")
    found = header["provenance"]["teacher"]
    marks = {name: file.fingerprint(*file.read(names / f"{name}.safetensors")) for name in ("one", "two")}
    assert found["members"] == [{"name": name, "fingerprint": mark} for name, mark in marks.items()]
    assert found["name"] == "one+two"
    assert 'teacher = "one.safetensors+two.safetensors"\nteacher_weight = 0.5\n' in header["provenance"]["recipe"]
    plan = dry_run(chosen, registry)
    assert plan.notes[0] == notes[0]
    assert plan.seconds_per_epoch > 0


# Sequences


def logits_of(task, module, batch):
    """[B, T, V], from the initial state, or that of the encoder."""
    tensors = [torch.from_numpy(array) for array in batch]
    if task == "translate":
        source, lengths, inputs, _ = tensors
        return module(inputs, module.encode(source, lengths))[0]
    return module(tensors[0], module.initial_state(len(tensors[0])))[0]


@pytest.mark.parametrize("task", ["generate", "translate", "tag"])
def test_the_loss_of_sequences_compares_each_token_with_the_teacher(names, registry, monkeypatch, task):
    members = [saved(names, registry, "one", 1, task, hidden_size=4)]
    if task != "tag":  # taggers form no ensembles
        members.append(saved(names, registry, "two", 2, task))
    teacher = "+".join(f"./{name}.safetensors" for name in ("one", "two")[: len(members)])
    prepared = prepare(recipe(names, task, teacher=teacher, teacher_weight=0.4, label_smoothing=0.1), registry)
    objective, module = prepared.objective, prepared.new_module().eval()
    batch = next(objective.batches(0))
    targets = batch[-1] - (task == "tag")
    counts = batch[-1] != PAD if task != "generate" else np.ones(targets.shape, bool)

    with torch.no_grad():
        logs = logits_of(task, module, batch).double().log_softmax(-1).numpy()
        taught = np.mean([logits_of(task, each, batch).double().softmax(-1).numpy() for each in members], 0)
    right = np.take_along_axis(logs, np.where(counts, targets, 0)[..., None], -1)[..., 0]
    expected = -(0.6 * (0.9 * right + 0.1 * logs.mean(-1)) + 0.4 * (taught * logs).sum(-1))[counts].mean()

    def found():
        module.zero_grad()
        loss = objective.loss(module, batch, objective.initial_state(module)).loss
        loss.backward()
        return loss.detach(), [weight.grad.clone() for weight in module.parameters() if weight.grad is not None]

    whole, gradients = found()
    assert whole.item() == pytest.approx(expected, rel=1e-5)
    assert objective.teacher.num_classes == logs.shape[-1]
    monkeypatch.setattr("seqshell.training.chunked_loss.MOST_AT_ONCE", 100)
    monkeypatch.setattr("seqshell.training.chunked_loss.PART", 2000)
    in_parts, of_parts = found()
    torch.testing.assert_close(in_parts, whole)
    torch.testing.assert_close(of_parts, gradients)
    with torch.no_grad():
        torch.testing.assert_close(objective.loss(module, batch, objective.initial_state(module)).loss, whole)


def test_a_module_with_auxiliary_losses_has_them_beside_a_teacher(names, registry, monkeypatch):
    for task in ("generate", "translate"):
        saved(names, registry, task, 1, task)
        prepared = prepare(recipe(names, task, teacher=f"./{task}.safetensors"), registry)
        objective, module = prepared.objective, prepared.new_module().eval()
        batch = next(objective.batches(0))
        plain = objective.loss(module, batch, objective.initial_state(module))
        assert not plain.auxiliary
        monkeypatch.setattr(
            type(module),
            "auxiliary",
            lambda self, outputs, targets, mask: {"size": outputs.square()[mask].mean()},
            raising=False,
        )
        found = objective.loss(module, batch, objective.initial_state(module))
        monkeypatch.undo()
        monkeypatch.chdir(names)
        torch.testing.assert_close(found.loss, plain.loss)
        squares = logits_of(task, module, batch).square()
        expected = squares if task == "generate" else squares[torch.from_numpy(batch[-1] != PAD)]
        torch.testing.assert_close(found.auxiliary["size"], expected.mean())


def test_a_teacher_carries_its_own_state_which_begins_anew_with_that_of_the_model(names, registry):
    teacher = saved(names, registry, "one", 1, "generate")
    run = started(
        recipe(names, "generate", teacher="./one.safetensors", batch_size=3, state_zeroing=0.5), registry, names
    )
    first, second = list(run.objective.batches(0))[:2]
    for batch in (first, second):
        run.train_on(batch)

    chosen = np.random.default_rng(0)
    chosen.random(3)  # before the first batch, when all are at the initial state
    zeroed = chosen.random(3) < 0.5
    assert 0 < zeroed.sum() < 3
    with torch.no_grad():
        after = teacher(torch.from_numpy(first[0]), teacher.initial_state(3))[1]
        after = map_leaves(lambda leaf: leaf * torch.from_numpy(~zeroed).view(3, *[1] * (leaf.ndim - 1)), after)
        expected = teacher(torch.from_numpy(second[0]), after)[1]
    for leaf, other in zip(leaves(run.state[1]), leaves(expected), strict=True):
        torch.testing.assert_close(leaf, other)


# Names, and what is refused


def test_files_are_relative_to_the_recipe_and_of_an_override_to_the_current_folder(names, registry):
    for name in ("one", "two"):
        saved(names, registry, name, len(name))
    saved(names, registry, "a+b", 2)
    (names / "a+b.safetensors").rename("a+b.safetensors")
    assert prepare(recipe(names, teacher="./one.safetensors"), registry).teacher.model.name == "one"
    for given, found in {
        "./a+b.safetensors": "a+b",
        "a+b.safetensors+one.safetensors": "a+b+one",
        f"{names}/one.safetensors+./a+b.safetensors": "one+a+b",
    }.items():
        chosen = recipe(names, overrides=[f"training.teacher={given}"])
        assert prepare(chosen, registry).teacher.model.name == found
    with pytest.raises(RecipeError) as caught:
        prepare(recipe(names, teacher="./a+b.safetensors"), registry)
    assert str(caught.value) == f"child: training.teacher: no file '{names}/a+b.safetensors'"


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
def test_a_teacher_that_does_not_fit_is_refused_in_one_line(names, registry, settings, message):
    for name, labels in {
        "one": ("pl", "ru"),
        "cz": ("cz", "pl"),
        "more": ("cz", "pl", "ru", "uk"),
        "turned": ("ru", "pl"),
    }.items():
        if name in str(settings):
            saved(names, registry, name, 1, labels=labels)
    with pytest.raises(RecipeError) as caught:
        prepare(recipe(names, **settings), registry)
    assert str(caught.value) == f"child: {message}"


def test_there_are_no_teachers_of_forecasters(names, registry):
    tables = {"task": "forecast", "architecture": "forecaster", "data": {"table": "x.csv"}}
    chosen = recipe_from(tables | {"training": {"teacher": "oil-temperature"}}, name="child", folder=names)
    with pytest.raises(RecipeError) as caught:
        prepare(chosen, registry)
    assert str(caught.value) == (
        "child: training.teacher: no teacher for task forecast; there are teachers for generate, translate, classify, "
        "tag"
    )
