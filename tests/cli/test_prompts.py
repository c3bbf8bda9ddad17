"""Script mode with --prompt, and a text in a pipe that is read line by line."""

import shlex

import pytest
from tests.cli.scripts import objects, seqshell

pytestmark = pytest.mark.usefixtures("tiny_file")


POEM = 'a\n/quit 3\n\n"""\n  b\n'


def test_a_prompt_is_one_message_whatever_its_lines_begin_with():
    for words, stdin in (("--prompt -", POEM), (shlex.join(["--prompt", POEM[:-1]]), "")):
        code, found = objects(f"--set unknown=skip {words} -c /text", stdin)
        assert code == 0
        assert [item["input"] for item in found if item["type"] == "result" and item["op"] == "generate"] == [POEM[:-1]]


def test_prompts_and_lines_are_run_in_their_order():
    code, found = objects("-c '/feed a' --prompt=b -c /undo -c '/feed d' -c /text --prompt - -c '/feed @-'", "c")
    assert [item.get("input", item["op"]) for item in found[1:-2]] == ["/feed", "b", "/undo", "/feed", "/text", "c"]
    assert found[5]["text"] == "ad"
    assert (code, found[-2]["type"]) == (1, "error")  # stdin is the prompt


def test_a_prompt_from_stdin_has_crlf_as_newlines_and_a_limit(monkeypatch):
    from seqshell.cli import script_source

    assert [item["input"] for item in objects("--prompt -", "a\r\nb\r\n")[1] if item["type"] == "result"] == ["a\nb"]
    monkeypatch.setattr(script_source, "MAX_MESSAGE", 4)
    code, out, err = seqshell("--prompt -", "abcde")
    assert (code, out) == (1, "")
    assert err == "seqshell: -:1: a line is at most 0 MB; use /feed @FILE for more\n"


NOTE = (
    "seqshell: each line of stdin was a message of its own; "
    "--prompt - sends all of stdin as one message, --messages each line as a message\n"
)


@pytest.mark.parametrize(
    ("words", "stdin", "note"),
    [
        ("", "a\nb\n", NOTE),
        ("", "a\n\nb", NOTE),
        ("--json", "a\nb\n", NOTE),
        ("", "a\n", ""),
        ("", "a\n/undo\n", ""),
        ("", "/# a script\na\nb\n", ""),
        ("", "//a\nb\n", ""),
        ("", '"""\na\nb\n"""\nc', ""),
        ("-", "a\nb\n", ""),
        ("--messages", "a\nb\n", ""),
        ("-c a -c b", "a\nb\n", ""),
        ("--prompt -", "a\nb\n", ""),
    ],
)
def test_a_text_in_a_pipe_is_noted_if_it_was_read_as_a_script_without_commands(words, stdin, note):
    assert seqshell(words, stdin)[2] == note
