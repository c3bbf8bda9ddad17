"""Ctrl-C while the listeners of a shell hear that a line starts or ends."""

import pytest

from seqshell.core.events import LineFinished, LineStarted
from seqshell.testing import shell_for, tiny_checkpoint


class Interrupted:
    """A listener during which Ctrl-C is pressed once."""

    def __init__(self, kind):
        self.kind = kind

    def hear(self, event):
        if isinstance(event, self.kind):
            self.kind = ()
            raise KeyboardInterrupt


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", [LineStarted, LineFinished])
def test_ctrl_c_between_two_listeners_ends_the_line_and_the_next_one_works(folder, kind, place):
    """The line ends twice for the listeners that had heard of its end, and for some without a start."""
    shell = shell_for()
    shell.open(tiny_checkpoint(folder / "tiny.safetensors"))
    list(shell.handle("/record a.seq"))
    listeners = shell._listeners
    vars(shell)["_listeners"] = (*listeners[:place], Interrupted(kind), *listeners[place:])

    with pytest.raises(KeyboardInterrupt):
        list(shell.handle("/feed abc"))
    list(shell.handle("/feed de"))
    list(shell.handle("/text"))
    list(shell.handle("/expect de"))
    list(shell.handle("/record off"))

    assert shell.session.text().text == ("de" if kind is LineStarted else "abcde")
    assert "/feed de\n/text\n" in (folder / "a.seq").read_text()
