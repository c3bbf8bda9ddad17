"""Draws docs/terminal.svg, the picture in the README: seqshell in a terminal, as it is now.

    python docs/picture.py

Runs seqshell in a pseudo-terminal on the shipped models, with an empty home, and needs the extra `test`.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

import pexpect
import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

COLUMNS, ROWS = 84, 32
LINES = (
    "/set max_tokens 60",
    "/set surprisal on",
    "ROMEO:",
    '/rewind "the "',
    "/top 3",
    "/load english-french",
    "Where is the station?",
    "/attention",
)
TIMEOUT = 60  # seconds for one line
FONTS = "Menlo, Consolas, 'DejaVu Sans Mono'"
PICTURE = Path(__file__).with_name("terminal.svg")
THEME = TerminalTheme(
    (24, 24, 28),
    (222, 222, 222),
    [
        (60, 60, 60),
        (205, 92, 92),
        (95, 175, 95),
        (215, 175, 95),
        (95, 135, 215),
        (175, 135, 175),
        (95, 175, 175),
        (190, 190, 190),
    ],
)


def screen_after(lines: tuple[str, ...]) -> pyte.Screen:
    """The screen of a terminal after these lines were typed and answered."""
    screen = pyte.HistoryScreen(COLUMNS, ROWS, history=1000)
    stream = pyte.Stream(screen)
    with tempfile.TemporaryDirectory() as home:
        environment = {
            "TERM": "xterm-256color",
            "COLORFGBG": "15;0",
            "SEQSHELL_HOME": home,
            "SEQSHELL_PLUGINS": "",
            "LC_ALL": "C.UTF-8",
        }
        program = pexpect.spawn(
            sys.executable,
            ["-m", "seqshell", "--seed", "3"],
            dimensions=(ROWS, COLUMNS),
            env={**os.environ, **environment},
            encoding="utf-8",
            cwd=home,
        )
        screen.write_process_input = program.send  # reports the position of the cursor
        _read(program, stream, 1)
        for number, line in enumerate(lines, 2):
            program.send(f"{line}\r")
            _read(program, stream, number)
        program.send("/quit\r")
        program.expect(pexpect.EOF, timeout=TIMEOUT)
        program.close()
    return screen


def _read(program: pexpect.spawn, stream: pyte.Stream, prompts: int) -> None:
    """Read until so many prompts were drawn, and the last is complete. Each turns bracketed paste on."""
    end = time.monotonic() + TIMEOUT
    seen = getattr(program, "seen", "")
    quiet = 0
    while seen.count("\x1b[?2004h") < prompts or quiet < 3:
        if time.monotonic() > end:
            raise SystemExit(f"no prompt after {TIMEOUT} s")
        try:
            text = program.read_nonblocking(100_000, 0.3)
        except pexpect.TIMEOUT:
            quiet += 1
            continue
        quiet, seen = 0, seen + text
        stream.feed(text)
    program.seen = seen


def as_text(screen: pyte.Screen) -> Text:
    """The screen with its colours, without the empty rows above the toolbar."""
    rows = [
        *({column: row[column] for column in range(COLUMNS)} for row in screen.history.top),
        *({column: screen.buffer[row][column] for column in range(COLUMNS)} for row in range(ROWS)),
    ]
    shown = Text()
    for row in rows:
        if any(cell.data.strip() for cell in row.values()):
            for style, cells in groupby(row.values(), _style):
                shown.append("".join(cell.data for cell in cells), style)
            shown.append("\n")
    shown.rstrip()
    return shown


def _style(cell: pyte.screens.Char) -> Style:
    foreground, background = (_colour(name) for name in (cell.fg, cell.bg))
    return Style(color=foreground, bgcolor=background, bold=cell.bold, reverse=cell.reverse, underline=cell.underscore)


def _colour(name: str) -> str | None:
    """pyte's name of a colour as rich has it."""
    if name == "default":
        return None
    return f"#{name}" if len(name) == 6 and set(name) <= set("0123456789abcdef") else name.replace("brown", "yellow")


def main() -> None:
    """Draw the picture."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"))  # noqa: SIM115  # until the end
    console.print(as_text(screen_after(LINES)), soft_wrap=True)
    picture = console.export_svg(title="seqshell", theme=THEME, unique_id="seqshell")
    # The fonts that rich refers to would be loaded from the internet.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL).replace("Fira Code", FONTS)
    PICTURE.write_text(re.sub(r"[ \t]+$", "", picture, flags=re.MULTILINE), encoding="utf-8")


if __name__ == "__main__":
    main()
