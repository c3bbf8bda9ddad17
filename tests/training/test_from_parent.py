"""Train a model further on another text: its weights and vocabulary, scores before and after, and what is refused."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.training.parents import QUICK, of, weights_of

from seqshell.cli import main
from seqshell.core.errors import CheckpointError, RecipeError
from seqshell.core.events import Notice, Table
from seqshell.models import file
from seqshell.models.opening import open_model
from seqshell.testing.shell import shell_for
from seqshell.training.earlier_data import earlier_data, missing_note, scores_table
from seqshell.training.freezing import freeze, part_names
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.from_parent import with_parent

TEXT = "the cat sat on the mat and the dog sat on the log " * 12
NEW = "the fox + the é ran, the fox sat " * 20
MODELS = {
    "gru": {"embed_size": 4, "hidden_size": 8, "num_layers": 2},
    "lstm": {"embed_size": 8, "hidden_size": 8, "tied": True},
    "gru_cell": {"embed_size": 0, "hidden_size": 8},
    "elman": {"embed_size": 0, "hidden_size": 8, "form": "i2o"},
    "ngram": {"order": 2},
}


@pytest.fixture(scope="module")
def trained(registry, tmp_path_factory):
    """Train a parent of an architecture, each once; returns its folder."""
    folders: dict[str, Path] = {}

    def make(architecture: str) -> Path:
        if architecture not in folders:
            folder = folders[architecture] = tmp_path_factory.mktemp(architecture)
            (folder / "old.txt").write_text(TEXT)
            recipe = of("generate", architecture, {"text": str(folder / "old.txt")}, MODELS[architecture], epochs=1)
            list(train(recipe, registry, folder / "old.safetensors"))
        return folders[architecture]

    return make


@pytest.fixture
def parent(tmp_path, monkeypatch, trained):
    """A trained parent with its text, alone in the current folder; returns its path."""
    monkeypatch.chdir(tmp_path)

    def make(architecture="gru") -> Path:
        for name in ("old.txt", "old.safetensors"):
            shutil.copy(trained(architecture) / name, name)
        return Path("old.safetensors")

    return make


def child_recipe(parent, registry, text=NEW, **training):
    """The recipe for a new text that starts from the parent."""
    Path("new.txt").write_text(text)
    changed = [f"training.{key}={value}" for key, value in (QUICK | training).items()]
    recipe = load_recipe("new.txt", changed)
    return with_parent(recipe, f"./{parent}", registry.checkpoint_folders)


# The weights


@pytest.mark.parametrize("architecture", ["gru", "lstm", "gru_cell"])
def test_a_child_gives_the_old_tokens_the_logits_of_its_parent(parent, registry, architecture):
    path = parent(architecture)
    prepared = prepare(child_recipe(path, registry), registry)
    old = open_model(path, registry)
    ids = np.array([old.tokenizer.encode("the cat sat")])
    expected, _ = old.decoder.feed(ids, old.decoder.initial_state(1))
    module = prepared.new_module().eval()
    logits, _ = module(torch.from_numpy(ids), module.initial_state(1))

    size = old.tokenizer.size
    assert prepared.tokenizer.vocabulary == old.tokenizer.vocabulary + "".join(sorted(set(NEW) - set(TEXT)))
    np.testing.assert_allclose(logits[0, -1, :size].detach(), expected[0], atol=1e-5)
    np.testing.assert_allclose(
        logits[0, -1, size:].detach(), np.repeat(expected.mean(), prepared.tokenizer.size - size), atol=1e-5
    )


def test_a_training_with_a_parent_reports_new_tokens_and_scores_on_both_texts(parent, registry):
    path = parent()
    events = list(train(child_recipe(path, registry), registry, Path("new.safetensors")))
    notes = [event.text for event in events if isinstance(event, Notice)]
    header = file.read_header("new.safetensors")
    recorded = header["provenance"]["parent"]
    table = next(event for event in events if isinstance(event, Table) and event.columns[-1] == "after")

    training = NEW[: int(0.9 * len(NEW))]
    counts = {each: training.count(each) for each in set(NEW) - set(TEXT)}
    shown = ", ".join(f"{each!r} ({counts[each]})" for each in sorted(counts, key=lambda each: (-counts[each], each)))
    assert f"{len(counts)} tokens added to the {len(set(TEXT))} of old: {shown}" in notes
    assert any(note.startswith("before training, with the weights of old: validation ") for note in notes)
    assert (recorded["name"], recorded["fingerprint"]) == ("old", open_model(path, registry).fingerprint)
    before, after = recorded["before"], recorded["after"]
    assert after["new"]["blocks256"] < before["new"]["blocks256"]
    assert after["parent"]["blocks256"] != before["parent"]["blocks256"]
    assert [row[0] for row in table.rows] == ["new.txt", "old.txt"]
    assert table.rows[1][2:] == tuple(f"{each['parent']['blocks256']:.4f}" for each in (before, after))
    assert not re.search(r"parent = .*[/\\\\]", header["provenance"]["recipe"])


@pytest.mark.parametrize("change", ["missing", "other", "unrecorded"])
def test_the_text_of_the_parent_is_not_scored_if_it_is_another_one(parent, registry, change):
    path = parent()
    Path("old.txt").write_text("b" * 600) if change == "other" else Path("old.txt").unlink()
    if change == "unrecorded":
        header, weights = file.read(path)
        file.write(path, {key: value for key, value in header.items() if key != "provenance"}, weights)
    prepared = prepare(child_recipe(path, registry), registry)
    earlier, metrics = earlier_data(prepared, registry), {"blocks256": 1.0}
    scores = {"new": metrics, "parent": earlier.validate(prepared.new_module())}

    assert earlier.name == ("" if change == "unrecorded" else "old.txt")
    assert scores["parent"] == {}
    assert scores_table(earlier, prepared, scores, scores).rows == (("new.txt", "blocks256", "1.0000", "1.0000"),)
    assert (
        missing_note(earlier)
        == f"no score on the data of the parent: {f'{earlier.name} is' if earlier.name else 'they are'} not here"
    )


def test_a_parent_that_training_does_not_improve_is_kept(parent, registry):
    path = parent()
    events = list(train(child_recipe(path, registry, learning_rate=0.0), registry, Path("new.safetensors")))

    kept = "training gained nothing on the validation data: keeping the weights of old alone"
    assert kept in [event.text for event in events if isinstance(event, Notice)]
    assert file.read_header("new.safetensors")["provenance"]["epoch"] == 0


def test_a_training_with_a_parent_can_be_resumed(parent, registry):
    path, out = parent(), Path("new.safetensors")
    recipe = child_recipe(path, registry, freeze="embedding,0", epochs=2)
    list(train(recipe, registry, out))
    expected = file.read(out)[1]
    steps = iter(range(12))
    list(train(recipe, registry, out, stopped=lambda: next(steps) > 9))
    list(train(recipe, registry, out, resume=True))

    found = file.read(out)[1]
    assert {name for name in expected if not np.array_equal(expected[name], found[name])} == set()
    assert file.read_header(out)["provenance"]["parent"]["before"]["parent"]["blocks256"] > 0


# Frozen parts


def test_the_parts_of_a_parameter_are_its_modules_and_its_layer():
    assert part_names("recurrent.1.weight_ih_l0") == ("recurrent", "recurrent.1", "1", "recurrent.1.weight_ih_l0")
    assert part_names("rnn.weight_hh_l1_reverse") == ("rnn", "1", "rnn.weight_hh_l1_reverse")
    assert set(part_names("encoder.1.back.0.bias")) == {
        "encoder", "encoder.1", "encoder.1.back", "encoder.1.back.0", "back", "1", "encoder.1.back.0.bias"
    }  # fmt: skip


def test_frozen_parts_stay_as_they_are_and_others_change(parent, registry):
    path = parent()
    recipe = child_recipe(path, registry, freeze="embedding,0")
    before = weights_of(prepare(recipe, registry))
    list(train(recipe, registry, Path("new.safetensors")))
    after = file.read("new.safetensors")[1]

    changed = {name for name, values in after.items() if not np.array_equal(values, before[name].numpy())}
    frozen = {name for name in after if name.startswith(("embedding", "recurrent.0"))}
    assert frozen
    assert changed == set(after) - frozen


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("embeding",), "small: training.freeze: the model has no part 'embeding'; did you mean embedding or"),
        (("7",), "small: training.freeze: the model has no part '7'; it has embedding, readout"),
        (("embedding", "readout"), "training.freeze leaves nothing to train: embedding, readout are the whole model"),
    ],
)
def test_a_part_that_is_not_there_and_nothing_to_train_are_reported(parts, message):
    module = torch.nn.ModuleDict({"embedding": torch.nn.Embedding(3, 2), "readout": torch.nn.Linear(2, 3)})
    with pytest.raises(RecipeError, match=re.escape(message)):
        freeze(module, parts, "small")


# What cannot be done


def test_parents_that_do_not_fit_are_refused(parent, registry):
    path = parent()

    def refused(text: str, *overrides: str, word: str = f"./{path}", **training) -> None:
        recipe = child_recipe(path, registry, **training)
        with pytest.raises((RecipeError, CheckpointError), match=re.escape(text)):
            prepare(with_parent(recipe, word, registry.checkpoint_folders, overrides), registry).new_module()

    refused("no model 'shakespear'; did you mean shakespeare?", word="shakespear")
    refused("sentiment is a classifier, but new is data for a language model", word="sentiment")
    refused("the weights of old do not fit the settings in [model]", "model.hidden_size=9")
    refused("the model's vocabulary has no", extend_vocabulary="false")


def test_a_vocabulary_inside_another_axis_cannot_grow(parent, registry):
    path = parent("elman")
    with pytest.raises(
        RecipeError, match=r"the vocabulary of old cannot grow: its i2h.weight is \[8, \d+\], not \[8, "
    ):
        prepare(child_recipe(path, registry), registry).new_module()


def test_a_model_that_counts_has_no_weights_to_start_from(parent, registry):
    path = parent("ngram")
    with pytest.raises(RecipeError, match="is fitted by counting; it has no weights to train"):
        prepare(child_recipe(path, registry), registry)


def test_a_damaged_recipe_in_a_parent_leaves_its_tokenizer(parent, registry):
    path = parent()
    header, weights = file.read(path)
    file.write(path, {**header, "provenance": {"recipe": "= broken"}}, weights)

    assert child_recipe(path, registry).tokenizer == {"name": "char"}


# The command line and the shell


def test_the_command_line_starts_from_a_model_and_freezes_parts(parent, capsys):
    path = parent()
    Path("new.txt").write_text(NEW)
    settings = [word for key in ("epochs", "precision", "device") for word in ("--set", f"training.{key}={QUICK[key]}")]

    assert main(["train", "new.txt", "--from", f"./{path}", "--freeze", "embedding", *settings, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"\d tokens added to the \d+ of old: ", printed)
    assert main(["train", "new.txt", "--from", f"./{path}", "--freeze", "embeding", *settings, "--dry-run"]) == 2
    assert "did you mean embedding" in capsys.readouterr().err


def test_the_shell_starts_from_a_model(parent, registry):
    path = parent()
    Path("new.txt").write_text(NEW)
    shell = shell_for(open_model(path, registry))
    events = list(
        shell.run(f"/train new.txt --from ./{path} --freeze embedding training.epochs=1 training.device=cpu --dry-run")
    )

    assert any(isinstance(event, Notice) and "added to the" in event.text for event in events)
