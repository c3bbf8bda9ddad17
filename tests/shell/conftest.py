"""Fixtures of the shell's tests: shells with several open models, and those that begin anew."""

from dataclasses import replace

import pytest
from tests.shell.sending import LETTERS

from seqshell.core import paths
from seqshell.testing import shell_for, tiny_checkpoint, tiny_model, tiny_translation_model


@pytest.fixture
def background_translator(folder):
    """A shell on a language model, with a translation model, which gives long answers, in the background."""
    shell = shell_for(tiny_model())
    shell.workspace.add(replace(tiny_translation_model(seed=3), name="english-french"), background=True)
    return shell


@pytest.fixture
def translator(background_translator):
    """The same shell; the translation model is current."""
    background_translator.workspace.use("english-french")
    return background_translator


@pytest.fixture
def fresh(folder, monkeypatch):
    """Makes a shell on the model `one`; there is also the model `two`. Files are in the current folder."""
    monkeypatch.setattr(paths, "shipped", lambda: folder / "nothing ships")
    models = paths.folder("models")
    models.mkdir(parents=True)
    tiny_checkpoint(models / "one.safetensors", LETTERS, defaults={"max_tokens": 12})
    tiny_checkpoint(models / "two.safetensors", LETTERS, seed=1)

    def make():
        shell = shell_for()
        shell.open("one")
        return shell

    return make
