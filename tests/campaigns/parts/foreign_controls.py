"""Finds, in what was written to a terminal, what the shell did not make: escape sequences, controls, directions."""

from __future__ import annotations

import re

from tests.campaigns.parts.hostile_text import SEQUENCES

from seqshell.core.sanitize import safe
from seqshell.terminal.background import DARK, LIGHT, STYLES, UNKNOWN, code

CODES = {code(style, colours, page) for style in STYLES for colours in (256, 16, 0) for page in (DARK, LIGHT, UNKNOWN)}
CODES = CODES - {""} | {"0"}
OWN = re.compile(
    # Of Printer: its styles, and colours of text and of blocks.
    r"\x1b\[(?:" + "|".join(map(re.escape, sorted(CODES))) + r"|(?:1;)?(?:4;)?[34]8;(?:5;\d+|2;\d+;\d+;\d+))m|\r\x1b\[K"
    r"|\x1b\[\?2026h\r\x1b\[\d+A|\x1b\[K(?=\n)|\x1b\[J\x1b\[\?2026l"  # of its rows that are drawn again
    r"|\x1b\[\?25[hl]\r?|\r?\x1b\[2K|\x1b\[1A|\x1b\[37m|\r(?=[ \x1b])"  # of rich's progress bar
)
OF_PROMPT = ("\x1b[31m", "\x1b[2J\x1b[H", "\x1b[?1049h", "\x1b[8m")  # it may draw these itself
PROMPT_SEQUENCE = re.compile(r"\x1b\[[?>]?[\d;]*[A-Za-z]|[\r\x08]")  # what prompt_toolkit draws with


def foreign_control(written: str) -> str | None:
    """The first control character that Printer did not write, with what is around it."""
    return _first_unsafe(OWN.sub("", written), written)


def foreign_at_prompt(written: str) -> str | None:
    """The same for a screen that prompt_toolkit draws on, with sequences of many kinds."""
    for sequence in SEQUENCES:
        if sequence in written and sequence not in OF_PROMPT:
            return repr(sequence)
    return _first_unsafe(PROMPT_SEQUENCE.sub("", written), written)


def _first_unsafe(text: str, written: str) -> str | None:
    if safe(text) == text:
        return None
    at = next(index for index, character in enumerate(text) if safe(character) != character)
    return repr(text[max(0, at - 40) : at + 20])
