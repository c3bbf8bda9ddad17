"""Signals while a JSON object is written: it is written whole, and if that is impossible, it is the last."""

import io
import json
import os
import signal
import time

import pytest

from seqshell.cli.json_lines import JsonLines
from seqshell.cli.signals import StopSignals


class Pipe(io.StringIO):
    """Writes half of a text, receives SIGINT, and writes the rest after some seconds."""

    def __init__(self, seconds=0.0):
        super().__init__()
        self.seconds = seconds

    def write(self, text):
        super().write(text[: len(text) // 2])
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(self.seconds)
        return super().write(text[len(text) // 2 :])


def written(pipe):
    """What is in the pipe after SIGINT in an object and an object that ends the session."""
    with StopSignals() as signals:
        output = JsonLines(pipe, io.StringIO(), whole=signals.held)
        with pytest.raises(KeyboardInterrupt):
            output.empty("generate")
        pipe.write = lambda text: io.StringIO.write(pipe, text)
        output.finish(1, 1, signals.exit_code)
    return pipe.getvalue()


def test_a_signal_does_not_cut_an_object():
    lines = [json.loads(line) for line in written(Pipe()).splitlines()]
    assert [line["type"] for line in lines] == ["result", "end"]
    assert lines[1]["exit"] == 130


def test_an_object_that_a_signal_cuts_because_nobody_reads_is_the_last():
    assert written(Pipe(seconds=30)) == '{"type":"result","line":null,"op"'
