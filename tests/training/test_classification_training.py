"""Training on labelled texts: the data, batches, and a trained model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.training.labelled_names import prepared, recipe

import seqshell
from seqshell.core.errors import RecipeError
from seqshell.core.events import Table, Text
from seqshell.host.builtin import load_registry
from seqshell.training.data.batches import LastEpoch, group_by_length
from seqshell.training.loop import train
from seqshell.training.run import Run

# The data


def test_labels_are_numbered_in_alphabetical_order(tmp_path):
    ready = prepared(tmp_path)

    assert ready.labels == ("Italian", "Polish", "Russian")
    assert (ready.config.num_classes, ready.config.vocab_size) == (3, ready.tokenizer.size)
    assert (ready.tokenizer.pad, ready.tokenizer.unk) == (0, 3)
    assert ready.objective.split == {"training": 110, "validation": 28}
    assert ready.objective.description.splitlines()[1] == "3 labels, from Italian with 43 examples to Polish with 24"
    texts, labels = ready.objective._training.ids, ready.objective._training.labels
    assert {
        b"".join(map(ready.tokenizer.piece, ids)).decode()[-2:]
        for ids, label in zip(texts, labels, strict=True)
        if label == 1
    } == {"ki"}


def test_the_checkpoint_records_how_its_data_is_read(tmp_path):
    data = {"label_names": ["Polish = pl", "Polnisch=pl"], "validation": 0.25}
    ready = prepared(tmp_path, data=data)

    assert ready.labels == ("Italian", "Russian", "pl")
    output = ready.objective.data
    assert {key: output[key] for key in ("name", "text_column", "label_column", "held_out")} == {
        "name": "names.tsv",
        "text_column": "text",
        "label_column": "label",
        "held_out": 0.25,
    }
    assert output["label_names"] == {"Polish": "pl", "Polnisch": "pl"}


def test_a_validation_file_may_not_have_other_labels(tmp_path):
    (tmp_path / "valid.csv").write_text("label,text\nItalian,bini\nGreek,papas\n")
    with pytest.raises(RecipeError) as caught:
        prepared(tmp_path, data={"validation": "valid.csv"})
    assert str(caught.value) == (
        "valid.csv, row 3, column label: the label 'Greek' does not occur in the training data, "
        "which has Italian, Polish, Russian"
    )
    (tmp_path / "valid.csv").write_text("label,text\nItalian,bini\n")
    ready = prepared(tmp_path, data={"validation": "valid.csv"})
    assert ready.objective.split == {"training": 138, "validation": 1}
    assert "held_out" not in ready.objective.data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"folder": "names"}}, "name either data.table, a CSV or TSV file, or data.folder"),
        ({"data": {"table": ""}}, "name either data.table, a CSV or TSV file, or data.folder"),
        ({"data": {"label_names": ["Polish"]}}, "data.label_names needs items such as \"0 = negative\", not 'Polish'"),
        (
            {"data": {"label_column": "language"}},
            "row 1: no column 'language'; select one of 'text', 'label' with --set data.label_column=NAME",
        ),
        ({"data": {"validation": ["a", "b"]}}, "data.validation must be a share"),
        ({"model": {"num_classes": 3}}, "model.num_classes is filled in from the data; leave it out"),
        ({"criterion": "luck"}, "criterion must be nats, accuracy, macro_recall, both or bleu, not 'luck'"),
        ({"architecture": "lstm"}, "lstm is an architecture for generate, but the task is classify"),
        (
            {"rows": [("x", "a"), ("y", "b"), ("z", "b")]},
            "names.tsv, row 2, column label: this is the only text labelled 'a'",
        ),
        ({"rows": [("x", "a"), ("y", "a")]}, "names.tsv has only the label 'a'"),
    ],
)
def test_invalid_recipes_are_reported(tmp_path, change, message):
    with pytest.raises(RecipeError) as caught:
        prepared(tmp_path, **change)
    assert message in str(caught.value)


# Batches


def test_each_text_is_in_one_batch_with_texts_of_similar_length():
    lengths = np.random.default_rng(0).integers(1, 40, 500).tolist()
    batches = group_by_length(lengths, rows=8, tokens=0, draws=np.random.default_rng(1))

    assert sorted(np.concatenate(batches).tolist()) == list(range(500))
    assert max(map(len, batches)) == 8
    padded = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches)
    assert padded < 1.15 * sum(lengths)
    assert [len(batch) for batch in group_by_length([1] * 10, rows=4, tokens=0, draws=np.random.default_rng(0))].count(
        4
    ) == 2


def test_batches_can_be_limited_by_tokens():
    lengths = np.random.default_rng(0).integers(1, 40, 500).tolist()
    batches = group_by_length([*lengths, 300], rows=0, tokens=100, draws=np.random.default_rng(1))

    assert sorted(np.concatenate(batches).tolist()) == list(range(501))
    sizes = [len(batch) * max([*lengths, 300][row] for row in batch) for batch in batches]
    assert sorted(sizes)[-1] == 300  # a text longer than the limit is a batch of its own
    assert sorted(sizes)[-2] <= 100


def test_what_is_drawn_for_an_epoch_is_kept_until_another_one_is_asked_for():
    epochs = LastEpoch(3, lambda draws: draws.integers(1000, size=9))
    first = epochs(0)
    assert epochs(0) is first
    assert epochs(1).tolist() != first.tolist() == np.random.default_rng((3, 0)).integers(1000, size=9).tolist()
    assert epochs(0).tolist() == first.tolist()


def test_a_long_text_is_cut_as_the_model_requires(tmp_path):
    rows = [("abcdefgh", "x"), ("abgh" * 3, "x"), ("hgfedcba", "y"), ("hg and ba", "y")]
    objective = prepared(tmp_path, rows, model={"max_length": 4, "cut": "both"}).objective
    texts = {
        b"".join(map(objective.tokenizer.piece, ids)).decode()
        for ids in (*objective._training.ids, *objective._validation.ids)
    }

    assert texts == {"abgh", "hgba"}


# Training


def finished(run: Run) -> Run:
    for _ in run.epochs():
        pass
    return run


def test_an_interrupted_training_resumes_bit_for_bit(tmp_path):
    settings = {"model": {"dropout": 0.2, "word_dropout": 0.1}, "ema": 0.9, "class_weights": 0.3}
    whole = finished(Run(prepared(tmp_path, **settings), tmp_path / "whole"))
    run = Run(prepared(tmp_path, **settings), tmp_path / "parts")
    for number, _ in enumerate(run.epochs()):
        if number == 9:
            break
    run.write()
    again = Run(prepared(tmp_path, **settings), tmp_path / "parts")
    again.restore()
    finished(again)

    assert again.progress.history[-1]["validation"] == whole.progress.history[-1]["validation"]
    for name, tensor in whole.module.state_dict().items():
        assert torch.equal(tensor, again.module.state_dict()[name]), name


@pytest.mark.parametrize("architecture", ["classifier", "bidirectional_classifier"])
def test_a_trained_model_labels_texts(tmp_path, architecture):
    out = tmp_path / "names.safetensors"
    events = list(train(recipe(tmp_path, architecture=architecture, epochs=12, criterion="both"), load_registry(), out))
    session = seqshell.open(out)

    assert session.model.labels == ("Italian", "Polish", "Russian")
    assert session.classify("bulini").answer == "Italian"
    assert session.classify("bulski").answer == "Polish"
    metrics = session.model.header["provenance"]["metrics"]
    assert metrics["accuracy"] > 0.9
    assert metrics["baselines"]["naive_bayes"]["accuracy"] > 0.9
    (table,) = [event for event in events if isinstance(event, Table)]
    assert [row[0] for row in table.rows] == [
        "names",
        "majority label",
        "naive Bayes, character 2- to 4-grams",
        "linear, character 2- to 4-grams",
    ]
    texts = [event.text for event in events if isinstance(event, Text)]
    assert texts[-2].splitlines()[1].startswith("balini -> Italian ")
    assert str(tmp_path) not in session.model.header["provenance"]["recipe"]
