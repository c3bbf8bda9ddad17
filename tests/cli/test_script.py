"""Script mode: the order of the lines, what goes to stdout and stderr, and the exit codes, as the program has them."""

import json
import sys

import pytest
from tests.cli.scripts import objects, seqshell, seqshell_alone

from seqshell.cli import script
from seqshell.core.events import Progress

pytestmark = pytest.mark.usefixtures("tiny_file")


def test_progress_shows_a_count_once_and_its_last_line_once(capsys):
    output = script.PlainText(sys.stdout, sys.stderr)
    for event in (
        *(Progress(done, 1200, f"{done:,} of 1,200 tokens", "reading") for done in (300, 1200, 1200)),
        Progress(2, 4, description="classifying"),
        Progress(4, 4, "loss 1.5", "training"),
    ):
        output.event(event)
    assert capsys.readouterr().err.splitlines() == [
        "seqshell: reading 300 of 1,200 tokens",
        "seqshell: reading 1,200 of 1,200 tokens",
        "seqshell: classifying 2/4",
        "seqshell: training 4/4 loss 1.5",
    ]


def test_lines_of_c_come_first_then_scripts_with_stdin_at_its_place(tmp_path):
    (tmp_path / "one.seq").write_text("#! /usr/bin/env seqshell\n/# a comment\n\n/feed b\n")
    (tmp_path / "two.seq").write_bytes(b"\xef\xbb\xbf/feed d\r\n/text")
    assert seqshell("-c '/feed a' one.seq - two.seq", "/feed c\n")[:2] == (0, "abcd\n")
    assert seqshell("-c '/feed a' -c /text", "/feed c\n")[:2] == (0, "a\n")
    assert seqshell("one.seq -c '/feed a\n/feed a' two.seq", "/feed c\n")[:2] == (0, "aabd\n")
    assert seqshell("", "/feed c\n/text\n")[:2] == (0, "c\n")


def test_stdin_can_be_a_text_if_it_is_not_a_script():
    assert seqshell("-c '/feed @-' -c /text", "abc\r\nd")[:2] == (0, "abc\nd\n")
    code, _, err = seqshell("", "/feed @-\n")
    assert (code, err) == (
        1,
        "seqshell: -:1: /feed: @- reads stdin, which is the terminal or the script here; use @FILE to read a file\n",
    )


def test_stdout_has_only_results_and_an_answer_ends_with_one_newline():
    code, out, err = seqshell("", "/set max_tokens 3\nabc\n/undo\n/set stop c\n/branch x\n/seed 5\n/state\n")
    assert (code, err) == (0, "")
    first, *state = out.split("\n")
    assert len(first) == 3
    assert state[0].startswith("position")
    assert seqshell('-c "/feed \\"a\\n\\"" -c /text')[1] == "a\n"
    assert seqshell("-c /text")[1] == "\n"


def test_a_failing_line_is_named_on_stderr(tmp_path):
    (tmp_path / "a.seq").write_text("/feed a\n\n/lod x\n/text\n")
    message = "there is no command /lod; did you mean /load?\n"
    assert seqshell("a.seq") == (1, "", f"seqshell: a.seq:3: /lod: {message}")
    assert seqshell("--on-error=continue a.seq") == (1, "a\n", f"seqshell: a.seq:3: /lod: {message}")
    assert seqshell("-c /text -c /lod") == (1, "\n", f"seqshell: -c:2: /lod: {message}")
    assert seqshell("", "/lod") == (1, "", f"seqshell: -:1: /lod: {message}")
    code, out, err = seqshell("-c xyz")
    assert (code, out) == (1, "")
    assert err.startswith("seqshell: -c:1: tiny's vocabulary has no 'x', 'y', 'z'")


def test_a_failing_line_of_an_inner_script_is_named(tmp_path):
    (tmp_path / "inner.seq").write_text("/feed a\n/lod\n")
    code, _, err = seqshell("-c '/source inner.seq'")
    assert (code, err) == (1, "seqshell: -c:1: /source: inner.seq:2: there is no command /lod; did you mean /load?\n")


@pytest.mark.parametrize(
    ("words", "stdin", "code"),
    [
        ("-c /text", "", 0),
        ("", "", 0),
        ("-c /lod", "", 1),
        ("nowhere.seq", "", 2),
        ("", 'a\n"""\nb\n', 2),
        ("-m ./nowhere.safetensors -c /text", "", 3),
        ("-c '/load ./nowhere.safetensors'", "", 1),
        ("--restore nowhere -c /text", "", 3),
        ("-c '/expect z'", "", 4),
        ("--on-error=continue -c '/expect z' -c /text", "", 4),
        ("--on-error=continue -c '/expect z' -c /lod", "", 1),
        ("-c '/quit 7' -c /lod", "", 7),
        ("-c /quit -c /lod", "", 0),
        ("-c /text", b"", 0),
    ],
)
def test_exit_codes(words, stdin, code):
    assert seqshell(words, stdin)[0] == code


def test_output_of_plugins_is_not_a_result(tmp_path):
    (tmp_path / "loud.py").write_text(
        "import seqshell\nprint('imported')\n"
        "@seqshell.hookimpl\ndef seqshell_token(session, token):\n    print('heard')\n"
    )
    code, out, err = seqshell("-p ./loud.py --json -c abc")
    assert (code, [json.loads(line)["type"] for line in out.splitlines()]) == (0, ["session", "result", "end"])
    assert (err.count("imported"), err.count("heard")) == (1, 5)
    assert json.loads(seqshell_alone("plugins list --json -p ./loud.py"))["problems"] == []


