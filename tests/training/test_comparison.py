"""Comparing models and recipes on a text that none was trained on."""

from __future__ import annotations

import json
import math
from itertools import count
from pathlib import Path

import pytest

from seqshell.cli import main
from seqshell.core.errors import RecipeError, UsageError, VocabularyError
from seqshell.core.events import Notice, Progress
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models.opening import open_model
from seqshell.testing import tiny_checkpoint, tiny_translation_checkpoint
from seqshell.training.evaluation import evaluate_model
from seqshell.training.language.comparison import Comparison, ComparisonOptions, compare

REGISTRY = load_registry(Policy(no_plugins=True))
TEXT = "the cat sat on the mat and the dog sat on the log " * 20  # 1,000 characters
LETTERS = "".join(sorted(set(TEXT)))
SMALL = {
    "counted": 'architecture = "ngram"\n[model]\norder = 4\n',
    "small": 'architecture = "rnn"\n[model]\nhidden_size = 8\nembed_size = 4\nnum_layers = 1\n',
}


@pytest.fixture(autouse=True)
def recipes(home, folder):
    """The user's folder, with two recipes for text.txt in the current folder."""
    recipes = home / "recipes"
    recipes.mkdir(parents=True)
    (home / "models").mkdir()
    for name, model in SMALL.items():
        training = 'epochs = 2\nprecision = "float32"\nsequence_length = 16\nbatch_size = 4'
        own = f'[data]\ntext = "{folder}/text.txt"\n[training]\n{training}\n'
        (recipes / f"{name}.toml").write_text(f'task = "generate"\n{model}{own}')
    (folder / "text.txt").write_text(TEXT)


def compared(*words, **options):
    """The metrics by model, and the data."""
    *_, last = compare(ComparisonOptions(words, **options), REGISTRY)
    assert isinstance(last, Comparison)
    return {row["model"]: row for row in last.values["models"]}, last.values["data"]


def test_recipes_are_trained_first_and_evaluated_on_held_out_text(folder):
    events = list(compare(ComparisonOptions(("counted", "small")), REGISTRY))
    comparison = events[-1]
    (folder / "end.txt").write_text(TEXT[900:])

    assert {event.description for event in events if isinstance(event, Progress)} >= {
        "counting",
        "epoch 1 of 2",
        "evaluating",
    }
    assert comparison.values["data"]["items"] == 100
    for row in comparison.values["models"]:
        metrics = evaluate_model(row["model"], str(folder / "end.txt"), REGISTRY)
        assert row["nats"] == pytest.approx(metrics["nats"], abs=1e-6)
        assert row["parameters"] == open_model(row["model"], REGISTRY).num_parameters
        assert row["tokens_per_second"] > 0
    table = comparison.table()
    assert table.columns[:4] == ("model", "architecture", "parameters", "nats")
    in_bits = comparison.table("bits")
    assert in_bits.columns[3] == "bits"
    assert float(in_bits.rows[0][3]) == pytest.approx(float(table.rows[0][3]) / math.log(2), abs=1e-3)
    assert [row[0] for row in table.rows] == ["counted", "small"]  # the better one is first


def test_a_model_is_evaluated_on_all_of_a_text_it_was_not_trained_on(folder):
    (folder / "other.txt").write_text(TEXT[:300])
    tiny_checkpoint(folder / "home" / "models" / "tiny.safetensors", LETTERS)
    rows, data = compared("tiny", data="other.txt")
    assert (data["items"], data["whole"]) == (300, True)
    assert rows["tiny"]["nats"] == pytest.approx(evaluate_model("tiny", "other.txt", REGISTRY)["nats"], abs=1e-6)


def test_a_model_trained_on_the_text_limits_all_to_the_rest(folder):
    compared("counted")
    tiny_checkpoint(folder / "home" / "models" / "tiny.safetensors", LETTERS)
    rows, data = compared("counted", "tiny", data="text.txt")
    assert list(rows) == ["counted", "tiny"]
    assert (data["items"], data["whole"]) == (100, False)


def test_data_replaces_the_text_of_a_recipe_and_names_the_model(folder):
    (folder / "other.txt").write_text(TEXT[::-1])
    rows, data = compared("counted", data="other.txt")
    assert list(rows) == ["counted-on-other"]
    assert (data["name"], data["items"]) == ("other.txt", 100)
    assert open_model("counted-on-other", REGISTRY).header["provenance"]["split"] == {
        "training": 900,
        "validation": 100,
    }


