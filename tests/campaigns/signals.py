"""Signals at random moments, from the first millisecond on, in a terminal and between pipes.

After each case: the exit code is that of the signal, nothing of Python's was printed, the text of the session is a
beginning of the text that an undisturbed session has and can be continued to it, and the terminal is as it was.
"""

from __future__ import annotations

import json
import random
import re
import signal
import sys
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGTSTP, SIGWINCH

from tests.campaigns.campaign import Campaign
from tests.campaigns.parts.program import COMMANDS, Program

from seqshell.core.errors import SeqshellError
from seqshell.host.builtin import load_registry
from seqshell.host.policy import Policy
from seqshell.models.opening import open_model
from seqshell.session import Session
from seqshell.shell.shell import Shell
from seqshell.testing import tiny_checkpoint

FATAL = (SIGINT, SIGTERM, SIGHUP)
NUMBERS = (*FATAL, *FATAL, SIGPIPE, SIGTSTP, SIGWINCH)
REGISTRY = load_registry(Policy(no_plugins=True))
LENGTH = 2000  # tokens of an answer
FED = "abc ghadeb fgh\n" * 400
LINES_OF_SCRIPT = "/feed abc\n/feed def\n/undo\n/branch b{0}\n/feed hhh\n/undo\n/redo\n/checkout main\n"
TROUBLE = ("Traceback", "fault inside", "internal error", "Exception ignored", "Fatal Python", "Error:")


def check(draws: random.Random, folder: Path) -> str | None:
    """One process and one to three signals."""
    tiny_checkpoint(folder / "tiny.safetensors", defaults={"max_tokens": LENGTH, "sampler": "temperature=0.8"})
    (folder / "fed.txt").write_text(FED)
    (folder / "lines.seq").write_text("".join(LINES_OF_SCRIPT.format(number) for number in range(4)))
    return (_in_terminal if draws.random() < 0.6 else _between_pipes)(draws, folder)


def _undisturbed(folder: Path) -> str:
    """The text of a session after the message abc, longer than any that a case has."""
    shell = Shell(REGISTRY, seed=1)
    shell.open(folder / "tiny.safetensors")
    for line in (f"/set max_tokens {2 * LENGTH}", "abc"):
        for _ in shell.handle(line):
            pass
    return shell.session.text().text


def _program(draws: random.Random, *arguments: str, terminal: bool) -> Program:
    command = draws.choice(COMMANDS)
    return Program([*command, "--seed", "1", "-m", "./tiny.safetensors", *arguments], terminal=terminal)


def _send(draws: random.Random, program: Program) -> list[int]:
    """Send one to three signals; one that stops the process is followed by SIGCONT."""
    sent = []
    for _ in range(draws.choice((1, 1, 1, 2, 3))):
        number = draws.choice(NUMBERS)
        sent.append(number)
        program.send(number)
        if number == SIGTSTP:
            program.read(draws.uniform(0, 0.1))
            program.send(signal.SIGCONT)
        if program.read(draws.uniform(0, 0.4) ** 2):
            break
    return sent


def _wrong_end(program: Program, sent: list[int], *, early: bool) -> str | None:
    """What is wrong with the end of a process.

    early: it may not have come to its first line, or is past its last; then a signal has its usual effect, as has a
    second one while it ends.
    """
    status = program.status
    named = ", ".join(signal.Signals(number).name for number in sent)
    if status is None:
        return f"still running after {named}"
    fatal = [number for number in sent if number in FATAL]
    allowed = {128 + number for number in fatal}
    if early or len(fatal) > 1:
        allowed |= {-number for number in sent if number != SIGWINCH}
    if status not in allowed | ({0} if early or not fatal else set()) and not _of_python(program):
        return f"exit code {status} after {named}: {program.output[-150:]!r}"
    return None


def _of_python(program: Program) -> bool:
    """Whether Python itself was interrupted: before the first line of `main`, while modules are found."""
    printed = program.errors or program.output.partition("\x1b")[0]  # its first output begins with a control sequence
    ours = set(re.findall(r'seqshell/([\w/]+\.py)"', printed))
    return "Traceback" in printed and ours <= {"__init__.py", "__main__.py", "cli/__init__.py"}


def _trouble(program: Program) -> str | None:
    printed = program.output + program.errors
    found = next((printed.find(word) for word in TROUBLE if word in printed), None)
    if found is not None and not _of_python(program):
        return "it printed " + repr(printed[max(0, found - 100) : found + 900])
    return None


