"""The linear part of a classifier: fitted before the first step, and kept alone if training gains nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import seqshell
from seqshell.core.events import Notice
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.training.classification.bags import make_bags
from seqshell.training.classification.cross_validation import FACTORS, Labelled, choose_strength
from seqshell.training.classification.data import folds
from seqshell.training.classification.evaluation import predictions
from seqshell.training.classification.linear import unit_rows
from seqshell.training.data.token_rows import TextRows
from seqshell.training.data.vocabularies import every
from seqshell.training.fitting import fit_first
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.run import Run
from seqshell.training.stopping import improves

GOOD, BAD, OTHERS = ("fine", "lovely", "great"), ("dull", "poor", "awful"), ("a", "film", "plot", "cast", "with", "the")
ARCHITECTURES = ("classifier", "bidirectional_classifier")


def texts(number=200):
    """Each text has two telling words, and one in eight has the wrong label."""
    draws = np.random.default_rng(0)
    for _ in range(number):
        is_good = bool(draws.integers(2))
        words = [*draws.choice(GOOD if is_good else BAD, 2), *draws.choice(OTHERS, 4)]
        yield " ".join(draws.permutation(words)), "good" if is_good != (draws.random() < 0.125) else "bad"


def recipe(folder: Path, architecture="bidirectional_classifier", **training):
    lines = [f"{text}\t{label}\n" for text, label in texts()]
    (folder / "films.tsv").write_text("text\tlabel\n" + "".join(lines))
    tables = {
        "task": "classify",
        "architecture": architecture,
        "data": {"table": "films.tsv", "validation": 0.2},
        "tokenizer": {"name": "word"},
        "model": {"embed_size": 4, "hidden_size": 6, "cell": "gru", "linear_ngrams": 2},
        "training": {"epochs": 2, "batch_size": 16, "precision": "float32", "device": "cpu", "ema": 0.0, **training},
    }
    return recipe_from(tables, name="films", folder=folder)


def fitted(folder: Path, architecture="bidirectional_classifier", **training) -> Run:
    run = Run(prepare(recipe(folder, architecture, **training), load_registry()), folder / "run")
    list(fit_first(run))
    return run


def test_the_linear_part_mixes_the_linear_baseline_and_naive_bayes(tmp_path):
    """It reads the same words and pairs of words as the baseline, so it has the same logits."""
    run = fitted(tmp_path)
    training, validation = run.objective.split_of.training, run.objective.split_of.validation
    bags = make_bags(training.texts + validation.texts, "words")
    known, others = np.arange(len(training)), np.arange(len(training), len(training) + len(validation))
    kept = np.bincount(bags.at(known).ids, minlength=bags.num) >= 2
    labels = np.array([("bad", "good").index(label) for label in training.labels])
    data = Labelled(unit_rows(bags.at(known).only(kept)), labels, np.array(folds(training.texts, 5)), 2)
    asked = unit_rows(bags.at(others).only(kept))
    models = data.fit(choose_strength(data)), data.naive_bayes()
    odds = np.stack([logits[:, 1] - logits[:, 0] for logits in (model.logits(asked) for model in models)], 1)
    logs = np.zeros((len(validation), 2))
    for rows, found in predictions(run.average.eval(), run.objective._validation.ids, causal=False):
        logs[rows] = found
    factors, *_ = np.linalg.lstsq(odds, logs[:, 1] - logs[:, 0])

    assert len(run.average.linear.keys) == kept.sum()
    assert odds @ factors == pytest.approx(logs[:, 1] - logs[:, 0], abs=1e-3)
    assert [min(FACTORS, key=lambda known: abs(known - factor)) for factor in factors] == pytest.approx(
        factors, abs=0.01
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_while_training_a_text_gets_the_logits_of_a_model_that_does_not_know_it(tmp_path, architecture):
    run = fitted(tmp_path, architecture)
    part, objective = run.objective._linear_part, run.objective
    with torch.inference_mode():
        batches = list(objective.batches(0))
        losses = [objective.loss(run.module.eval(), batch, ())[0].item() for batch in batches]
        seen = [objective.loss(run.module, batch[:2], ())[0].item() for batch in batches]

    assert [batch[2].shape for batch in batches] == [(len(batch[1]), 2) for batch in batches]
    assert part.corrections.shape == (len(objective._training.ids), 2)
    assert np.mean(seen) < np.mean(losses) < objective.validate(run.module)["nats"] * 1.5


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_linear_part_alone_is_kept_if_training_gains_nothing(tmp_path, architecture):
    out = tmp_path / "films.safetensors"
    events = list(train(recipe(tmp_path, architecture, learning_rate=0.0), load_registry(), out))
    notes = [event.text for event in events if isinstance(event, Notice)]
    header, weights = file.read_header(out), file.read(out)[1]
    number = len(weights["linear.keys"])

    assert any(note.startswith(f"before training, a linear model of {number} n-grams is fitted") for note in notes)
    kept = (
        "training gained nothing beyond chance on the validation data: "
        f"keeping a linear model of {number} n-grams alone"
    )
    assert kept in notes
    assert header["provenance"]["epoch"] == 0
    assert not weights["readout.weight"].any()
    assert header["provenance"]["metrics"]["accuracy"] > 0.7
    session = seqshell.open(out)
    assert session.classify("a lovely film with the great cast").answer == "good"
    assert session.classify("a dull plot the poor film").answer == "bad"


def test_a_fitted_part_is_given_up_only_for_a_nat_less_in_all():
    fitted = {"validation": {"wanting": 0.2, "nats": 0.5}, "fitted": "a linear model", "to_beat": {"nats": 0.49}}

    assert not improves({"wanting": 0.1, "nats": 0.495}, fitted)
    assert not improves({"wanting": 0.3, "nats": 0.4}, fitted)
    assert improves({"wanting": 0.1, "nats": 0.4}, fitted)
    assert improves({"wanting": 0.1, "nats": 0.6}, {"validation": fitted["validation"]})


def test_files_are_labelled_from_a_linear_model_of_their_words_or_characters(tmp_path):
    (tmp_path / "words.tsv").write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in texts(40)))
    (tmp_path / "names.tsv").write_text("text\tlabel\n" + "".join(f"n{row}\t{row % 2}\n" for row in range(40)))

    for name, number, tokenizer in (("words", 2, "word"), ("names", 4, "char")):
        found = load_recipe(str(tmp_path / f"{name}.tsv"))
        assert (found.model["linear_ngrams"], found.tokenizer["name"]) == (number, tokenizer)
        assert found.training.criterion == "both"


def test_a_resumed_training_has_the_same_bits(tmp_path):
    whole = fitted(tmp_path)
    list(whole.epochs())
    run = Run(whole.prepared, tmp_path / "parts")
    list(fit_first(run))
    for number, _ in enumerate(run.epochs()):
        if number == 5:
            break
    run.write()
    again = Run(prepare(recipe(tmp_path), load_registry()), tmp_path / "parts")
    again.restore()
    list(fit_first(again))
    list(again.epochs())

    assert again.progress.history[-1]["validation"] == whole.progress.history[-1]["validation"]
    for name, tensor in whole.module.state_dict().items():
        assert torch.equal(tensor, again.module.state_dict()[name]), name


def test_the_size_of_the_linear_part_is_limited_to_the_most_frequent_ngrams(tmp_path):
    found = recipe(tmp_path)
    objective = prepare(found, load_registry()).objective
    largest = objective._linear_part
    small = prepare(
        recipe_from({**found.tables(), "model": {**found.model, "linear_size": 20}}, name="films", folder=tmp_path),
        load_registry(),
    ).objective._linear_part

    assert len(small.keys) == 10 < len(largest.keys)
    assert set(small.keys.tolist()) <= set(largest.keys.tolist())


@pytest.mark.parametrize(("megabytes", "step"), [(33, 1), (40, 1), (41, 2), (1000, 25)])
def test_the_linear_part_is_fitted_to_all_texts_of_the_size_of_imdb_and_to_some_of_more(megabytes, step):
    contents = np.broadcast_to(np.uint8(97), megabytes * 1_000_000)
    assert every(TextRows(contents, np.array([0, contents.size]))) == step
    assert every(["a", "b"]) == 1
