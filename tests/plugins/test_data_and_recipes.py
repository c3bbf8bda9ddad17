"""Recipes and data that plugins bring."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.data_plugins import SHORT, module, pairs

import seqshell
from seqshell.cli import main
from seqshell.cli.plugins_check import check_plugin
from seqshell.core.errors import PluginError, RecipeError
from seqshell.core.events import Table
from seqshell.host.builtin import load_registry
from seqshell.models.file import read_header
from seqshell.testing import check_data, failed, run
from seqshell.training.classification.evaluation import ClassificationOptions
from seqshell.training.data.plugin_data import named_data
from seqshell.training.evaluation import evaluate_model
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.recipe import Recipe, recipe_from

RECIPE = """\
# Continues a text about cats.
task = "generate"
architecture = "rnn"
[data]
text = "cats.txt"
[model]
embed_size = 4
hidden_size = 4
num_layers = 1
[training]
epochs = 1
batch_size = 4
sequence_length = 8
"""


def offering(name: str = "mine", **made: Callable[[], Any]) -> types.ModuleType:
    """A plugin with functions that make data, under these names."""
    for word, function in made.items():
        function.__name__ = word
    return module(name, seqshell_data=lambda: list(made.values()))


def recipe(task: str, folder: Path, architecture: str, model: Any = (), **data: Any) -> Recipe:
    tables = {"task": task, "architecture": architecture, "data": data, "training": SHORT, "model": dict(model)}
    return recipe_from(tables, name="small", folder=folder)


@pytest.fixture
def with_recipes(tmp_path: Path) -> types.ModuleType:
    """A plugin with a folder of recipes, one of which is broken."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "cats.toml").write_text(RECIPE)
    (folder / "cats.txt").write_text("the cat sat on the mat. " * 40)
    return module(seqshell_recipes=lambda: [folder])


# Recipes


def test_a_recipe_of_a_plugin_is_found_by_its_name(with_recipes: types.ModuleType, tmp_path: Path) -> None:
    registry = load_registry(modules=[with_recipes])

    found = load_recipe("cats", folders=registry.recipe_folders)
    list(train(found, registry, tmp_path / "cats.safetensors"))

    assert found.folder == tmp_path / "recipes"
    assert read_header(tmp_path / "cats.safetensors")["architecture"] == "rnn"


def test_the_users_own_recipe_comes_first_and_a_shipped_one_last(with_recipes: types.ModuleType, home: Path) -> None:
    folders = load_registry(modules=[with_recipes]).recipe_folders
    (folders[0] / "phrases.toml").write_text(RECIPE)
    assert load_recipe("phrases", folders=folders).folder == folders[0]

    (home / "recipes").mkdir(parents=True)
    (home / "recipes" / "phrases.toml").write_text(RECIPE.replace("rnn", "gru"))
    assert load_recipe("phrases", folders=folders).architecture == "gru"
    with pytest.raises(RecipeError, match=r"no recipe or file 'cats'"):
        load_recipe("cats")


def test_the_shell_lists_completes_and_trains_the_recipes_of_plugins(with_recipes: types.ModuleType) -> None:
    listed, *trained = run(["/recipes", "/train cats", "the"], plugins=[with_recipes])

    assert isinstance(listed, Table)
    assert ("cats", "generate", "rnn", "Continues a text about cats.") in {row[:4] for row in listed.rows}
    assert any("wrote" in getattr(event, "text", "") for event in trained)


def test_the_command_line_lists_shows_and_trains_them(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "cats.toml").write_text(RECIPE)
    (tmp_path / "recipes" / "cats.txt").write_text("the cat sat on the mat. " * 40)
    plugin = tmp_path / "felis.py"
    plugin.write_text(
        "from pathlib import Path\nimport seqshell\n\n\n@seqshell.hookimpl\ndef seqshell_recipes():\n"
        "    yield Path(__file__).parent / 'recipes'\n"
    )

    assert main(["recipes", "-p", str(plugin)]) == 0
    assert "Continues a text about cats." in capsys.readouterr().out
    assert main(["recipes", "show", "cats", "-p", str(plugin)]) == 0
    assert capsys.readouterr().out == RECIPE
    assert main(["train", "cats", "-p", str(plugin), "--dry-run", "--json"]) == 0
    assert '"recipe":"cats"' in capsys.readouterr().out.replace(": ", ":")


