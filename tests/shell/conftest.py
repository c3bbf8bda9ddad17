"""Fixtures of the shell's tests: shells with several open models."""

from dataclasses import replace

import pytest

from seqshell.testing import shell_for, tiny_model, tiny_translation_model


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
