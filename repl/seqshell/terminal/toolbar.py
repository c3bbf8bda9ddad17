"""The bottom toolbar: model, labels, branch and position, interventions, failed plugins, texts of plugins, seed, chain,
speed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prompt_toolkit.utils import get_cwidth

from seqshell.core.sanitize import safe
from seqshell.core.tasks import task_spec

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

SEPARATOR = " · "
LONGEST = 40  # characters of a plugin's text


def toolbar_parts(
    shell: Shell, tokens_per_second: float = 0.0, live_label: tuple[str, ...] | None = None
) -> Iterator[str]:
    """Return the parts of the toolbar, most important first.

    live_label: the labels of the line being typed; None to show those of the text read so far.
    """
    from seqshell.decoding.syntax import format_chain, format_strategy
    from seqshell.terminal.live_label import label_so_far

    if shell.workspace.current is None:
        yield "no model"
    else:
        session = shell.session
        yield shell.workspace.current
        if session.model.labels:
            yield from label_so_far(session) if live_label is None else live_label
        yield f"{session.branch} at {session.position:,}"
        if active := session.interventions:
            yield active[0].name[:LONGEST] if len(active) == 1 else f"{len(active)} interventions"
    failed = [problem.plugin or problem.message for problem in shell.registry.problems]
    if failed:
        yield f"{', '.join(dict.fromkeys(failed))} failed: /plugins"
    if shell.workspace.current is not None:
        yield from (text[:LONGEST] for text in shell.hooks.toolbar(shell.session))
    if shell.task and task_spec(shell.task).draws:
        session = shell.session
        yield f"seed {session.seed}"
        yield " ".join([format_strategy(session.strategy), *([format_chain(session.chain)] if session.chain else [])])
    if tokens_per_second:
        yield f"{tokens_per_second:,.0f} tokens/s"


def fit(parts: Iterable[str], width: int) -> str:
    """Join the parts into a line narrower than the window: drop parts from the right, then cut the last one left."""
    kept = [safe(part).replace("\n", " ") for part in parts if part]
    while len(kept) > 1 and get_cwidth(SEPARATOR.join(kept)) >= width:
        kept.pop()
    line = SEPARATOR.join(kept)
    while get_cwidth(line) >= width:
        line = line[:-1]
    return line
