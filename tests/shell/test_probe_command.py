"""/probe: its arguments, its output, and that nothing moves."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seqshell.core.errors import SeqshellError
from seqshell.core.events import Data, Probes
from seqshell.testing import tiny_classification_model, tiny_model
from seqshell.testing.shell import shell_for

TEXT = "".join(np.random.default_rng(0).choice(list("abcdefgh "), 300))


@pytest.fixture
def shell(folder):
    shell = shell_for()
    shell.workspace.add(tiny_model())
    (folder / "text.txt").write_text(TEXT)
    return shell


def looked(shell, line):
    """The last event; nothing has moved."""
    before = shell.session.here, shell.session.position, shell.session.branch
    *_, found = shell.handle(line)
    assert before == (shell.session.here, shell.session.position, shell.session.branch)
    return found


def test_a_pattern_is_probed_in_a_file_from_here_or_in_the_branch(shell):
    list(shell.handle("/feed abc"))
    found = looked(shell, "/probe --regex [aeg] @text.txt")
    assert isinstance(found, Probes)
    assert (found.labels, found.num_training, found.num_test) == (("outside", "inside"), 180, 60)
    assert found.scores[0].part == "0"
    assert found.scores[0].accuracy > 0.9 > 0.65 > found.majority

    list(shell.handle(f"/reseed {TEXT}"))
    again = looked(shell, "/probe --regex [aeg]")
    assert again.majority == found.majority


def test_a_table_of_labels_is_read_from_the_initial_state(shell, folder):
    rows = "".join(f"{letter}\t{'early' if letter in 'abcd' else 'late'}\n" for letter in TEXT.replace(" ", "a"))
    (folder / "labels.tsv").write_text(f"token\tlabel\n{rows}")
    found = looked(shell, "/probe labels.tsv")
    list(shell.handle("/feed hhh"))

    assert found.labels == ("early", "late")
    assert found.scores[0].accuracy > 0.9
    assert looked(shell, "/probe labels.tsv") == found
    shell.workspace.add(tiny_classification_model())
    assert looked(shell, "/probe labels.tsv").num_test == 60


def test_it_is_written_as_a_table_or_json(shell, folder):
    found = looked(shell, "/probe --regex [aeg] @text.txt")
    assert isinstance(looked(shell, "/probe -o x.csv --regex [aeg] @text.txt"), Data)
    names, row = (folder / "x.csv").read_text().splitlines()
    assert names == "part,size,accuracy,majority,control,selectivity"
    assert row.startswith(f"0,8,{found.scores[0].accuracy:.6g}")
    looked(shell, "/probe -o x.json --regex [aeg] @text.txt")
    assert json.loads((folder / "x.json").read_text())["probes"][0]["part"] == "0"
    title, values, about = found.as_text().splitlines()
    assert title.split()[:3] == ["part", "size", "accuracy"]
    assert values.split()[:2] == ["0", "8"]
    assert about.startswith("labels outside, inside · 180 tokens to train, 60 to test")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/probe", "missing argument; usage: /probe [-o FILE] [LABELS.tsv] [--regex PATTERN] [@FILE]"),
        ("/probe nothing.tsv", "cannot read nothing.tsv"),
        ("/probe --regex a(", "main has no text yet"),
        ("/probe --regex a( @text.txt", "'a(' is not a regular expression"),
        ("/probe --regex xyz @text.txt", "'xyz' matches nothing in these 300 characters"),
        ("/probe --regex (?s).* @text.txt", "every token of the text is inside a match"),
        ("/probe -o x.doc --regex a @text.txt", "unknown ending of x.doc"),
        ("/probe text.txt", "text.txt has no rows below the column names"),
    ],
)
def test_bad_input_is_one_line_and_moves_nothing(shell, line, message):
    before = shell.session.here, shell.session.position
    with pytest.raises(SeqshellError) as refused:
        list(shell.handle(line))
    assert message in refused.value.message
    assert "\n" not in refused.value.message
    assert (shell.session.here, shell.session.position) == before