def test_with_a_test_text_all_data_is_for_training(folder):
    (folder / "held.txt").write_text("the cat sat on the log " * 5)
    rows, data = compared("counted", data="text.txt", test="held.txt")
    assert list(rows) == ["counted-on-text-for-held"]
    assert (data["name"], data["whole"]) == ("held.txt", True)
    assert open_model("counted-on-text-for-held", REGISTRY).header["provenance"]["split"]["training"] == 1000


def test_a_name_of_both_is_the_model_unless_train_is_given(folder):
    tiny_checkpoint(folder / "home" / "models" / "counted.safetensors", LETTERS)
    notices = [
        event.text
        for event in compare(ComparisonOptions(("counted",), data="text.txt"), REGISTRY)
        if isinstance(event, Notice)
    ]
    assert "using the model counted; --train trains the recipe counted instead" in notices
    assert compared("counted", retrain=True)[0]["counted"]["architecture"] == "ngram"


def test_an_unreadable_text_is_refused_before_anything_is_trained(folder):
    tiny_checkpoint(folder / "home" / "models" / "tiny.safetensors", LETTERS)
    (folder / "unknown_letters.txt").write_text("the cat X")
    with pytest.raises(VocabularyError, match="tiny: the model's vocabulary has no 'X'"):
        compared("counted", "tiny", data="text.txt", test="unknown_letters.txt")
    assert [path.name for path in (folder / "home" / "models").iterdir()] == ["tiny.safetensors"]


def test_a_stop_during_evaluation_ends_before_the_next_model(folder):
    for name in ("first", "second"):
        tiny_checkpoint(folder / "home" / "models" / f"{name}.safetensors", LETTERS)
    asked = count()
    events = list(
        compare(ComparisonOptions(("first", "second"), data="text.txt"), REGISTRY, stopped=lambda: next(asked) > 0)
    )
    assert [event.text for event in events if isinstance(event, Progress)] == ["first"]
    assert not any(isinstance(event, Comparison) for event in events)


def test_the_share_of_unknown_tokens_is_reported():
    rows, _ = compared("counted", overrides=("tokenizer.name=word", "tokenizer.min_freq=10"))
    assert rows["counted"]["unknown"] < 0.1  # the split may cut a word in two
    rows, _ = compared("counted", overrides=("tokenizer.name=word", "tokenizer.vocab_size=5"), retrain=True)
    assert rows["counted"]["unknown"] > 0.3


@pytest.mark.parametrize(
    ("words", "options", "error", "message"),
    [
        (["nobody"], {}, UsageError, "'nobody' is neither a model nor a recipe"),
        (["counted", "counted"], {}, UsageError, "counted is named twice"),
        (["tiny", "tiny"], {"data": "text.txt"}, UsageError, "tiny is named twice"),
        (
            ["english-french"],
            {"retrain": True},
            UsageError,
            "english-french is for translate; compare is for language models",
        ),
        (["translator"], {}, UsageError, "translator is for translate"),
        (
            ["tiny"],
            {},
            UsageError,
            "random numbers is not available; name a text for evaluation with --data",
        ),
        (["counted", "tiny"], {}, UsageError, "tiny and counted are trained on different texts; name one for all"),
        (["tiny"], {"data": "nowhere.txt"}, RecipeError, "nowhere.txt does not exist"),
        (["tiny"], {"data": "short.txt"}, UsageError, "nothing of short.txt|too short"),
        (["tiny"], {"data": "unknown_letters.txt"}, VocabularyError, "tiny: the model's vocabulary has no 'X'"),
        (["tiny"], {"data": "text.txt", "device": "cuda:99"}, RecipeError, "--device: no device"),
    ],
)
def test_invalid_comparisons_are_reported_in_one_line(folder, words, options, error, message):
    models = folder / "home" / "models"
    tiny_checkpoint(models / "tiny.safetensors", LETTERS)
    tiny_translation_checkpoint(models / "translator.safetensors")
    (folder / "short.txt").write_text("t")
    (folder / "unknown_letters.txt").write_text("the X")
    with pytest.raises(error, match=message) as caught:
        compared(*words, **options)
    assert "\n" not in str(caught.value)


def test_the_command_prints_one_table_or_one_object(folder, capsys):
    assert main(["compare", "counted", "--no-plugins"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0].split() == (
        [
            "model",
            "architecture",
            "parameters",
            "nats",
            "nats,",
            "blocks",
            "of",
            "256",
            "perplexity",
            "bits",
            "per",
            "character",
            "tokens/s",
        ]
    )
    assert "evaluating on the last 100 characters of text.txt; training first: counted" in printed.err

    assert main(["compare", "counted", "--json", "--no-plugins"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert [row["model"] for row in values["models"]] == ["counted"]
    assert values["data"]["name"] == Path("text.txt").name

    assert main(["compare", "nobody", "--no-plugins"]) == 2
