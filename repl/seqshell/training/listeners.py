"""The plugins that follow a training: their hook is called for every event, and what it returns is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seqshell.core.events import Event, HookOutput, Notice
from seqshell.host import Registry
from seqshell.training.random_draws import draws_kept
from seqshell.training.run import Run

HOOK = "seqshell_training"


def followed(events: Iterable[Event], run: Run, registry: Registry) -> Iterator[Event]:
    """The events, and after each what the hooks of plugins show.

    A hook that fails is not called again, and the training continues. KeyboardInterrupt if Ctrl-C stopped one.
    """
    for event in events:
        yield event
        if not registry.listens(HOOK):
            continue
        found: list[HookOutput] = []
        with draws_kept():
            problems = registry.notify(HOOK, found.append, run=run, event=event)
        yield from found
        for problem in problems:
            if isinstance(problem.__cause__, KeyboardInterrupt):
                raise problem.__cause__
            yield Notice(f"{problem.message}; its hooks are left out, and the training continues", "warning")
