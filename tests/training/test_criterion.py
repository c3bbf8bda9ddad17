"""The metric that selects the best weights of a training."""

from __future__ import annotations

import importlib.util

import pytest
from tests.training.labelled_names import prepared as prepared_classifier
from tests.training.number_pairs import prepared, recipe, trained

from seqshell.core.errors import RecipeError
from seqshell.core.events import Notice, Table
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.stopping import criterion, improves


def test_bleu_can_select_the_best_weights(tmp_path):
    module = prepared(tmp_path).new_module().eval()
    plain = prepared(tmp_path).objective.validate(module)
    objective = prepared(tmp_path, criterion="bleu").objective
    found = objective.validate(module)

    assert criterion(plain) == plain["nats"]
    assert criterion(found) == pytest.approx(1 - plain["bleu"] / 100 + 1e-6 * plain["nats"], abs=1e-9)
    assert objective.as_measured(found) == plain
    for change in (0.01, -0.01):
        other = {**found, "wanting": found["wanting"] - change, "nats": 2 * found["nats"]}
        assert improves(other, {"validation": found}) == (change > 0)


def test_a_model_that_bleu_has_selected_has_the_usual_metrics(tmp_path):
    metrics = file.read_header(trained(tmp_path, "model", epochs=1, criterion="bleu"))["provenance"]["metrics"]
    plain = file.read_header(trained(tmp_path, "plain", epochs=1))["provenance"]["metrics"]
    assert metrics == plain
    assert list(metrics) == ["nats", "perplexity", "exact", "bleu"]


def test_the_scores_of_a_parent_are_shown_without_the_criterion(tmp_path):
    parent = trained(tmp_path, "parent", epochs=1)
    child = recipe(tmp_path, epochs=1, parent=str(parent), criterion="bleu")
    events = list(train(child, load_registry(), tmp_path / "child.safetensors"))
    names = ["nats", "perplexity", "exact", "bleu"]

    assert [row[1] for event in events if isinstance(event, Table) for row in event.rows if len(row) == 4] == 2 * names
    scores = file.read_header(tmp_path / "child.safetensors")["provenance"]["parent"]
    assert [list(scores[when][of]) for when in ("before", "after") for of in ("new", "parent")] == 4 * [names]


def test_a_criterion_of_another_task_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="criterion=accuracy is not for task translate; it may be nats or bleu"):
        prepared(tmp_path, criterion="accuracy")
    with pytest.raises(RecipeError, match="criterion=bleu is not for task classify; it may be nats or accuracy or mac"):
        prepared_classifier(tmp_path, criterion="bleu")
    (tmp_path / "a.txt").write_text("to be or not to be, " * 20)
    tables = {"task": "generate", "architecture": "lstm", "data": {"text": "a.txt"}, "training": {"criterion": "both"}}
    with pytest.raises(RecipeError, match="criterion=both is not for task generate; it may be nats"):
        prepare(recipe_from(tables, name="text", folder=tmp_path), load_registry())


def test_bleu_as_criterion_needs_sacrebleu(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "sacrebleu" else find(name))
    with pytest.raises(RecipeError, match="criterion=bleu needs sacrebleu: pip install sacrebleu"):
        prepared(tmp_path, criterion="bleu")


def test_a_training_that_gains_nothing_says_whose_weights_it_keeps(tmp_path):
    parent = trained(tmp_path, "parent", epochs=1)
    child = recipe(tmp_path, epochs=1, parent=str(parent), learning_rate=1e-12)
    events = list(train(child, load_registry(), tmp_path / "child.safetensors"))

    wrote = [event.text for event in events if isinstance(event, Notice) and event.text.startswith("wrote")]
    assert wrote[-1].startswith(f"wrote {tmp_path / 'child.safetensors'}: the weights of parent, ")
