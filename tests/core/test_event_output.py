"""Events as plain text and as JSON."""

import io
import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from seqshell.cli.json_lines import JsonLines, measures
from seqshell.cli.plain_text import PlainText
from seqshell.core import events
from seqshell.core.events import (
    Attention,
    Branch,
    Branches,
    Candidate,
    Data,
    Event,
    Finished,
    Label,
    Likely,
    LineFinished,
    LineStarted,
    ModelOpened,
    Moved,
    Notice,
    Picture,
    PresetLoaded,
    Progress,
    Quit,
    Reach,
    ResultText,
    Score,
    Scored,
    SettingChanged,
    Table,
    Text,
    Token,
    Top,
    Translation,
)
from seqshell.core.json_values import one_line, tidy

FINISHED = Finished("ab", 2, "length", -1.0, 0, 2)


def test_results_have_a_text_and_other_events_have_none():
    assert Text("a\nb").as_text() == "a\nb"
    assert FINISHED.as_text() == "ab"
    assert (
        Table(("name", "size"), (("a", 5), ("bcdef", 12)), title="Things").as_text()
        == "Things\nname   size\na         5\nbcdef    12"
    )
    assert Table(("", ""), (("a", "x"), ("bc", True), ("d", None))).as_text() == "a   x\nbc  on\nd"
    assert Table(("one",), ()).as_text() == "one"
    likely = (Likely(0, "\n", math.log(0.5), math.log(0.75)), Likely(1, "b", math.log(0.25), -math.inf))
    assert Top(likely).as_text() == "token  model   chain\n'\\n'   0.5000  0.7500\n'b'    0.2500  -"
    scored = Score((Scored("a", -1.0, 0, (("a", -1.0),)),), -1.0, 1.0, 1.5, 2.7)
    assert scored.as_text().split("\n")[1:] == [
        "'a'    0.3679          1.0000     1  'a' 0.3679",
        "1.0000 nats, 1.0000 a token, 1.5000 bits a character, perplexity 2.7",
    ]
    assert replace(scored, unit="bits").as_text().split("\n")[1:] == [
        "'a'    0.3679          1.4427     1  'a' 0.3679",
        "1.4427 bits, 1.4427 a token, 1.5000 bits a character, perplexity 2.7",
    ]
    assert (
        Branches((Branch("main", 3, True, "abc\nd"), Branch("main.2", 12, False, "ab"))).as_text()
        == "*  main     3  abc\n   main.2  12  ab"
    )
    assert (
        Picture(np.array([[0.5, 1.0]]), {"rows": ["r"], "columns": ["c", "d"]}).as_text()
        == "   c       d\nr  0.5000  1.0000"
    )
    for event in (Moved(0, 1, "main", "tail"), Notice("a"), Progress(1, 2), Quit(), Data({})):
        assert event.as_text() is None


def test_events_give_the_fields_of_their_json_results():
    assert Moved(3, 8, "main", "abc").as_json() == {"pos": 3, "was": 8, "branch": "main", "tail": "abc"}
    assert SettingChanged("pace", 5.0, 0.0).as_json() == {"name": "pace", "value": 5.0, "was": 0.0}
    loaded = PresetLoaded("mine", (SettingChanged("max_tokens", 5, 200),))
    assert loaded.as_json() == {"preset": "mine", "changes": [{"name": "max_tokens", "value": 5, "was": 200}]}
    assert Branches((Branch("main", 3, True),)).as_json() == {"branches": [{"name": "main", "pos": 3, "current": True}]}
    assert Top((Likely(1, "é", -1.0, -2.0, "é".encode()),)).as_json() == {
        "top": [{"id": 1, "text": "é", "logprob": -1.0, "chain_logprob": -2.0, "bytes": [195, 169]}]
    }
    token = Scored("b", -math.log(2), 0, (), 5, b"b", math.log(4)).as_json()
    assert [token.pop(name) for name in ("text", "id", "bytes", "rank")] == ["b", 5, [98], 0]
    surprisals = {"logprob": -math.log(2), "surprisal_nats": math.log(2), "surprisal_bits": 1}
    assert token == pytest.approx({**surprisals, "entropy_nats": math.log(4), "entropy_bits": 2})
    assert Reach((("a", 0.5), ("b", 0.25)), "c", -1.0, 2.0).as_json() == {
        "token": "c",
        "logprob": -1.0,
        "half_life": 2.0,
        "surprisal_nats": 1.0,
        "surprisal_bits": 1 / math.log(2),
        "reach": [{"back": 2, "text": "a", "norm": 0.5}, {"back": 1, "text": "b", "norm": 0.25}],
    }
    assert Attention((" i", ""), (" je",), np.array([[0.25, 0.75]])).as_json() == {
        "source": ["i", "<eos>"],
        "target": ["je"],
        "weights": [[0.25, 0.75]],
        "alignment": [1],
    }
    for event in (Text("a"), Notice("a"), Progress(1, 2), Quit(), ModelOpened("a", "A")):
        assert event.as_json() == {}


