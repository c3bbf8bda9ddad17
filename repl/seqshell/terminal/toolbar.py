"""The line at the bottom: model, strategy and chain, seed, position and branch, speed, and plugins that failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prompt_toolkit.utils import get_cwidth

from seqshell.core.model import Task
from seqshell.core.sanitize import safe

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

BETWEEN = " · "
DRAWS = (Task.GENERATE, Task.TRANSLATE)  # the tasks whose answers are drawn, by a strategy and a seed


def toolbar_parts(
    shell: Shell, tokens_per_second: float = 0.0, live_label: tuple[str, ...] | None = None
) -> Iterator[str]:
    """What the shell stands at, the most important first. live_label: of the line that is being typed; without a line, what was read is told of."""
    from seqshell.decoding.syntax import format_chain, format_strategy
    from seqshell.terminal.live_label import label_so_far

    if shell.current is None:
        yield "no model"
    else:
        session = shell.session
        yield shell.current
        if session.model.task is Task.CLASSIFY:
            yield from label_so_far(session) if live_label is None else live_label
        if session.model.task in DRAWS:
            yield " ".join(
                [format_strategy(session.strategy), *([format_chain(session.chain)] if session.chain else [])]
            )
            yield f"seed {session.seed}"
        yield f"{session.branch} at {session.position:,}"
    if tokens_per_second:
        yield f"{tokens_per_second:,.0f} tokens/s"
    failed = [problem.plugin or problem.message for problem in shell.registry.problems]
    if failed:
        yield f"{', '.join(dict.fromkeys(failed))} failed: /plugins"


def fit(parts: Iterable[str], width: int) -> str:
    """The parts in one line that is narrower than the window; parts drop out from the right, the last one left is cut."""
    kept = [safe(part).replace("\n", " ") for part in parts if part]
    while len(kept) > 1 and get_cwidth(BETWEEN.join(kept)) >= width:
        kept.pop()
    line = BETWEEN.join(kept)
    while get_cwidth(line) >= width:
        line = line[:-1]
    return line
