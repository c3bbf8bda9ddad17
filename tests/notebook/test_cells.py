"""Cells of notebooks: their lines in one shell, and what they show."""

from __future__ import annotations

import pytest

from seqshell.core.events import Notice, Progress, TrainingStep
from seqshell.core.pictures import html
from seqshell.notebook import cells as cells_module
from seqshell.notebook.cell_page import CellPage
from seqshell.notebook.cells import CellError, Cells
from seqshell.testing import tiny_checkpoint


class Shown:
    """The pages that cells show; the last one is what stays."""

    def __init__(self):
        self.pages = []

    def __call__(self, page, text):
        self.pages.append((html.body(page), text))

    @property
    def html(self):
        return self.pages[-1][0]

    @property
    def text(self):
        return self.pages[-1][1]


@pytest.fixture
def cells(tmp_path, home):
    """Cells whose first one opened a tiny model."""
    found = Cells()
    found.run(f"-m {tiny_checkpoint(tmp_path / 'tiny.safetensors')} --seed 3", "/set max_tokens 4", Shown())
    yield found
    found.close()


def run(cells, text, options=""):
    shown = Shown()
    cells.run(options, text, shown)
    return shown


def failure(cells, text, options=""):
    with pytest.raises(CellError) as raised:
        run(cells, text, options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_the_session_stays_from_cell_to_cell(cells):
    first = run(cells, "ab\n")
    answer = cells.session.tail
    run(cells, "/undo")

    assert first.text == answer.removeprefix("ab")
    assert f'<div class="text">{first.text}</div>' in first.html
    assert cells.session.tail == ""
    run(cells, "\n/# a comment\nab")
    assert cells.session.tail == answer
    assert cells.session.seed == 3


def test_tables_and_pictures_are_elements_and_a_block_is_one_line(cells):
    shown = run(cells, '"""\na\nb\n"""\n/top 2\n/branches\n/state')

    assert '<table class="bars">' in shown.html
    assert '<ul class="tree' in shown.html
    assert cells.session.position == 7
    assert "chain" in shown.text


def test_tokens_have_the_colours_that_the_terminal_gives_them(cells):
    surprisal = run(cells, "/set color surprisal\nab").html
    unit = run(cells, "/set color neuron 0[0,1]\nab").html
    run(cells, "/set color off")

    assert surprisal.count(' nats"') == 4
    assert 'class="legend">nats 0 ' in surprisal
    assert unit.count(' 0[0,1]"') == 4
    assert "legend" not in run(cells, "ab").html


def test_a_cell_that_fails_shows_what_was_before_and_names_the_line(cells):
    shown = Shown()
    with pytest.raises(CellError, match=r"^line 3: there is no command /nosuch; "):
        cells.run("", "ab\n/nosuch\nab", shown)

    assert len(shown.text) == 4
    assert failure(cells, "/nosuch").startswith("there is no command")
    assert "never closed" in failure(cells, '"""\na') or '"""' in failure(cells, '"""\na')


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("-m nosuch", "no model 'nosuch'"),
        ("'a", "%%seqshell 'a: No closing quotation"),
        ("--json", "unexpected --json: %%seqshell takes -m, --weights"),
        ("script.seq", "unexpected script.seq: "),
        ("--nosuch", "--nosuch"),
        ("--help", "%%seqshell takes -m, --weights, --seed,"),
    ],
)
def test_bad_options_are_one_line(cells, options, message):
    assert message in failure(cells, "ab", options)


def test_another_model_opens_in_the_same_shell(cells, tmp_path):
    other = tiny_checkpoint(tmp_path / "other.safetensors")
    run(cells, "ab", f"-m {other}")

    assert cells.session.model.name == "other"
    assert list(cells.shell.workspace.sessions) == ["tiny", "other"]


def test_quit_ends_the_shell_and_the_rest_of_the_cell(cells):
    shown = run(cells, "/quit\nab")

    assert shown.pages == []
    assert cells.shell is None
    cells.close()


def test_a_session_that_cannot_be_opened_is_one_line(home, monkeypatch):
    monkeypatch.setattr("seqshell.core.paths.shipped", lambda: home)
    with pytest.raises(CellError, match=r"^no model 'shakespeare'"):
        _ = Cells().session


def test_stopping_a_cell_keeps_what_was_generated(cells, monkeypatch):
    def stop(self, event):
        raise KeyboardInterrupt

    monkeypatch.setattr(CellPage, "add", stop)
    assert failure(cells, "ab") == "stopped; what was generated so far is kept"


def test_a_cell_that_runs_is_shown_at_times_but_not_empty(cells, monkeypatch):
    monkeypatch.setattr(cells_module, "EVERY", 0.0)
    pages = run(cells, "ab").pages

    assert len(pages) == 7
    assert [len(text) for _, text in pages] == [1, 2, 3, 4, 4, 4, 4]


def test_progress_is_shown_until_a_result_takes_its_place():
    cell = CellPage(lambda: None)
    step = TrainingStep(2, 4, "loss 1", "epoch 1", update=2, history=[{"step": 1, "loss": 2.0}])

    def body():
        return html.body(cell.page)

    cell.add(Progress(1, 2, "of 2", "reading"))
    assert "reading 1/2 of 2" in body()
    cell.add(step)
    assert "reading" not in body()
    assert "<svg" in body()
    assert "epoch 1 2/4 loss 1" in body()
    cell.add(Notice("hm"))
    cell.end()
    assert body() == '<p class="note">hm</p>'
    assert cell.text == ""
