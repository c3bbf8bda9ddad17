"""Every way that a text of somebody else can take to the terminal: what arrives there has no control characters.

The texts are in all fields of events, headers, files, plugins, names, arguments, environment variables and errors.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, replace
from types import UnionType

import numpy as np
import pytest
from prompt_toolkit.document import Document
from tests.campaigns.parts.foreign_controls import foreign_control
from tests.campaigns.parts.screen import Screen
from tests.hostile_texts import HOSTILE

from seqshell.cli import main
from seqshell.cli.json_lines import JsonLines
from seqshell.cli.plain_text import PlainText
from seqshell.cli.progress import show
from seqshell.core import events
from seqshell.core.errors import CheckpointError, PluginError, UsageError, VocabularyError
from seqshell.core.events import Event, LineFinished, LineStarted, Progress
from seqshell.models import file
from seqshell.terminal.completer import ShellCompleter
from seqshell.terminal.error_message import draw_error
from seqshell.terminal.greeting import greet, greet_session
from seqshell.terminal.line_runner import LineRunner
from seqshell.terminal.printer import TRUE_COLOUR, Printer
from seqshell.terminal.renderer import Renderer
from seqshell.terminal.signals import Signals
from seqshell.terminal.toolbar import fit, toolbar_parts
from seqshell.testing import (
    shell_for,
    tiny_checkpoint,
    tiny_classification_checkpoint,
    tiny_forecast_checkpoint,
    tiny_tagging_checkpoint,
    tiny_translation_checkpoint,
)

NAME = "\x1b]0;owned\x07\u202e\x9b"  # of a file: no zero byte and no surrogate
COLOURS = (-1, 0, 16, 256, TRUE_COLOUR)
KINDS = [kind for name in dir(events) if isinstance(kind := getattr(events, name), type) and issubclass(kind, Event)]
VALUES = {
    "labels": {"rows": [HOSTILE] * 2, "columns": [HOSTILE] * 2},
    "array": np.ones((2, 2)),
    "outputs": np.ones(2),
    "children": (),  # of the same kind
}


def filled(kind):
    """A value of a type, with hostile texts in it wherever it has texts."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        each = arguments[:1] if arguments[-1:] == (...,) else arguments
        return tuple(map(filled, each))
    if origin in (typing.Union, UnionType):
        return filled(arguments[0])
    if kind is str:
        return HOSTILE
    if kind is bytes:
        return HOSTILE.encode("utf-8", "surrogatepass")
    if kind in (int, float, bool, complex):
        return kind(1)
    if origin is not None and issubclass(origin, Mapping):
        return {HOSTILE: HOSTILE}
    if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__"):
        hints = typing.get_type_hints(kind)
        return kind(
            **{
                each.name: VALUES[each.name] if each.name in VALUES else filled(hints[each.name])
                for each in fields(kind)
                if each.init
            }
        )
    return HOSTILE  # of any type


def everything(kind):
    """An event of a kind, with hostile texts; its spans and tokens fit its text."""
    event = filled(kind)
    if kind is events.Text:
        return events.Text(HOSTILE, ((1, 5),))
    if kind is events.Forecast:
        return events.Forecast(
            (HOSTILE, HOSTILE), np.ones((3, 2)), np.ones((2, 2)), time_column=HOSTILE, series=HOSTILE
        )
    if kind is events.Attention:
        return events.Attention((HOSTILE,) * 2, (HOSTILE,) * 2, np.ones((2, 2)))
    if kind is events.Probes:
        return replace(event, labels=(HOSTILE,) * 2)
    return event


@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_field_of_an_event_controls_the_terminal(kind, colours):
    event = everything(kind)
    screen = Screen()
    for width in (20, 100):
        renderer = Renderer(Printer(screen, colours=colours, width=lambda width=width: width))
        renderer.draw(event)
        renderer.end_progress()
    for output in (
        PlainText(screen, screen, echo=True),
        PlainText(screen, screen, one_to_one=True),
        JsonLines(screen, screen, stream=True),
    ):
        output.start({HOSTILE: HOSTILE})
        output.begin(1, HOSTILE, HOSTILE, HOSTILE)
        if not isinstance(event, LineStarted | LineFinished):
            output.event(LineStarted(HOSTILE, 1, HOSTILE, HOSTILE))
            output.event(event)
            output.event(LineFinished(False, False))
        output.finish(1, 1, 1)

    assert foreign_control(screen.taken()) is None


