"""CONTRIBUTING.md and docs/architecture.md agree with the code: paths, links and the tables of packages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("CONTRIBUTING.md", "docs/architecture.md")
PATH = re.compile(r"`([\w.]+(?:/[\w.]*)+|\w+\.(?:py|md|toml|txt))`")  # `a/b.py`, `a/`, `a.toml`
LINK = re.compile(r"\]\(([^)#:]+)\)")  # of this project, without https:


def text_of(document):
    return (ROOT / document).read_text("utf-8")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document):
    """From the project's folder, or a module from repl/seqshell."""
    paths = PATH.findall(text_of(document))

    assert len(paths) > 15
    assert [path for path in paths if not any((ROOT / root / path).exists() for root in ("", "repl/seqshell"))] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_of_a_document_leads_to_a_file(document):
    folder = (ROOT / document).parent
    links = LINK.findall(text_of(document))

    assert links
    assert [link for link in links if not (folder / link).exists()] == []


def test_every_package_is_described_in_both_documents():
    packages = {path.parent.name for path in (ROOT / "repl" / "seqshell").glob("*/__init__.py")}

    assert set(re.findall(r"^\| `(\w+)/`", text_of("docs/architecture.md"), re.MULTILINE)) == packages
    assert set(re.findall(r"^\| `repl/seqshell/(\w+)/`", text_of("CONTRIBUTING.md"), re.MULTILINE)) == packages
