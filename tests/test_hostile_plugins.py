"""A plugin whose names, help, prints and errors have control characters: none arrives at the terminal."""

from __future__ import annotations

import sys

from tests.campaigns.parts.foreign_controls import foreign_control
from tests.campaigns.parts.screen import Screen
from tests.hostile_texts import HOSTILE

import seqshell
from seqshell.terminal.line_runner import LineRunner
from seqshell.terminal.printer import Printer
from seqshell.terminal.signals import Signals
from seqshell.testing import (
    shell_for,
)


class Plugin:
    """A plugin that prints and raises hostile texts, and offers things with hostile names and help."""

    @seqshell.hookimpl
    def seqshell_commands(self):
        @seqshell.command("burst", usage=HOSTILE)
        def burst(shell, arguments):
            print(HOSTILE)
            print(HOSTILE, file=sys.stderr)
            yield seqshell.Text(HOSTILE)
            raise ValueError(HOSTILE)

        yield burst


def test_nothing_of_a_plugin_controls_the_terminal(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    shell = shell_for(plugins=(Plugin(),))
    runner = LineRunner(shell, Printer(screen, width=lambda: 60), Signals())
    with seqshell.core.capture.sanitized_output():
        for line in ("/help burst", "/help", "/burst", "/plugins", "/plugins --errors"):
            runner.run(line)

    assert foreign_control(screen.taken()) is None