# Pipes

SCRIPTS = (
    ["-c", "abc", "-c", "/save ./kept.safetensors"],
    ["-c", "/feed @fed.txt", "-c", "/score @fed.txt", "-c", "/save ./kept.safetensors"],
    ["-c", "/source lines.seq", "-c", "/record ./kept.seq", "-c", "abc", "-c", "/save ./kept.safetensors"],
    ["-c", "abc", "-c", "/regen 3", "-c", "/top 3", "-c", "/save ./kept.safetensors"],
)


def _between_pipes(draws: random.Random, folder: Path) -> str | None:
    script = draws.choice(SCRIPTS)
    program = _program(draws, "--json=stream", "--on-error=continue", *script, terminal=False)
    try:
        if draws.random() < 0.5:
            program.read(draws.uniform(0, 1.5) ** 2)
        else:
            size = draws.randrange(1, 60_000)
            program.until(lambda: len(program.output) > size)
        sent = _send(draws, program)
        if not program.until(lambda: False):
            return f"{script} did not end after {sent}: {program.output[-300:]!r} {program.errors[-300:]!r}"
        lines = program.output.splitlines()
        whole = bool(lines) and '"type":"end"' in lines[-1]
        early = not lines or whole
        wrong = _wrong_end(program, sent, early=early) or _trouble(program) or _wrong_output(program, lines)
        return (wrong and f"{script}: {wrong}") or _wrong_file(folder, program)
    finally:
        program.close()


def _wrong_output(program: Program, lines: list[str]) -> str | None:
    """Each line is a JSON object; the tokens of a line are its text."""
    tokens = ""
    for number, line in enumerate(lines):
        try:
            event = json.loads(line)
        except ValueError:
            return None if number == len(lines) - 1 and program.status != 0 else f"no JSON: {line[:300]}"
        if event.get("type") == "token":
            tokens += event["text"]
        elif event.get("type") == "end":
            if event["exit"] != program.status and program.status in (0, 1):
                return f"the end says {event['exit']}, the exit code is {program.status}"
        elif "stop" in event and isinstance(event.get("text"), str):
            if not event["text"].endswith(tokens) and not tokens.endswith(event["text"]):
                return f"tokens {tokens[-80:]!r} of the text {event['text'][-80:]!r}"
            tokens = ""
    return None


def _wrong_file(folder: Path, program: Program) -> str | None:
    """The saved session is whole, if it is there."""
    kept = folder / "kept.safetensors"
    if not kept.exists():
        return None
    left = [path.name for path in folder.iterdir() if path.suffix not in (".safetensors", ".txt", ".seq", "")]
    if left and program.status is not None and program.status >= 0:
        return f"left behind: {left}"
    return _wrong_session(folder, kept)[0]


def _wrong_session(folder: Path, path: Path) -> tuple[str | None, str]:
    try:
        name = Session.saved_model(path).name  # tiny, or new after a training
        model = open_model(folder / f"{name}.safetensors", REGISTRY)
        session = Session.restore(path, model, samplers=REGISTRY.samplers, strategies=REGISTRY.strategies)
        text = session.text().text
        while session.position:
            session.undo()
    except SeqshellError as error:
        return f"the session cannot be restored: {error}", ""
    return None, text


# A terminal

TRAIN = "/train fed.txt model.hidden_size=4 training.epochs=1 training.precision=float32 --out ./new.safetensors"
LINES = (
    *("abc", "/feed @fed.txt", "/score @fed.txt", "/source lines.seq", "/regen 3", "/save ./kept.safetensors") * 3,
    *("/help", "/text", "/undo", TRAIN),
)


def _in_terminal(draws: random.Random, folder: Path) -> str | None:
    program = _program(draws, terminal=True)
    try:
        wrong = _session_in_terminal(draws, folder, program)
        if wrong is None and program.status is None:
            wrong = "it does not end"
        if wrong is None and not program.is_restored:
            wrong = f"the terminal is not restored after {program.status}: {program.output[-200:]!r}"
        return wrong or _trouble(program)
    finally:
        program.close()


