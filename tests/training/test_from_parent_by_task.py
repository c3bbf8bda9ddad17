"""Classifiers, taggers, translators and forecasters are trained further on other data."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from tests.training.parents import QUICK, of, weights_of

from seqshell.models import file
from seqshell.models.opening import open_model
from seqshell.training.earlier_data import earlier_data
from seqshell.training.fitting import fit_first
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.from_parent import with_parent
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.run import Run

LABELLED = [(f"{stem}{ending}", label) for ending, label in (("ski", "pl"), ("ov", "ru")) for stem in "abcdefghij"]


@pytest.mark.parametrize("settings", [[], ["model.dropout=0.25"]])
def test_a_classifier_keeps_its_labels_and_gets_new_ones(tmp_path, monkeypatch, registry, settings):
    monkeypatch.chdir(tmp_path)
    model = {"embed_size": 4, "hidden_size": 6, "pooling": "last", "linear_ngrams": 1}
    for name, rows in (
        ("old", LABELLED),
        ("new", [(f"{text}ßx", label) for text, label in LABELLED] + [(f"{text}ini", "it") for text in "abcde"]),
    ):
        Path(f"{name}.tsv").write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows))
    old = of("classify", "classifier", {"table": "old.tsv", "validation": 0.2}, model, tokenizer={"name": "char"})
    list(train(old, registry, Path("old.safetensors")))
    changed = [f"training.{key}={value}" for key, value in (QUICK | {"epochs": 1}).items()]
    recipe = load_recipe("new.tsv", [*changed, "data.validation=0.2"])
    recipe = with_parent(recipe, "./old.safetensors", (), [*settings, "data.validation=0.2"])
    prepared = prepare(recipe, registry)
    module = prepared.new_module()
    earlier = earlier_data(prepared, registry)

    assert recipe.model["dropout"] == (0.25 if settings else 0.0)
    assert prepared.labels == ("pl", "ru", "it")
    assert re.match(r"3 tokens added to the \d+ of old: ", prepared.notes[0])
    assert prepared.notes[1] == "1 label added to the 2 of old: it"
    assert len(next(prepared.objective.batches(0))) == 2  # no corrections of a linear part that is fitted anew
    assert module.readout.bias[2] == module.readout.bias[:2].mean()
    assert earlier.name == "old.tsv"
    assert set(earlier.validate(module)) >= {"accuracy", "nats"}


def test_a_tagger_keeps_its_tags_and_gets_new_ones(tmp_path, monkeypatch, registry):
    monkeypatch.chdir(tmp_path)
    for name, lines in (("old", "we O\nmet O\nAnna PER\n\n"), ("new", "we O\nsaw O\nRome LOC\n\n")):
        Path(f"{name}.conll").write_text(lines * 3)
    data, word = {"tags": "old.conll", "validation": "old.conll"}, {"name": "word"}
    model = {"embed_size": 4, "hidden_size": 4}
    list(train(of("tag", "tagger", data, model, tokenizer=word, epochs=1), registry, Path("old.safetensors")))
    new = of("tag", "tagger", {"tags": "new.conll", "validation": "new.conll"}, {}, name="new", tokenizer=word)
    prepared = prepare(with_parent(new, "./old.safetensors"), registry)

    assert prepared.labels == (*open_model("./old.safetensors", registry).labels, "LOC")
    assert prepared.notes == (
        f"2 tokens added to the {prepared.tokenizer.size - 2} of old: 'Rome' (3), 'saw' (3)",
        "1 label added to the 2 of old: LOC",
    )
    assert set(earlier_data(prepared, registry).validate(prepared.new_module())) >= {"nats", "accuracy"}


@pytest.mark.parametrize("joint", [True, False])
def test_a_translation_model_extends_its_vocabularies(tmp_path, monkeypatch, registry, joint):
    monkeypatch.chdir(tmp_path)
    numbers = {"un": "one", "deux": "two", "trois": "three", "quatre": "four"}
    pairs = [(f"{a} et {b}", f"{numbers[a]} and {numbers[b]}") for a in numbers for b in numbers]
    for name, more in (("old", []), ("new", [("six et six", "sixty and six")] * 3)):
        Path(f"{name}.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in pairs + more))
    tables = {
        "task": "translate",
        "architecture": "attention_seq2seq",
        "data": {"pairs": "old.tsv", "validation": 0.2},
        "model": {"embed_size": 4, "encoder_size": 4, "hidden_size": 8},
        "training": QUICK | {"epochs": 1},
        "defaults": {"max_tokens": 5},
    }
    word = {"name": "word"}
    tables |= {"tokenizer": word} if joint else {"source_tokenizer": word, "target_tokenizer": word}
    list(train(recipe_from(tables, name="old", folder=Path()), registry, Path("old.safetensors")))
    changed = [f"training.{key}={value}" for key, value in (QUICK | {"epochs": 1}).items()]
    recipe = load_recipe("new.tsv", [*changed, "data.validation=0.2"])
    recipe = with_parent(recipe, "./old.safetensors")
    prepared = prepare(recipe, registry)
    earlier = earlier_data(prepared, registry)

    added = [note for note in prepared.notes if "added to the" in note]
    assert (prepared.source_tokenizer is prepared.tokenizer) is joint
    if joint:
        assert re.fullmatch(r"2 tokens added to the \d+ of old: 'six' \(9\), 'sixty' \(3\)", added[0])
    else:
        assert [re.sub(r"\d+ of", "N of", note) for note in added] == [
            "1 token added to the N of old: 'six' (6)",
            "2 tokens added to the N of old: 'six' (3), 'sixty' (3)",
        ]
    assert set(earlier.validate(prepared.new_module())) >= {"nats", "exact"}


def test_a_forecaster_goes_on_with_its_weights_on_another_series(tmp_path, monkeypatch, registry):
    monkeypatch.chdir(tmp_path)
    for name, period in (("old", 8), ("new", 10)):
        rows = "".join(f"{row},{10 + 3 * np.sin(2 * np.pi * row / period):.4f}\n" for row in range(120))
        Path(f"{name}.csv").write_text("hour,x\n" + rows)
    model = {"hidden_size": 8, "horizon": 4, "window": 8, "segment": 2, "quantiles": 3, "linear_window": 8}
    data = {"table": "old.csv", "time_column": "hour", "ends": (80, 100, 116)}
    old = of("forecast", "forecaster", data, model, epochs=1, sequence_length=4)
    list(train(old, registry, Path("old.safetensors")))
    new = of("forecast", "forecaster", data | {"table": "new.csv"}, {}, name="new", epochs=1, sequence_length=4)
    prepared = prepare(with_parent(new, "./old.safetensors"), registry)
    weights, run = weights_of(prepared), Run(prepared, tmp_path)
    notes = [event.text for event in fit_first(run)]

    assert all(
        np.array_equal(values, weights[name].numpy()) for name, values in file.read("old.safetensors")[1].items()
    )
    assert notes[0].startswith("before training, with the weights of old: validation MSE ")
    assert set(earlier_data(prepared, registry).validate(run.module)) == {"mse", "mae"}
