"""The whole program in a real terminal: the first minute, signals, plugins and the restored terminal."""

import os
import re
import signal
import sys
import time
from pathlib import Path

import pexpect
import pytest
from tests.terminal.letters import VOCABULARY

from seqshell import __version__
from seqshell.testing import tiny_checkpoint, tiny_translation_checkpoint

pytestmark = pytest.mark.slow
STARTED = "Enter: continue"


@pytest.fixture
def home(shared_home, tmp_path):
    (tmp_path / "models").symlink_to(shared_home / "models")
    return tmp_path


def test_the_first_minute_on_the_screen(window):
    screen = window("--seed", "1").until(">>> ROMEO:")  # the grey example
    version = ".".join(__version__.split(".")[:2])
    assert screen.lines[0] == f"seqshell {version} · shakespeare: character RNN 1x16, 2.5k parameters"
    assert screen.lines[1] == "It continues what you write. Try  ROMEO:  then /regen 3, /top, /undo"
    assert screen.lines[2] == "Enter: continue · Ctrl-C: stop · /set surprisal on: colours · /tour · /help"

    screen.until("main at 0 · seed 1").enter("\x1b[C")
    screen.until(r"stopped at 30 tokens · Enter continues, /regen tries again, /undo goes back")
    assert screen.lines[3] == ">>> ROMEO:"
    screen.until("main at 36")

    screen.enter("What is 2+2?").until("your line is back")
    error = screen.lines.index("shakespeare's vocabulary has no '2', '+' (characters 9 to 11 of your text)")
    assert screen.lines[error + 1 : error + 5] == [
        "  What is 2+2?",
        "          ^^^",
        "/set unknown skip leaves such characters out; your line is back in the prompt",
        ">>> What is 2+2?",
    ]

    screen.type("\x03").enter('/rewind "ROMEO"')
    moved = screen.lines.index("position 5 · main · 31 tokens undone · /redo restores them")
    assert screen.lines[moved - 1] == "ROMEO|"
    screen.until("main at 5")


def test_the_same_seed_gives_the_same_text_as_in_a_script(window, home):
    screen = window("--seed", "3").until(">>>").enter("ROMEO:").until("30 tokens")
    environment = os.environ | {"SEQSHELL_HOME": str(home), "SEQSHELL_PLUGINS": ""}
    scripted = pexpect.run(
        f"{sys.executable} -m seqshell --seed 3 -c ROMEO:", env=environment, encoding="utf-8", cwd=str(home)
    )
    start = screen.lines.index(">>> ROMEO:") + 1
    shown = "".join(screen.text.split("\n")[start:]).partition("▌")[0]
    assert shown == scripted.replace("\r\n", "").rstrip("\n")


def test_an_interrupted_answer_can_be_continued(window):
    screen = window("--seed", "1", "--set", "pace=50", "--set", "max_tokens=5000").until(">>>")
    screen.type("ROMEO:\r").until(r">>> ROMEO:\n(?!loading)\S")
    screen.process.sendintr()
    screen.until(r"interrupted after [\d,]+ tokens?")
    number = int(re.search(r"interrupted after ([\d,]+) token", screen.text)[1].replace(",", ""))
    assert 0 < number < 5000
    screen.until(f"main at {number + 6}").enter("/set max_tokens 3").enter("").until(f"main at {number + 9}")


def test_attention_weights_are_readable_in_eighty_columns(window, home, tmp_path):
    words = [f"word{number}" for number in range(40)]
    header = {"about": "It translates words.", "examples": ["word1 word2"], "defaults": {"max_tokens": 6}}
    path = tiny_translation_checkpoint(
        tmp_path / "words.safetensors", " ".join(words), " ".join(words), seed=3, **header
    )
    screen = window("--seed", "1", size=(40, 80)).until("main at 0").enter(f"/translate -m {path} {' '.join(words)}")
    screen.until("words: word").until("/attention shows the weights").until("shakespeare · main at 0").enter(
        "/attention"
    )
    start = screen.lines.index(">>> /attention")
    lines = screen.lines[start + 1 : screen.lines.index(next(line for line in screen.lines if line.startswith("0 ")))]
    columns = ["".join(line.ljust(80)[column] for line in lines[:6]).strip() for column in range(7, 80)]

    assert [label for label in columns if label] == words[:21]
    assert all(len(line) < 80 for line in lines)
    blocks = {screen.screen.buffer[row][column].bg for row in range(start, start + len(lines)) for column in range(80)}
    assert len(blocks - {"default"}) > 1


def test_a_translation_model_is_greeted_answers_and_is_undone(window, home, tmp_path):
    path = tiny_translation_checkpoint(
        tmp_path / "words.safetensors", seed=3, examples=["i love you"], defaults={"max_tokens": 6}
    )
    screen = window("-m", str(path)).until(">>> i love you").until("main at 0")
    assert screen.lines[2] == "Each line is translated · Ctrl-C: stop · /translate @FILE: a whole file · /help"
    screen.enter("i love the cat .").until("/attention shows the weights").enter("").enter("/undo").until(
        "position 0 · main"
    )
    assert "english" not in screen.text