def test_a_folder_that_is_missing_leaves_the_plugin_out(tmp_path: Path) -> None:
    registry = load_registry(modules=[module(seqshell_recipes=lambda: [tmp_path / "none"])])

    assert registry.recipe_folders == ()
    assert "seqshell_recipes has an invalid offer" in registry.problems[0].message


def test_a_plugin_that_fails_later_takes_its_recipes_along(with_recipes: types.ModuleType) -> None:
    with_recipes.seqshell_token = seqshell.hookimpl(lambda session, token: 1 / 0, specname="seqshell_token")  # type: ignore[attr-defined]
    registry = load_registry(modules=[with_recipes])
    assert len(registry.recipe_folders) == 1

    registry.notify("seqshell_token", session=None, token=None)

    assert registry.recipe_folders == ()


def test_recipes_of_a_plugin_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good.toml").write_text(RECIPE)
    (tmp_path / "cats.txt").write_text("the cat sat on the mat. " * 40)
    (tmp_path / "typo.toml").write_text(RECIPE.replace("epochs", "epoch"))
    (tmp_path / "model.toml").write_text(RECIPE.replace('"rnn"', '"rnm"'))
    (tmp_path / "lost.toml").write_text(RECIPE.replace("cats.txt", "dogs.txt"))
    (tmp_path / "felis.py").write_text(
        "from pathlib import Path\nimport seqshell\n\n\n@seqshell.hookimpl\ndef seqshell_recipes():\n"
        "    yield Path(__file__).parent\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path])

    found = {each.name: failed(each.checks) for each in check_plugin(str(tmp_path / "felis.py"))}

    assert found["good"] == []
    assert "typo.toml has an unknown key training.epoch" in found["typo"][0]
    assert [line for line in found["model"] if "did you mean rnn?" in line]
    assert found["lost"] == [f"its data can be read: {tmp_path / 'dogs.txt'} does not exist"]


# Data


@pytest.mark.parametrize("made", [pairs, lambda: "".join(f"{source}\t{target}\n" for source, target in pairs())])
def test_a_translation_model_is_trained_on_pairs_or_a_text_with_tabs(tmp_path: Path, made: Any) -> None:
    registry = load_registry(modules=[offering(swaps=lambda: made())])
    small = {"embed_size": 4, "encoder_size": 4, "hidden_size": 4}
    tables = recipe("translate", tmp_path, "seq2seq", small, pairs="generated:mine/swaps", validation=0.25)

    prepared = prepare(tables, registry)
    list(train(tables, registry, tmp_path / "swaps.safetensors"))

    training = prepared.objective.sentences.training  # type: ignore[attr-defined]
    assert len(training) == 12
    assert all(
        target == " ".join(reversed(source.split()))
        for source, target in zip(training.sources, training.targets, strict=True)
    )
    data = read_header(tmp_path / "swaps.safetensors")["provenance"]
    assert data["data"]["name"] == "generated:mine/swaps"
    assert 'pairs = "generated:mine/swaps"' in data["recipe"]


def test_pairs_label_the_texts_of_a_classifier(tmp_path: Path) -> None:
    """Commas and quotation marks in texts and labels are no matter."""
    made = [
        (f'say "{letter}", {number}', "vowel, yes" if letter in "ae" else "no")
        for letter in "abcde"
        for number in range(4)
    ]
    registry = load_registry(modules=[offering(letters=lambda: made)])
    tables = recipe("classify", tmp_path, "classifier", table="generated:mine/letters", validation=0.25)

    prepared = prepare(tables, registry)

    assert prepared.labels == ("no", "vowel, yes")
    split = prepared.objective.split_of  # type: ignore[attr-defined]
    assert set(split.training.texts) | set(split.validation.texts) == {text for text, _ in made}


def test_a_text_is_a_language_model_s_text_and_a_forecaster_s_table(tmp_path: Path) -> None:
    def text() -> str:
        return "the cat sat on the mat. " * 20

    def series() -> str:
        return "day,sales\n" + "".join(f"{day},{day % 7}\n" for day in range(400))

    registry = load_registry(modules=[offering(cats=text, sales=series)])

    language = prepare(recipe("generate", tmp_path, "rnn", text="generated:mine/cats"), registry)
    forecast = prepare(
        recipe("forecast", tmp_path, "forecaster", table="generated:mine/sales", columns=["sales"]), registry
    )

    assert language.objective.split == {"training": 432, "validation": 48}
    assert forecast.series is not None
    assert forecast.series.columns == ("sales",)


def test_a_short_name_is_enough_unless_several_plugins_offer_it(tmp_path: Path) -> None:
    def text() -> str:
        return "a" * 100

    one = load_registry(modules=[offering(cats=text)])
    two = load_registry(modules=[offering(cats=text), offering("other", cats=lambda: "b" * 50)])

    assert named_data("generated:cats", one).text() == "a" * 100  # type: ignore[attr-defined]
    assert named_data("generated:other/cats", two).text() == "b" * 50  # type: ignore[attr-defined]
    assert named_data("generated:numbers", two) == "generated:numbers"
    assert not isinstance(named_data("generated:numbers", two), type(named_data("generated:mine/cats", two)))
    with pytest.raises(RecipeError, match=r"several plugins offer the data 'cats': choose mine/cats or other/cats"):
        named_data("generated:cats", two)
    with pytest.raises(RecipeError, match=r"no data 'mine/cast'; did you mean mine/cats\?"):
        named_data("generated:mine/cast", two)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: None, "the data wrong.* failed: TypeError: 'NoneType' object is not iterable"),
        (lambda: 1 / 0, "the data wrong.* failed: ZeroDivisionError"),
        (list, "the data wrong.* returned nothing"),
        (lambda: [("a", "b"), ("c",)], r"\('c',\) is not a pair of texts"),
        (lambda: [("a\tb", "c")], "has a tab or a line break"),
        (lambda: "a\tb\nc\n", "returned a text without a tab in line 2"),
    ],
)
def test_data_of_another_kind_is_an_error_that_names_it(tmp_path: Path, made: Any, message: str) -> None:
    registry = load_registry(modules=[offering(wrong=lambda: made())])

    with pytest.raises(PluginError, match=message):
        prepare(recipe("translate", tmp_path, "seq2seq", pairs="generated:mine/wrong"), registry)


