"""What /pick and /explore show, as rows of styled text for a window of any size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from prompt_toolkit.utils import get_cwidth

from seqshell.core.events import Choice
from seqshell.core.sanitize import safe
from seqshell.inspect.exploring import Explorer
from seqshell.inspect.picking import Picker
from seqshell.terminal.heat_map import pad
from seqshell.terminal.tables import WIDEST_TOKEN, bar, percent, token_name

Row = list[tuple[str, str]]  # (style, text), as prompt_toolkit has it

LONGEST_BAR = 30
PICK_ROWS = 13  # of /pick
SMALL = 7  # rows besides the choices
PICK_KEYS = ("1-9 take", "Enter model's choice", "Backspace undo", "Esc end")
EXPLORE_KEYS = ("q quit", "←→ token", "↑↓ choice", "Space fork", "1-9 take", "u undo")
PLAIN_ARROWS = {"←→": "</>", "↑↓": "^/v"}


def pick_rows(picker: Picker, message: str, width: int, height: int, unicode: bool) -> list[Row]:
    """The end of the text, the choices, and the keys or a message."""
    height = min(height, PICK_ROWS)
    shown = picker.shown.choices[: max(1, min(len(picker.shown.choices), height - 3))]
    room = max(1, height - len(shown) - 1)
    text = _text_rows(picker.session.tail, "", "", width, min(2, room))
    return [*text, *_choice_rows(shown, -1, {}, width, unicode), _last_row(message, PICK_KEYS, width)][:height]


def explore_rows(explorer: Explorer, message: str, width: int, height: int, unicode: bool) -> list[Row]:
    """The place, the text around it, the choices there, and on the last row the keys."""
    choices = explorer.shown.choices
    number = max(1, min(len(choices), height - SMALL))
    first = max(0, min(explorer.selected - number + 1, len(choices) - number))
    shown = choices[first : first + number]
    title = f"{explorer.session.branch} · position {explorer.position:,} of {explorer.session.position:,}"
    has_names = height > 2 * SMALL
    view, room = explorer.view, max(1, height - number - 3 - has_names)
    text = _text_rows(view.before, view.taken, view.after, width, room)
    rows = [
        [("class:title", _cut(title, width))],
        *text,
        *[[("", "")]] * (room - len(text)),
        *_choice_rows(shown, explorer.selected - first, explorer.branches_with(), width, unicode, has_names=has_names),
        [("class:message", _cut(message or explorer.message, width))],
    ]
    keys = EXPLORE_KEYS if unicode else tuple(_plain(key) for key in EXPLORE_KEYS)
    return [*rows[: max(0, height - 1)], _last_row("", keys, width)]


def _plain(key: str) -> str:
    for arrows, plain in PLAIN_ARROWS.items():
        key = key.replace(arrows, plain)
    return key


def _choice_rows(
    choices: Iterable[Choice],
    selected: int,
    branches: Mapping[int, str],
    width: int,
    unicode: bool,
    *,
    has_names: bool = False,
) -> list[Row]:
    """A row per choice: its number, the token, its probabilities before and after the chain, a bar and its branch.

    has_names: the names of the columns come first.
    """
    choices = tuple(choices)
    names = [token_name(choice.text) for choice in choices]
    label = min(max([5, *map(get_cwidth, names)]), WIDEST_TOKEN, max(3, width - 24))
    room = max(0, min(LONGEST_BAR, width - label - 36))
    names_row: Row = [("class:dim", _cut(f"    {pad('token', label)[:label]}  model  sampler", width))]
    rows: list[Row] = [names_row] if has_names else []
    for index, (choice, name) in enumerate(zip(choices, names, strict=True)):
        part, chain = math.exp(choice.log_prob), math.exp(choice.chain_log_prob)
        pointer = ("▸" if unicode else ">") if index == selected else " "
        number = str(choice.rank) if choice.rank < 10 else " "
        start = f"{pointer}{'*' if choice.taken else ' '}{number} {pad(name, label)}"
        style = "class:selected" if index == selected else "class:taken" if choice.taken else ""
        pieces = [
            (style, start),
            ("", f" {percent(part)} "),
            ("class:dim", percent(chain) if chain else "     -"),
            ("class:bar", f"  {bar(part, room, unicode)}" if room else ""),
            ("class:dim", f" {branches[choice.id]}" if choice.id in branches and not choice.taken else ""),
        ]
        rows.append(_cut_row(pieces, width))
    return rows


def _text_rows(before: str, taken: str, after: str, width: int, room: int) -> list[Row]:
    """The text around a place in at most `room` rows, with the place among them."""
    before, taken, after = safe(before), safe(taken), safe(after)
    if taken.startswith("\n"):
        taken, after = "↵", taken + after
    pieces = [("", before), ("class:cursor", taken or " "), ("class:dim", after)]
    rows: list[Row] = [[]]
    used = place = 0
    for style, text in pieces:
        for character in text:
            columns = 0 if character == "\n" else get_cwidth(" " if character == "\t" else character)
            if character == "\n" or used + columns >= width:
                rows.append([])
                used = 0
            if character != "\n":
                used += columns
                _append(rows[-1], style, " " if character == "\t" else character)
        if style == "class:cursor":
            place = len(rows) - 1
        elif style == "class:dim" and len(rows) > place + room:
            break
    below = min(len(rows) - 1 - place, room // 3)
    last = place + below + 1
    return rows[max(0, last - room) : max(last, min(len(rows), room))]


def _append(row: Row, style: str, character: str) -> None:
    if row and row[-1][0] == style:
        row[-1] = style, row[-1][1] + character
    else:
        row.append((style, character))


def _last_row(message: str, keys: Iterable[str], width: int) -> Row:
    """A message, or as many keys as fit."""
    if message:
        return [("class:message", _cut(message, width))]
    line = ""
    for key in keys:
        longer = f"{line}  {key}" if line else key
        if get_cwidth(longer) >= width:
            break
        line = longer
    return [("class:keys", line)]


def _cut_row(pieces: Row, width: int) -> Row:
    row: Row = []
    for style, text in pieces:
        kept = _cut(text, width - sum(get_cwidth(part) for _, part in row))
        row.append((style, kept))
    return row


def _cut(text: str, width: int) -> str:
    """A text in one line, narrower than the window."""
    text = safe(text).replace("\n", " ")
    while text and get_cwidth(text) >= width:
        text = text[:-1]
    return text
