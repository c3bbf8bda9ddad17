"""A part of a module that is fitted directly: validated before training, and kept alone if training gains nothing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from seqshell.core.events import Notice
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.training import loop
from seqshell.training.fitting import fit_first
from seqshell.training.language.objective import LanguageObjective
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.run import Run

TEXT = "the cat sat on the mat and the dog sat on the log " * 20


@dataclass(frozen=True)
class Fitting(LanguageObjective):
    """Fits the bias of the read-out to the counts of the characters."""

    def fit(self, module):
        counts = torch.bincount(torch.from_numpy(self.streams.ids), minlength=module.config.vocab_size)
        with torch.no_grad():
            module.readout.weight.zero_()
            module.readout.bias.copy_((counts + 1).log())
        return "the frequencies of the characters"


def prepared(folder, **training):
    (folder / "text.txt").write_text(TEXT)
    return {
        "task": "generate",
        "architecture": "gru",
        "data": {"text": "text.txt"},
        "model": {"hidden_size": 8, "embed_size": 4, "tied": False},
        "training": {
            "batch_size": 4,
            "sequence_length": 20,
            "sample_length": 5,
            "precision": "float32",
            "device": "cpu",
            "warmup_steps": 0,
            "epochs": 2,
            **training,
        },
        "defaults": {"examples": ["the "]},
    }


@dataclass(frozen=True)
class CautiousFitting(Fitting):
    """Asks for a tenth of the nats."""

    def to_beat(self, fitted):
        return {name: 0.1 * value for name, value in fitted.items()}


@pytest.fixture(params=[Fitting])
def fitting(request, tmp_path, monkeypatch):
    """Train with one of the objectives above; returns the run's events and its header."""

    def prepare_fitting(recipe, registry):
        found = prepare(recipe, registry)
        object.__setattr__(found, "objective", request.param(**vars(found.objective)))
        return found

    monkeypatch.setattr(loop, "prepare", prepare_fitting)

    def run(**training):
        recipe = recipe_from(prepared(tmp_path, **training), name="fitted", folder=tmp_path)
        out = tmp_path / "fitted.safetensors"
        texts = [event.text for event in train(recipe, load_registry(), out) if isinstance(event, Notice)]
        return texts, file.read_header(out)["provenance"], file.read(out)[1]

    return run


def test_the_fitted_part_is_validated_first_and_kept_if_training_gains_nothing(fitting):
    texts, provenance, weights = fitting(learning_rate=0.0, weight_decay=0.0)

    assert any(text.startswith("before training, the frequencies of the characters is fitted") for text in texts)
    kept = "training gained nothing on the validation data: keeping the frequencies of the characters alone"
    assert kept in texts
    assert texts[-1].startswith("wrote")
    assert "fitted weights" in texts[-1]
    assert (provenance["epoch"], provenance["steps"]) == (0, 0)
    assert not weights["readout.weight"].any()


@pytest.mark.parametrize("fitting", [CautiousFitting], indirect=True)
def test_a_gain_that_may_be_chance_does_not_count(fitting, monkeypatch):
    monkeypatch.setattr(
        Fitting, "to_beat", lambda self, fitted: {name: 0.1 * fitted[name] for name in fitted}, raising=False
    )
    texts, provenance, weights = fitting(learning_rate=0.02, epochs=3, ema=0.0)

    assert provenance["epoch"] == 0
    assert not weights["readout.weight"].any()
    kept = (
        "training gained nothing beyond chance on the validation data: keeping the frequencies of the characters alone"
    )
    assert kept in texts


def test_training_improves_on_the_fitted_part(fitting):
    texts, provenance, weights = fitting(learning_rate=0.02, epochs=3, ema=0.0)

    assert provenance["epoch"] == 3
    assert weights["readout.weight"].any()
    assert not any("gained nothing" in text for text in texts)


def test_a_run_that_has_begun_is_not_fitted_again(fitting, tmp_path):
    found = loop.prepare(recipe_from(prepared(tmp_path), name="fitted", folder=tmp_path), load_registry())
    run = Run(found, tmp_path / "first")
    assert len(list(fit_first(run))) == 1
    run.write()
    again = Run(found, tmp_path / "first")
    again.restore()

    assert again.progress.best == {**run.progress.best, "fitted": "the frequencies of the characters", "epoch": 0}
    assert not again.best_weights["readout.weight"].any()
    assert list(fit_first(again)) == []
