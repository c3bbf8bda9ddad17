"""The texts of plugins in the toolbar: asked for once after each line, short, and left out if they fail."""

import pytest
from tests.shell.sending import send
from tests.shell.zoo import failure, plugin

from seqshell.terminal.toolbar import toolbar_parts
from seqshell.testing import (
    shell_for,
    tiny_model,
)


def test_the_toolbar_shows_the_texts_of_plugins_and_asks_once_after_each_line():
    asked = []

    def toolbar(session):
        asked.append(session.position)
        return f"{session.position} read" if session.position else None

    shell = shell_for(tiny_model(), plugins=[plugin(toolbar=toolbar)])
    before = list(toolbar_parts(shell))
    send(shell, "/feed abc")
    after = list(toolbar_parts(shell))

    assert (before, after) == (
        ["tiny", "main at 0", "seed 0", "sample"],
        ["tiny", "main at 3", "3 read", "seed 0", "sample"],
    )
    assert list(toolbar_parts(shell)) == after
    assert asked == [0, 3]


@pytest.mark.parametrize(
    ("toolbar", "reason"),
    [
        (lambda: 3, "TypeError: it must return a text, not int"),
        (lambda session: session.notes.update(zoo=1), "a hook must not change the session, except its notes"),
        (lambda session: session.undo(), "nothing to undo"),
    ],
)
def test_a_toolbar_that_fails_is_left_out_and_the_next_line_says_so(toolbar, reason):
    shell = shell_for(tiny_model(), plugins=[plugin(toolbar=toolbar)])

    assert list(toolbar_parts(shell)) == ["tiny", "main at 0", "seed 0", "sample"]
    assert failure(shell, "/feed abc").startswith(f"the plugin zoo: seqshell_toolbar failed: {reason}")


def test_a_long_text_of_a_plugin_leaves_room_in_the_toolbar():
    shell = shell_for(tiny_model(), plugins=[plugin(toolbar=lambda: "x" * 99)])

    assert list(toolbar_parts(shell))[2] == "x" * 40
