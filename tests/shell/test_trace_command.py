"""/trace: the tokens of a text as a table, arrays in a file, and what it refuses; nothing moves."""

import math

import numpy as np
import pytest

from seqshell import SeqshellError
from seqshell.core.events import Data, Notice, TracedText
from seqshell.shell.completion import complete
from seqshell.testing import shell_for, tiny_model


@pytest.fixture
def shell(folder):
    """A shell at position 3 of the tiny model, in an empty folder."""
    shell = shell_for(tiny_model())
    list(shell.run("/feed abc"))
    return shell


def test_the_table_shows_each_token_with_its_surprisal(shell):
    before = shell.session.here
    (found,) = (event for event in shell.run("/trace fad") if isinstance(event, TracedText))
    expected = shell.session.trace("fad")

    assert shell.session.here is before
    assert (found.origin, found.unit) == ("main@3", "nats")
    assert [(token.position, token.text) for token in found.tokens] == [(3, "f"), (4, "a"), (5, "d")]
    assert [token.surprisal for token in found.tokens] == pytest.approx(expected.surprisal.tolist())
    assert found.as_text().splitlines()[1].split() == ["position", "id", "text", "surprisal"]
    json = found.as_json()["tokens"][0]
    assert json["bytes"] == list(b"f")
    assert json["surprisal_bits"] == pytest.approx(json["surprisal_nats"] / math.log(2))


def test_the_unit_is_that_of_the_setting(shell):
    list(shell.run("/set unit bits"))
    (found,) = (event for event in shell.run("/trace --lines fad") if isinstance(event, TracedText))
    nats = shell.session.trace("fad").surprisal
    names, first, *_ = found.as_rows()
    assert names == ("line", "position", "id", "text", "surprisal")
    assert first[4] == pytest.approx(nats[0] / math.log(2), abs=1e-4)
    list(shell.run("/trace -o x.npz fad"))
    np.testing.assert_allclose(np.load("x.npz")["surprisal"], nats / math.log(2))


def test_arrays_are_written_and_the_result_says_from_where(shell):
    shell.interactive = True
    text = "fade" * 3
    events = list(shell.run(f"/trace -o x.npz --what 0,logits {text}"))
    (notice,) = (event.text for event in events if isinstance(event, Notice))
    assert notice == "12 tokens from main@3 · surprisal, 0, logits · written to x.npz"
    (data,) = (event.values for event in events if isinstance(event, Data))
    assert (data["tokens"], data["arrays"]["0"], data["from"]) == (12, [12, 8], "main@3")
    np.testing.assert_array_equal(np.load("x.npz")["0"], shell.session.trace(text).arrays["0"])


def test_a_file_can_be_traced_and_options_may_follow_it(shell, folder):
    (folder / "t.txt").write_text("fade\nbad\n", encoding="utf-8")
    list(shell.run("/trace @t.txt -o x.tsv --lines --what 0"))
    names, *rows = (folder / "x.tsv").read_text(encoding="utf-8").splitlines()
    assert names.split("\t")[:6] == ["line", "position", "id", "text", "surprisal", "0[0]"]
    assert len(rows) == 7


def test_the_table_is_written_as_json_and_html_too(shell, folder):
    for name in ("x.json", "x.html", "x.txt"):
        list(shell.run(f"/trace -o {name} fad"))
        assert "main@3" in (folder / name).read_text(encoding="utf-8")


def test_the_names_of_arrays_are_completed_after_others(shell):
    before = shell.session.here
    for line, expected in {"": "0 logits surprisal", "0,lo": "0,logits", "logits,0,s": "logits,0,surprisal"}.items():
        found = complete(shell, f"/trace -o x.npz --what {line}")
        assert [text for text, _ in found.items] == expected.split()
    assert shell.session.here is before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/trace", "missing argument; usage: /trace"),
        ('/trace ""', "cannot trace an empty text"),
        ('/trace --lines "\\n \\n"', "cannot trace an empty text"),
        ("/trace xyz", "tiny's vocabulary has no 'x'"),
        ('/trace --lines "a\\nz"', "line 2: tiny's vocabulary has no 'z'"),
        ("/trace @none.txt", "cannot read none.txt"),
        ("/trace -o x.doc a", "unknown ending of x.doc; a file has arrays (.npz, .safetensors)"),
        ("/trace fade bad -o x.npz", "options come before the text, as in /trace -o FILE TEXT; after -- everything is"),
        ("/trace -o no/x.npz a", "cannot write no/x.npz: there is no folder no"),
        ("/trace --what 0 a", "--what and --layer are of arrays: write them to a file"),
        ("/trace -o x.json --layer 0 a", "--what and --layer are of arrays"),
        ("/trace -o x.npz --what cell a", "no array 'cell'; available: 0, logits, surprisal"),
        ("/trace -o x.npz --layer one a", "the layer must be a whole number from 0, not 'one'"),
        ("/trace -o x.npz --layer 1 a", "without layers; leave out --layer"),
    ],
)
def test_what_is_refused_is_one_line_and_nothing_has_moved(shell, folder, line, message):
    before = shell.session.here, shell.session.position
    with pytest.raises(SeqshellError) as caught:
        list(shell.handle(line))
    assert message in caught.value.message
    assert (shell.session.here, shell.session.position) == before
    assert not list(folder.glob("x*"))
