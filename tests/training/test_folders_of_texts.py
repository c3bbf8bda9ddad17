"""Folders whose files are texts with the label of their folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.training.user_files import OPINIONS

from seqshell.core.errors import RecipeError
from seqshell.core.tasks import Task
from seqshell.training.classification.data import read_recipe_examples
from seqshell.training.data.understanding import understand
from seqshell.training.recipes.from_files import load_recipe


def folder_of_reviews(folder: Path) -> None:
    for label, texts in (("pos", OPINIONS[:8]), ("neg", OPINIONS[8:16]), ("unsup", OPINIONS[16:20])):
        (folder / label).mkdir(parents=True)
        for number, text in enumerate(texts):
            (folder / label / f"{number}_{label}.txt").write_text(f"{text}\nand so on\n")
        (folder / f"urls_{label}.txt").write_text("http://example.org\n")
    (folder / "README").write_text("reviews")


def test_folders_of_files_are_labels_with_a_text_in_each_file(tmp_path):
    folder_of_reviews(tmp_path / "reviews")
    recipe = load_recipe(str(tmp_path / "reviews"))
    examples = read_recipe_examples(recipe)

    assert (recipe.task, recipe.data.folder, len(examples)) == (Task.CLASSIFY, "reviews", 16)
    assert set(examples.labels) == {"pos", "neg"}
    assert examples.texts[-8] == f"{OPINIONS[0]} and so on"
    assert examples.places[-8] == "pos/0_pos.txt"
    assert recipe.understood == (
        "reviews: 16 texts, 2 labels, a folder each, with a file for each text; left out: unsup",
    )


def test_a_folder_is_for_classifiers_only(tmp_path):
    folder_of_reviews(tmp_path / "reviews")
    with pytest.raises(RecipeError, match="reviews is a folder: texts to classify, but the task is generate"):
        understand(tmp_path / "reviews", {"task": "generate"})