@pytest.mark.parametrize("is_terminal", [True, False])
def test_no_progress_or_note_of_a_training_controls_the_terminal(monkeypatch, is_terminal):
    screen = Screen(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")

    show(
        [Progress(1, 2, HOSTILE, HOSTILE), events.Notice(HOSTILE), events.Notice(HOSTILE), events.Text(HOSTILE)], screen
    )

    assert foreign_control(screen.taken().replace("\r\x1b[2K", "")) is None


@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize(
    "error",
    [
        UsageError(HOSTILE, hint=HOSTILE, code=HOSTILE),
        VocabularyError(HOSTILE, text=HOSTILE, positions=(1, 3), hint=HOSTILE),
        CheckpointError(HOSTILE, hint=HOSTILE),
        PluginError(HOSTILE, plugin=HOSTILE, distribution=HOSTILE, details=HOSTILE),
        ValueError(HOSTILE),
        type(HOSTILE.replace("\x00", "").replace("\ud800", ""), (Exception,), {})(HOSTILE),
    ],
    ids=lambda error: type(error).__bases__[0].__name__,
)
def test_no_error_controls_the_terminal(monkeypatch, error, colours):
    monkeypatch.setenv("SEQSHELL_DEBUG", "1")
    screen = Screen()
    draw_error(Printer(screen, colours=colours, width=lambda: 60), error, put_back=True)

    assert foreign_control(screen.taken()) is None


VOCABULARY = "\n \x00\x07\x1b[]031m;abcdefg\x9b\u202e\r"
MODELS = {
    "generate": lambda path: tiny_checkpoint(path, VOCABULARY, about=HOSTILE, examples=[HOSTILE]),
    "translate": lambda path: tiny_translation_checkpoint(
        path, f"i love {HOSTILE}", f"je {HOSTILE} te", seed=3, about=HOSTILE, examples=[HOSTILE]
    ),
    "classify": lambda path: tiny_classification_checkpoint(
        path, VOCABULARY, (HOSTILE, "b" + HOSTILE), about=HOSTILE, examples=[HOSTILE]
    ),
    "tag": lambda path: tiny_tagging_checkpoint(
        path, VOCABULARY, (HOSTILE, "B-" + HOSTILE), about=HOSTILE, examples=[HOSTILE]
    ),
    "forecast": lambda path: tiny_forecast_checkpoint(path, (HOSTILE,), about=HOSTILE, examples=[HOSTILE]),
}
MESSAGES = {
    "generate": "\x1b[31m",
    "translate": f"i love {HOSTILE}",
    "classify": "\x1b[31m",
    "tag": "\x1b[31m",
    "forecast": "1 2 3",
}


def hostile(value):
    """A value of a header, with hostile texts in place of its texts."""
    if isinstance(value, Mapping):
        return {key: hostile(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return list(map(hostile, value))
    return "\x1b]0;owned\x07\x9b\u202e" if isinstance(value, str) else value


@pytest.mark.parametrize("colours", [0, 256])
@pytest.mark.parametrize("task", MODELS)
def test_no_field_of_a_header_and_no_argument_controls_the_terminal(folder, task, colours):
    """Each command, with its models, names, files and texts as hostile as they can be, and what the prompt draws."""
    path = MODELS[task](folder / f"{NAME}.safetensors")
    header, tensors = file.read(path)
    header["provenance"] = hostile(
        {"data": {"name": "x", "file": "x", "license": "x"}, "recipe": {"a": "x"}, "epoch": 1}
    )
    file.write(path, {key: value for key, value in header.items() if key != "seqshell"}, tensors)
    (folder / f"{NAME}.txt").write_text(HOSTILE.replace("\ud800", ""), "utf-8")
    shell, screen = shell_for(), Screen()
    shell.interactive = True
    shell.open(path)
    printer = Printer(screen, colours=colours, width=lambda: 60)
    runner = LineRunner(shell, printer, Signals())
    greet(printer, "0", NAME, header)
    greet_session(printer, "0", shell)
    lines = [
        "/set max_tokens 6",
        "/set surprisal on",
        MESSAGES[task],
        HOSTILE,
        "/branch b",
        "/set unknown skip",
        HOSTILE,
    ]
    for name in shell.registry.commands:
        lines += [
            f"/{name}",
            f"/{name} {HOSTILE}",
            f"/{name} @{NAME}.txt",
            f"/{name} {NAME}.txt",
            f"/{name} ./{NAME}.seq",
        ]
        lines += [f"/{name} -o ./{NAME}.json {HOSTILE}", f"/{name} -m ./{NAME}.safetensors {HOSTILE}", MESSAGES[task]]
    for line in lines:
        if line.startswith(("/train", "/tour", "/quit", "/exit", "/bye", "/close")):
            continue
        runner.run(line)
        assert foreign_control(screen.taken()) is None, line
    shell.end()
    assert foreign_control(fit(toolbar_parts(shell, 1.0), 200)) is None
    completer = ShellCompleter(lambda: shell)
    for typed in ("/", "/load ./", f"/load ./{NAME[:1]}", "/set ", "/checkout ", "@"):
        for found in completer.get_completions(Document(typed), None):
            assert foreign_control(found.display_text + found.display_meta_text) is None


COMMAND_LINES = [
    ["--version", "--verbose"],
    ["models"],
    ["models", "--json"],
    ["plugins"],
    ["plugins", "--json"],
    ["plugins", "check", NAME],
    ["plugins", "check", f"./{NAME}.py"],
    ["plugins", "new", NAME],
    ["recipes"],
    ["recipes", "--json"],
    ["recipes", "show", NAME],
    ["train", NAME],
    ["train", f"{NAME}.tsv", "--dry-run"],
    ["train", f"{NAME}.tsv", "--dry-run", "--json"],
    ["train", f"{NAME}.tsv", "--set", NAME],
    ["evaluate", NAME, NAME],
    ["evaluate", f"./{NAME}.safetensors", f"{NAME}.txt"],
    ["evaluate", f"./{NAME}.safetensors", f"{NAME}.txt", "--json"],
    ["compare", NAME],
    ["import", NAME],
    ["import", f"{NAME}.txt", "--json"],
    [NAME],
    [f"--{NAME}"],
    ["--seed", NAME],
    ["--set", NAME],
    ["--restore", NAME],
    ["-m", NAME],
    ["-m", f"./{NAME}.safetensors", "-c", "/info", "-c", NAME],
    ["-m", f"./{NAME}.safetensors", "--json=stream", "-c", "/info", "-c", "\x1b[31m"],
    ["-m", f"./{NAME}.safetensors", "--echo", "-c", "\x1b[31m", "-c", f"/feed {NAME}"],
    ["-p", f"./{NAME}.py", "-m", f"./{NAME}.safetensors", "-c", "/plugins --errors"],
    ["-p", NAME, "-c", "/info"],
]


@pytest.mark.parametrize("arguments", COMMAND_LINES, ids=lambda arguments: " ".join(arguments).replace(NAME, "NAME"))
def test_no_argument_file_or_variable_controls_the_terminal(folder, monkeypatch, arguments):
    """The program, as it is started, in a home folder with such a name."""
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    for variable in ("SEQSHELL_PLUGINS", "COLORTERM", "LANG", "EDITOR", "NO_COLOR"):
        monkeypatch.setenv(variable, NAME)
    home = folder / NAME
    (home / "recipes").mkdir(parents=True)
    (home / "config.toml").write_text('["\\u001b[31m"]\n[settings]\n"\\u001b]0;" = "\\u001b[31m"\n', "utf-8")
    (home / "recipes" / "a.toml").write_text('about = "\\u001b[31m\\u009b\\u202e"\n', "utf-8")
    monkeypatch.setenv("SEQSHELL_HOME", str(home))
    monkeypatch.setenv("TERM", "xterm-256color")
    tiny_checkpoint(folder / f"{NAME}.safetensors", VOCABULARY, about=HOSTILE, examples=[HOSTILE])
    (folder / f"{NAME}.txt").write_text("abc\x1b[31m\x9b\n" * 20, "utf-8")
    (folder / f"{NAME}.tsv").write_text("a\x1b[31m\x9b\tb\u202e\n" * 40, "utf-8")
    (folder / f"{NAME}.py").write_text(f"print({NAME!r})\nraise ValueError({NAME!r})\n", "utf-8")

    with suppress(SystemExit):
        main(arguments)

    assert foreign_control(screen.taken()) is None
