"""Millions of tokens in one shell: messages, undo, branches, candidates, files and several models. Memory stays flat.

    python -m tests.campaigns.soak --seed 1 --count 200    # 2,000,000 tokens

A case is 10,000 tokens, and the models are closed and opened again after each: what a session has read is kept until
it is closed, because /undo can go back to it. All cases are one conversation in this process, so --jobs has no effect,
and --only I runs the first I cases. After each 100,000 tokens, the resident memory is printed on stderr.
"""

from __future__ import annotations

import gc
import os
import random
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from tests.campaigns.campaign import Campaign, Failure, Report
from tests.campaigns.parts.session_invariants import broken_invariant

from seqshell.core.errors import SeqshellError
from seqshell.shell.shell import Shell
from seqshell.testing import (
    shell_for,
    tiny_classification_model,
    tiny_forecast_model,
    tiny_model,
    tiny_translation_model,
)

TOKENS = 10_000  # of a case
WARM_UP = 10  # cases before the memory is compared
ROOM = 20e6  # bytes of memory that may be added after that: what the allocator holds at that moment
MODELS = {
    "shakespeare": lambda: tiny_model("\n abcdefgh"),
    "english-french": lambda: tiny_translation_model(seed=3),
    "sentiment": tiny_classification_model,
    "oil-temperature": tiny_forecast_model,
}
LINES = {
    "shakespeare": (
        *(
            "abc",
            "bad cafe",
            "/continue 60",
            "/continue 60",
            "/regen 2",
            "/regen temperature=0.5,1.5",
            "/undo",
            "/undo 3t",
        ),
        *(
            "/redo",
            "/branch",
            "/checkout main",
            "/rewind 1",
            "/rewind -5",
            "/top",
            "/score abc",
            "/text",
            "/reset",
            "/seed 7",
        ),
        *("/translate i love you", "/classify abc", "/save --force talk", "/sampler top_k=3 temperature=0.8"),
        *(
            "/strategy beam width=3",
            "/strategy sample",
            "/strategy greedy",
            "/branches",
            "/state",
            "/reseed abc",
            "/reach 3",
        ),
    ),
    "english-french": (
        "i love you",
        "/regen 2",
        "/undo",
        "/redo",
        "/attention",
        "/strategy beam width=3",
        "/strategy greedy",
    ),
    "sentiment": ("abc", "/undo", "/redo", "/classify --explain abc", "/branch", "/checkout main"),
    "oil-temperature": ("1 2 3", "/forecast 2", "/undo", "/redo", "/branch", "/checkout main", "/reset"),
}


@dataclass(frozen=True)
class Soak(Campaign):
    """Cases in one process, one after another."""

    def run(self, seed: int, count: int, *, first: int = 0, jobs: int = 1) -> Report:
        """Hold the conversation of all cases up to first + count - 1."""
        start = time.monotonic()
        failures = []
        at_first = 0
        with tempfile.TemporaryDirectory(prefix="seqshell-soak-") as folder:
            os.environ["SEQSHELL_HOME"] = folder
            os.chdir(folder)
            draws = random.Random(seed)
            shell = shell_for()
            for case in range(first + count):
                reason = talk(shell, draws, TOKENS)
                gc.collect()
                used = resident_bytes()
                if case + 1 <= WARM_UP:
                    at_first = used
                elif used > at_first + ROOM:
                    reason = (
                        reason or f"{used / 1e6:.0f} MB, and {at_first / 1e6:.0f} MB after {WARM_UP * TOKENS:,} tokens"
                    )
                if reason is not None:
                    failures.append(Failure(case, reason))
                if not (case + 1) % WARM_UP:
                    print(f"{(case + 1) * TOKENS:>9,} tokens  {used / 1e6:6.1f} MB", file=sys.stderr, flush=True)
            os.chdir("/")
        return Report(self.name, self.promise, seed, count, time.monotonic() - start, tuple(failures))


def talk(shell: Shell, draws: random.Random, tokens: int) -> str | None:
    """Say lines to all models until they have read and generated a number of tokens; returns what went wrong."""
    for name in list(shell.workspace.sessions):
        shell.workspace.close(name)
    for name, make in MODELS.items():
        shell.workspace.add(replace(make(), name=name))
    shell.settings.set("max_tokens", 40)
    done = 0
    while done < tokens:
        name = draws.choice(("shakespeare", "shakespeare", "shakespeare", *MODELS))
        shell.workspace.use(name)
        for _ in range(draws.randint(1, 20)):
            line = draws.choice(LINES[name])
            try:
                for event in shell.run(line):
                    event.as_text()
            except SeqshellError:  # such as /undo of nothing
                pass
            except Exception as error:
                return f"{type(error).__name__}: {error} after {line}"
        done = sum(session.behaviour.cursor.timeline.num_tokens for session in shell.workspace.sessions.values())
    return next(filter(None, map(broken_invariant, shell.workspace.sessions.values())), None)


def resident_bytes() -> int:
    """The memory of this process that is in use now."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


def not_a_case(draws: random.Random, folder: Path) -> NoReturn:
    """Soak.run holds one conversation, so no case can be checked alone."""
    raise NotImplementedError("the cases of a soak share one shell; Soak.run checks them")


CAMPAIGN = Soak("soak", "after each 10,000 tokens, memory is flat and the sessions equal their replays", not_a_case)

if __name__ == "__main__":
    sys.exit(CAMPAIGN.main())
