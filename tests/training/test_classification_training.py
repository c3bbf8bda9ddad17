"""Training on labelled texts: the data, batches, loss and class weights, and a trained model."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import seqshell
from seqshell.core.errors import RecipeError
from seqshell.core.events import ModelOpened, Table, Text
from seqshell.core.tasks import Task
from seqshell.host.builtin import load_registry
from seqshell.testing.shell import shell_for
from seqshell.training.classification.evaluation import last_logits, mean_nats, predictions
from seqshell.training.data.batches import LastEpoch, group_by_length
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.run import Run

ENDINGS = {"ski": "Polish", "ov": "Russian", "ini": "Italian"}
STEMS = [first + vowel + last for first in "bdgkpt" for vowel in "aou" for last in "lnr"]
ROWS = [
    (stem + ending, label) for ending, label in ENDINGS.items() for stem in STEMS[: 30 if label == "Polish" else 54]
]
QUICK = {
    "epochs": 3,
    "batch_size": 16,
    "precision": "float32",
    "warmup_steps": 0,
    "learning_rate": 0.02,
    "device": "cpu",
    "ema": 0,
}


def recipe(folder: Path, rows=ROWS, *, architecture="classifier", data=None, model=None, **training):
    (folder / "names.tsv").write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows))
    tables = {
        "task": "classify",
        "architecture": architecture,
        "data": {"table": "names.tsv", "validation": 0.2, **(data or {})},
        "tokenizer": {"name": "char"},
        "model": {"embed_size": 8, "hidden_size": 12, "cell": "gru", "pooling": "last", **(model or {})},
        "training": QUICK | training,
    }
    return recipe_from(tables, name="names", folder=folder)


def prepared(folder: Path, rows=ROWS, **settings):
    return prepare(recipe(folder, rows, **settings), load_registry())


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


# The loss


class Sum(torch.nn.Module):
    """Its logits for the two labels are the sum of the ids read so far, and 0."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def initial_state(self, batch_size=1):
        return ()

    def forward(self, tokens, state):
        sums = tokens.cumsum(1) * self.scale
        return torch.stack((sums, torch.zeros_like(sums)), -1), state


def test_the_logits_are_those_after_the_last_token():
    inputs = torch.tensor([[1, 2, 0, 0], [3, 1, 1, 1]])

    assert last_logits(Sum(), inputs, causal=True).tolist() == [[3, 0], [6, 0]]


def test_predictions_do_not_depend_on_other_rows():
    ids = [[1, 2], [3], [1, 1, 1, 1, 1], [2]]
    found = {
        row: logs.tolist()
        for rows, logs in predictions(Sum(), ids, causal=True)
        for row, logs in zip(rows, logs, strict=True)
    }

    assert sorted(found) == [0, 1, 2, 3]
    for row, each in enumerate(ids):
        assert found[row] == pytest.approx(
            [-math.log1p(math.exp(-sum(each))), -math.log1p(math.exp(sum(each)))], rel=1e-5
        )
    assert mean_nats(np.array([[-1.0, -2.0], [-3.0, -0.5]], np.float32), np.array([1, 0])) == pytest.approx(2.5)


def test_class_weights_are_a_power_of_the_frequency(tmp_path):
    rows = [(f"a{number}", "a") for number in range(1000, 1020)] + [(f"b{number}", "b") for number in range(1000, 1005)]
    objective = prepared(tmp_path, rows, class_weights=0.5).objective
    counts = [16, 4]  # a fifth is held out
    raw = [(1 / count) ** 0.5 for count in counts]
    scale = 20 / sum(count * each for count, each in zip(counts, raw, strict=True))

    assert objective.weights.tolist() == pytest.approx([raw[0] * scale, raw[1] * scale])
    assert prepared(tmp_path, rows).objective.weights.tolist() == [1, 1]


def test_the_loss_is_the_weighted_mean_over_the_batch(tmp_path):
    rows = [(f"a{number}", "a") for number in range(1000, 1020)] + [(f"b{number}", "b") for number in range(1000, 1005)]
    objective = prepared(tmp_path, rows, class_weights=1.0, label_smoothing=0.2).objective
    batch = np.array([[1, 1, 0], [1, 0, 0]]), np.array([0, 1])
    first, second = objective.weights.tolist()
    logs = [[-math.log1p(math.exp(-total)), -math.log1p(math.exp(total))] for total in (2, 1)]
    smoothed = [-(0.8 * log[right] + 0.2 * sum(log) / 2) for log, right in zip(logs, (0, 1), strict=True)]

    loss, state, _ = objective.loss(Sum(), batch, ())
    assert loss.item() == pytest.approx((first * smoothed[0] + second * smoothed[1]) / 2, rel=1e-5)
    assert state == ()


