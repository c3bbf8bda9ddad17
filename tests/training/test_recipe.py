"""Recipes: strict keys, overrides and defaults."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from seqshell.core.errors import RecipeError
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.listing import defaults_text, describe_recipes, recipe_text
from seqshell.training.recipes.recipe import Recipe, read_recipe, recipe_from
from seqshell.training.recipes.settings import DataSettings, DefaultSettings, TrainingSettings
from seqshell.training.recipes.toml import to_toml

TABLES = {"task": "generate", "architecture": "gru", "data": {"text": "a.txt"}}


def recipe(*overrides: str, **tables: object) -> Recipe:
    return recipe_from({**TABLES, **tables}, name="small", folder=Path(), overrides=overrides, where="small.toml")


def test_all_keys_but_three_have_a_default() -> None:
    made = recipe()

    assert made.training == TrainingSettings()
    assert made.defaults == DefaultSettings()
    assert made.data == DataSettings(text="a.txt")
    assert made.tokenizer == {"name": "char"}


def test_the_printed_defaults_are_a_recipe_without_a_text() -> None:
    tables = tomllib.loads(defaults_text())
    with pytest.raises(RecipeError, match=r"data\.text is missing"):
        recipe_from(tables, name="d", folder=Path())

    tables["data"]["text"] = "a.txt"
    assert recipe_from(tables, name="small", folder=Path()).training == TrainingSettings()


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"traning": {}}, "small.toml has an unknown key traning; did you mean training?"),
        ({"training": {"epoch": 3}}, "small.toml has an unknown key training.epoch; did you mean training.epochs?"),
        ({"data": {"text": "a", "txet": 1}}, "unknown key data.txet; did you mean data.text?"),
        ({"training": {"epochs": 0}}, "small.toml: training.epochs must be 1 to 1,000,000, not 0"),
        ({"training": {"epochs": "many"}}, "training.epochs must be"),
        ({"training": {"epochs": True}}, "training.epochs must be"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate must be"),
        ({"training": {"optimizer": "lion"}}, "training.optimizer must be sgd, adam or adamw"),
        ({"training": 3}, r"training must be a table: write \[training\]"),
        ({"task": "generat"}, "task must be generate"),
        ({"task": 3}, "task must be a text"),
        ({"data": {}}, "data.text is missing"),
        ({"data": {"text": "a", "validation": 1.5}}, "data.validation must be a share between 0 and 1"),
        ({"data": {"text": "a", "validation": True}}, "data.validation must be a share"),
        ({"tokenizer": {}}, "tokenizer.name is missing"),
        ({"defaults": {"examples": [1]}}, "defaults.examples must be a list of texts"),
    ],
)
def test_errors_in_a_recipe_name_file_key_and_hint(tables: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe(**tables)


def test_a_recipe_without_a_required_key_names_the_key() -> None:
    for key in TABLES:
        with pytest.raises(RecipeError, match=f"has no {key}"):
            recipe_from({name: value for name, value in TABLES.items() if name != key}, name="x", folder=Path())


def test_set_takes_toml_values_and_plain_strings() -> None:
    training = ("training.epochs=3", "training.learning_rate=1e-3")
    made = recipe(*training, "model.hidden_size=8", "tokenizer.name=byte", "architecture=lstm", "data.text=b c.txt")

    assert (made.training.epochs, made.training.learning_rate) == (3, 1e-3)
    assert made.model == {"hidden_size": 8}
    assert (made.tokenizer["name"], made.architecture, made.data.text) == ("byte", "lstm", "b c.txt")


def test_files_in_overrides_are_relative_to_the_current_folder(folder: Path) -> None:
    (folder / "here.txt").touch()

    assert recipe("data.text=here.txt").data.text == str(folder / "here.txt")
    assert recipe("data.text=elsewhere.txt").data.text == "elsewhere.txt"  # relative to the recipe
    assert recipe("data.validation=here.txt").data.validation == str(folder / "here.txt")


def test_a_single_text_is_a_list_of_one_and_columns_may_have_commas_between_them() -> None:
    assert recipe("defaults.examples=Yes, my lord").defaults.examples == ("Yes, my lord",)
    assert recipe("data.columns=value").data.columns == ("value",)
    assert recipe("data.columns=low, high").data.columns == ("low", "high")
    assert recipe("data.columns=['low, high']").data.columns == ("low, high",)
    assert recipe("data.columns=2020").data.columns == ("2020",)
    assert recipe("data.label_column=1").data.label_column == "1"
    assert recipe("data.text_column='a b'").data.text_column == "a b"


def test_another_tokenizer_loses_the_settings_of_the_one_it_replaces() -> None:
    words = {"name": "word", "lowercase": True, "vocab_size": 20}

    assert recipe("tokenizer.name=char", tokenizer=words).tokenizer == {"name": "char"}
    assert recipe("tokenizer.name=word", tokenizer=words).tokenizer == words
    for overrides in (
        ("tokenizer.name=bpe", "tokenizer.vocab_size=9"),
        ("tokenizer.vocab_size=9", "tokenizer.name=bpe"),
    ):
        assert recipe(*overrides, tokenizer=words).tokenizer == {"name": "bpe", "vocab_size": 9}


@pytest.mark.parametrize("word", ["epochs", "a.b.c=1", ".x=1", "architecture.x=1"])
def test_invalid_overrides_are_refused(word: str) -> None:
    with pytest.raises(RecipeError, match="--set"):
        recipe(word)


def test_an_override_of_an_unknown_key_suggests_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"training\.epohcs; did you mean training.epochs"):
        recipe("training.epohcs=3")


def test_a_recipe_is_the_same_after_writing_and_reading() -> None:
    odd = {"examples": ['a "quoted"\n\tline', "\\ é \x7f \x01"], "about": "x"}
    made = recipe(defaults=odd, model={"hidden_size": 8, "tied": True, "dropout": 0.1})

    again = recipe_from(tomllib.loads(to_toml(made.tables())), name="small", folder=Path())

    assert again.tables() | {"defaults": None} == made.tables() | {"defaults": None}
    assert list(again.defaults.examples) == list(made.defaults.examples)


def test_toml_errors_name_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('task = "generate"\narchitecture = = 3\n')
    with pytest.raises(RecipeError, match=r"r.toml is not TOML: .*line 2"):
        read_recipe(path)
    path.write_bytes(b'task = "\xff"')
    with pytest.raises(RecipeError, match="not UTF-8"):
        read_recipe(path)


def test_recipes_are_found_by_name_and_the_users_take_precedence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    assert load_recipe("shakespeare").architecture == "lstm"

    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "mine.toml").write_text(
        '# A small one.\ntask = "generate"\narchitecture = "gru"\n[data]\ntext = "a.txt"\n'
    )
    (tmp_path / "recipes" / "broken.toml").write_text("task =")

    listed = {item["name"]: item for item in describe_recipes()}
    assert listed["mine"]["summary"] == "A small one."
    assert "not TOML" in listed["broken"]["summary"]
    assert listed.keys() >= {"shakespeare", "text", "mine", "broken"}
    assert recipe_text("mine").startswith("# A small one.")
    with pytest.raises(RecipeError, match="did you mean mine"):
        load_recipe("mien")
