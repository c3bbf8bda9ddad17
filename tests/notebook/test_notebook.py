"""docs/notebooks.md: its cells run in one shell, and in a notebook of Jupyter, and show what the page says."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbclient
import nbformat
import pytest

from seqshell.notebook.cells import Cells

PAGE = (Path(__file__).parents[2] / "docs" / "notebooks.md").read_text("utf-8")
BLOCK = re.compile(r"^<!-- (cell|shows) -->\n```\w+\n(.*?)\n```$", re.DOTALL | re.MULTILINE)


def examples():
    """Each cell of the page, and the text that it shows; None if the page does not say."""
    found = []
    for kind, text in BLOCK.findall(PAGE):
        if kind == "cell":
            found.append((text, None))
        else:
            found[-1] = found[-1][0], text
    return found


def test_the_page_marks_all_its_blocks():
    assert len(BLOCK.findall(PAGE)) == PAGE.count("```") // 2 == 9


def test_the_cells_of_the_page_show_what_it_says(home):
    cells, shown = Cells(), []
    for text, expected in examples():
        if expected is None:
            continue
        first, _, rest = text.partition("\n")
        options, lines = (first.removeprefix("%%seqshell"), rest) if rest else ("", first.removeprefix("%seqshell "))
        cells.run(options, lines, lambda page, plain: shown.append(plain))
        assert shown[-1] == expected
    assert len(shown) >= 3
    cells.close()


@pytest.mark.slow
def test_a_notebook_with_these_cells_runs_and_shows_html(home):
    new = nbformat.v4
    failing = [("%%seqshell\n/nosuch", None), ("%%seqshell -m nosuch\nab", None)]
    cells = [new.new_code_cell(text) for text, _ in [*examples(), *failing]]
    notebook = new.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, allow_errors=True, kernel_name="python3").execute(env=os.environ)

    for cell, (_, expected) in zip(notebook.cells, examples(), strict=False):
        if expected is not None:
            (output,) = cell.outputs
            assert output.data["text/plain"] == expected
            assert output.data["text/html"].startswith('<div class="seqshell">')
    assert notebook.cells[4].outputs[-1].data["text/plain"].isdigit()
    assert "A session with shakespeare" in notebook.cells[5].outputs[-1].data["text/html"]
    assert [cell.outputs[-1].text.count("\n") for cell in notebook.cells[-2:]] == [1, 1]
    assert notebook.cells[-1].outputs[-1].text.startswith("UsageError: no model 'nosuch'")
