"""The first walk through the commands in a terminal, with a model of each task: what each line shows."""

import re

import pytest

from seqshell.terminal.prompt import QUIT_HINT
from seqshell.testing import (
    tiny_checkpoint,
    tiny_classification_checkpoint,
    tiny_forecast_checkpoint,
    tiny_translation_checkpoint,
)

pytestmark = pytest.mark.slow
CTRL_C, UP = "\x03", "\x1b[A"
SAVED = "saved to .* · /restore walk restores it"


def not_here(command, tasks, task):
    """What a command shows that does not apply to the task: that it does not, and the way out."""
    return rf"/{command} is for the task {tasks}; tiny has the task {task} /load \S+ opens another model"


# For each task: its checkpoint, and the lines with what they show, a pattern for the whole of it. The first line is
# empty: Enter sends the example.
WALKS = {
    "generate": (
        lambda path: tiny_checkpoint(path, examples=["abc"], defaults={"max_tokens": 5}),
        {
            "": r"abcghb g▌  stopped at 5 tokens · Enter continues, /regen tries again, /undo goes back",
            "/# a comment": "",
            "abc": r".*▌? +stopped at 5 tokens · Enter continues, /regen tries again, /undo goes back",
            "/undo": r"abcghb g\| position 8 · main · 8 tokens undone · /redo restores them",
            "/redo": r"abcghb g.*\| position 16 · main · 8 tokens restored · /rewind 8 goes back",
            "/regen": r".*▌? +stopped at 5 tokens · Enter continues, /regen tries again, /undo goes back",
            "/continue": r".+",
            "/top": r"token +model +with sampler( \S+ +\S+%.*){9}",
            "/score ab": r"ab token +prob +surprisal +rank +most likely 1  a .* 2  b .* perplexity [\d.]+",
            "/state": r"position +21 branch +main.2 state +1 x 8 float32.* seed +1 retry +1",
            "/text": r"abcghb gabc.*",
            "/branch b": r".*\| position 21 · b · /checkout main.2 goes back",
            "/save walk": SAVED,
        },
    ),
    "translate": (
        lambda path: tiny_translation_checkpoint(path, seed=3, examples=["i love you"], defaults={"max_tokens": 3}),
        {
            "": "chien i chien▌  stopped at 3 tokens · /attention shows the weights",
            "/# a comment": "",
            "/undo": r"position 0 · main · 3 tokens undone · /redo restores them",
            "/redo": r"chien i chien\| position 3 · main · 3 tokens restored · /undo removes it again",
            "/regen": "greedy gives the same answer again; /strategy sample gives others "
            "chien i chien▌  stopped at 3 tokens · /attention shows the weights",
            "/continue": not_here("continue", "generate", "translate"),
            "/top": r"token +model +with sampler( \S+.*){9}",
            "/score i => tu": r".* perplexity [\d.]+",
            "/state": r"position +3 branch +main.2 state.recurrent.* retry +1",
            "/text": "chien i chien",
            "/branch b": r"chien i chien\| position 3 · b · /checkout main.2 goes back",
            "/save walk": SAVED,
        },
    ),
    "classify": (
        lambda path: tiny_classification_checkpoint(path, examples=["abc"]),
        {
            "": "bird   80.7%.* cat    17.8%.* dog    1.48%.* /classify --explain TEXT shows why, /undo goes back",
            "/# a comment": "",
            "/undo": "position 0 · main · 3 tokens undone · /redo restores them",
            "/redo": r"abc\| position 3 · main · 3 tokens restored · /undo removes it again",
            "/regen": not_here("regen", "generate or translate", "classify"),
            "/continue": not_here("continue", "generate", "classify"),
            "/top": not_here("top", "generate or translate", "classify"),
            "/score ab": not_here("score", "generate or translate", "classify"),
            "/state": r"position +3 branch +main state.recurrent.* retry +0",
            "/text": "abc",
            "/branch b": r"abc\| position 3 · b · /checkout main goes back",
            "/save walk": SAVED,
        },
    ),
    "forecast": (
        lambda path: tiny_forecast_checkpoint(path, examples=["10 11 12"]),
        {
            "": r".*\+1 12.213 \(10.61 to 13.8\) .*━ observed   ━ forecast   ⢂ 80 % prediction interval",
            "/# a comment": "",
            "/undo": "position 0 · main · 3 tokens undone · /redo restores them",
            "/redo": r"10 11 12\| position 3 · main · 3 tokens restored · /rewind 0 goes back",
            "/regen": not_here("regen", "generate or translate", "forecast"),
            "/continue": not_here("continue", "generate", "forecast"),
            "/top": not_here("top", "generate or translate", "forecast"),
            "/score 10 11": not_here("score", "generate or translate", "forecast"),
            "/state": r"position +3 branch +main state .* retry +0",
            "/text": "10 11 12",
            "/branch b": r"10 11 12\| position 3 · b · /checkout main goes back",
            "/save walk": SAVED,
        },
    ),
}


@pytest.mark.parametrize("task", WALKS)
def test_a_walk_shows_what_each_line_does(window, home, tmp_path, task):
    """Each line's output, Ctrl-C, Up and the end; there is no fault and no line is left in the prompt."""
    checkpoint, lines = WALKS[task]
    home.mkdir()
    screen = window("-m", str(checkpoint(tmp_path / "tiny.safetensors")), "--seed", "1", size=(150, 100))
    screen.until("main at 0")
    example = screen.lines[screen.screen.cursor.y]
    for line, pattern in lines.items():
        start = screen.screen.cursor.y + 1
        screen.enter(line)
        end = screen.screen.cursor.y
        shown = " ".join(filter(None, map(str.strip, screen.lines[start:end])))
        assert re.fullmatch(pattern, shown), line
        assert screen.lines[end] == (example if "position 0" in shown else ">>>"), line

    screen.type(CTRL_C).until(QUIT_HINT)
    screen.type(UP).until(r"(?s)>>> /save walk\n.*>>> /save walk").type(CTRL_C).until("^>>>$")
    screen.type("/quit\r").until("saved as last · seqshell --restore last continues here")
    assert screen.status() == 0
    assert "fault" not in screen.text
    assert not (home / "log").exists()
    assert {path.name for path in (home / "sessions").iterdir()} == {"walk.safetensors", "last.safetensors"}
