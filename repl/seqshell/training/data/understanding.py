"""Decide what a data file or folder is for, by its content, and say so; in doubt, refuse and say what decides."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from seqshell.core.errors import RecipeError
from seqshell.core.tables.kinds import NUMBER, TIME, Content
from seqshell.core.tables.reading import is_table_name, parse_table
from seqshell.core.tagged_words import has_entities
from seqshell.core.tasks import Task
from seqshell.core.text_output import counted, readable
from seqshell.training.classification.folders import describe_folder
from seqshell.training.data.fasttext import is_fasttext, read_fasttext
from seqshell.training.data.file_format import FileFormat
from seqshell.training.data.large_table import large_table
from seqshell.training.data.large_text import LargeText, is_large
from seqshell.training.data.table_tasks import (
    AS_TEXT,
    CLASS_KEYS,
    PAIR_KEYS,
    SERIES_KEYS,
    Understanding,
    understand_table,
)
from seqshell.training.data.text import read_text_file
from seqshell.training.tagging.columns import TagColumns, read_sentences

TAG_KEYS = ("word_column", "tag_column")
SAMPLE = 1_000_000  # characters that show the layout of a file
SAME_TABS = 0.9  # share of the lines with the same number of tabs that makes a file a table
LEAST_LINES = 3  # lines of such a file
SENTENCES = 40  # words between two blank lines, at most, in a file with a tag for each word
_BIO = re.compile(r"\S+(?:[ \t]+\S+)*[ \t]+(?:O|[BIESLU]-\S+)")


def understand(path: Path, given: Mapping[str, Any]) -> Understanding:
    """What a file or folder is for. given: what the user set, as the tables of a recipe.

    Raises RecipeError for what cannot be read, and if it is in doubt what the file is for.
    """
    task, data = str(given.get("task", "")), given.get("data", {})
    format = FileFormat(str(data.get("encoding", "")))
    if path.is_dir():
        if task not in ("", Task.CLASSIFY):
            raise RecipeError(f"{path.name} is a folder: texts to classify, but the task is {task}")
        return Understanding(Task.CLASSIFY, {}, describe_folder(path, format))
    if is_large(path) and (large := _of_large_file(path, format, task, data)) is not None:
        return large
    name, text, digest, encoding = read_text_file(path, "", format)
    notes = (f"{name}: read as {encoding}",) if encoding else ()
    found = _of_text(name, text, digest, task, data)
    return Understanding(found.task, found.data, (*found.lines, *notes))


def _of_large_file(path: Path, format: FileFormat, task: str, data: Mapping[str, Any]) -> Understanding | None:
    """What a large file is for, if its beginning shows that; None for what must be read at once."""
    text = LargeText(path, format.encoding)
    beginning = next((start for start in accumulate(text.blocks()) if len(start) > SAMPLE), "")
    if not beginning:
        return None
    if task in ("", Task.CLASSIFY) and is_fasttext(beginning):
        what = f"{path.name}: {readable(text.size)} of texts with labels before them, as for fastText"
        return Understanding(Task.CLASSIFY, {}, (what,))
    if not _is_plain(path.name, _sample(beginning), task, data):
        return _of_large_table(path, format, task, data)
    found = _of_text(path.name, beginning, "", task, data)  # which may be in doubt
    return Understanding(found.task, found.data, (f"{path.name}: plain text, {readable(text.size)}",))


def _of_large_table(path: Path, format: FileFormat, task: str, data: Mapping[str, Any]) -> Understanding | None:
    """What a large table is for, by its first rows; None if it must be read at once."""
    format = replace(format, header=str(data.get("header", "auto")))
    table = large_table(path, format, _wanted(data))
    if table is None:
        return None
    found = understand_table(table.beginning, data, task)
    lines = (line.removeprefix(f"{path.name}: ") for line in found.lines)
    size = f"{path.name}: {readable(table.text.size)}"
    return Understanding(found.task, found.data, (f"{size}; of its first rows: {next(lines)}", *lines))


def _wanted(data: Mapping[str, Any]) -> list[str]:
    """The columns that the user named."""
    return [str(data[key]) for key in (*CLASS_KEYS, *PAIR_KEYS) if data.get(key)]


def _sample(text: str) -> str:
    """The lines that show the layout of a text."""
    return text if len(text) <= SAMPLE else text[: text.rfind("\n", 0, SAMPLE) + 1]


def _is_plain(name: str, sample: str, task: str, data: Mapping[str, Any]) -> bool:
    """Whether a text is for a language model."""
    named = any(key in data for key in (*CLASS_KEYS, *PAIR_KEYS, *SERIES_KEYS))
    is_table = is_table_name(name) or has_same_tabs(sample) or has_columns_of_numbers(name, sample)
    return task == Task.GENERATE or not (is_table or task or named)


def _of_text(name: str, text: str, digest: str, task: str, data: Mapping[str, Any]) -> Understanding:
    """What the text of a file is for."""
    if task in ("", Task.CLASSIFY) and is_fasttext(text):
        labels = Counter(label for label, _, _ in read_fasttext(name, text.split("\n")))
        numbers = f"{counted(labels.total(), 'text')}, {counted(len(labels), 'label')} before them, as for fastText"
        return Understanding(Task.CLASSIFY, {}, (f"{name}: {numbers}",))
    sample = _sample(text)
    named = any(key in data for key in (*CLASS_KEYS, *PAIR_KEYS, *SERIES_KEYS))
    tagged = any(key in data for key in TAG_KEYS) or (not named and has_tagged_words(sample))
    if task == Task.TAG or (not task and tagged):
        return _tagged(name, text, data)
    if _is_plain(name, sample, task, data):
        return Understanding(Task.GENERATE, {}, (f"{name}: plain text, {counted(len(text), 'character')}",))
    try:
        table = parse_table(name, text, digest, header=str(data.get("header", "auto")), wanted=_wanted(data))
        return understand_table(table, data, task)
    except RecipeError as error:
        if task or AS_TEXT in error.message:
            raise
        raise RecipeError(f"{error.message}; {AS_TEXT}") from None


def _tagged(name: str, text: str, data: Mapping[str, Any]) -> Understanding:
    """Sentences with a tag for each word."""
    numbers = (data.get(key, 0) for key in TAG_KEYS)
    word, tag = (number if isinstance(number, int) else 0 for number in numbers)
    sentences = read_sentences(name, text, TagColumns(word, tag))
    tags = {tag for sentence in sentences for tag in sentence.tags}
    kind = "entities" if has_entities(sorted(tags)) else f"{sentences[0].words[0]} is {sentences[0].tags[0]}"
    sizes = f"{counted(len(sentences), 'sentence')}, {counted(len(tags), 'tag')}"
    return Understanding(Task.TAG, {}, (f"{name}: words with tags, {sizes}: {kind}",))


def has_same_tabs(text: str) -> bool:
    """True if nine of ten lines have the same number of tabs, one at least."""
    counts = Counter(line.count("\t") for line in text.split("\n") if line.strip())
    tabs, number = counts.most_common(1)[0] if counts else (0, 0)
    return tabs > 0 and number >= LEAST_LINES and number >= SAME_TABS * counts.total()


def has_columns_of_numbers(name: str, text: str) -> bool:
    """True if all lines have the same number of cells, and a column has numbers or times."""
    try:
        table = parse_table(name, text)
    except RecipeError:
        return False
    contents = [Content(column, table.cells(place)) for place, column in enumerate(table.columns)]
    return len(table.rows) >= LEAST_LINES and any(content.kind in (NUMBER, TIME) for content in contents)


def has_tagged_words(text: str) -> bool:
    """True for words with tags, one a line, and blank lines between sentences."""
    blocks = [block.split("\n") for block in re.split(r"\n\s*\n", text.strip("\n"))]
    lines = [line for block in blocks for line in block if line.strip() and not line.startswith(("#", "-DOCSTART-"))]
    if len(blocks) < LEAST_LINES or len(lines) < 2 * len(blocks) or len(lines) > SENTENCES * len(blocks):
        return False
    if all(map(_BIO.fullmatch, lines)):
        return True
    rows = [line.split("\t") for line in lines]
    tags = {row[-1] for row in rows}
    return (
        len({len(row) for row in rows}) == 1
        and len(rows[0]) > 1
        and all(row[0].strip() and len(row[0].split()) == 1 for row in rows)
        and (len(rows[0]) > 2 or len(tags) <= len(rows) // 4)
    )
