"""The dialogues of the package chatterbot-corpus (BSD licence), a table: python:chatterbot_corpus.english.

Columns, each in one line:

    message    a turn
    dialogue   that turn after the two before it, as the setting turns = 2 of a dialogue model joins them
    answer     the next turn
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqshell.core.errors import RecipeError
from seqshell.core.text_output import quoted
from seqshell.core.turns import with_turns

COLUMNS = ("message", "dialogue", "answer")
PACKAGE = "chatterbot_corpus"
EARLIER = 2  # turns before a message

Row = tuple[str, str, str]


def dialogues(language: str) -> list[Row]:
    """The turns of all conversations in a language, in order of file and place; equal ones once.

    Raises RecipeError if the package is not installed, has no such language, or has a file that is not as expected.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise RecipeError("the dialogues need a package: pip install chatterbot-corpus")
    folder = Path(found.origin).parent / "data"
    files = sorted((folder / language).glob("*.yml"))
    if not files:
        languages = ", ".join(sorted(each.name for each in folder.glob("*") if each.is_dir()))
        raise RecipeError(f"{PACKAGE} has no {quoted(language)}; it has {languages}")
    return list(dict.fromkeys(row for file in files for turns in _conversations(file) for row in _rows(turns)))


def _conversations(file: Path) -> Iterator[list[str]]:
    import yaml

    try:
        for turns in yaml.safe_load(file.read_text("utf-8"))["conversations"]:
            yield [_text(turn) for turn in turns]
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        raise RecipeError(f"{PACKAGE}: {file.name} is not a list of conversations; install the package again") from None


def _text(turn: Any) -> str:
    """A turn in one line; some turns are numbers, and a few are mappings, which a colon in their text makes."""
    if isinstance(turn, dict):
        turn = " ".join(f"{name}: {value}" for name, value in turn.items())
    return " ".join(str(turn).split())


def _rows(turns: list[str]) -> Iterator[Row]:
    for place in range(1, len(turns)):
        message, answer = turns[place - 1], turns[place]
        if message and answer:
            yield message, with_turns(turns[: place - 1], message, EARLIER), answer
