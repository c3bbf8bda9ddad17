"""The recipes that ship: all are valid, and those with their own data train as described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import seqshell
from seqshell.core.errors import RecipeError
from seqshell.core.events import Progress, Text, Translation
from seqshell.core.paths import list_recipes, shipped
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.training.data.generated import in_words, unseen_numbers
from seqshell.training.evaluation import evaluate_model
from seqshell.training.loop import train
from seqshell.training.preparation import check_config, check_defaults, prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.translation.data import read_pairs

FOLDER = shipped() / "recipes"
SHIPPED = sorted(path.stem for path in FOLDER.glob("*.toml"))
PUBLISHED = ["bahdanau", "cho", "luong", "sutskever"]


def translated(session: Any, text: str) -> str:
    *_, last = session.translate(text)
    assert isinstance(last, Translation)
    return last.answer


def losses(recipe: Any, folder: Path) -> list[float]:
    """The loss of each batch."""
    events = train(recipe, load_registry(), folder / "model.safetensors")
    return [float(event.text.split()[1]) for event in events if isinstance(event, Progress)]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_is_valid_and_has_a_summary(name):
    recipe, registry = load_recipe(name), load_registry()
    architecture = registry.lookup("architecture", recipe.architecture)

    assert list_recipes()[name] == FOLDER / f"{name}.toml"
    assert architecture.task is recipe.task
    check_config(recipe, architecture)
    check_defaults(recipe, registry)
    assert recipe.defaults.about
    assert (FOLDER / f"{name}.toml").read_text("utf-8").startswith("# ")


@pytest.mark.parametrize("name", SHIPPED)
def test_recipes_say_where_to_get_data_that_does_not_ship(name):
    recipe = load_recipe(name)
    data = recipe.data
    files = [data.pairs or data.source or data.table or data.folder or data.text]
    if files[0].startswith(("generated:", "python:")) or (FOLDER / files[0]).exists():
        return
    missing = rf"{files[0]} does not exist; get it from |no model '{name}-base'; seqshell train {name}-base makes it"
    with pytest.raises(RecipeError, match=missing):
        prepare(recipe, load_registry())


# Phrases


@pytest.mark.slow
def test_the_phrases_are_memorised(tmp_path):
    out = tmp_path / "phrases.safetensors"
    texts = [event.text for event in train(load_recipe("phrases"), load_registry(), out) if isinstance(event, Text)]
    session = seqshell.open(out)
    pairs = read_pairs(["phrases.tsv"], FOLDER)

    assert [translated(session, source) for source in pairs.sources] == list(pairs.targets)
    assert translated(session, "good morning") == "bonjour"
    assert translated(session, "Good Morning") == "bonjour"
    assert set(session.model.header["examples"]) <= set(pairs.sources)
    assert session.model.header["provenance"]["metrics"]["exact"] == 1
    assert texts[-2] == "sample after training:\ngood morning -> bonjour"
    assert texts[-1] == f"seqshell -m {out}"


# Numbers


def test_a_short_training_on_numbers_lowers_the_loss_and_can_be_evaluated(tmp_path):
    small = (
        "model.hidden_size=32",
        "model.encoder_size=16",
        "model.embed_size=16",
        "training.batch_size=256",
        "training.epochs=1",
    )
    (tmp_path / "some.tsv").write_text("".join(f"{number}\t{in_words(number)}\n" for number in unseen_numbers()[:20]))
    quick = ("training.learning_rate=0.02", "training.warmup_steps=3")
    recipe = load_recipe("numbers", [*small, f"data.validation={tmp_path / 'some.tsv'}", *quick])
    found = losses(recipe, tmp_path)

    assert len(found) == 20
    assert sum(found[-3:]) / 3 < 0.75 * found[0]
    header = file.read_header(tmp_path / "model.safetensors")
    assert header["languages"] == ["digits", "english"]
    assert header["provenance"]["data"]["name"] == "generated:numbers"
    assert header["provenance"]["split"] == {"training": 5000, "validation": 20}
    assert 0 <= header["provenance"]["metrics"]["exact"] <= 1
    metrics = evaluate_model(tmp_path / "model.safetensors", str(tmp_path / "some.tsv"), load_registry())
    assert metrics["nats"] == pytest.approx(header["provenance"]["metrics"]["nats"], abs=1e-4)
    assert metrics["exact_match"] == header["provenance"]["metrics"]["exact"]


# Published architectures


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_architecture_learns(tmp_path, name):
    (tmp_path / "pairs.tsv").write_text("".join(f"{number:,}\t{in_words(number)}\n" for number in range(200)))
    small = ["model.hidden_size=16", "model.encoder_size=16", "model.embed_size=16", "source_tokenizer.name=char"]
    tables = load_recipe(name).tables()
    del tables["source_tokenizer"]["min_freq"], tables["source_tokenizer"]["vocab_size"]
    tables["data"] |= {"source": "", "target": "", "pairs": "pairs.tsv", "validation": 0.1}
    tables["training"] |= {
        "epochs": 4,
        "batch_size": 16,
        "warmup_steps": 5,
        "learning_rate": 0.02,
        "precision": "float32",
        "sample_every": 0,
    }
    recipe = recipe_from(tables, name=name, folder=tmp_path, overrides=small)
    found = losses(recipe, tmp_path)

    assert sum(found[-3:]) / 3 < 0.8 * found[0]
    session = seqshell.open(tmp_path / "model.safetensors")
    assert (
        session.score_translation("42", "forty-two").log_prob > session.score_translation("42", "two two two").log_prob
    )


def test_the_published_architectures_match_their_papers():
    models = {name: load_recipe(name).model for name in PUBLISHED}

    sutskever, cho, bahdanau, luong = (models[name] for name in ("sutskever", "cho", "bahdanau", "luong"))
    assert (sutskever["cell"], sutskever["encoder_layers"], sutskever["num_layers"], sutskever["reversed_source"]) == (
        "lstm",
        4,
        4,
        True,
    )
    assert (cho["cell"], cho["bidirectional"], cho["feed_context"]) == ("gru", False, True)
    assert (bahdanau["cell"], bahdanau["bidirectional"], bahdanau["attention"], bahdanau["placement"]) == (
        "gru",
        True,
        "additive",
        "before",
    )
    assert (luong["cell"], luong["attention"], luong["placement"], luong["input_feeding"]) == (
        "lstm",
        "general",
        "after",
        True,
    )
    assert luong["num_layers"] == luong["encoder_layers"] > 1
