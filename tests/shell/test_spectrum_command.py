"""/spectrum: which step it is of, what it prints, and that nothing moves."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest

from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.events import Data, Spectrum
from seqshell.inspect.jacobian import StepFunction
from seqshell.inspect.spectra import SpectrumSearch
from seqshell.terminal.printer import Printer
from seqshell.terminal.renderer import Renderer
from seqshell.testing import tiny_classification_model, tiny_forecast_model, tiny_model
from seqshell.testing.shell import shell_for


@pytest.fixture
def shell():
    shell = shell_for()
    shell.workspace.add(tiny_model())
    list(shell.handle("/feed abc"))
    return shell


def looked(shell, line):
    """The last event; nothing has moved."""
    before = shell.session.here, shell.session.position, shell.session.branch
    *_, found = shell.handle(line)
    assert before == (shell.session.here, shell.session.position, shell.session.branch)
    return found


def expected(session, state, token):
    search = SpectrumSearch(StepFunction(session.behaviour.cursor, state, token))
    list(search.steps())
    return tuple(map(complex, search.eigenvalues))


def test_the_next_step_reads_the_likeliest_token_or_the_one_that_is_named(shell):
    session = shell.session
    found = looked(shell, "/spectrum")
    best = session.top(1).tokens[0]
    assert (found.token, found.position) == (best.text, 3)
    assert found.eigenvalues == expected(session, session.state, best.id)

    found = looked(shell, "/spectrum h")
    assert (found.token, found.eigenvalues) == ("h", expected(session, session.state, session.ids()[0] + 7))
    assert looked(shell, '/spectrum " "').token == " "


def test_the_last_step_begins_before_the_last_token(shell):
    found = looked(shell, "/spectrum --last")

    assert (found.token, found.position) == ("c", 2)
    assert found.eigenvalues == expected(shell.session, shell.session.ancestor(1).state, shell.session.ids()[-1])


def test_models_that_predict_no_token_are_shown_at_their_last_step(shell):
    shell.workspace.add(tiny_classification_model())
    list(shell.handle("abc"))
    assert (looked(shell, "/spectrum").token, looked(shell, "/spectrum").position) == ("c", 2)
    shell.workspace.add(tiny_forecast_model())
    list(shell.handle("1 2 5"))
    assert looked(shell, "/spectrum").position == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/spectrum ab", "'ab' is 2 tokens of tiny, and a step reads one"),
        (
            "/spectrum é",
            "tiny's vocabulary has no 'é' (character 1 of your text); it has 10 characters, see /info",
        ),
        ("/spectrum --last a", "--last is of the token that was read, so 'a' cannot follow it"),
        ("/spectrum -o x.doc", "unknown ending of x.doc; use .html"),
    ],
)
def test_bad_input_is_one_line_and_moves_nothing(shell, folder, line, message):
    before = shell.session.here
    with pytest.raises(SeqshellError) as refused:
        list(shell.handle(line))
    assert refused.value.message.startswith(message)
    assert shell.session.here is before


def test_before_the_first_token_it_says_what_to_do(shell):
    list(shell.handle("/reset"))
    with pytest.raises(UsageError, match=r"no token is likelier than another; feed a text, or name a token"):
        list(shell.handle("/spectrum"))
    with pytest.raises(UsageError, match="has not read anything here yet, so it has no last step"):
        list(shell.handle("/spectrum --last"))
    assert looked(shell, "/spectrum a").position == 0


def test_it_is_written_as_a_table_or_json(shell, folder):
    found = looked(shell, "/spectrum")
    assert isinstance(looked(shell, "/spectrum -o x.tsv"), Data)
    names, *rows = (folder / "x.tsv").read_text().splitlines()
    assert names.split("\t") == ["real", "imag", "abs", "time_constant", "period"]
    assert len(rows) == len(found.eigenvalues) == 8
    looked(shell, "/spectrum -o x.json")
    values = json.loads((folder / "x.json").read_text())
    assert values["radius"] == pytest.approx(found.radius, rel=1e-5)
    assert values["pos"] == 3


class Screen(io.StringIO):
    encoding = "utf-8"


def drawn(event, colours):
    screen = Screen()
    Renderer(Printer(screen, colours=colours, width=lambda: 70)).draw(event)
    return re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()


def test_the_picture_shows_the_eigenvalues_and_the_unit_circle():
    spectrum = Spectrum((1.5 + 0j, 0.5 + 0.5j, 0.5 - 0.5j, 0j), 4, "a", 3, 1e-6, (("last", "is whole numbers"),))
    lines = drawn(spectrum, -1)
    rows = next(number for number, line in enumerate(lines) if line.lstrip().startswith("-1.58 "))
    plane = np.array([list(line[8:].ljust(2 * rows)) for line in lines[:rows]])

    def at(x, y):
        return plane[int((1 - (y + 1.575) / 3.15) * rows), int((x + 1.575) / 3.15 * 2 * rows)]

    assert [at(1.5, 0), at(0.5, 0.5), at(0.5, -0.5), at(0, 0)] == ["x", "*", "*", "*"]
    assert [at(-1, 0), at(0, 1), at(0, -1)] == [".", ".", "."]
    assert (plane == "*").sum() == 3
    assert lines[-1] == "left out: last is whole numbers"
    assert any("⡀" <= character <= "⣿" for line in drawn(spectrum, 256) for character in line)