def test_an_empty_prompt_suggests_an_example_until_the_model_has_read_something(window, home):
    (home / "plays").mkdir()
    tiny_checkpoint(home / "plays" / "tiny.safetensors", VOCABULARY, hidden_size=16, examples=["HAMLET:"])
    opened = window().until("^>>> ROMEO:").enter("/load ./plays/tiny.safetensors").until("^>>> HAMLET:")
    opened.enter("/feed To be").enter("/state")
    assert opened.lines[opened.screen.cursor.y] == ">>>"
    opened.enter("/undo").until("^>>> HAMLET:")


def test_keys_typed_during_an_answer_go_to_the_next_prompt(window):
    screen = window("--set", "pace=20", "--set", "max_tokens=10").until(">>>").type("ROMEO:\r").until(r"ROMEO:\n\S")
    screen.type("/undo\r").until("/redo restores")
    answer = screen.text.partition(">>> ROMEO:")[2].partition(">>> /undo")[0]
    assert "/undo" not in answer.partition("10 tokens")[0]


def test_ctrl_d_quits_and_saves_the_session(window, home):
    screen = window().until("main at 0")
    before = screen.process.getecho()
    screen.enter("ROMEO:").type("\x04").until("saved as last · seqshell --restore last continues here")
    assert screen.status() == 0
    assert before is False  # at the prompt
    assert (home / "sessions" / "last.safetensors").is_file()

    again = window("--restore", "last").until("main at 36")
    assert "position 36 · main" in again.text
    again.enter("/continue 4").until("main at 40")


@pytest.mark.parametrize("end", ["/quit\r", "\x04", signal.SIGHUP])
def test_the_sessions_of_all_open_models_are_saved(window, home, end):
    tiny_checkpoint(home / "hamlet.safetensors", VOCABULARY, defaults={"max_tokens": 3})
    screen = window().until("main at 0").enter("ROMEO:").enter("/load ./hamlet.safetensors").enter("To be")
    if isinstance(end, str):
        screen.type(end).until("saved hamlet as last, shakespeare as last-shakespeare")
    else:
        screen.process.kill(end)
    assert screen.status() == (0 if isinstance(end, str) else 128 + end)
    window("--restore", "last").until("hamlet · main at 8")
    window("--restore", "last-shakespeare").until("shakespeare · main at 36")


def test_quit_sets_the_exit_status(window):
    assert window().until(">>>").type("/quit 7\r").status() == 7


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_at_the_prompt_saves_the_session(window, home, signum, status):
    screen = window().until("main at 0").enter("ROMEO:")
    screen.process.kill(signum)
    assert screen.status() == status
    assert (home / "sessions" / "last.safetensors").is_file()
    assert screen.output.rstrip().endswith("\x1b[0m")  # the dim line about the saved session


@pytest.mark.parametrize("end", ["/quit", "signal"])
def test_the_terminal_mode_is_restored(window, home, end):
    command = f"stty -g >before; {sys.executable} -m seqshell; echo left $?; stty -g >after"
    screen = window(program=["/bin/sh", "-c", command]).until("main at 0").enter("ROMEO:")
    if end == "signal":
        shell = screen.process.pid
        (child,) = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)
    else:
        screen.type("/quit\r")
    screen.until("left 143" if end == "signal" else "left 0")
    screen.status()
    assert (home / "after").read_text() == (home / "before").read_text()


def test_a_signal_during_explore_saves_the_session_and_restores_the_terminal(window, home):
    command = f"stty -g >before; {sys.executable} -m seqshell; echo left $?; stty -g >after"
    screen = window(program=["/bin/sh", "-c", command]).until("main at 0").enter("ROMEO:")
    screen.type("/explore\r").until("u undo$")
    shell = screen.process.pid
    (child,) = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
    os.kill(int(child), signal.SIGTERM)
    screen.until("left 143").status()
    assert (home / "after").read_text() == (home / "before").read_text()
    assert (home / "sessions" / "last.safetensors").is_file()
    assert screen.output.count("\x1b[?1049h") == screen.output.count("\x1b[?1049l") == 1
    assert screen.output.rindex("\x1b[?25h") > screen.output.rindex("\x1b[?25l")


def test_a_signal_during_an_answer_saves_the_session(window, home):
    screen = (
        window("--set", "pace=20", "--set", "max_tokens=5000").until("main at 0").type("ROMEO:\r").until(r"ROMEO:\n\S")
    )
    screen.process.kill(signal.SIGTERM)
    assert screen.status() == 143
    assert (home / "sessions" / "last.safetensors").is_file()


