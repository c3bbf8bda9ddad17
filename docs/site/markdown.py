"""Markdown from help texts and docstrings: paragraphs, tables and code."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Sequence

# Characters that Markdown would take for markup outside of code.
SPECIAL = re.compile(r"[\\*_>\[\]#~^|]")
CODE = re.compile(r"(`[^`\n]+`)")
ARGUMENT = re.compile(r"[a-z]\w*(?:, [a-z]\w*)*: ")  # at the beginning of a line: its name, and what it is
ADDRESS = re.compile(r"https?://[^\s,;)]*[^\s,;).:]")


def escaped(text: str) -> str:
    """A text that Markdown shows as it is, but for `code` and addresses, which become links."""
    parts = CODE.split(text)
    return "".join(part if index % 2 else _linked(part) for index, part in enumerate(parts))


def _linked(text: str) -> str:
    found, end = [], 0
    for address in ADDRESS.finditer(text):
        found += [_plain(text[end : address.start()]), f"<{address[0]}>"]
        end = address.end()
    return "".join([*found, _plain(text[end:])])


def _plain(text: str) -> str:
    return SPECIAL.sub(r"\\\g<0>", text.replace("&", "&amp;").replace("<", "&lt;"))


def code(text: str) -> str:
    """A short text as code; empty for an empty one."""
    return f"`` {text} ``" if "`" in text else f"`{text}`" if text else ""


def block(text: str, language: str = "text") -> str:
    """A text as a block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells in Markdown."""
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(cell.replace(chr(10), ' ') for cell in line)} |" for line in lines)


def prose(docstring: str) -> str:
    """A docstring: its paragraphs, its descriptions of arguments as a list, and what is indented in it as code."""
    shown = []
    for part in inspect.cleandoc(docstring).split("\n\n"):
        for kind, lines in _parts(part.splitlines()):
            text = " ".join(" ".join(lines).split())
            if kind == "code":
                shown.append(block(textwrap.dedent("\n".join(lines))))
            elif kind == "argument":
                name, _, about = text.partition(": ")
                shown.append(f"- **{escaped(name)}**: {escaped(about)}")
            else:
                shown.append(escaped(text))
    return "\n\n".join(shown)


def _parts(lines: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The lines of a paragraph as text, as arguments, whose further lines are indented, and as code."""
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        kind = "argument" if ARGUMENT.match(line) else "code" if line.startswith("  ") else "text"
        continues = found and (kind == found[-1][0] or (kind == "code" and found[-1][0] == "argument"))
        if kind == "argument" or not continues:
            found.append((kind, []))
        found[-1][1].append(line)
    return found


def page(title: str, *parts: str) -> str:
    """A page with a title; empty parts are left out."""
    return "\n\n".join([f"# {title}", *filter(None, parts)]) + "\n"
