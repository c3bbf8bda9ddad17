"""The time that seqshell takes to start, as ratios between new processes that take turns.

    python tests/benchmarks/startup.py [RUNS] [MODEL]

first token   launch until the first generated character of MODEL (the shipped one) arrives, over
              `python -c "import torch"`: at most 0.20
prompt        launch until the characters of the prompt arrive, over a bare prompt_toolkit prompt: at most 1.25

Prompts run in pseudo-terminals of 80x24; SEQSHELL_HOME is a new, empty folder. Medians of RUNS (5).
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable

PROMPT = b">>>"  # prompt_toolkit moves the cursor instead of writing the space
BARE = "from prompt_toolkit import PromptSession; PromptSession('>>> ').prompt()"
FIRST_TOKEN = ["--set", "max_tokens=1", "-c", "ROMEO:"]
PATIENCE = 60  # seconds to wait for a process that shows nothing


def until_end(arguments: list[str]) -> float:
    """Seconds until `python ARGUMENTS` ends."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - start


def until_output(arguments: list[str], environment: dict[str, str]) -> float:
    """Seconds until the first byte on stdout."""
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout
        first = os.read(process.stdout.fileno(), 1)
        taken = time.perf_counter() - start
        process.stdout.read()
    if not first or process.returncode:
        raise SystemExit(f"python {' '.join(arguments)} generated nothing (exit {process.returncode})")
    return taken


def until_prompt(arguments: list[str], environment: dict[str, str]) -> float:
    """Seconds until the prompt's characters arrive at the other end of a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    try:
        while PROMPT not in shown:
            ready, _, _ = select.select([ours], [], [], PATIENCE)
            read = os.read(ours, 65536) if ready else b""
            if not read:
                raise SystemExit(f"python {' '.join(arguments)} showed no prompt, only {shown!r}")
            shown += read
        return time.perf_counter() - start
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def in_turn(runs: int, *measures: tuple[str, Callable[[], float]]) -> dict[str, float]:
    """The median of each measure, in turn, after a first round that only fills the disk's cache."""
    times: dict[str, list[float]] = {name: [] for name, _ in measures}
    for number in range(runs + 1):
        for name, measure in measures:
            taken = measure()
            if number:
                times[name].append(taken)
    return {name: statistics.median(taken) for name, taken in times.items()}


def main(runs: int, model: str = "") -> None:
    seqshell = ["-m", "seqshell", *(["-m", model] if model else [])]
    with tempfile.TemporaryDirectory() as home:
        # Installed libraries have their bytecode; allow seqshell to write its own.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"SEQSHELL_HOME": home, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
        tokens = in_turn(
            runs,
            ("torch", lambda: until_end(["-c", "import torch"])),
            ("seqshell", lambda: until_output([*seqshell, *FIRST_TOKEN], environment)),
        )
        prompts = in_turn(
            runs,
            ("bare", lambda: until_prompt(["-c", BARE], environment)),
            ("seqshell", lambda: until_prompt(seqshell, environment)),
        )
    compare("first token", tokens["seqshell"], "import torch", tokens["torch"], 0.20)
    compare("prompt", prompts["seqshell"], "bare prompt", prompts["bare"], 1.25)


def compare(name: str, taken: float, other_name: str, other: float, target: float) -> None:
    print(f"{name} {taken:.3f} s, {other_name} {other:.3f} s: ratio {taken / other:.2f} (at most {target:.2f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, *sys.argv[2:3])
