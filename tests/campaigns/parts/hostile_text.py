"""Texts that break careless programs: control sequences, strange Unicode, numbers and file names at the limits."""

from __future__ import annotations

import random

# Sequences that the shell never writes, so that one in the output was passed through. Of colours, it uses no 31 where
# there are 256.
SEQUENCES = (
    "\x1b[31m",
    "\x1b]0;owned\x07",
    "\x1b]52;c;b3duZWQ=\x1b\\",
    "\x1b[2J\x1b[H",
    "\x1b[?1049h",
    "\x1b[5n",
    "\x1bc",
    "\x1bPq\x1b\\",
    "\x9b31m",
    "\x9d0;owned\x9c",
    "\x1b[8m",
)
CHARACTERS = (
    *(chr(code) for code in (0, 7, 8, 11, 12, 13, 14, 26, 27, 28, 30, 127, 0x85, 0x9B, 0x9D)),
    *("\u2028", "\u2029", "\u202e", "\u2066", "\u200f", "\u061c", "\u200b", "\ufeff", "\uffff", "\U000e0041"),
    *(
        "\ud800",
        "\udcff",
        "\udc80",
        "e\u0301\u0327",
        "\u0301",
        "👩\u200d🚀",
        "日本",
        "ﷺ",
        "İ",
        "ß",
        "\u00a0",
        "\u3000",
        "１",
    ),
)
NUMBERS = (
    *(
        "0",
        "1",
        "2",
        "3",
        "7",
        "60",
        "-1",
        "-3",
        "+5",
        "-0",
        "0t",
        "2t",
        "-2t",
        "1.5",
        "0.5",
        "0.1",
        ".5",
        "1e3",
        "1e400",
    ),
    *("nan", "inf", "-inf", "1_000", "1,000", "0x10", "１２", "٣", "1000000", "1000001", "99999999999999999999"),
    *("18446744073709551616", "9" * 5000, "1e-320", "true", "on", "off", "random", "default", "none"),
)
MARKUP = (
    "",
    '"',
    '""',
    '"""',
    "\\",
    '"\\u0000"',
    '"\\ud800"',
    '"a\\nb"',
    "'",
    "[]",
    '["',
    "{}",
    "%s",
    "{0}",
    "[red]x[/red]",
    "$HOME",
)
MARKUP += (
    "@",
    "@@",
    "@-",
    "--",
    "-",
    "=",
    "==",
    "=>",
    "a => b",
    "a=1",
    "a=1,2",
    "+",
    "/",
    "//",
    "/#",
    "?",
    "*",
    ",",
    ", ,",
    "|",
    ";",
)
# Files of `files.make` and names that are none. Nothing here names a file outside the current folder that a command
# may replace.
FILES = (
    *("notes.txt", "./notes.txt", "hostile.txt", "hostile.seq", "talk.seq", "self.seq", "open.seq", "table.csv"),
    *("pairs.tsv", "labels.csv", "wide.tsv", "deep.json", "rows.jsonl", "binary.en", "empty.txt", "noise.gz", "fifo"),
    *(
        "loop",
        "folder",
        "tiny.safetensors",
        "./tiny.safetensors",
        "./rubbish.safetensors",
        "saved",
        "./saved.safetensors",
    ),
    *(
        "a.txt",
        "a.json",
        "a.csv",
        "a.tsv",
        "a.png",
        "a.svg",
        "a.gif",
        "a.txt.gz",
        "a.seq",
        "nowhere/a.txt",
        "~",
        "~/a.txt",
    ),
    *(
        "~nosuchuser/a.txt",
        "x" * 300,
        "x/" * 3000,
        "a\x00b",
        "\udcff.txt",
        "\x1b[31m.txt",
        ".",
        "..",
        "/",
        "/nowhere/a",
    ),
    *("/dev/full", "/dev/zero", "/proc/self/mem", "/proc/self/environ", "off", "stop", "-o", "recipe.toml"),
)
WORDS = (
    "abc",
    "a",
    "bad cafe",
    "i love you",
    "le chat",
    "ROMEO:",
    "10 10.5 11",
    "10,11;12",
    "what a film",
    "Yamamoto",
    "main",
    "main.2",
)
WORDS += (
    "b",
    "last",
    "tiny",
    "shakespeare",
    "english-french",
    "sentiment",
    "names",
    "oil-temperature",
    "keys",
    "numbers",
    "phrases",
)


def text(draws: random.Random) -> str:
    """Any text: ordinary, hostile, or both."""
    kind = draws.random()
    if kind < 0.3:
        return draws.choice(WORDS)
    if kind < 0.45:
        return draws.choice(SEQUENCES)
    if kind < 0.6:
        return draws.choice(MARKUP)
    if kind < 0.7:
        return draws.choice(NUMBERS)
    if kind < 0.8:
        return noise(draws)
    if kind < 0.83:
        return draws.choice(WORDS + CHARACTERS) * draws.choice((50, 1000, 5000))
    return "".join(text(draws) for _ in range(draws.randint(2, 4)))


def noise(draws: random.Random) -> str:
    """Characters of all of Unicode, lone surrogates included."""
    ranges = ((0, 0x20), (0x20, 0x7F), (0x7F, 0x100), (0x100, 0x3000), (0xD7F0, 0xE010), (0, 0x110000))
    return "".join(
        draws.choice(CHARACTERS) if draws.random() < 0.3 else chr(draws.randrange(*draws.choice(ranges)))
        for _ in range(draws.randint(1, 12))
    )


def spoiled(draws: random.Random, line: str) -> str:
    """A line with one change: something put in, taken out, doubled, or replaced."""
    start, end = sorted(draws.randint(0, len(line)) for _ in range(2))
    return draws.choice(
        (
            line[:start] + text(draws) + line[start:],
            line[:start] + line[end:],
            line[:end] + line[start:],
            line[:start] + line[start:end].swapcase() + line[end:],
            line.replace(" ", draws.choice(("  ", "\t", "\u00a0", "\n", "")), 1),
            line + draws.choice(("\n", " ", "\\", '"', "\x00")),
        )
    )
