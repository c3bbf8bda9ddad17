"""Faulty plugins, one after the other: the folder `zoo` has them. `--count 843` runs all of them.

Each is installed as the distribution seqshell-broken, and its fault is triggered in a shell, in a script and, where
something is left at the end of the process, in a program of its own. Every run is a fresh process.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import safe_open
from tests.campaigns.campaign import Campaign
from tests.campaigns.zoo import commands, hooks, models, samplers, tokenizers
from tests.campaigns.zoo.faulty import Faulty

from seqshell.cli import main
from seqshell.core.errors import SeqshellError
from seqshell.core.events import Finished, Notice, Quit
from seqshell.core.signal_handlers import SignalHandlers
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.shell.shell import Shell
from seqshell.testing import tiny_checkpoint
from seqshell.testing.tiny_file import write_tiny

ZOO: dict[str, Faulty] = {**commands.FAULTY, **samplers.FAULTY, **hooks.FAULTY, **models.FAULTY, **tokenizers.FAULTY}
# What each is tried in, in an order that mixes the kinds.
CASES = [(name, way) for name, each in ZOO.items() for way in (("program",) if each.program else ("shell", "script"))]
BEFORE = ("abc", "/branch side", "bca", "/checkout main", "abc", "/undo")  # lines without a fault
random.Random(0).shuffle(CASES)
PRINTABLE = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f]*")  # without control characters


def check(draws: random.Random, folder: Path) -> str | None:
    """Return None if the shell stayed alive, the plugin was named in one line, and nothing of the fault was left."""
    name, way = CASES[draws.number % len(CASES)]  # type: ignore[attr-defined]  # set by the campaign
    plugin = ZOO[name]
    install(plugin, folder)
    found: str | None = in_fork(lambda: WAYS[way](plugin, folder))
    return found and f"{name}, in a {way}: {found}"


def install(plugin: Faulty, folder: Path) -> None:
    """Install a plugin in folder/site, and its model and another one in the user's folder."""
    site, models = folder / "site", folder / "home" / "models"
    info = site / "seqshell_broken-0.7.dist-info"
    info.mkdir(parents=True)
    models.mkdir(parents=True)
    (site / "broken.py").write_text(plugin.text)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: seqshell-broken\nVersion: 0.7\n")
    (info / "entry_points.txt").write_text("[seqshell]\nbroken = broken\n")
    letters = tiny_checkpoint(models / "letters.safetensors", defaults={"max_tokens": 6})
    if plugin.model:
        with safe_open(letters, "np") as file:
            header = json.loads(file.metadata()["seqshell"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
        size = header["config"]["vocab_size"]
        faulty: dict[str, Any] = {"tokenizer": {**header["tokenizer"], "name": "faulty"}}
        if plugin.model == "architecture":
            faulty, weights = {"architecture": "faulty", "owner": "broken", "config": {"vocab_size": size}}, {}
        kept = {key: header[key] for key in ("architecture", "owner", "task", "config", "tokenizer", "defaults")}
        write_tiny(models / "faulty.safetensors", weights, **{**kept, **faulty})
    sys.path.insert(0, str(site))
    os.environ |= {"SEQSHELL_PLUGINS": "seqshell-broken", "OPENBLAS_NUM_THREADS": "1", "HOME": str(folder)}


def in_fork(work: Callable[[], Any]) -> Any:
    """The result of a function that runs in a process of its own."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.close(reader)
            result = work()
        except BaseException as error:
            import traceback

            last = traceback.extract_tb(error.__traceback__)[-1]
            result = f"{type(error).__name__} came out at {Path(last.filename).name}:{last.lineno}"
        with open(writer, "wb") as pipe:
            pipe.write(pickle.dumps(result))
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    sys.path.pop(0)
    return pickle.loads(data) if data else "the process ended"


def in_shell(plugin: Faulty, folder: Path) -> str | None:
    """Trigger the fault in a shell without a prompt."""
    SignalHandlers({signal.SIGINT: signal.default_int_handler}).install()
    without = Shell(load_registry(Policy(no_plugins=True)))
    without.open("letters")
    expected = answers(without)
    shell = Shell(load_registry())
    shell.open("letters")
    messages = [notice.text for notice in shell.take_notices()]
    for line in BEFORE:
        messages += run(shell, line)
    if plugin.lines and not plugin.is_loaded:  # a hook for events fails before
        messages += run(shell, plugin.lines[0])
    else:
        for line in plugin.lines:
            before = place(shell)
            messages += run(shell, line)
            if not plugin.moves and not plugin.model and line[0] != "/" and place(shell) != before:
                return f"{line} moved the session from {before} to {place(shell)}"
            if line == "/faulty" and not plugin.model and place(shell) != before:
                return f"{line} moved the session from {before} to {place(shell)}"
    messages += [*(problem.message for problem in shell.registry.problems), *shell.registry.warnings]
    for line in ("/load letters", "/strategy sample", "/sampler none", "/seed 0", "/reset", "/plugins", "/samplers"):
        run(shell, line)
    if (found := answers(shell)) != expected:
        return f"it answers {found} instead of {expected}"
    if [event.code for event in shell.handle("/quit") if isinstance(event, Quit)] != [0]:
        return "/quit does not leave"
    shell.end()
    messages += [notice.text for notice in shell.take_notices()]
    messages += [problem.message for problem in shell.registry.problems]
    state = {info.distribution: info.state for info in shell.registry.plugins}["seqshell-broken"]
    if (state == "loaded") != plugin.is_loaded:
        return f"the plugin is {state}"
    if not plugin.is_loaded and "valid" in shell.registry.samplers:
        return "the sampler of the plugin is still there"
    return named(plugin, messages)


def run(shell: Shell, line: str) -> list[str]:
    """The messages of a line."""
    try:
        return [event.text for event in shell.handle(line) if isinstance(event, Notice)]
    except SeqshellError as error:
        return [error.message]


def place(shell: Shell) -> tuple[Any, ...]:
    """All that a user sees of where the session is."""
    session = shell.session
    branches = [(branch.name, branch.position, session.text(branch.name).text) for branch in session.branches()]
    settings = [str(each) for each in session.chain], session.strategy.name, session.seed, session.retry
    return session.model.name, session.position, session.text().text, branches, session.branch, settings


def answers(shell: Shell) -> list[str]:
    """Answers of the model, with an undo between them."""
    events = [event for line in ("abc", "/undo", "abc", "/regen") for event in shell.handle(line)]
    return [event.answer for event in events if isinstance(event, Finished)]


def in_script(plugin: Faulty, folder: Path) -> str | None:
    """Trigger the fault in a script, within this process."""
    lines = (*BEFORE, *plugin.lines, "/load letters", "/strategy sample", "/sampler none", "/reset", "abc")
    arguments = ["-m", "letters", "--on-error", "continue", *(word for line in lines for word in ("-c", line))]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return result(plugin, code, out.getvalue(), err.getvalue())


def in_program(plugin: Faulty, folder: Path) -> str | None:
    """Trigger the fault in a program of its own."""
    lines = (*BEFORE, *plugin.lines, "abc")
    command = [sys.executable, "-m", "seqshell", "-m", "letters", "--on-error", "continue"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((sys.path[0], os.environ.get("PYTHONPATH", "")))}
    done = subprocess.run(
        [*command, *(word for line in lines for word in ("-c", line))],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    return result(plugin, done.returncode, done.stdout, done.stderr)


def result(plugin: Faulty, code: int, out: str, err: str) -> str | None:
    """Return what is wrong with the result of a script, or None."""
    if code != plugin.code:
        return f"the exit code is {code} instead of {plugin.code}; {err[-300:]!r}"
    if not out.strip():
        return "it prints no answer"
    if not PRINTABLE.fullmatch(out + err):
        return f"control characters: {err!r}"
    return named(plugin, err.splitlines())


def named(plugin: Faulty, messages: list[str]) -> str | None:
    """Return None if the plugin is named in one line, and if nothing else was blamed."""
    for word in ("Traceback", "internal error", "Exception ignored", "Ctrl-C"):
        if wrong := [message for message in messages if word in message]:
            return f"it says {wrong[0]!r}"
    if long := [message for message in messages if "\n" in message]:
        return f"it says in several lines {long[0]!r}"
    if plugin.message and not any(re.search(plugin.message, message) for message in messages):
        return f"nothing matches {plugin.message!r} in {messages}"
    return None


WAYS = {"shell": in_shell, "script": in_script, "program": in_program}
CAMPAIGN = Campaign(
    "plugins",
    "after a faulty plugin the shell is alive, the plugin is named in one line, and nothing of the fault is left",
    check,
    seconds=60,
    memory=None,
)

if __name__ == "__main__":
    sys.exit(CAMPAIGN.main())