def test_a_training_on_data_of_a_plugin_is_resumed_only_if_the_data_is_the_same(tmp_path: Path) -> None:
    size = [200]
    registry = load_registry(modules=[offering(letters=lambda: "ab" * size[0])])
    tables, out = recipe("generate", tmp_path, "rnn", text="generated:mine/letters"), tmp_path / "letters.safetensors"
    list(train(tables, registry, out))
    list(train(tables, registry, out, resume=True))

    size[0] = 300
    with pytest.raises(RecipeError, match="generated:mine/letters has changed since"):
        list(train(tables, registry, out, resume=True))


def test_a_model_is_evaluated_on_data_of_a_plugin(tmp_path: Path) -> None:
    registry = load_registry(modules=[offering(cats=lambda: "the cat " * 40, unseen=lambda: "that hat " * 9)])
    list(train(recipe("generate", tmp_path, "rnn", text="generated:mine/cats"), registry, tmp_path / "c.safetensors"))

    found = evaluate_model(tmp_path / "c.safetensors", "generated:mine/unseen", registry)

    assert (found["data"]["name"], found["data"]["items"]) == ("generated:mine/unseen", 81)


def test_options_of_an_evaluation_may_name_data_of_a_plugin(tmp_path: Path) -> None:
    """The baselines of a classifier are then trained on it."""
    made = [(f"{letter} {number}", "vowel" if letter in "ae" else "no") for letter in "abcde" for number in range(4)]
    registry = load_registry(modules=[offering(letters=lambda: made, others=lambda: made[::-1])])
    tables = recipe("classify", tmp_path, "classifier", table="generated:mine/letters", validation=0.25)
    list(train(tables, registry, tmp_path / "letters.safetensors"))
    options = ClassificationOptions(training="generated:mine/others")

    found = evaluate_model(tmp_path / "letters.safetensors", "generated:mine/letters", registry, options=options)

    assert found["baselines_from"] == "generated:mine/others"


def test_data_is_imported_when_it_is_first_used(tmp_path: Path) -> None:
    lazy = module(seqshell_data=lambda: [seqshell.Lazy("cats", "no_such_module:cats")])
    registry = load_registry(modules=[lazy])

    assert "cats" in registry.data
    with pytest.raises(PluginError, match="no_such_module"):
        prepare(recipe("generate", tmp_path, "rnn", text="generated:mine/cats"), registry)


def test_data_is_checked() -> None:
    numbers = iter(range(10))

    assert not failed(check_data(pairs))
    assert not failed(check_data(lambda: "a text"))
    assert failed(check_data(lambda: f"{next(numbers)}")) == [
        "it returns the same each time: something else the second time"
    ]
    assert "it returns a text, or pairs of texts: " in failed(check_data(lambda: [1]))[0]
