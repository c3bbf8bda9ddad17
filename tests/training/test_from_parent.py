"""Train a model further on other data: its weights, its vocabulary, frozen parts, and the scores before and after."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from seqshell.cli import main
from seqshell.core.errors import CheckpointError, RecipeError
from seqshell.core.events import Notice, Table
from seqshell.core.subword_tokenizers import BPETokenizer, WordTokenizer
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.models.opening import open_model
from seqshell.testing.shell import shell_for
from seqshell.training.data.extension import extended, new_tokens
from seqshell.training.earlier_data import earlier_data, missing_note, scores_table
from seqshell.training.fitting import fit_first
from seqshell.training.freezing import freeze, part_names
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.from_parent import with_parent
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.run import Run

TEXT = "the cat sat on the mat and the dog sat on the log " * 12
NEW = "the fox + the é ran, the fox sat " * 20
QUICK = {
    "epochs": 2,
    "batch_size": 4,
    "sequence_length": 16,
    "learning_rate": 0.01,
    "weight_decay": 0.1,
    "warmup_steps": 0,
    "ema": 0.0,
    "sample_every": 0,
    "sample_length": 5,
    "precision": "float32",
    "device": "cpu",
}
MODELS = {
    "gru": {"embed_size": 4, "hidden_size": 8, "num_layers": 2},
    "lstm": {"embed_size": 8, "hidden_size": 8, "tied": True},
    "gru_cell": {"embed_size": 0, "hidden_size": 8},
    "elman": {"embed_size": 0, "hidden_size": 8, "form": "i2o"},
    "ngram": {"order": 2},
}
LABELLED = [(f"{stem}{ending}", label) for ending, label in (("ski", "pl"), ("ov", "ru")) for stem in "abcdefghij"]


@pytest.fixture(scope="module")
def registry():
    return load_registry()


def of(task, architecture, data, model, name="old", tokenizer=None, **training):
    tables = {"task": task, "architecture": architecture, "data": data, "model": model, "training": QUICK | training}
    tables |= {"tokenizer": tokenizer} if tokenizer else {}
    return recipe_from(tables, name=name, folder=Path())


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


def weights_of(prepared) -> dict[str, torch.Tensor]:
    return prepared.new_module().state_dict()


# The vocabulary


@pytest.mark.parametrize(
    ("tokenizer", "text", "added"),
    [
        (CharTokenizer.train(["abc'"]), "ca\u2019b#a#", ["#"]),
        (CharTokenizer.train(["abc"], specials=True), "xab", ["x"]),
        (ByteTokenizer(), "\u00e9", []),
        (WordTokenizer.train(["a b a"], specials=True), "a c c d", [" c", " d"]),
        (WordTokenizer.train(["a b"], lowercase=True), "A C", [" c"]),
        (WhitespaceTokenizer.train(["a b\n"]), "a c\nb", [" c"]),
        (WhitespaceTokenizer.train(["a b"], end_of_line=False), "a c\nb", [" c"]),
        (BPETokenizer.train(["abab abab"], vocab_size=10), "abab ax", ["x"]),
        (SimpleNamespace(size=3), "anything", []),
    ],
    ids=["char", "special", "byte", "word", "lower", "white", "lines", "bpe", "other"],
)
def test_a_vocabulary_gets_what_a_text_has_and_it_lacks(tokenizer, text, added):
    found = extended(tokenizer, [text])

    assert [found.piece(token).decode() for token in range(tokenizer.size, found.size)] == added
    if added:
        assert all(found.piece(token) == tokenizer.piece(token) for token in range(tokenizer.size))
        assert found.unk not in found.encode(text.lower())
        assert type(found).from_json(found.to_json()).to_json() == found.to_json()


def test_rare_words_stay_unknown_if_the_recipe_says_so():
    assert extended(WordTokenizer.train(["a b"]), ["c c d"], 2).tokens[-1] == " c"


def test_new_tokens_are_counted_in_the_training_text():
    old, new = CharTokenizer("ab"), CharTokenizer("ab#~")
    assert new_tokens(old, new, [np.array([0, 3, 3]), [2], [3]]) == "'~' (3), '#' (1)"


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


# Other tasks


@pytest.mark.parametrize("settings", [[], ["model.dropout=0.25"]])
def test_a_classifier_keeps_its_labels_and_gets_new_ones(tmp_path, monkeypatch, registry, settings):
    monkeypatch.chdir(tmp_path)
    model = {"embed_size": 4, "hidden_size": 6, "pooling": "last", "linear_ngrams": 1}
    for name, rows in (
        ("old", LABELLED),
        ("new", [(f"{text}ßx", label) for text, label in LABELLED] + [(f"{text}ini", "it") for text in "abcde"]),
    ):
        Path(f"{name}.tsv").write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows))
    old = of("classify", "classifier", {"table": "old.tsv", "validation": 0.2}, model, tokenizer={"name": "char"})
    list(train(old, registry, Path("old.safetensors")))
    changed = [f"training.{key}={value}" for key, value in (QUICK | {"epochs": 1}).items()]
    recipe = load_recipe("new.tsv", [*changed, "data.validation=0.2"])
    recipe = with_parent(recipe, "./old.safetensors", (), [*settings, "data.validation=0.2"])
    prepared = prepare(recipe, registry)
    module = prepared.new_module()
    earlier = earlier_data(prepared, registry)

    assert recipe.model["dropout"] == (0.25 if settings else 0.0)
    assert prepared.labels == ("pl", "ru", "it")
    assert re.match(r"3 tokens added to the \d+ of old: ", prepared.notes[0])
    assert prepared.notes[1] == "1 label added to the 2 of old: it"
    assert len(next(prepared.objective.batches(0))) == 2  # no corrections of a linear part that is fitted anew
    assert module.readout.bias[2] == module.readout.bias[:2].mean()
    assert earlier.name == "old.tsv"
    assert set(earlier.validate(module)) >= {"accuracy", "nats"}


def test_a_tagger_keeps_its_tags_and_gets_new_ones(tmp_path, monkeypatch, registry):
    monkeypatch.chdir(tmp_path)
    for name, lines in (("old", "we O\nmet O\nAnna PER\n\n"), ("new", "we O\nsaw O\nRome LOC\n\n")):
        Path(f"{name}.conll").write_text(lines * 3)
    data, word = {"tags": "old.conll", "validation": "old.conll"}, {"name": "word"}
    model = {"embed_size": 4, "hidden_size": 4}
    list(train(of("tag", "tagger", data, model, tokenizer=word, epochs=1), registry, Path("old.safetensors")))
    new = of("tag", "tagger", {"tags": "new.conll", "validation": "new.conll"}, {}, name="new", tokenizer=word)
    prepared = prepare(with_parent(new, "./old.safetensors"), registry)

    assert prepared.labels == (*open_model("./old.safetensors", registry).labels, "LOC")
    assert prepared.notes == (
        f"2 tokens added to the {prepared.tokenizer.size - 2} of old: 'Rome' (3), 'saw' (3)",
        "1 label added to the 2 of old: LOC",
    )
    assert set(earlier_data(prepared, registry).validate(prepared.new_module())) >= {"nats", "accuracy"}


@pytest.mark.parametrize("joint", [True, False])
def test_a_translation_model_extends_its_vocabularies(tmp_path, monkeypatch, registry, joint):
    monkeypatch.chdir(tmp_path)
    numbers = {"un": "one", "deux": "two", "trois": "three", "quatre": "four"}
    pairs = [(f"{a} et {b}", f"{numbers[a]} and {numbers[b]}") for a in numbers for b in numbers]
    for name, more in (("old", []), ("new", [("six et six", "sixty and six")] * 3)):
        Path(f"{name}.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in pairs + more))
    tables = {
        "task": "translate",
        "architecture": "attention_seq2seq",
        "data": {"pairs": "old.tsv", "validation": 0.2},
        "model": {"embed_size": 4, "encoder_size": 4, "hidden_size": 8},
        "training": QUICK | {"epochs": 1},
        "defaults": {"max_tokens": 5},
    }
    word = {"name": "word"}
    tables |= {"tokenizer": word} if joint else {"source_tokenizer": word, "target_tokenizer": word}
    list(train(recipe_from(tables, name="old", folder=Path()), registry, Path("old.safetensors")))
    changed = [f"training.{key}={value}" for key, value in (QUICK | {"epochs": 1}).items()]
    recipe = load_recipe("new.tsv", [*changed, "data.validation=0.2"])
    recipe = with_parent(recipe, "./old.safetensors")
    prepared = prepare(recipe, registry)
    earlier = earlier_data(prepared, registry)

    added = [note for note in prepared.notes if "added to the" in note]
    assert (prepared.source_tokenizer is prepared.tokenizer) is joint
    if joint:
        assert re.fullmatch(r"2 tokens added to the \d+ of old: 'six' \(9\), 'sixty' \(3\)", added[0])
    else:
        assert [re.sub(r"\d+ of", "N of", note) for note in added] == [
            "1 token added to the N of old: 'six' (6)",
            "2 tokens added to the N of old: 'six' (3), 'sixty' (3)",
        ]
    assert set(earlier.validate(prepared.new_module())) >= {"nats", "exact"}


def test_a_forecaster_goes_on_with_its_weights_on_another_series(tmp_path, monkeypatch, registry):
    monkeypatch.chdir(tmp_path)
    for name, period in (("old", 8), ("new", 10)):
        rows = "".join(f"{row},{10 + 3 * np.sin(2 * np.pi * row / period):.4f}\n" for row in range(120))
        Path(f"{name}.csv").write_text("hour,x\n" + rows)
    model = {"hidden_size": 8, "horizon": 4, "window": 8, "segment": 2, "quantiles": 3, "linear_window": 8}
    data = {"table": "old.csv", "time_column": "hour", "ends": (80, 100, 116)}
    old = of("forecast", "forecaster", data, model, epochs=1, sequence_length=4)
    list(train(old, registry, Path("old.safetensors")))
    new = of("forecast", "forecaster", data | {"table": "new.csv"}, {}, name="new", epochs=1, sequence_length=4)
    prepared = prepare(with_parent(new, "./old.safetensors"), registry)
    weights, run = weights_of(prepared), Run(prepared, tmp_path)
    notes = [event.text for event in fit_first(run)]

    assert all(
        np.array_equal(values, weights[name].numpy()) for name, values in file.read("old.safetensors")[1].items()
    )
    assert notes[0].startswith("before training, with the weights of old: validation MSE ")
    assert set(earlier_data(prepared, registry).validate(run.module)) == {"mse", "mae"}


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
