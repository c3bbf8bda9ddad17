"""Script mode: the order of the lines, what goes to stdout and stderr, and the exit codes, as the program has them."""

import io
import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout

import pytest
from tests.json_schema import problem

from seqshell.cli import main, script
from seqshell.core.events import Progress
from seqshell.core.sanitize import safe
from seqshell.testing import tiny_checkpoint

VOCABULARY = "\n abcdefgh/"


@pytest.fixture(autouse=True)
def _model(folder, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")  # UTF-8 whatever the locale
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    tiny_checkpoint(folder / "tiny.safetensors", VOCABULARY, defaults={"max_tokens": 5, "sampler": "temperature=0.8"})


PROGRAM = [
    sys.executable,
    "-c",
    "import sys; from seqshell.cli import main; sys.exit(main())",
    "-m",
    "./tiny.safetensors",
]


def seqshell(words, stdin=""):
    """Exit code, stdout, stderr: of the whole program, in this process."""
    streams = [
        io.TextIOWrapper(io.BytesIO(data), encoding="ascii")
        for data in (stdin if isinstance(stdin, bytes) else stdin.encode(), b"", b"")
    ]
    kept, sys.stdin = sys.stdin, streams[0]
    try:
        with redirect_stdout(streams[1]), redirect_stderr(streams[2]):
            code = main(["-m", "./tiny.safetensors", *shlex.split(words)])
    finally:
        sys.stdin = kept
    return code, *(stream.buffer.getvalue().decode() for stream in streams[1:] if stream.flush() is None)


def seqshell_alone(words):
    """stdout of a subcommand, or with other models than `tiny`."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()):
        assert main(shlex.split(words)) == 0
    return out.getvalue()


def objects(words, stdin=""):
    """Exit code and the JSON objects."""
    code, out, _ = seqshell("--json " + words, stdin)
    found = [json.loads(line) for line in out.splitlines()]
    assert list(filter(None, map(problem, found))) == []
    return code, found


def answers(found):
    return [item["text"] for item in found if item["type"] == "result" and item["op"] == "generate"]


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


def test_control_characters_are_made_visible_on_a_terminal_and_kept_in_a_pipe(tmp_path):
    tiny_checkpoint(tmp_path / "wild.safetensors", "a\x1b\x9b\r\t\n\u202e", defaults={"max_tokens": 60})
    words = ["-m", "./wild.safetensors", "-c", "a", "-c", "/text"]
    raw = seqshell_alone("-m ./wild.safetensors -c a --json")
    answer = json.loads(raw.splitlines()[1])["text"]
    assert set("\x1b\x9b\r\t\u202e") <= set(answer)
    assert not set(raw) & set("\x1b\x9b\r\u202e")
    end = "" if answer.endswith("\n") else "\n"
    piped = subprocess.run([*PROGRAM[:-2], *words], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert piped == f"{answer}{end}a{answer}{end}"

    master, terminal = os.openpty()
    subprocess.run([*PROGRAM[:-2], *words], stdin=subprocess.DEVNULL, stdout=terminal, check=True)
    os.close(terminal)
    out = os.read(master, 10_000).decode()
    os.close(master)
    assert not set(out) & set("\x1b\x9b\u202e")
    assert out == safe(f"{answer}{end}a{answer}{end}").replace("\n", "\r\n")
    assert "\x1b" not in seqshell("-c '/\x1bx'")[2]


# JSON Lines


def test_json_has_the_session_each_line_and_the_end():
    code, found = objects(
        "--on-error=continue", "abc\n/undo\n/set max_tokens 2\n/lod\n/continue\n/c 1\n/history\n/quit 3\n/text\n"
    )
    assert code == 3
    session, message, undo, changed, error, more, alias, history, leave, end = found
    assert list(session) == ["v", "type", "seqshell", "model", "task", "fingerprint", "seed", "plugins"]
    assert {key: session[key] for key in ("v", "model", "task", "seed", "plugins")} == {
        "v": 1, "model": "tiny", "task": "generate", "seed": 0,
        "plugins": [
            *("classifier", "forecaster", "importers", "modern", "ngram", "recurrent", "samplers", "seq2seq", "tagger")
        ],
    }  # fmt: skip
    assert list(message) == ["type", "line", "op", "input", "text", "n", "stop", "logprob", "pos", "branch"]
    assert {**message, "text": len(message["text"]), "logprob": message["logprob"] < 0} == {
        "type": "result", "line": 1, "op": "generate", "input": "abc", "text": 5, "n": 5, "stop": "length",
        "logprob": True, "pos": [3, 8], "branch": "main",
    }  # fmt: skip
    assert undo == {"type": "result", "line": 2, "op": "/undo", "pos": 0, "was": 8, "branch": "main", "tail": ""}
    assert changed == {"type": "result", "line": 3, "op": "/set", "name": "max_tokens", "value": 2, "was": 5}
    text = "there is no command /lod; did you mean /load?"
    assert error == {
        "type": "error",
        "line": 4,
        "op": "/lod",
        "code": "unknown_command",
        "message": text,
        "hint": "/load",
    }
    assert (more["op"], more["n"], "input" in more) == ("generate", 2, False)
    assert (alias["op"], alias["n"], alias["line"]) == ("generate", 1, 6)
    assert (history["op"], history["text"].split("\n")[0]) == ("/history", "abc")
    assert leave == {"type": "result", "line": 8, "op": "/quit", "text": ""}
    assert end == {"type": "end", "lines": 8, "ok": 7, "failed": 1, "exit": 3}


def test_the_stream_has_one_object_for_each_token():
    code, found = objects("--json=stream -c abc")
    tokens = [item for item in found if item["type"] == "token"]
    (result,) = [item for item in found if item["type"] == "result"]
    assert code == 0
    both_units = ["surprisal_nats", "surprisal_bits", "entropy_nats", "entropy_bits"]
    fields = ["type", "line", "pos", "id", "text", "bytes", "logprob", "rank", "entropy", *both_units]
    assert list(tokens[0]) == fields
    assert all(bytes(token["bytes"]).decode() == token["text"] for token in tokens)
    assert "".join(token["text"] for token in tokens) == result["text"]
    assert [token["pos"] for token in tokens] == list(range(*result["pos"]))
    assert sum(token["logprob"] for token in tokens) == pytest.approx(result["logprob"], abs=1e-5)
    assert all(
        0 <= token["rank"] < len(VOCABULARY) and token["entropy"] > 0 and token["logprob"] < 0 for token in tokens
    )
    assert all(value == round(value, 6) for token in tokens for value in (token["logprob"], token["entropy"]))


def test_candidates_are_one_result_each():
    _, found = objects("-c abc -c '/regen 2'")
    first, second, third = [item for item in found if item["type"] == "result"]
    assert "candidate" not in first
    assert [(item["op"], item["candidate"], item["branch"], item["line"]) for item in (second, third)] == [
        ("generate", 1, "main.2", 2),
        ("generate", 2, "main.3", 2),
    ]


def test_the_named_fields_of_commands_are_the_whole_result():
    _, found = objects("-c '/feed abc' -c '/top 2' -c '/score ab' -c /branches -c /info -c /models")
    top, score, branches, info, models = found[2:-1]
    assert (list(top), list(top["top"][0])) == (
        ["type", "line", "op", "top"],
        ["id", "text", "logprob", "chain_logprob", "bytes"],
    )
    first = ["type", "line", "op", "logprob", "nats", "bits_per_char", "perplexity"]
    assert list(score) == [*first, "bits", "surprisal_nats", "surprisal_bits", "tokens"]
    both_units = ["surprisal_nats", "surprisal_bits", "entropy_nats", "entropy_bits"]
    assert list(score["tokens"][0]) == ["text", "logprob", "rank", "id", "bytes", *both_units]
    assert branches["branches"] == [{"name": "main", "pos": 3, "current": True}]
    described = {
        "model",
        "task",
        "architecture",
        "owner",
        "parameters",
        "vocabulary",
        "fingerprint",
        "backend",
        "threads",
        "weights",
    }
    assert described == set(info) - {"type", "line", "op"}
    assert list(models) == ["type", "line", "op", "models"]


def test_tables_are_text_and_data():
    _, found = objects("-c /plugins")
    assert list(found[1]) == ["type", "line", "op", "text", "data"]
    assert found[1]["data"][0]["columns"][0] == "plugin"


def test_a_script_within_a_script_has_a_result_for_each_line_and_one_at_the_end(tmp_path):
    (tmp_path / "inner.seq").write_text("/feed a\n/top 1\nab\n/text\n")
    code, found = objects("-c '/source inner.seq' -c /text")
    assert code == 0
    assert [(item["op"], item["line"]) for item in found[1:-1]] == [
        ("/top", 1),
        ("generate", 1),
        ("/text", 1),
        ("/source", 1),
        ("/text", 2),
    ]
    assert found[3]["text"] == found[5]["text"]


def test_lines_of_several_sources_have_a_file(tmp_path):
    (tmp_path / "a.seq").write_text("/feed a\n")
    _, found = objects("-c '/feed b' a.seq")
    assert [(item["file"], item["line"]) for item in found[1:-1]] == [("-c", 1), ("a.seq", 1)]


def test_a_start_that_fails_is_an_error_and_the_end():
    code, found = objects("-m nowhere -c a")
    assert (code, [item["type"] for item in found]) == (3, ["error", "end"])
    assert found[0]["code"] == "checkpoint"
    assert found[1] == {"type": "end", "lines": 0, "ok": 0, "failed": 0, "exit": 3}
    code, found = objects("", '/text\n"""\n')
    assert found[-2]["line"] == 2
    assert found[-1] == {"type": "end", "lines": 2, "ok": 1, "failed": 1, "exit": 2}


def test_the_same_lines_give_the_same_bytes():
    words = "--json=stream --seed 3 -c abc -c '/regen 2' -c '/score ab' -c /state"
    first, second = seqshell(words)[1], seqshell(words)[1]
    assert first == second
    assert first != seqshell(words.replace("3", "4"))[1]


def test_text_and_json_are_two_renderings_of_the_same_answers():
    lines = "-c abc -c '/undo 2t' -c /continue -c '/temperature' --on-error=continue"
    assert seqshell(lines)[1] == "".join(
        text if text.endswith("\n") else text + "\n" for text in answers(objects(lines)[1])
    )


# Processes


def test_output_is_utf8_whatever_the_locale(tmp_path):
    tiny_checkpoint(tmp_path / "umlaut.safetensors", "aé")
    ran = subprocess.run(
        [*PROGRAM[:-2], "-m", "./umlaut.safetensors", "-c", "/feed é", "-c", "/text"], capture_output=True
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "é\n".encode(), b"")


def test_a_line_runs_when_it_arrives_and_its_result_is_flushed():
    with subprocess.Popen([*PROGRAM, "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert json.loads(process.stdout.readline())["type"] == "session"
        for line, op in [("abc", "generate"), ("/undo", "/undo"), ("/feed ab", "/feed"), ("abc", "generate")]:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["op"] == op
        process.stdin.close()
        assert json.loads(process.stdout.readline())["type"] == "end"
        assert process.wait(10) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_script_with_its_code(number, code):
    with subprocess.Popen(
        [*PROGRAM, "--json=stream"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdin.write("/set max_tokens 1000000\nabc\n/text\n")
        process.stdin.flush()
        while '"token"' not in process.stdout.readline():
            pass
        process.send_signal(number)
        lines = process.stdout.read().splitlines()
        assert (process.wait(10), process.stderr.read()) == (code, "")
    assert json.loads(lines[-1])["exit"] == code
    result = json.loads(lines[-2])  # the answer ended at its token boundary
    tokens = [json.loads(line)["text"] for line in lines[:-2]]
    assert (result["stop"], result["text"].endswith("".join(tokens))) == ("interrupt", True)


def test_ctrl_c_in_a_plugin_that_does_not_end_ends_the_script_and_names_the_plugin(tmp_path):
    (tmp_path / "endless.py").write_text(
        "import seqshell\n"
        "@seqshell.command('wait')\n"
        "def wait(shell, arguments):\n"
        "    yield seqshell.Text('waiting')\n"
        f"    open({str(tmp_path / 'endless')!r}, 'w').close()\n"
        "    while True: pass\n"
        "@seqshell.hookimpl\n"
        "def seqshell_commands(): yield wait\n"
    )
    with subprocess.Popen(
        [*PROGRAM, "-p", str(tmp_path / "endless.py"), "-c", "/wait", "-c", "abc"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline() == "waiting\n"
        while not (tmp_path / "endless").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert (process.stdout.read(), process.stderr.read(), process.wait(10)) == (
            "",
            "seqshell: /wait of the plugin endless was stopped by Ctrl-C (endless.py, line 6); "
            "the session is as before this line\n",
            130,
        )


def test_a_signal_while_nothing_runs_ends_it_too():
    with subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(b"abc\n")
        process.stdin.flush()
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert (process.wait(10), process.stderr.read()) == (130, b"")


def test_a_closed_pipe_is_not_reported():
    with subprocess.Popen(
        [*PROGRAM, "-c", "/continue 1000000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.read(10)
        process.stdout.close()
        assert (process.wait(30), process.stderr.read()) == (141, b"")


def test_a_full_disk_is_reported():
    with open("/dev/full", "wb") as full:
        ran = subprocess.run([*PROGRAM, "-c", "abc"], stdout=full, stderr=subprocess.PIPE)
    assert (ran.returncode, ran.stderr) == (1, b"seqshell: cannot write the results: No space left on device\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_whose_end_does_not_fit_on_the_disk_is_a_failure(unbuffered, monkeypatch, tmp_path):
    """Unbuffered, Python itself drops the rest of a text that is written in part."""
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    command = [*PROGRAM, "--json", "-c", "/text"]
    size = len(subprocess.check_output(command)) - 5
    with open(tmp_path / "out.json", "wb") as out:
        ran = subprocess.run(
            command,
            stdout=out,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        )
    assert (ran.returncode, ran.stderr) == (1, b"seqshell: cannot write the results: File too large\n")
    assert (tmp_path / "out.json").stat().st_size == size


@pytest.mark.parametrize("stream", [0, 1, 2])
def test_a_closed_stream_does_not_affect_the_others(stream, tmp_path):
    ran = subprocess.run(
        [*PROGRAM, "-c", "/feed abc", "-c", "/save ./kept.safetensors"],
        preexec_fn=lambda: os.close(stream),
        capture_output=False,
    )
    assert ran.returncode == 0
    assert (tmp_path / "kept.safetensors").exists()


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
