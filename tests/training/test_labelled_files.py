"""Tables and folders of labelled texts are trained on without a recipe."""

from __future__ import annotations

from tests.training.labelled_names import ENDINGS, ROWS, recipe

from seqshell.core.events import ModelOpened, Text
from seqshell.core.tasks import Task
from seqshell.host.builtin import load_registry
from seqshell.testing.shell import shell_for
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe


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
