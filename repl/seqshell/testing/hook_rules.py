"""The rules for the hooks of a plugin: they work in a small conversation with a model of each task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from seqshell.core.errors import SeqshellError
from seqshell.core.model import Task
from seqshell.core.tasks import TASKS
from seqshell.host import Registry
from seqshell.shell.shell import Shell
from seqshell.testing.check import Finding
from seqshell.testing.task_examples import task_example

CALLED = ("turn", "moved", "toolbar", "token", "session_started", "session_ended", "model_loaded")
MESSAGES = {Task.TRANSLATE: "the cat", Task.FORECAST: "1 2 3"}  # of other tasks: abc
MOVES = ("/undo", "/redo", "/branch other", "/undo", "/checkout main")


def hook_rules(registry: Registry, plugin: str) -> Iterator[tuple[str, Callable[[], str | Finding]]]:
    """Yield each rule with a function that tries it and returns the failure, if any. A hook that fails is left out."""
    hooks = registry.plugin(plugin).hooks
    if "seqshell_settings" in hooks:
        yield "each of its settings has a help text", partial(_helps, registry, plugin)
    if {f"seqshell_{name}" for name in CALLED}.intersection(hooks):
        for task in TASKS:
            rule = f"its hooks work in a small conversation with a model for {task}"
            yield rule, partial(_converses, registry, plugin, Task(task))


def _helps(registry: Registry, plugin: str) -> Finding:
    lacking = [name for name in registry.settings if name.startswith(f"{plugin}.") and not registry.settings[name].help]
    return Finding(f"no help for {', '.join(lacking)}" if lacking else "", is_warning=True)


def _converses(registry: Registry, plugin: str, task: Task) -> Finding:
    shell = Shell(registry)
    shell.workspace.add(task_example(task).model())
    shell.settings.set("max_tokens", 4)
    for line in (MESSAGES.get(task, "abc"), *MOVES):
        try:
            list(shell.handle(line))
        except SeqshellError as error:
            return Finding(error.message, line)
        shell.hooks.toolbar(shell.session)
        if problems := [problem for problem in registry.problems if problem.plugin == plugin]:
            return Finding(problems[0].message, line)
    shell.end()
    return Finding()
