"""The table of docs/comparison.md is that of its sections, which say what was looked at; the README has some rows."""

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


def overview(text):
    """The names of the tools, and for each row of a text's table its words."""
    (table,) = re.findall(r"^\| \| seqshell .*?(?=\n\n)", text, re.MULTILINE | re.DOTALL)
    head, rows = cells(table)
    return head[1:], {first[0].upper() + first[1:]: rest for first, *rest in rows}


def test_each_row_of_the_table_has_a_section():
    _, rows = overview(PAGE)
    assert list(rows) == list(SECTIONS)


def test_the_readme_has_rows_of_the_table_in_their_order_also_those_where_others_do_more():
    tools, rows = overview(PAGE)
    named, chosen = overview(README)

    assert named == tools
    assert list(chosen.items()) == [item for item in rows.items() if item[0] in chosen]
    assert {"yes", "no"} == {words[0] for words in chosen.values()}
    assert 8 <= len(chosen) <= 10


@pytest.mark.parametrize("title", SECTIONS)
def test_each_cell_of_the_table_is_that_of_the_section_which_says_what_was_seen(title):
    tools, rows = overview(PAGE)
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