def test_a_failing_plugin_is_exit_code_3_only_in_strict_mode(tmp_path, monkeypatch):
    (tmp_path / "bad.py").write_text("raise RuntimeError('no')\n")
    code, out, err = seqshell("-p ./bad.py -c /text")
    assert (code, out) == (0, "\n")
    assert "bad" in err
    monkeypatch.setenv("SEQSHELL_STRICT_PLUGINS", "1")
    assert seqshell("-p ./bad.py -c /text")[0] == 3


def test_an_unclosed_block_is_reported_with_its_line():
    code, out, err = seqshell("", '/text\n\n"""\na\n')
    assert (code, out) == (2, "\n")
    assert err == 'seqshell: -:3: the block is not closed; end its last line with """\n'


def test_input_that_is_not_utf8_is_an_error_with_its_line():
    code, out, err = seqshell("--on-error=continue", b"/feed a\n\xff\n/text\n")
    assert (code, out, err) == (1, "a\n", "seqshell: -:2: the line is not UTF-8 (byte 1)\n")


def test_echo_shows_each_line_before_its_results():
    out = seqshell("--echo", '/feed a\n/# no\n\n"""\nb\nc"""\n/text\n')[1]
    assert out.startswith('>>> /feed a\n>>> """\n... b\n... c"""\n')
    assert ">>> /text\nab\nc" in out


def test_messages_give_one_output_line_for_each_input_line():
    code, out, err = seqshell("--messages --set max_tokens=1 --set stop='[\"\\n\"]'", "a\n\n/undo\n")
    assert code == 1  # /undo has characters that the model does not know: it is a message like any other
    assert (len(out.split("\n")), out.split("\n")[1:]) == (4, ["", "", ""])
    assert err.startswith("seqshell: -:3: tiny's vocabulary has no 'u', 'n', 'o'")
    code, found = objects("--messages --on-error=continue", '#!a\n"""\n\na\n//a')
    assert [item.get("line") for item in found[1:-1]] == [1, 2, 3, 4, 5]
    assert [item["type"] for item in found[1:-1]] == ["error", "error", "result", "result", "result"]
    assert found[3] == {"type": "result", "line": 3, "op": "generate", "input": "", "text": ""}
    assert found[5]["input"] == "//a"


def test_an_internal_error_is_one_line_that_names_the_log(tmp_path, monkeypatch):
    def fail(self):
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.setattr("seqshell.session.Session.describe", fail)
    code, out, err = seqshell("--on-error=continue -c /state -c '/feed a' -c /text")
    log = tmp_path / "home" / "log"
    message = f"internal error: ZeroDivisionError: one; details are in {log}"
    assert (code, out, err) == (1, "a\n", f"seqshell: -c:1: /state: {message}\n")
    assert "Traceback" in log.read_text()
    monkeypatch.setenv("SEQSHELL_DEBUG", "1")
    assert "Traceback" in seqshell("-c /state")[2]


def test_the_settings_and_a_saved_session_of_the_command_line(tmp_path):
    assert seqshell("-c '/feed abc' -c '/save ./kept.safetensors'")[0] == 0
    code, found = objects("--restore ./kept.safetensors --seed 9 --set temperature=0.5 -c /text -c /sampler -c /seed")
    assert code == 0
    assert [item["text"] for item in found[1:-1]] == ["abc", "temperature=0.5", "9"]


SHOWING = """
import seqshell

@seqshell.hookimpl
def seqshell_turn(line):
    yield seqshell.Text(f"shown after {line}")
    yield seqshell.Table(("a", "b"), ((1, 2),))
    yield seqshell.Notice("noted")

@seqshell.hookimpl
def seqshell_session_started():
    return seqshell.Text("started")
"""


def test_what_hooks_show_is_printed_after_the_results_of_a_line(folder):
    (folder / "showing.py").write_text(SHOWING, "utf-8")

    code, out, err = seqshell("-p ./showing.py -c '/feed abc' -c /text")

    shown = "shown after {}\na  b\n1  2\n"
    assert (code, out) == (0, shown.format("/feed abc") + "abc\n" + shown.format("/text"))
    assert err == "seqshell: started\nseqshell: noted\nseqshell: noted\n"


def test_what_hooks_show_is_an_object_of_its_own_in_json(folder):
    (folder / "showing.py").write_text(SHOWING, "utf-8")

    code, found = objects("-p ./showing.py -c '/feed abc' -c /text")

    hook = {"plugin": "showing", "hook": "seqshell_turn"}
    table = {"title": "", "columns": ["a", "b"], "rows": [[1, 2]]}
    expected = []
    for number, (line, text) in enumerate((("/feed abc", ""), ("/text", "abc")), 1):
        expected += [
            {"type": "result", "line": number, "op": line.split()[0], "text": text},
            {"type": "hook", "line": number, "text": f"shown after {line}", **hook},
            {"type": "hook", "line": number, **table, **hook},
        ]
    assert (code, found[1:-1]) == (0, expected)


def test_what_hooks_show_does_not_come_between_the_answers_to_messages(folder):
    (folder / "showing.py").write_text(SHOWING, "utf-8")

    code, out, err = seqshell("-p ./showing.py --messages", "abc\nde\n")

    assert (code, "shown" in out, err.count("shown after")) == (0, False, 2)