def test_the_criterion_can_be_chosen(tmp_path):
    module = prepared(tmp_path).new_module().eval()

    def metrics(criterion):
        return prepared(tmp_path, criterion=criterion).objective.validate(module)

    plain = metrics("nats")
    assert list(plain) == ["nats", "accuracy", "macro_recall", "macro_f1"]
    assert next(iter(metrics("accuracy").values())) == pytest.approx(1 - plain["accuracy"], abs=1e-5)
    assert next(iter(metrics("macro_recall").values())) == pytest.approx(1 - plain["macro_recall"], abs=1e-5)
    assert next(iter(metrics("both").values())) == pytest.approx(
        1 - (plain["accuracy"] + plain["macro_recall"]) / 2, abs=1e-5
    )
    objective = prepared(tmp_path, criterion="both").objective
    assert objective.as_measured(objective.validate(module)) == plain


def test_nats_decide_between_equal_criteria(tmp_path):
    module = prepared(tmp_path).new_module().eval()
    objective = prepared(tmp_path, criterion="both").objective
    found = []
    for _ in range(2):
        found.append(objective.validate(module))
        with torch.no_grad():
            for parameter in module.readout.parameters():
                parameter *= 0.5  # the most likely label stays the same
    first, second = found

    assert first["accuracy"] == second["accuracy"]
    assert first["nats"] != second["nats"]
    assert (first["wanting"] < second["wanting"]) == (first["nats"] < second["nats"])


def test_an_unreadable_validation_text_counts_as_wrong(tmp_path):
    (tmp_path / "valid.tsv").write_text("text\tlabel\nΩΩ\tItalian\nbalini\tItalian\n")
    objective = prepared(tmp_path, data={"validation": "valid.tsv"}).objective
    module = prepared(tmp_path).new_module().eval()
    module.readout.weight.data.zero_()
    module.readout.bias.data.copy_(torch.tensor([5.0, 0.0, 0.0]))  # always predicts Italian

    assert objective.validate(module)["accuracy"] == 0.5


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


# Files that are recipes


def test_a_table_with_the_columns_text_and_label_is_a_recipe(tmp_path):
    path = tmp_path / "my mails.tsv"
    path.write_text(
        "label\tid\ttext\n"
        + "".join(f"{'spam' if row % 2 else 'ham'}\t{row}\tthe mail number {row}\n" for row in range(3000))
    )
    made = load_recipe(str(path), ["model.hidden_size=8"])

    assert (made.name, made.task, made.architecture, made.tokenizer["name"]) == (
        "my-mails",
        Task.CLASSIFY,
        "bidirectional_classifier",
        "word",
    )
    assert (made.folder, made.data.table, made.data.folder) == (tmp_path, "my mails.tsv", "")
    assert (made.model["hidden_size"], made.training.epochs, made.training.batch_size) == (8, 100, 15)
    assert made.defaults.about == "Labels texts like those in my mails.tsv."
    assert prepare(made, load_registry()).objective.split == {"training": 2700, "validation": 300}


def test_a_table_with_other_columns_is_understood_by_its_cells_unless_they_are_named(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("review\tstars\n" + "".join(f"so {number}\t{number % 2}\n" for number in range(20)))

    for named in ([], ["data.text_column=review"], ["data.label_column=stars"]):
        made = load_recipe(str(path), named)
        assert (made.task, made.data.text_column, made.data.label_column) == (Task.CLASSIFY, "review", "stars")
    assert load_recipe(str(path), ["task=translate"]).task is Task.TRANSLATE


def test_a_folder_of_single_words_is_read_by_characters(tmp_path):
    folder = tmp_path / "names"
    folder.mkdir()
    for label in set(ENDINGS.values()):
        (folder / f"{label}.txt").write_text("".join(f"{text}\n" for text, other in ROWS if other == label))
    made = load_recipe(str(folder))

    assert (made.name, made.data.folder, made.tokenizer) == ("names", "names", {"name": "char"})
    assert prepare(made, load_registry()).labels == ("Italian", "Polish", "Russian")
    assert load_recipe(str(folder), ["tokenizer.name=byte"]).tokenizer["name"] == "byte"


def test_the_shell_trains_on_a_table_and_opens_the_model(tmp_path):
    recipe(tmp_path)
    shell = shell_for()
    quick = "training.epochs=1 training.precision=float32 model.hidden_size=8 model.embed_size=8"
    events = list(shell.handle(f"/train {tmp_path / 'names.tsv'} {quick}"))

    assert events[-2] == Text("seqshell -m names")
    assert isinstance(events[-1], ModelOpened)
    assert shell.session.model.labels == ("Italian", "Polish", "Russian")


def test_a_training_that_is_stopped_immediately_reports_it(tmp_path):
    recipe(tmp_path)  # writes the table
    shell = shell_for()
    shell.interactive = True
    events = shell.handle(f"/train {tmp_path}/names.tsv")
    next(events)
    events.close()

    assert [notice.text for notice in shell.notices] == ["stopped before there was a model to keep"]
    assert shell.workspace.current is None