def test_a_second_signal_while_the_sessions_are_saved_ends_the_program_quietly(window, home):
    """A plugin sends it from its hook for the end of the sessions."""
    (home / "plugins").mkdir()
    (home / "plugins" / "again.py").write_text(
        "import os, signal, time, seqshell\n"
        "@seqshell.hookimpl\n"
        "def seqshell_session_ended():\n"
        "    time.sleep(0.1)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    screen = window(SEQSHELL_PLUGINS="again").until("main at 0")
    screen.process.kill(signal.SIGTERM)
    assert screen.status() == 143
    assert "Traceback" not in screen.output


def test_a_missing_model_ends_the_program_with_status_3(window):
    screen = window("-m", "shakespear")
    assert screen.status() == 3
    assert "no model 'shakespear'; did you mean shakespeare?" in screen.text


def test_ctrl_c_stops_a_plugin_that_hangs_and_names_it(window, home):
    """The second Ctrl-C stops it at once, the first one after a while."""
    (home / "plugins").mkdir()
    (home / "plugins" / "sleepy.py").write_text(
        "import time, seqshell\n"
        "@seqshell.command('sleep')\n"
        "def sleep(shell, arguments):\n"
        "    '''Sleep; the state is kept.'''\n"
        "    yield seqshell.Notice('asleep')\n"
        "    while True: time.sleep(0.1)\n"
        "@seqshell.hookimpl\n"
        "def seqshell_commands():\n"
        "    yield sleep\n"
        "@seqshell.hookimpl\n"
        "def seqshell_token(token):\n"
        "    while token.position > 8: time.sleep(0.1)\n"
    )
    screen = window(SEQSHELL_PLUGINS="sleepy", size=(24, 100)).until("main at 0").type("/sleep\r").until("asleep")
    time.sleep(0.3)
    screen.process.sendintr()
    screen.until("stopped at once").until("/sleep of the plugin sleepy was stopped by Ctrl-C").until("^>>>")
    screen.type("ROMEO:\r").until(r"ROMEO:\n\S")
    for _ in range(2):
        time.sleep(0.3)
        screen.process.sendintr()
    screen.until("the plugin sleepy: seqshell_token was stopped by Ctrl-C; the plugin is left out").until(
        "interrupted after"
    )
    screen.enter("ROMEO:").until("stopped at 30 tokens").enter("/state").until("position")


def test_a_slow_import_is_reported_and_its_output_is_escaped(window, home):
    (home / "plugins").mkdir()
    (home / "plugins" / "slow.py").write_text(
        "import time, seqshell\n"
        "print('\\x1b[2Jhere')\n"
        "time.sleep(2)\n"
        "@seqshell.command('loud')\n"
        "def loud(shell, arguments):\n"
        "    '''Print; the state is kept.'''\n"
        "    print('\\x1b[2Jthere')\n"
        "    yield seqshell.Text('said')\n"
        "@seqshell.hookimpl\n"
        "def seqshell_commands():\n"
        "    yield loud\n"
    )
    screen = (
        window(SEQSHELL_PLUGINS="slow", size=(24, 100))
        .until("the plugin slow takes more than a second to import")
        .until("main at 0")
    )
    screen.enter("/loud").until("the plugin slow printed while it was loaded").until(r"^\^\[\[2Jthere")
    assert "\x1b[2J" not in screen.output


def test_a_plugin_that_fails_on_import_is_named_and_skipped(window, home):
    (home / "plugins").mkdir()
    (home / "plugins" / "peephole.py").write_text("raise RuntimeError('no \\x1b[2J luck')\n")
    screen = window(SEQSHELL_PLUGINS="peephole", size=(24, 120)).until("peephole failed: /plugins").enter("ROMEO:")
    assert "peephole" in screen.text.partition(">>> ROMEO:")[2]
    assert "no ^[[2J luck" in screen.output or "\x1b[2J" not in screen.output


def test_ctrl_c_returns_to_the_prompt_when_an_import_hangs(window, home):
    (home / "plugins").mkdir()
    (home / "plugins" / "hung.py").write_text("import time\ntime.sleep(1000)\n")
    screen = window(SEQSHELL_PLUGINS="hung", size=(24, 100)).until(">>> ROMEO:").type("ROMEO:\r")
    screen.until("the plugin hung takes more than a second to import")
    screen.process.sendintr()
    screen.until("Ctrl-D quits; seqshell --no-plugins starts without it").until("^>>> ROMEO:$")
    assert screen.type("\x03\x04").status() == 0


def test_the_tour_runs_line_by_line_and_ctrl_c_ends_it(window):
    screen = window().until("main at 0").enter("/tour").until("Ctrl-C ends the script")
    line = screen.lines[screen.screen.cursor.y]
    assert line.startswith(">>> ROMEO:")
    prose = screen.lines[screen.lines.index(">>> /tour") + 3]
    screen.enter("\x15/lod").until("there is no command /lod")
    assert (screen.lines[screen.screen.cursor.y], screen.lines.count(prose)) == (line, 1)
    screen.enter("").enter("")
    screen.type("\x03").until("script ended; you can continue from here").until(r"^>>>$")
