"""Events as plain text and as JSON."""

import io
import json
import math

import numpy as np
import pytest

from seqshell.cli.json_lines import JsonLines, measures, one_line
from seqshell.cli.plain_text import PlainText
from seqshell.core.events import (
    Branch,
    Branches,
    Data,
    Event,
    Finished,
    Likely,
    LineFinished,
    LineStarted,
    Moved,
    Notice,
    Picture,
    Progress,
    Quit,
    Score,
    Scored,
    Table,
    Text,
    Token,
    Top,
)
from seqshell.core.json_values import tidy
from seqshell.core.text_output import ResultText, plain

FINISHED = Finished("ab", 2, "length", -1.0, 0, 2)


def test_results_are_text_and_the_rest_is_none():
    assert plain(Text("a\nb")) == "a\nb"
    assert plain(FINISHED) == "ab"
    assert (
        plain(Table(("name", "size"), (("a", 5), ("bcdef", 12)), title="Things"))
        == "Things\nname   size\na         5\nbcdef    12"
    )
    assert plain(Table(("", ""), (("a", "x"), ("bc", True), ("d", None)))) == "a   x\nbc  on\nd"
    assert plain(Table(("one",), ())) == "one"
    likely = (Likely(0, "\n", math.log(0.5), math.log(0.75)), Likely(1, "b", math.log(0.25), -math.inf))
    assert plain(Top(likely)) == "token  model   chain\n'\\n'   0.5000  0.7500\n'b'    0.2500  -"
    scored = Score((Scored("a", -1.0, 0, (("a", -1.0),)),), -1.0, 1.0, 1.5, 2.7)
    assert plain(scored).split("\n")[1:] == [
        "'a'    0.3679       1.000     0  'a' 0.3679",
        "1.000 nats, 1.0000 a token, 1.5000 bits a character, perplexity 2.700",
    ]
    assert (
        plain(Branches((Branch("main", 3, True, "abc\nd"), Branch("main.2", 12, False, "ab"))))
        == "*  main     3  abc\n   main.2  12  ab"
    )
    assert (
        plain(Picture(np.array([[0.5, 1.0]]), {"rows": ["r"], "columns": ["c", "d"]})) == "   c      d\nr  0.500  1.000"
    )
    for event in (Moved(0, 1, "main", "tail"), Notice("a"), Progress(1, 2), Quit(), Data({})):
        assert plain(event) is None


def test_tokens_count_unless_they_are_told_again():
    shown = ResultText()
    assert shown.text is None
    for event in (Token("a"), Token("b"), FINISHED, Text("c"), Token("d")):
        shown.add(event)
    assert shown.text == "ab\nc\nd"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.12345678, 0.123457),
        (-1e-9, 0.0),
        (math.nan, None),
        (-math.inf, None),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1.0, np.inf]]), [[1.0, None]]),
        ({1: (1.5, "a")}, {"1": [1.5, "a"]}),
        (Text, str(Text)),
    ],
)
def test_values_are_tidied_for_json(value, expected):
    assert tidy(value) == expected
    assert str(tidy(value)) == str(expected)


@pytest.mark.parametrize("text", ["é", "\x1b[31m", "\x9b", "\u202e", "\x7f", "\ud800", "\U000e0041", "\n\t\r\0", '"\\'])
def test_json_holds_any_text_and_nothing_that_steers(text):
    line = one_line({"text": text})
    assert json.loads(line)["text"] == text
    line.encode()
    assert all(character.isprintable() for character in line)
    assert "é" in one_line({"text": "é"})


def test_measures_are_the_models_before_the_chain():
    logits = np.log(np.array([0.5, 0.25, 0.25], np.float64))
    found = measures(Token("b", 1, 0, logits))
    assert found["logprob"] == pytest.approx(math.log(0.25))
    assert found["rank"] == 1
    assert found["entropy"] == pytest.approx(1.5 * math.log(2))
    assert measures(Token("b")) == {"logprob": None, "rank": None, "entropy": None}


def written(events, task="generate", op="/poem"):
    """What a line with these events prints as text, on stderr, and as JSON."""
    out, err, raw = io.StringIO(), io.StringIO(), io.StringIO()
    for output in (PlainText(out, err), JsonLines(raw, io.StringIO())):
        output.begin(1, "/poem", None, None)
        for event in (LineStarted(op, 1, "/poem", task), *events, LineFinished(True)):
            output.event(event)
    return out.getvalue(), err.getvalue(), [json.loads(line) for line in raw.getvalue().splitlines()]


def test_a_command_of_a_plugin_may_yield_anything():
    class Own(Event):
        """An event that nobody knows."""

    events = [
        Token("a"),
        Token("b"),
        Text("c"),
        Table(("x",), ((1,),)),
        Picture(np.zeros((1, 1))),
        Notice("by the way"),
        Own(),
    ]
    text, err, found = written(events)
    assert (text, err) == ("ab\nc\nx\n1\n0.000\n", "seqshell: by the way\n")
    (result,) = found
    assert result["data"] == [{"title": "", "columns": ["x"], "rows": [[1]]}, {"array": [[0.0]], "labels": {}}]
    assert (result["op"], result["text"] + "\n") == ("/poem", text)


def test_an_empty_answer_is_an_empty_line():
    assert written([Finished("", 0, "eos", 0.0, 3, 3)])[0] == "\n"
    assert written([FINISHED])[0] == "ab\n"  # of a strategy that tells no token on its way
    assert written([Token("a"), Token("\n"), Finished("a\n", 2, "length", 0.0, 0, 2)])[0] == "a\n"
    assert written([])[0] == ""


def test_every_line_has_a_result_in_json():
    assert written([])[2] == [{"type": "result", "line": 1, "op": "/poem", "text": ""}]
    assert [item["op"] for item in written([FINISHED])[2]] == ["generate"]
    assert written([Data({"x": math.nan})])[2] == [{"type": "result", "line": 1, "op": "/poem", "x": None}]


def test_progress_goes_to_stderr_in_ten_parts():
    _, err, found = written([Progress(done, 1000, "loss 1.5", "training") for done in range(1001)])
    assert err.count("\n") == 10
    assert err.startswith("seqshell: training 100/1000 loss 1.5\n")
    assert found == [{"type": "result", "line": 1, "op": "/poem", "text": ""}]