def _session_in_terminal(draws: random.Random, folder: Path, program: Program) -> str | None:
    if draws.random() < 0.3:  # while it starts
        program.read(draws.uniform(0, 1.0) ** 2)
        sent = _send(draws, program)
        if not program.until(lambda: program.prompts > 0):
            return f"no prompt, and no end, after {sent} at the start"
        if program.status is not None:
            return _wrong_end(program, sent, early=True)
        return _leave(draws, program, [], sent)
    if not program.until(lambda: program.prompts > 0) or program.status is not None:
        return f"it did not start: {program.status} {program.output[-300:]!r}"
    sent: list[int] = []
    typed = []
    for _ in range(draws.choice((1, 1, 2))):
        line = draws.choice(LINES)
        typed.append(line)
        if wrong := _enter(program, line):
            return f"{wrong} at {line}"
        program.read(draws.uniform(0, 0.7) ** 2)
        sent += _send(draws, program)
        prompts = len(typed) + 1
        if not program.until(lambda count=prompts: program.prompts >= count):
            return f"no prompt after {typed} and {sent}: {program.output[-300:]!r}"
        if program.status is not None:
            return _wrong_end(program, sent, early=False) or _wrong_saved(folder, typed)
    if draws.random() < 0.2:  # at the prompt
        program.read(draws.uniform(0, 0.3))
        sent += _send(draws, program)
        program.read(0.05)
        if program.status is not None:
            return _wrong_end(program, sent, early=False)
    return _leave(draws, program, typed, sent)


def _enter(program: Program, line: str) -> str | None:
    """Send a line, and wait until it is accepted."""
    accepted = program.accepted
    program.type(line + "\r")
    if not program.until(lambda: program.accepted > accepted):
        return f"not accepted: {program.output[-300:]!r}"
    return None


def _leave(draws: random.Random, program: Program, typed: list[str], sent: list[int]) -> str | None:
    """Check the state, then quit, perhaps with signals meanwhile."""
    folder = Path.cwd()
    program.type("\x03")
    for lines, file in (
        (("/text -o ./text.json", "/save ./after.safetensors"), "after.safetensors"),
        (("/continue 7", "/text -o ./more.json"), "more.json"),
    ):
        program.type("".join(f"{line}\r" for line in lines))
        if not program.until((folder / file).exists):
            return f"no {file} after {typed} and {sent}: {program.output[-300:]!r}"
    if program.status is not None:
        return _wrong_end(program, [*sent, SIGINT], early=True)
    program.read(0.2)
    if typed and (wrong := _wrong_state(folder, typed)):
        return f"{wrong} after {typed} and {sent}"
    program.type(draws.choice(("/quit\r", "\x04")))
    late: list[int] = []
    if draws.random() < 0.4:
        program.read(draws.uniform(0, 0.3) ** 2)
        late = _send(draws, program)
    while program.read(0.5) is False and program.accepted == program.prompts - 1 and late:  # Ctrl-C ended the /quit
        program.type("\x04")
    if not program.until(lambda: False):
        return f"it does not quit after {typed} and {sent + late}: {program.output[-300:]!r}"
    return _wrong_end(program, late, early=True)


def _wrong_state(folder: Path, typed: list[str]) -> str | None:
    """The text is a beginning of what it would be, the saved session has it, and it was continued."""
    try:
        text = json.loads((folder / "text.json").read_text("utf-8"))["text"]
        more = json.loads((folder / "more.json").read_text("utf-8"))["text"]
    except FileNotFoundError:
        return "the text was not written"
    wrong, saved = _wrong_session(folder, folder / "after.safetensors")
    if wrong or saved != text:
        return wrong or f"saved {saved[-80:]!r}, shown {text[-80:]!r}"
    if not (more.startswith(text) and len(more) == len(text) + 7):
        return f"continued to {more[-80:]!r} from {text[-80:]!r}"
    if typed == ["abc"] and text and not _undisturbed(folder).startswith(more):
        return f"{more[-80:]!r} is not what an undisturbed session has"
    if typed == ["/feed @fed.txt"] and not FED.startswith(text):
        return f"{text[-80:]!r} was not fed"
    return None


def _wrong_saved(folder: Path, typed: list[str]) -> str | None:
    """After SIGTERM and SIGHUP, the session `last` is whole, if there is one."""
    last = folder / "home" / "sessions" / "last.safetensors"
    return _wrong_session(folder, last)[0] if last.exists() else None


CAMPAIGN = Campaign(
    "signals",
    "correct exit code, state at the last whole token, terminal restored",
    check,
    seconds=300,
    memory=None,
    may_print=True,  # what the programs print is read here
)

if __name__ == "__main__":
    sys.exit(CAMPAIGN.main())
