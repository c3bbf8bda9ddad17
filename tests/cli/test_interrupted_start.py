"""Ctrl-C while the program starts: from its first line on, it exits quietly with 130."""

import os
import subprocess
import sys

import pytest

# Runs the program, and sends SIGINT to it when it imports its Nth module; without N, it prints how many there are.
PROGRAM = """
import os, signal, sys
number, count = int(sys.argv[1]), 0

def hook(event, arguments):
    global count
    if event == "import":
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGINT)

from seqshell.cli import main
sys.addaudithook(hook)
del sys.argv[1]
code = main()
if not number:
    print(count, file=sys.stderr)
sys.exit(code)
"""


def run(number, *arguments):
    """The exit code, and what was printed on stderr."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(number), *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    return ran.returncode, ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("-c", "/feed a"), ("models",), ("--version",)])
def test_ctrl_c_at_any_import_of_the_start_exits_quietly_with_130(arguments, home):
    code, printed = run(0, *arguments)
    assert code == 0
    numbers = sorted({1, 2, 3, *range(5, int(printed), max(1, int(printed) // 10))})
    assert {number: run(number, *arguments) for number in numbers} == dict.fromkeys(numbers, (130, ""))


def test_next_to_nothing_is_imported_before_ctrl_c_is_answered():
    code = "import os, sys; before = {*sys.modules}; import seqshell.cli; print(*sorted({*sys.modules} - before))"
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, env=environment)
    assert ran.stdout.split() == ["__future__", "seqshell", "seqshell.cli"]
