"""Taggers learn from files, are saved and evaluated beside the baseline, and `seqshell train FILE` finds them out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seqshell.cli import main
from seqshell.core.errors import RecipeError
from seqshell.core.tasks import Task
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.training.data.understanding import understand
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.recipe import recipe_from

REGISTRY = load_registry(Policy(no_plugins=True))
PEOPLE, PLACES = ("Anna", "Ben", "Ada"), ("Rome", "Oslo", "Lima")
# The same word is a name or a place by what is before it, which the baseline cannot see.
SENTENCES = [
    [("we", "O"), (verb, "O"), (name, tag)]
    for verb, tag in (("met", "B-PER"), ("saw", "B-LOC"))
    for name in PEOPLE + PLACES
]
TEXT = "\n".join("".join(f"{word} {tag}\n" for word, tag in sentence) for sentence in SENTENCES)


@pytest.fixture
def here(folder):
    (folder / "names.conll").write_text(TEXT)
    return folder


def recipe(folder, architecture="bidirectional_tagger", **data):
    tables = {
        "task": "tag",
        "architecture": architecture,
        "data": {"tags": "names.conll", "validation": "names.conll", **data},
        "tokenizer": {"name": "word"},
        "model": {"embed_size": 8, "hidden_size": 8, "cell": "gru", "word_dropout": 0.01},
        "training": {"epochs": 25, "batch_size": 4, "learning_rate": 0.03, "precision": "float32", "sample_every": 0},
    }
    return recipe_from(tables, name="who", folder=folder)


@pytest.mark.parametrize("architecture", ["tagger", "bidirectional_tagger"])
def test_a_tagger_learns_what_the_baseline_cannot(here, capsys, architecture):
    list(train(recipe(here, architecture), REGISTRY, here / "who.safetensors"))

    assert main(["evaluate", "./who.safetensors", "names.conll", "--json", "--device", "cpu"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == [
        "model", "task", "data", "accuracy", "precision", "recall", "f1", "nats", "bits", "baselines", "baselines_from",
        "by_tag", "by_type", "tokens_per_second",
    ]  # fmt: skip
    assert (found["task"], found["data"]["items"], found["data"]["sentences"]) == ("tag", 36, 12)
    assert (found["accuracy"], found["f1"]) == (1, 1)
    assert found["baselines"]["most_frequent"]["f1"] < 0.7
    assert found["baselines_from"] == "the other 4 of 5 folds of names.conll"
    assert [each["type"] for each in found["by_type"]] == ["LOC", "PER"]
    assert [each["label"] for each in found["by_tag"]] == ["B-LOC", "B-PER", "O"]


def test_evaluate_prints_the_baseline_and_the_types(here, capsys):
    list(train(recipe(here, validation=0.25), REGISTRY, here / "who.safetensors"))
    (here / "test.conll").write_text("we O\nmet O\nZoe B-PER\n")

    assert main(["evaluate", "./who.safetensors", "test.conll", "--training", "names.conll", "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("who on test.conll, 1 sentence with 3 words; ")
    assert lines[1].split() == ["accuracy", "of", "unknown", "words", "precision", "recall", "F1"]
    assert lines[2].startswith("who ")
    assert lines[3].startswith("most frequent tag of the word  66.67 %")
    assert lines[4].split() == ["type", "entities", "precision", "recall", "F1"]
    assert lines[-2] == "baseline from names.conll"

    assert (
        main(["evaluate", "./who.safetensors", "names.conll", "--held-out", "-o", "tags.txt", "--device", "cpu"]) == 0
    )
    assert "3 held-out sentences" in capsys.readouterr().out
    assert [len(line.split()) for line in (here / "tags.txt").read_text().splitlines()] == [3, 3, 3]

    assert main(["evaluate", "./who.safetensors", "names.conll", "--device", "cpu"]) == 0
    assert "who was trained on part of names.conll; use --held-out" in capsys.readouterr().err
    assert main(["evaluate", "./who.safetensors", "test.conll", "--held-out"]) == 2
    assert "--held-out: who was trained on other data, names.conll" in capsys.readouterr().err
    assert main(["evaluate", "./who.safetensors", "test.conll", "--text-column", "a"]) == 2
    assert "who is a tagger; --text-column is for classifiers" in capsys.readouterr().err


def test_tags_without_entities_are_reported_by_tag(here, capsys, monkeypatch):
    monkeypatch.setattr("seqshell.training.tagging.evaluation.REPORTED", 5)
    (here / "names.conll").write_text(TEXT.replace("B-", ""))
    list(train(recipe(here), REGISTRY, here / "who.safetensors"))

    assert main(["evaluate", "./who.safetensors", "names.conll", "--device", "cpu"]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert "tagging: " in printed.err
    assert lines[1].split() == ["accuracy"]
    assert [line.split()[0] for line in lines[4:8]] == ["tag", "LOC", "O", "PER"]


def test_the_tag_of_a_word_is_learned_at_its_last_token(here):
    objective = prepare(recipe(here), REGISTRY).objective
    inputs, targets = next(objective.batches(0))

    assert inputs.shape == targets.shape == (4, 3)
    assert objective.num_losses((inputs, targets)) == objective.num_tokens((inputs, targets)) == 12
    of_characters = recipe_from({**recipe(here).tables(), "tokenizer": {"name": "char"}}, name="who", folder=here)
    inputs, targets = next(prepare(of_characters, REGISTRY).objective.batches(0))
    rows = [np.flatnonzero(row).tolist() for row in targets]
    assert all(row[:2] == [2, 6] for row in rows)  # the ends of " we" and of " met" or " saw"


def test_tags_that_training_lacks_are_wrong_and_not_part_of_the_loss(here):
    (here / "other.conll").write_text("we O\nmet ODD\n")
    prepared = prepare(recipe(here, validation="other.conll"), REGISTRY)
    metrics = prepared.objective.validate(prepared.new_module().eval())

    assert metrics["accuracy"] <= 0.5
    assert np.isfinite(metrics["nats"])
    assert not prepared.objective.is_perfect(metrics)
    assert prepared.objective.summary(metrics).endswith(f"accuracy {100 * metrics['accuracy']:.2f} %")


def test_the_objective_describes_its_data(here):
    objective = prepare(recipe(here), REGISTRY).objective

    assert objective.description.splitlines() == [
        "12 sentences with 36 words for training, 12 sentences with 36 words for validation",
        "3 tags, from O with 24 words to B-LOC with 6",
    ]
    assert objective.examples() == ("we met Anna",)
    assert objective.first_examples(1)[0]["tags"] == "O O B-PER"
    blank = recipe_from({**recipe(here).tables(), "defaults": {"examples": [" "]}}, name="who", folder=here)
    assert prepare(blank, REGISTRY).objective.sample(None, REGISTRY) == " "


def test_a_file_with_tags_is_recognised(here, capsys):
    found = load_recipe("names.conll")

    assert (found.task, found.architecture, found.name) == (Task.TAG, "bidirectional_tagger", "names")
    assert found.understood == ("names.conll: words with tags, 12 sentences, 3 tags: entities",)
    assert found.data.tags == "names.conll"
    assert load_recipe("names.conll", ["task=generate"]).task == Task.GENERATE


def test_a_column_that_the_user_names_makes_a_file_one_with_tags(here):
    (here / "table.tsv").write_text("a\tX\t1\nb\tY\t2\n")

    found = understand(here / "table.tsv", {"data": {"tag_column": 2}})
    assert (found.task, found.lines) == (Task.TAG, ("table.tsv: words with tags, 1 sentence, 2 tags: a is X",))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"tags": ""}, "recipe: data.tags is missing: a file with a word and its tag in each line, or python:code"),
        ({"validation": 2}, "data.validation must be a share between 0 and 1 or a file, not 2"),
    ],
)
def test_invalid_data_is_refused(data, message):
    with pytest.raises(RecipeError, match=message):
        recipe_from({"task": "tag", "architecture": "tagger", "data": {"tags": "a", **data}}, name="a", folder=None)


def test_the_sources_of_python_are_words_with_tags(monkeypatch):
    from seqshell.training.data import python_code
    from seqshell.training.tagging.columns import TagColumns
    from seqshell.training.tagging.data import read_tagged

    monkeypatch.setattr(python_code, "MODULES", ("bisect", "no_such_module"))
    found = read_tagged("python:code", TagColumns())

    assert (found.name, len(found.digest)) == ("python:code", 64)
    assert found.sentences[0].words[:2] == ('"""', "Bisection")
    assert {"function", "keyword", "parameter", "string"} <= set(found.tags)
