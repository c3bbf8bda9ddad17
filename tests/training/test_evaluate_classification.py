"""`seqshell evaluate` on a classifier: its input, output, files and errors."""

from __future__ import annotations

import json

import pytest
import torch

from seqshell.cli import main
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host import Policy, resolve
from seqshell.host.builtin import load_registry
from seqshell.models.saving import save_checkpoint
from seqshell.training.classification.data import Columns, read_examples, split_examples
from seqshell.training.classification.evaluation import ClassificationOptions
from seqshell.training.evaluation import evaluate_model

# The model predicts "first" for a text that begins with a, and "second" for any other.
ROWS = [("ab", "1"), ("ac", "1"), ("ba", "2"), ("bc", "2"), ("ca", "1"), ("abc", "2"), ("cb", "2"), ("bb", "2")]


def table(rows=ROWS, columns=("body", "kind")):
    return "\t".join(columns) + "\n" + "".join(f"{text}\t{label}\n" for text, label in rows)


def saved(path, recipe="", **data):
    registry = load_registry(Policy(no_plugins=True))
    tokenizer = CharTokenizer("abc", specials=True)
    architecture = registry.lookup("architecture", "classifier")
    config = resolve(architecture.config)(tokenizer.size, 2, embed_size=1, hidden_size=1, cell="rnn", pooling="max")
    with torch.random.fork_rng():
        module = resolve(architecture.model)(config)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.embedding.weight[4] = 2.0  # a
        weights = dict(module.named_parameters())
        (inputs,) = (weight for name, weight in weights.items() if "weight_ih" in name)
        inputs.fill_(1.0)
        (again,) = (weight for name, weight in weights.items() if "weight_hh" in name)
        again.zero_()
        module.readout.weight.copy_(torch.tensor([[4.0], [0.0]]))
        module.readout.bias.copy_(torch.tensor([0.0, 1.0]))
    provenance = {"data": {"name": "rows.tsv", "sha256": "", "text_column": "body", "label_column": "kind", **data}}
    provenance |= {"recipe": recipe} if recipe else {}
    return save_checkpoint(
        path,
        architecture="classifier",
        module=module,
        tokenizer=tokenizer,
        labels=("first", "second"),
        provenance=provenance,
        registry=registry,
    )


@pytest.fixture
def files(folder):
    (folder / "rows.tsv").write_text(table())
    return folder


@pytest.fixture
def model(files):
    return saved(files / "tiny.safetensors", label_names={"1": "first", "2": "second"})


def evaluate(*words):
    return main(["evaluate", *map(str, words), "--no-plugins", "--device", "cpu"])


def has_a(text):
    return "first" if "a" in text else "second"


def test_json_output_is_one_object_with_all_metrics(model, files, capsys):
    assert evaluate(model, "rows.tsv", "--json") == 0

    output = json.loads(capsys.readouterr().out)
    assert list(output) == [
        "model", "task", "data", "accuracy", "macro_recall", "macro_f1", "nats", "bits", "baselines", "baselines_from",
        "unit", "by_label", "confusion", "failed", "tokens_per_second",
    ]  # fmt: skip
    assert (output["model"], output["task"], output["data"]["name"], output["data"]["items"]) == (
        "tiny",
        "classify",
        "rows.tsv",
        8,
    )
    # first: ab ac ca are found, ba abc are taken for it; second: bc cb bb
    assert output["confusion"] == {"labels": ["first", "second"], "counts": [[3, 0], [2, 3]]}
    assert output["accuracy"] == 0.75
    assert output["macro_recall"] == pytest.approx((1 + 0.6) / 2)
    assert output["macro_f1"] == pytest.approx((6 / 8 + 6 / 8) / 2)
    assert output["baselines_from"] == "the other 4 of 5 folds of rows.tsv"
    assert output["baselines"].keys() == {"majority", "naive_bayes", "linear"}
    assert output["failed"] == 0
    assert evaluate_model(model, "rows.tsv", load_registry(Policy(no_plugins=True)))["accuracy"] == 0.75


def test_the_terminal_shows_baselines_and_the_confusion_matrix(model, files, capsys):
    (files / "more.tsv").write_text(table([*ROWS, ("xyz", "1")]))
    assert evaluate(model, "more.tsv") == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("tiny on more.tsv, 9 texts; 0.")
    assert lines[2].split() == ["tiny", "66.67", "%", "67.50", "%", "70.83", "%"]
    assert [line.split("  ")[0] for line in lines[3:6]] == [
        "majority label",
        "naive Bayes, character 2- to 4-grams",
        "linear, character 2- to 4-grams",
    ]
    assert lines[10:13] == [
        "true \\ predicted  first  second  unread",
        "first                 3       ·       1",
        "second                2       3       ·",
    ]
    assert lines[13:15] == [
        "baselines trained on the other 4 of 5 folds of more.tsv",
        "1 texts could not be read and are counted as wrong",
    ]
    assert lines[15].endswith("tokens/s")


