"""Every command answers Ctrl-C within 0.3 s, at the prompt and in a pipe, or takes less than half a second."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seqshell import Task
from seqshell.host import Policy
from seqshell.host.builtin import load_registry

RESPONSE = 0.3  # seconds of processor time
QUICK = 0.5
# Seconds of processor time after the line was sent, and whether it comes through a pipe: the start and the middle of
# the work in both ways.
MOMENTS = ((0.3, False), (0.3, True), (0.8, True), (1.5, False))
TEXT = "the king of love and death shall never speak to thee my lord what art thou doing here\n"

# Command -> what makes it take long: the model, lines before it, and the line. A command that is not here is quick: its
# example in /help takes less than half a second. A new command that can take longer gets a line here.
LONG = {
    "feed": ("shakespeare", [], "/feed @huge.txt"),
    "continue": ("shakespeare", ["/feed a"], "/continue 100000"),
    "reseed": ("shakespeare", [], "/reseed @huge.txt"),
    "regen": ("shakespeare", ["/feed a", "/continue 5"], "/regen 100"),
    "score": ("shakespeare", [], "/score @big.txt"),
    "reach": ("shakespeare", ["/feed @part.txt"], "/reach 1000"),
    "translate": ("english-french", [], "/translate @lines.txt"),
    "classify": ("sentiment", [], "/classify @reviews.txt"),
    "tag": ("python-tags", [], "/tag @reviews.txt"),
    "forecast": ("oil-temperature", [], "/feed @values.txt"),
    "train": ("shakespeare", [], "/train huge.txt training.precision=float32"),
    "source": ("shakespeare", [], "/source long.seq"),
    "load": ("shakespeare", [], "/load german-english"),
    "spectrum": ("shakespeare", ["/feed a"], "/spectrum"),
    "mix": ("shakespeare", ["/feed @part.txt"] * 3, "/mix shakespeare"),
}
REGISTRY = load_registry(Policy(no_plugins=True))
# Without the one that ends the program, and the one that waits for keys.
COMMANDS = sorted({REGISTRY.commands[name].name for name in REGISTRY.commands} - {"quit", "explore"})
MODELS = {
    Task.TRANSLATE: "english-french",
    Task.CLASSIFY: "sentiment",
    Task.FORECAST: "oil-temperature",
    Task.TAG: "python-tags",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Large files of every kind."""
    folder = tmp_path_factory.mktemp("long")
    for name, text in {
        "part.txt": TEXT * 20,
        "big.txt": TEXT * 700,
        "huge.txt": TEXT * 15_000,
        "lines.txt": "I love you very much my friend .\n" * 3000,
        "reviews.txt": "a truly wonderful film that I would see again\n" * 40_000,
        "values.txt": " ".join(str(50 + number % 24) for number in range(100_000)),
        "long.seq": "/feed abc\n/undo\n" * 5000,
    }.items():
        (folder / name).write_text(text)
    return folder


def cases_of(name):
    """What interrupt_commands is to do for a command. Without a moment, nothing is interrupted."""
    if name in LONG:
        model, before, line = LONG[name]
        moments = MOMENTS
    else:
        command = REGISTRY.commands[name]
        *before, line = re.findall(r"^ *>>> (.*)$", command.help, re.MULTILINE)
        model = MODELS.get(min(command.tasks, default=Task.GENERATE), "shakespeare")
        moments = ((None, False),)
    return [
        {"model": model, "before": before, "line": line, "moment": moment, "piped": piped} for moment, piped in moments
    ]


@pytest.fixture(scope="module")
def results_of(folder):
    """Return a function that gives the results of cases. Each is forked from one program, which imports once."""
    program = [sys.executable, Path(__file__).with_name("interrupt_commands.py"), folder]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def results(cases):
            process.stdin.write(json.dumps(cases) + "\n")
            process.stdin.flush()
            texts = json.loads(process.stdout.readline())
            return [json.loads(text) if text.startswith("{") else pytest.fail(text) for text in texts]

        yield results


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_answers_ctrl_c_or_is_quick(name, results_of, home):
    cases = [{**case, "home": str(home)} for case in cases_of(name)]
    for _ in range(3):  # a busy machine also takes longer to compute the same
        results = [{**case, **result} for case, result in zip(cases, results_of(cases), strict=True)]
        assert any(result["came"] for result in results)  # else the command is quick
        slow = [result for result in results if result["took"] > (QUICK if result["moment"] is None else RESPONSE)]
        if not slow:
            break
    assert slow == []
