"""The labels of a probe: from a table of texts and labels, or from the matches of a regular expression."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from seqshell.core.errors import UsageError
from seqshell.core.names import unknown_name
from seqshell.core.tables.table_file import TableFile
from seqshell.core.text_output import quoted
from seqshell.inspect import patterns
from seqshell.inspect.probes import Passage
from seqshell.inspect.token_spans import token_spans
from seqshell.session import Session
from seqshell.session.given import StateRecord
from seqshell.session.state_record import initial_record

TEXTS = ("token", "text", "word")  # columns; words are divided by spaces
LABEL, SENTENCE = "label", "sentence_id"
MAX_LABELS = 100
INSIDE, OUTSIDE = "inside", "outside"
_LAST_WORD = re.compile(r"\S+\Z|\s\Z")


def from_table(session: Session, table: TableFile) -> tuple[list[Passage], list[str]]:
    """The passages, each from the initial state, and the names of the labels.

    A row has a `token`, `text` or `word`, and its `label`, which is that of its last token; an empty one is none. Rows
    of one `sentence_id` that follow each other are one text; without that column, all rows are.
    """
    named = {column.strip().lower(): place for place, column in enumerate(table.columns)}
    column = next((each for each in TEXTS if each in named), None)
    if column is None:
        raise UsageError(f"{table.name} has no column token, text or word; it has {', '.join(table.columns)}")
    if LABEL not in named:
        raise unknown_name("column", LABEL, table.columns)
    names = sorted({row[named[LABEL]] for row in table.rows} - {""})
    if len(names) > MAX_LABELS:
        raise UsageError(f"{table.name} has {len(names):,} labels, and a probe tells {MAX_LABELS} at most")
    number = {name: place for place, name in enumerate(names)} | {"": -1}
    start = initial_record(session.behaviour.cursor, "zero")
    sentence = named.get(SENTENCE)
    passages = []
    for _, group in groupby(table.rows, lambda row: "" if sentence is None else row[sentence]):
        rows = [(row[named[column]], number[row[named[LABEL]]]) for row in group]
        passages.append(_passage(session, rows, start, between=" " if column == "word" else ""))
    return [passage for passage in passages if passage.ids], names


def from_pattern(
    session: Session, pattern: str, ids: Sequence[int], record: StateRecord | None
) -> tuple[list[Passage], list[str]]:
    """A passage whose tokens are inside a match of the pattern or outside. UsageError if all are."""
    spans = token_spans(session.behaviour.cursor.token_text, ids)
    inside = spans.inside(patterns.matches(pattern, spans.text))
    if inside.all():
        raise UsageError(f"every token of the text is inside a match of {quoted(pattern)}", code="regex")
    types = [_word(spans.text[max(0, end - 40) : end]) for end in spans.ends.tolist()]
    return [Passage(list(ids), inside.astype(int).tolist(), types, record)], [OUTSIDE, INSIDE]


def _passage(session: Session, rows: Sequence[tuple[str, int]], start: StateRecord, between: str) -> Passage:
    """The tokens of rows of (text, label), each row encoded on its own."""
    ids: list[int] = []
    labels: list[int] = []
    types: list[str] = []
    for place, (text, label) in enumerate(rows):
        found = session.behaviour.encode((between if place else "") + text)
        ids += found
        labels += [-1] * (len(found) - 1) + [label] * bool(found)
        types += [text] * len(found)
    return Passage(ids, labels, types, start)


def _word(text: str) -> str:
    """The word that a text ends in, as far as it was read, or the white space."""
    found = _LAST_WORD.search(text)
    return found[0] if found else ""
