"""The table of other tools in the README is that of docs/comparison.md, which says for each cell what was looked at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seqshell.host import Policy
from seqshell.host.builtin import load_registry

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTIONS = dict(section.split("\n", 1) for section in PAGE.split("\n## ")[1:])


def cells(text):
    """The cells of each row of a table, without its head."""
    head, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line[:1] == "|")
    return head, rows


def short_table():
    """The names of the tools, and for each row of the README's table its words."""
    (table,) = re.findall(r"^\| \| seqshell .*?(?=\n\n)", README, re.MULTILINE | re.DOTALL)
    head, rows = cells(table)
    return head[1:], {first[0].upper() + first[1:]: rest for first, *rest in rows}


def test_the_rows_of_the_readme_are_the_sections_of_the_page():
    _, rows = short_table()
    assert list(rows) == list(SECTIONS)


@pytest.mark.parametrize("title", SECTIONS)
def test_each_cell_is_that_of_the_page_which_says_what_was_seen(title):
    tools, rows = short_table()
    _, seen = cells(SECTIONS[title])

    assert [tool for tool, _, _ in seen] == tools
    assert [word for _, word, _ in seen] == rows[title]
    assert {word for _, word, _ in seen} <= {"yes", "part", "no"}
    assert all(len(evidence) > 10 for _, _, evidence in seen)


def test_each_command_of_seqshell_that_the_page_names_exists():
    commands = {found.name for found in dict(load_registry(Policy(plugins=())).commands).values()}
    ours = [line for line in PAGE.splitlines() if line.startswith("| seqshell |")]
    named = {name for line in ours for name in re.findall(r"`/([a-z-]+)", line)}

    assert len(named) > 20
    assert named <= commands
