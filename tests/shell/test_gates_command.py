"""/gates: which text it reads, what it shows, and that nothing moves."""

from __future__ import annotations

import io
import json
import re

import pytest
from tests.inspect.one_unit import one_unit

from seqshell.core.errors import SeqshellError
from seqshell.core.events import Data, Gates
from seqshell.core.events.gates import GateUnits
from seqshell.terminal.printer import Printer
from seqshell.terminal.renderer import Renderer
from seqshell.testing import tiny_model
from seqshell.testing.shell import shell_for


@pytest.fixture
def shell():
    shell = shell_for()
    shell.workspace.add(one_unit())
    return shell


def looked(shell, line):
    """The last event; nothing has moved."""
    before = shell.session.here, shell.session.position, shell.session.branch
    *_, found = shell.handle(line)
    assert before == (shell.session.here, shell.session.position, shell.session.branch)
    return found


def forget(found):
    return next(each for each in found.gates if each.gate == "forget[0]")


def test_it_reads_a_text_from_here_or_that_of_the_branch(shell, folder):
    list(shell.handle("/feed aab"))
    found = looked(shell, "/gates")
    assert (found.num_tokens, forget(found).left) == (3, (pytest.approx(2 / 3),))
    assert forget(looked(shell, "/gates cccc")).right == (1.0,)
    (folder / "text.txt").write_text("ab" * 300)
    assert looked(shell, "/gates @text.txt").num_tokens == 600

    list(shell.handle("/state load here"))
    with pytest.raises(SeqshellError, match=r"^main begins with the state of main@3 and has read nothing since$"):
        list(shell.handle("/gates"))
    list(shell.handle("/feed c"))
    assert looked(shell, "/gates").num_tokens == 1


def test_it_is_a_table_rows_and_json(shell, folder):
    list(shell.handle("/feed aaabbccccc"))
    found = looked(shell, "/gates")
    names, *rows = found.table().as_text().splitlines()
    assert names.split() == ["gate", "units", "left", "right", "half-life", "longest"]
    assert rows[1].split() == ["forget[0]", "1", "0.3000", "0.5000", "1.341", "cell[0,0]", "1.341"]

    assert isinstance(looked(shell, "/gates -o x.tsv"), Data)
    names, *rows = (folder / "x.tsv").read_text().splitlines()
    assert names.split("\t") == ["gate", "unit", "left", "right", "mean", "half_life"]
    assert rows[1].split("\t")[:4] == ["forget[0]", "cell[0,0]", "0.3", "0.5"]
    looked(shell, "/gates -o x.json")
    gates = json.loads((folder / "x.json").read_text())["gates"]
    assert [each["gate"] for each in gates] == ["input[0]", "forget[0]", "output[0]"]
    assert gates[1]["longest"][0]["unit"] == "cell[0,0]"
    assert "half_life" not in gates[2]


def test_bad_input_is_one_line_and_moves_nothing(shell):
    for line, message in (("/gates xyz", "vocabulary has no 'x'"), ("/gates -o x.doc a", "unknown ending of x.doc")):
        with pytest.raises(SeqshellError, match=message):
            looked(shell, line)
    shell.workspace.add(tiny_model())
    with pytest.raises(SeqshellError, match="tiny shows no gates"):
        looked(shell, "/gates abc")


class Screen(io.StringIO):
    encoding = "utf-8"


def drawn(event, colours, width=80):
    screen = Screen()
    Renderer(Printer(screen, colours=colours, width=lambda: width)).draw(event)
    return re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()


def test_each_panel_has_a_dot_for_each_unit_below_the_diagonal():
    units = ("cell[0,0]", "cell[0,1]", "cell[0,2]")
    gates = tuple(
        GateUnits(f"{name}[{layer}]", layer, units, (0.0, 0.98, 0.3), (0.99, 0.0, 0.1), (0.5,) * 3, (1.0, None, 2.0))
        for layer in (0, 1)
        for name in ("forget", "output")
    )
    lines = drawn(Gates(gates, 10), -1)
    panel = [line[3:23] for line in lines[2:12]]

    assert lines[1].split() == ["forget[0]", "output[0]"]
    assert (panel[0][0], panel[9][19], panel[8][6]) == ("*", "*", "*")
    assert sum(line.count("*") for line in panel) == 3
    assert lines[14].split() == ["forget[1]", "output[1]"]
    assert max(map(len, lines)) <= 80
    assert any("always" in line for line in lines)
    assert ["forget[0]"] in [line.split() for line in drawn(Gates(gates, 10), -1, width=40)]
    assert any("⠀" < character <= "⣿" for line in drawn(Gates(gates, 10), 256) for character in line)
