"""Check [data] of a recipe: one function per kind of data, each raises RecipeError. Imports neither torch nor numpy."""

from __future__ import annotations

from typing import Any

from seqshell.core.errors import RecipeError
from seqshell.core.text_output import quoted
from seqshell.training.recipes.settings import DataSettings


def check_text(data: DataSettings, where: str) -> None:
    """Check the data of a language model: a text."""
    if not data.text:
        raise RecipeError(f"{where}: data.text is missing: a text file, or python:pydoc_data.topics")
    _check_validation(data.validation, where)


def check_pairs(data: DataSettings, where: str) -> None:
    """Check sentence pairs, in two files or one; validation files must be as many."""
    if bool(data.pairs) == bool(data.source and data.target) or bool(data.source) != bool(data.target):
        choice = "either data.source and data.target, two files of sentences, or data.pairs, one file with tabs"
        raise RecipeError(f"{where}: name {choice}")
    files: Any = data.validation
    is_files = isinstance(files, list | tuple) and all(isinstance(item, str) and item for item in files)
    if not is_files or len(files) != (1 if data.pairs else 2):
        _check_validation(files, where)


def check_labelled(data: DataSettings, where: str) -> None:
    """Check labelled texts, in a table or a folder."""
    if bool(data.table) == bool(data.folder):
        choice = "either data.table, a CSV or TSV file, or data.folder, with a file for each label"
        raise RecipeError(f"{where}: name {choice}")
    check_texts("data.label_names", data.label_names, where)
    for item in data.label_names:
        code, _, name = item.partition("=")
        if not code.strip() or not name.strip():
            raise RecipeError(f'{where}: data.label_names needs items such as "0 = negative", not {quoted(item)}')
    _check_validation(data.validation, where)


def check_series(data: DataSettings, where: str) -> None:
    """Check a table of numbers."""
    if not data.table:
        raise RecipeError(f"{where}: data.table is missing: a CSV or TSV file with columns of numbers")
    check_texts("data.columns", data.columns, where)
    if data.day_first not in (True, False, ""):
        raise RecipeError(f"{where}: data.day_first must be true or false, not {quoted(data.day_first)}")
    _check_validation(data.validation, where)


def check_tags(data: DataSettings, where: str) -> None:
    """Check sentences with a tag for each word."""
    if not data.tags:
        raise RecipeError(f"{where}: data.tags is missing: a file with a word and its tag in each line, or python:code")
    _check_validation(data.validation, where)


def check_texts(name: str, values: Any, where: str) -> None:
    """Raise RecipeError unless the setting is a list of texts, none of them empty."""
    if not isinstance(values, list | tuple) or not all(isinstance(item, str) and item for item in values):
        raise RecipeError(f"{where}: {name} must be a list of texts, not {quoted(values)}")


def _check_validation(share: Any, where: str) -> None:
    """Check that data.validation is a share or a file."""
    if (
        isinstance(share, bool)
        or not isinstance(share, int | float | str)
        or not share
        or (not isinstance(share, str) and not 0 < share < 1)
    ):
        raise RecipeError(f"{where}: data.validation must be a share between 0 and 1 or a file, not {quoted(share)}")