def test_columns_can_be_named_and_a_folder_is_read_too(model, files, capsys):
    (files / "other.csv").write_text("review,stars\nab,first\nbb,2\nca,1\n")
    assert (
        evaluate(
            model, "other.csv", "--text-column", "review", "--label-column", "stars", "--training", "rows.tsv", "--json"
        )
        == 2
    )
    assert "rows.tsv, row 1: no column 'review'" in capsys.readouterr().err
    assert evaluate(model, "other.csv", "--text-column", "review", "--label-column", "stars", "--json") == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == 1

    (files / "folder").mkdir()
    (files / "folder" / "first.txt").write_text("ab\nbc\n")
    (files / "folder" / "2.txt").write_text("cb\n")
    assert evaluate(model, "folder", "--training", "rows.tsv", "--json") == 0
    output = json.loads(capsys.readouterr().out)
    assert (output["data"]["name"], output["data"]["items"], output["baselines_from"]) == ("folder", 3, "rows.tsv")
    assert output["accuracy"] == pytest.approx(2 / 3)
    assert output["baselines"]["majority"]["accuracy"] == pytest.approx(
        1 / 3
    )  # rows.tsv has more texts labelled second


def test_the_held_out_part_can_be_evaluated_alone(files, capsys):
    rows = [
        (f"{letter}{'abc'[number % 3]}{'abc'[number // 3 % 3]}", label)
        for letter, label in ("a1", "b2")
        for number in range(9)
    ]
    (files / "rows.tsv").write_text(table(rows))
    examples = read_examples("rows.tsv", Columns("body", "kind"))
    model = saved(
        files / "tiny.safetensors", label_names={"1": "first", "2": "second"}, sha256=examples.digest, held_out=0.3
    )
    held = split_examples(examples, 0.3).validation
    right = sum(
        has_a(text) == {"1": "first", "2": "second"}[label] for text, label in zip(held.texts, held.labels, strict=True)
    )

    assert evaluate(model, "rows.tsv", "--json") == 0
    assert "tiny was trained on part of rows.tsv; use --held-out to evaluate on the rest" in capsys.readouterr().err
    assert evaluate(model, "rows.tsv", "--held-out", "--json") == 0
    output = json.loads(capsys.readouterr().out)
    assert (output["data"]["items"], output["data"]["held_out"]) == (6, True)
    assert output["accuracy"] == pytest.approx(right / 6, abs=1e-6)
    assert output["baselines_from"] == "the rest of rows.tsv"

    (files / "rows.tsv").write_text(table())
    assert evaluate(model, "rows.tsv", "--held-out") == 2
    assert (
        "--held-out: tiny was trained on other data, rows.tsv, or rows.tsv has changed since" in capsys.readouterr().err
    )
    other = saved(files / "other.safetensors")
    assert evaluate(other, "rows.tsv", "--held-out") == 2
    assert (
        "--held-out: no part of the data was held out when other was trained; evaluate it on other data"
        in capsys.readouterr().err
    )


def test_o_writes_labels_metrics_or_a_picture(model, files, capsys):
    for name in ("out.txt", "out.json", "out.png"):
        assert evaluate(model, "rows.tsv", "-o", name, "--json") == 0

    assert (files / "out.txt").read_text().splitlines() == [has_a(text) for text, _ in ROWS]
    assert json.loads((files / "out.json").read_text())["accuracy"] == 0.75
    assert (files / "out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("new.tsv",),
            "new.tsv, row 3, column kind: the label 'third' does not occur in the training data, "
            "which has first, second",
        ),
        (("empty.tsv",), "empty.tsv is empty"),
        (
            ("plain.tsv",),
            "plain.tsv, row 1: no column 'body'; select one of 'text', 'label' with --text-column",
        ),
        (("gone.tsv",), "gone.tsv does not exist"),
        (("rows.tsv", "new.tsv"), "tiny is a classifier; it is evaluated on one table or folder, not on 2 files"),
        (
            ("rows.tsv", "--strategy", "beam"),
            "tiny is a classifier; --strategy is for translation models",
        ),
        (
            ("one.tsv",),
            "one.tsv has only one text, too few to train the baselines; name other data for them with --training",
        ),
    ],
)
def test_invalid_evaluations_are_reported_in_one_line(model, files, capsys, words, line):
    (files / "new.tsv").write_text(table([("ab", "1"), ("bc", "third")]))
    (files / "one.tsv").write_text(table([("ab", "1")]))
    (files / "empty.tsv").write_text("")
    (files / "plain.tsv").write_text(table(columns=("text", "label")))

    assert evaluate(model, *words) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert line in err.splitlines()[-1]
    assert "Traceback" not in err


def test_options_of_classifiers_are_refused_for_other_models(files, capsys):
    from seqshell.testing import tiny_checkpoint

    path = tiny_checkpoint(files / "elman.safetensors")
    assert evaluate(path, "rows.tsv", "--held-out") == 2
    error = "elman is a language model; --held-out is for translation models and classifiers"
    assert error in capsys.readouterr().err
    assert ClassificationOptions() == ClassificationOptions("", "", False, "")


def test_data_is_read_in_the_encoding_of_the_training_if_it_is_not_utf8(files, capsys):
    rows = table().replace("\n", "\tcaf\xe9\n")
    (files / "rows.tsv").write_bytes(rows.encode("cp1252"))
    assert evaluate(saved(files / "plain.safetensors"), "rows.tsv") == 2
    assert capsys.readouterr().err.endswith("caf\xe9'): convert it to UTF-8\n")

    latin = saved(
        files / "latin.safetensors", '[data]\nencoding = "cp1252"\n', label_names={"1": "first", "2": "second"}
    )
    assert evaluate_model(latin, "rows.tsv", load_registry(Policy(no_plugins=True)))["data"]["items"] == len(ROWS)
