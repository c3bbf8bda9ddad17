"""What a table is for: texts with labels, pairs of texts, or series of numbers; by its names, else by its cells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqshell.core.errors import RecipeError
from seqshell.core.tables.kinds import BOOLEAN, CODE, EMPTY, NUMBER, TIME, WORDS, Content
from seqshell.core.tables.names import LABEL_NAMES, SOURCE_NAMES, TARGET_NAMES, TEXT_NAMES, language_of
from seqshell.core.tables.table_file import TableFile
from seqshell.core.tables.time_parts import is_time_name
from seqshell.core.tasks import Task
from seqshell.core.text_output import counted

CLASS_KEYS = ("text_column", "label_column")
PAIR_KEYS = ("source_column", "target_column")
SERIES_KEYS = ("time_column", "columns", "series_column")
MOST_NUMBERS = 50  # different numbers that may be labels
FILLED = 0.5  # share of the rows that have a text; a column with less is a remark
SHOWN = 8  # columns that a message describes
AS_TEXT = "--set task=generate learns the file as plain text"
_NO_RANK = (True, 1000)  # of a name that says nothing
_LICENCE = re.compile(r"CC[- ]?BY|CC0|Attribution", re.IGNORECASE)


@dataclass(frozen=True)
class Understanding:
    """What a file is for. data: settings of [data] that say so. lines: for people."""

    task: str
    data: Mapping[str, Any]
    lines: tuple[str, ...]


def understand_table(table: TableFile, given: Mapping[str, Any], task: str = "") -> Understanding:
    """What a table is for. given: the settings of [data] that the user named. task: that the user named, or "".

    Raises RecipeError, with what decides, if that is in doubt.
    """
    columns = [
        Content(name, tuple(cell.strip() for cell in table.cells(place))) for place, name in enumerate(table.columns)
    ]
    if task == Task.CLASSIFY or (not task and any(key in given for key in CLASS_KEYS)):
        return _classes(table, columns, *(str(given.get(key, "")) for key in CLASS_KEYS))
    if task == Task.TRANSLATE or (not task and any(key in given for key in PAIR_KEYS)):
        return _pairs(table, columns, *(str(given.get(key, "")) for key in PAIR_KEYS))
    if task == Task.FORECAST or (not task and any(key in given for key in SERIES_KEYS)):
        return _series(table)
    if (named := _named_pairs(columns)) is not None:
        return _pairs(table, columns, *named)
    texts, labels = _texts(columns), _labels(columns)
    named_text, named_label = _named(texts or columns, TEXT_NAMES), _named(labels, LABEL_NAMES)
    if named_text and named_label and named_text != named_label:
        return _classes(table, columns, named_text, named_label)
    if _is_series(columns, texts):
        return _series(table)
    labels = [column for column in labels if column not in texts]
    if len(texts) == 1 and len(labels) == 1:
        return _classes(table, columns, texts[0].name, labels[0].name)
    if len(texts) == 2 and not labels:
        return _pairs(table, columns, texts[0].name, texts[1].name)
    raise RecipeError(_in_doubt(table, columns, texts, labels))


def text_column(table: TableFile, recorded: str = "") -> str:
    """The column of texts to classify: as in training, else inferred from its name and its cells.

    Raises RecipeError if several may be it, or none.
    """
    if recorded in table.columns or len(table.columns) == 1:
        return recorded if recorded in table.columns else table.columns[0]
    contents = [Content(name, table.cells(place)) for place, name in enumerate(table.columns)]
    texts = _texts(contents)
    if found := _named(texts or contents, TEXT_NAMES):
        return found
    if len(texts) != 1:
        known = ", ".join(map(repr, table.columns))
        raise RecipeError(f"{table.name}: which of the columns {known} has the texts is in doubt; keep that one only")
    return texts[0].name


def _texts(columns: Sequence[Content]) -> list[Content]:
    """The columns that hold texts: words, most rows have some, and nearly no row has those of another."""
    return [
        column
        for column in columns
        if column.kind == WORDS
        and not column.is_constant
        and not column.has_few_values
        and len(column.values) > FILLED * len(column.cells)
        and not _is_licence(column)
    ]


def _is_licence(column: Content) -> bool:
    """True if the cells say from where a sentence is, as in the files of the Tatoeba project."""
    return bool(column.values) and all(map(_LICENCE.search, column.values))


def _labels(columns: Sequence[Content]) -> list[Content]:
    """The columns that may hold labels: few different values, or the name of labels and no value in every row."""
    return [
        column
        for column in columns
        if (
            column.kind not in (EMPTY, TIME)
            and not column.counts
            and (column.kind != NUMBER or column.num_distinct <= MOST_NUMBERS)
            and (
                column.has_few_values
                or (_is_named(column, LABEL_NAMES) and 1 < column.num_distinct < len(column.values))
            )
            and not (column.kind == NUMBER and is_time_name(column.name))
        )
        or column.name == "label"
    ]


def _is_named(column: Content, names: Sequence[str]) -> bool:
    return _rank(column.name, names) < _NO_RANK


def _named(columns: Sequence[Content], names: Sequence[str]) -> str:
    """The column with the most telling of the names, or ""."""
    found = [column.name for column in columns if _is_named(column, names)]
    return min(found, key=lambda name: _rank(name, names), default="")


def _rank(name: str, names: Sequence[str]) -> tuple[bool, int]:
    """How telling a name is, the smaller the more: a whole name, else its last word, as in airline_sentiment."""
    whole = name.strip().lower()
    *_, last = re.split(r"[\W_]+", whole)
    if whole in names:
        return False, names.index(whole)
    return (True, names.index(last)) if last in names else _NO_RANK


def _named_pairs(columns: Sequence[Content]) -> tuple[str, str] | None:
    """The source and the target of pairs by the names of columns of texts: source and target, or two languages."""
    texts = [column for column in columns if column.kind in (WORDS, CODE) and not column.has_few_values]
    source, target = _named(texts, SOURCE_NAMES), _named(texts, TARGET_NAMES)
    if source and target and source != target:
        return source, target
    languages = [(column.name, language_of(column.name)) for column in texts if language_of(column.name)]
    if len(languages) == 2 and languages[0][1] != languages[1][1]:
        return languages[0][0], languages[1][0]
    return None


def _is_series(columns: Sequence[Content], texts: Sequence[Content]) -> bool:
    """True for numbers without texts: with a time, or without words and labels of which they could be features."""
    numbers = [column for column in columns if column.kind in (NUMBER, BOOLEAN)]
    has_time = any(column.kind == TIME or is_time_name(column.name, column.cells) for column in columns)
    has_words = any(
        column.kind in (WORDS, CODE) and (len(column.cells) == 1 or not column.is_constant) for column in columns
    )
    if texts or (has_words and not (has_time and numbers)):
        return False
    return has_time or any(
        not column.counts and not (column.has_few_values and _is_named(column, LABEL_NAMES)) for column in numbers
    )


def _series(table: TableFile) -> Understanding:
    """Series; their reader finds the columns."""
    return Understanding(
        Task.FORECAST, {}, (f"{table.name}: {counted(len(table.rows), 'row')} of numbers", *table.notes)
    )


def _classes(table: TableFile, columns: Sequence[Content], text: str = "", label: str = "") -> Understanding:
    """Texts with labels. text, label: their columns; "": found by name, else the only one that may be it."""
    texts = [column for column in _texts(columns) if column.name != label]
    labels = [column for column in _labels(columns) if column.name != text and (text or column not in texts)]
    text = text or _only("text", table, texts, TEXT_NAMES)
    label = label or _only("label", table, [column for column in labels if column.name != text], LABEL_NAMES)
    texts_place, labels_place = table.place(text, "data.text_column"), table.place(label, "data.label_column")
    number = sum(1 for cell in columns[texts_place].cells if cell)
    values = counted(columns[labels_place].num_distinct, "label")
    line = f"{table.name}: {counted(number, 'text')} in column {text}, {values} in column {label}"
    left_out = _others(table, (text, label))
    lines = (f"{line} (--set data.label_column=NAME to change){left_out}", *table.notes)
    return Understanding(Task.CLASSIFY, {"text_column": text, "label_column": label}, lines)


def _pairs(table: TableFile, columns: Sequence[Content], source: str = "", target: str = "") -> Understanding:
    """Pairs of texts. source, target: their columns; "": inferred from the names, else the first two."""
    source, target = pair_columns(table, source, target)
    table.place(source, "data.source_column")
    table.place(target, "data.target_column")
    languages = (language_of(source), language_of(target))
    swap = f"--set data.source_column={_quoted(target)} --set data.target_column={_quoted(source)} to swap"
    line = f"{table.name}: {counted(len(table.rows), 'pair')}, from {source} to {target} ({swap})"
    data = {"source_language": languages[0], "target_language": languages[1]} if all(languages) else {}
    if pair_columns(table) != (source, target):
        data |= {"source_column": source, "target_column": target}
    lines = (f"{line}{_others(table, (source, target))}", *table.notes)
    return Understanding(Task.TRANSLATE, data, lines)


def pair_columns(table: TableFile, source: str = "", target: str = "") -> tuple[str, str]:
    """The columns of source and target: as the user says, else inferred from their names, else the first two.

    Raises RecipeError for a single column.
    """
    if len(table.columns) < 2:
        advice = "for two files, write SOURCE TARGET"
        raise RecipeError(f"{table.name}: no tab or other delimiter between source and translation; {advice}")
    contents = [Content(name, table.cells(place)) for place, name in enumerate(table.columns)]
    found = (_named_pairs(contents) if table.has_names else None) or table.columns[:2]
    source = source or next(name for name in (*found, *table.columns) if name != target)
    target = target or next(name for name in (*reversed(found), *table.columns) if name != source)
    return source, target


def _only(what: str, table: TableFile, columns: Sequence[Content], names: Sequence[str]) -> str:
    """The column with a telling name, else the only one. Raises RecipeError if there are several, or none."""
    if named := _named(columns, names):
        return named
    if len(columns) == 1:
        return columns[0].name
    known = ", ".join(map(repr, table.columns))
    found = f"{len(columns)} columns may hold the {what}s" if columns else f"no column that may hold the {what}s"
    raise RecipeError(f"{table.name}: {found}; select one of {known} with --set data.{what}_column=NAME")


def _others(table: TableFile, used: Sequence[str]) -> str:
    """The columns that are left out, for people."""
    others = [name for name in table.columns if name not in used]
    shown = ", ".join(others[:SHOWN]) + (", ..." if len(others) > SHOWN else "")
    return f"; left out: {shown}" if others else ""


def _quoted(name: str) -> str:
    """A name as a shell takes it."""
    return name if re.fullmatch(r"[\w.-]+", name) else f"'{name}'"


def _in_doubt(table: TableFile, columns: Sequence[Content], texts: Sequence[Content], labels: Sequence[Content]) -> str:
    """Why it is in doubt what a table is for, and what decides."""
    shown = ", ".join(f"{column.name} ({_described(column, texts)})" for column in columns[:SHOWN])
    more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
    out = []
    words = [column for column in columns if column.kind in (WORDS, CODE)]
    if words and len(columns) > 1:
        out.append("--set data.text_column=NAME --set data.label_column=NAME labels texts")
    if len(words) > 1:
        out.append("--set data.source_column=NAME --set data.target_column=NAME translates texts")
    if any(column.kind in (NUMBER, BOOLEAN) for column in columns):
        out.append("--set task=forecast forecasts the numbers, row by row")
    *some, last = [*out, AS_TEXT]
    ways = f"{', '.join(some)}, or {last}" if some else last
    return f"{table.name}: it is in doubt what to train on the columns {shown}{more}: {ways}"


def _described(column: Content, texts: Sequence[Content]) -> str:
    """What a column holds, in a few words."""
    if column in texts:
        return "texts"
    if column.kind in (WORDS, CODE, BOOLEAN):
        return "codes" if column.kind == CODE else counted(column.num_distinct, "different text")
    return {NUMBER: "numbers", TIME: "times", EMPTY: "empty"}[column.kind]
