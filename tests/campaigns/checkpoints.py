"""The campaign on checkpoints and saved sessions: each is damaged, then opened and used.

    python -m tests.campaigns.checkpoints --seed 1 --count 100000 --jobs 2

A damaged file is refused in one line, or it can be used: the model answers, goes back, and its session can be saved and
restored. A model may fail while it answers, in one line that names it: finite weights of any size are valid.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.campaigns.campaign import Campaign, trouble_of
from tests.campaigns.damage import damaged
from tests.campaigns.originals import SHIPPED, originals

from seqshell.core.errors import SeqshellError
from seqshell.core.model import Model
from seqshell.core.tasks import Task
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.models.summary import about_file
from seqshell.shell.shell import Shell
from seqshell.terminal.greeting import greeting

REGISTRY = load_registry(Policy(no_plugins=True))
ORIGINALS = originals(REGISTRY)
TINY = [name for name in ORIGINALS if name not in SHIPPED]
FILE = Path("damaged.safetensors")
SHARE_SHIPPED = 0.01  # of the cases: these files take longer

# What can be done before the model has answered here; some are drawn for each case.
FIRST = (
    "/regen 2", "/attention", "/reach", "/top", "/undo", "/undo 3", "/redo", "/checkout other", "/checkout main",
    "/rewind 1", "/continue 2", "/forecast 2", "/retry", "/drop other", "/score the cat", "/branch new", "/reset",
)  # fmt: skip
LINES = {
    Task.GENERATE: ("/set max_tokens 3", "the cat", "/regen 2", "/strategy beam", "dog", "/top", "/undo"),
    Task.TRANSLATE: ("/set max_tokens 3", "the cat", "/regen 2", "/strategy beam", "a dog", "/undo"),
    Task.CLASSIFY: ("the cat", "/set explain on", "a dog sees the cat", "/undo"),
    Task.TAG: ("the cat", "a dog sees the cat", "/undo"),
    Task.FORECAST: ("/feed 1 2 3 4 5 6", "/forecast 5", "0 0", "/undo"),
}


def check(draws: random.Random, folder: Path) -> str | None:
    """Damage a file, open and use it."""
    name = draws.choice(SHIPPED if draws.random() < SHARE_SHIPPED else TINY)
    original = ORIGINALS[name]
    others = [each for each in TINY if ORIGINALS[each].is_session == original.is_session]
    data, change = damaged(draws, original.data, {each: ORIGINALS[each].data for each in others})
    FILE.write_bytes(data)
    first = draws.sample(FIRST, 4)
    reason = _described() or _used(original.model if original.is_session else None, first)
    return f"{name}, {change}, {' '.join(first)}: {reason}" if reason else None


def _described() -> str | None:
    """Describe the file as lists of models and the greeting do. Returns what went wrong."""
    try:
        about_file(FILE)
        list(greeting("0.1.0", "damaged", file.read_header(FILE), 80))
    except SeqshellError as error:
        return trouble_of(error)
    return None


def _used(model: Model | None, first: Sequence[str]) -> str | None:
    """Open the file, a session if a model is given, and use it. Returns what went wrong."""
    shell = Shell(REGISTRY)
    if model is not None:
        shell.workspace.add(model)
    try:
        _run(shell, f"/restore ./{FILE}" if model is not None else f"/load ./{FILE}")
    except SeqshellError as error:
        return trouble_of(error)
    session = shell.session
    for line in ("/info", "/text", *first, *LINES[session.model.task], "/undo", "/state", "/branches"):
        try:
            _run(shell, line)
        except SeqshellError as error:
            if reason := trouble_of(error):
                return f"{line}: {reason}"
    before = session.position, session.branch, len(session.branches())
    _run(shell, "/save ./again.safetensors")
    _run(shell, "/restore ./again.safetensors")
    session = shell.session
    after = session.position, session.branch, len(session.branches())
    return None if before == after else f"restored as {after}, saved as {before}"


def _run(shell: Shell, line: str) -> None:
    for _ in shell.handle(line):
        pass


CAMPAIGN = Campaign("checkpoints", "a damaged checkpoint or session is refused in one line, or usable", check)

if __name__ == "__main__":
    sys.exit(CAMPAIGN.main())
