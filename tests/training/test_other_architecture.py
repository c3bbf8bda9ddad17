"""`seqshell train FILE --set architecture=NAME`: settings for the recipe's architecture that the other one lacks."""

from __future__ import annotations

import re

import pytest

from seqshell.cli import main
from seqshell.core.errors import RecipeError
from seqshell.core.tasks import Task
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models.file import read_header
from seqshell.training.preparation import check_config
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.other_architecture import for_architecture

SHIPPED = load_registry(Policy(no_plugins=True))
LANGUAGE_MODELS = sorted(name for name, each in SHIPPED.architectures.items() if each.task == Task.GENERATE)


@pytest.fixture
def text(folder):
    """The name of a text."""
    (folder / "cats.txt").write_text("the cat sees the dog. the dog runs.\n" * 9)
    return "cats.txt"


def fitted(names, *overrides):
    return for_architecture(load_recipe(names, overrides, SHIPPED.recipe_folders), SHIPPED)


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_every_language_model_trains_on_a_text_without_further_settings(text, name):
    recipe = fitted(text, f"architecture={name}")
    config = check_config(recipe, SHIPPED.lookup("architecture", name))

    assert {key: getattr(config, key) for key in recipe.model} == dict(recipe.model)
    assert recipe.model.get("embed_size", 64) == 64
    assert recipe.tables()["architecture"] == name


def test_a_line_says_which_settings_are_left_out_and_the_checkpoint_has_the_others(text, folder, home, capsys):
    small = (word for name in ("embed_size", "hidden_size", "mlp_size") for word in ("--set", f"model.{name}=4"))
    line = ["train", text, "--no-plugins", "--set", "architecture=mingru", "--set", "training.epochs=1", *small]

    assert main([*line, "--out", "./cats.safetensors"]) == 0
    printed = capsys.readouterr()
    assert "without 1 setting that mingru lacks: embed_dropout" in printed.out + printed.err
    assert read_header(folder / "cats.safetensors")["config"]["dropout"] == 0.2


def test_settings_that_the_user_gives_and_those_of_the_recipes_own_architecture_stay(text):
    given = fitted(text, "architecture=ngram", "model.embed_dropout=0.5", " model.order=3")
    assert given.model == {"embed_dropout": 0.5, "order": 3}
    with pytest.raises(RecipeError, match=re.escape("[model] ngram has no setting 'embed_dropout'")):
        check_config(given, SHIPPED.lookup("architecture", "ngram"))

    assert fitted(text, "architecture=gru", "model.depth=2").model["depth"] == 2
    assert "embed_dropout" in fitted(text, "architecture=nosuch").model
    assert fitted(text, "architecture=lstm") == load_recipe(text, ["architecture=lstm"])
