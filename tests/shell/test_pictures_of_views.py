"""`-o` with pictures, tables and text, and /export: one writer for each format, whatever the view."""

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.shell.sending import fails, send

from seqshell.core.events import Data
from seqshell.testing import shell_for, tiny_model

VIEWS = {
    "/text": "abcabc",
    "/score ab": 'title="&#x27;a&#x27; ·',
    "/top 3": "with sampler 0.",
    "/branches": "main.2",
    "/state": "position",
    "/state diff here zero": "cosine",
}


@pytest.fixture(scope="module")
def used():
    """A shell that has answered twice."""
    shell = shell_for(tiny_model())
    send(shell, "/set max_tokens 5", "abcabc", "/regen 2")
    return shell


@pytest.fixture
def shell(used, folder):
    return used


def with_file(view, name):
    command, *rest = view.split(" ", 1)
    action, *rest = rest[0].split(" ", 1) if command == "/state" and rest else ("", *rest)
    return " ".join(filter(None, (command, action, f"-o {name}", *rest)))


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_written_in_every_format(shell, view):
    for name in ("a.html", "a.svg", "a.csv", "a.tsv", "a.json", "a.txt"):
        send(shell, with_file(view, name))

    assert VIEWS[view] in Path("a.html").read_text("utf-8")
    assert f'<p class="about">{with_file(view, "a.html")}</p>' in Path("a.html").read_text("utf-8")
    assert ElementTree.parse("a.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"
    rows = [
        list(csv.reader(Path(name).read_text("utf-8").splitlines(keepends=True), delimiter=mark))
        for name, mark in (("a.csv", ","), ("a.tsv", "\t"))
    ]
    assert rows[0] == rows[1]
    assert len({len(row) for row in rows[0]}) == 1
    assert json.loads(Path("a.json").read_text("utf-8"))
    assert Path("a.txt").read_text("utf-8").strip()


def test_an_ending_that_a_view_cannot_write_is_named_before_the_work(shell):
    for line in ("/text -o a.docx", "/score -o a.docx ab", "/branches -o a.docx"):
        error = fails(shell, line)
        assert error.message.startswith("unknown ending of a.docx; use .html, .svg, .png or .pdf for a picture, .json")
    assert not Path("a.docx").exists()


def test_a_session_is_exported_as_one_page(shell):
    before = shell.session.ids()
    assert send(shell, "/export session.html") == [Data({"text": "", "file": "session.html"})]
    source = Path("session.html").read_text("utf-8")

    assert source.count("abcabc</span></b>") == 1
    assert "main.2" in source
    assert "<td>max_tokens</td><td>5</td>" in source
    assert shell.session.ids() == before


def test_a_session_is_exported_as_html_only(shell):
    assert fails(shell, "/export a.txt").message == (
        "a session is exported as .html; /save a.txt saves it, /text -o a.txt writes the text"
    )
    assert "usage: /export FILE" in fails(shell, "/export").message
    assert "there is no folder" in fails(shell, "/export nowhere/a.html").message
