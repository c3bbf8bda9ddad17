"""Trainings whose model may not be written, and plugins that fail."""

from __future__ import annotations

from types import SimpleNamespace

import seqshell
from seqshell.core.events import Notice
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.training.recipes.recipe import recipe_from
from seqshell_recurrent.config import GRUConfig

TEXT = "the cat sat on the mat and the dog sat on the log " * 20


def tables(folder, architecture="gru", **training):
    (folder / "text.txt").write_text(TEXT)
    return {
        "task": "generate",
        "architecture": architecture,
        "data": {"text": "text.txt"},
        "model": {"hidden_size": 8, "embed_size": 4},
        "training": {
            "batch_size": 4,
            "sequence_length": 20,
            "sample_length": 5,
            "precision": "float32",
            "device": "cpu",
            "epochs": 3,
            **training,
        },
        "defaults": {"examples": ["the "]},
    }


def recipe(folder, architecture="gru", **training):
    return recipe_from(tables(folder, architecture, **training), name="small", folder=folder)


def registry_with(**hooks):
    """The built-in plugins, and one with these hooks: seqshell_architectures=[...]."""
    offers = {name: seqshell.hookimpl(lambda offered=offered: offered) for name, offered in hooks.items()}
    return load_registry(Policy(no_plugins=True), modules=[SimpleNamespace(__name__="mine", __version__="1", **offers)])


def architecture(model, decoder=None, name="mine"):
    return seqshell.Architecture(name, seqshell.Task.GENERATE, GRUConfig, model, decoder)


def warnings_of(events):
    return [event.text for event in events if isinstance(event, Notice) and event.level == "warning"]