def test_answers_to_a_line_of_a_file_are_one_line():
    probs = (("good", 0.75), ("bad", 0.25))
    assert Label("x", "good", probs).as_text() == "good\t0.7500\nbad\t0.2500"
    assert Label("x", "good", probs, item=1).as_text() == "good\t0.7500"
    assert Label(" ", "", (), item=2).as_text() == ""
    candidates = (Candidate("a\nb", -1.0, -2.0), Candidate("c", -1.5, -2.5))
    answer = Translation("a\nb", 2, "eos", -2.0, 0, 2, source="x", candidates=candidates)
    assert answer.as_text() == "a b\n1  -1.0000  a b\n2  -1.5000  c"
    line = replace(answer, item=4)
    assert (line.as_text(), line.as_line()) == ("a b", "a b")
    assert list(line.as_json()) == ["item", "input", "text", "n", "stop", "logprob", "nbest"]
    assert list(answer.as_json()) == ["input", "text", "n", "stop", "logprob", "pos", "branch", "nbest"]


def test_every_event_is_exported_and_loads_no_numpy():
    code = "from seqshell.core import events; print(*(getattr(events, name) for name in dir(events)))"
    code = f"import sys; {code}; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\nFalse\n")
    found = {
        event.__name__ for event in (Event, *descendants(Event)) if event.__module__.startswith("seqshell.core.events.")
    }
    assert found <= set(dir(events))


def descendants(kind):
    """All subclasses of a class."""
    return [found for each in kind.__subclasses__() for found in (each, *descendants(each))]


def test_tokens_are_left_out_where_an_answer_repeats_them():
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
def test_json_keeps_any_text_and_escapes_control_characters(text):
    line = one_line({"text": text})
    assert json.loads(line)["text"] == text
    line.encode()
    assert all(character.isprintable() for character in line)
    assert "é" in one_line({"text": "é"})


def test_measures_are_those_of_the_model_before_the_chain():
    logits = np.log(np.array([0.5, 0.25, 0.25], np.float64))
    found = measures(Token("b", 1, 0, logits))
    assert found["logprob"] == pytest.approx(math.log(0.25))
    assert found["rank"] == 1
    assert found["entropy"] == found["entropy_nats"] == pytest.approx(1.5 * math.log(2))
    assert (found["surprisal_nats"], found["surprisal_bits"]) == pytest.approx((2 * math.log(2), 2))
    assert found["entropy_bits"] == pytest.approx(1.5)
    assert measures(Token("b")) == dict.fromkeys(found)


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
    assert (text, err) == ("ab\nc\nx\n1\n0.0000\n", "seqshell: by the way\n")
    (result,) = found
    assert result["data"] == [{"title": "", "columns": ["x"], "rows": [[1]]}, {"array": [[0.0]], "labels": {}}]
    assert (result["op"], result["text"] + "\n") == ("/poem", text)


def test_an_empty_answer_is_an_empty_line():
    assert written([Finished("", 0, "eos", 0.0, 3, 3)])[0] == "\n"
    assert written([FINISHED])[0] == "ab\n"  # from a strategy that emits no tokens during the search
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
