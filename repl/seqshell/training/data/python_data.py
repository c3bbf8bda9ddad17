"""Data that come with Python, or with a package, under "python:NAME", in place of a file."""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from seqshell.core.errors import RecipeError
from seqshell.core.text_output import quoted
from seqshell.training.data import dialogues, docstrings, generated, python_code

PREFIX = "python:"  # before a name, in place of a file
NOT_FILES = (PREFIX, generated.PREFIX)  # beginnings of words that name no file


def make_text(word: str) -> str:
    """The text of "python:NAME", or a table. Raises RecipeError for an unknown name."""
    name = word.removeprefix(PREFIX)
    package, _, language = name.partition(".")
    if package == dialogues.PACKAGE:
        return _table(dialogues.COLUMNS, dialogues.dialogues(language))
    if name not in NAMED:
        known = ", ".join(PREFIX + each for each in (*NAMED, f"{dialogues.PACKAGE}.english"))
        raise RecipeError(f"unknown text {quoted(word)}; Python has {known}")
    return NAMED[name]()


def _help_topics() -> str:
    """Python's help topics. Repeated paragraphs are dropped: they would leak into the validation."""
    topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    paragraphs = dict.fromkeys(part.rstrip() for name in sorted(topics) for part in topics[name].split("\n\n"))
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def _docstrings() -> str:
    """The documented functions of the standard library, a CSV table."""
    return _table(docstrings.COLUMNS, docstrings.documented_functions())


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A CSV table."""
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows((columns, *rows))
    return table.getvalue()


NAMED: Mapping[str, Callable[[], str]] = MappingProxyType(
    {"pydoc_data.topics": _help_topics, "docstrings": _docstrings, "code": python_code.tagged_code}
)
