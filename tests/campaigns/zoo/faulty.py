"""What a faulty plugin is: its source, what triggers its fault, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass

# Every faulty plugin also offers this sampler, which must not be registered if the plugin is left out.
VALID = """
import asyncio, atexit, dataclasses, os, signal, sys, threading, time, warnings
import numpy as np
import seqshell
import seqshell.core.events

class Odd(BaseException):
    pass

class Worse(BaseException):
    def __str__(self):
        raise Worse

@dataclasses.dataclass(frozen=True)
class Valid:
    name = "valid"
    def __call__(self, logits, context):
        return logits

@seqshell.hookimpl
def seqshell_samplers():
    yield Valid
"""
# What no plugin should raise, and how messages call it. Nobody typed this Ctrl-C.
RAISES = {
    "OSError": "OSError('disk')",
    "SystemExit": "SystemExit(300)",
    "GeneratorExit": "GeneratorExit",
    "CancelledError": "asyncio.CancelledError",
    "KeyboardInterrupt": "KeyboardInterrupt",
    "StopIteration": "StopIteration(3)",
    "a BaseException of its own": "Odd('odd')",
    "an exception without a message": "Worse",
    "a group": "BaseExceptionGroup('all', [Odd(), KeyboardInterrupt()])",
}


@dataclass(frozen=True)
class Faulty:
    """A plugin with a fault.

    message: a pattern of the one line that names it. lines: what the user sends; each that triggers the fault fails,
    or shows the message. is_loaded: whether it stays loaded and listed. model: "architecture" or "tokenizer" if it is
    tried with a model that has its architecture or its tokenizer. moves: whether the lines change the session in spite
    of the fault. code: the exit code of a script with these lines. program: whether it runs as a program of its own,
    for what happens at the end of a process. bare: whether the source is all of its module.
    """

    source: str
    message: str
    lines: tuple[str, ...] = ()
    is_loaded: bool = True
    model: str = ""
    moves: bool = False
    code: int = 1
    program: bool = False
    bare: bool = False

    @property
    def text(self) -> str:
        """The source of its module."""
        return self.source if self.bare else VALID + self.source


def indented(body: str, by: int = 4) -> str:
    """The body of a function or method."""
    return "\n".join(" " * by + line for line in body.splitlines())
