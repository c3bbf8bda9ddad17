"""Script mode as a process: signals, pipes, full disks, closed streams, and the locale."""

import json
import os
import resource
import signal
import subprocess
import time

import pytest
from tests.cli.scripts import PROGRAM, seqshell, seqshell_alone

from seqshell.core.sanitize import safe
from seqshell.testing import tiny_checkpoint

pytestmark = pytest.mark.usefixtures("tiny_file")


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
