"""The rules for the hooks of a plugin: they work in a small conversation with a model of each task, and in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from seqshell.core.errors import PluginError, SeqshellError, reason_of
from seqshell.core.tasks import TASKS, Task
from seqshell.host import Policy, Registry
from seqshell.host.builtin import load_registry
from seqshell.shell.shell import Shell
from seqshell.testing.check import Check, Finding, try_rule
from seqshell.testing.compare import difference
from seqshell.testing.task_examples import task_example

CALLED = ("turn", "moved", "toolbar", "token", "session_started", "session_ended", "model_loaded")
MESSAGES = {Task.TRANSLATE: "the cat", Task.FORECAST: "1 2 3"}  # of other tasks: abc
MOVES = ("/undo", "/redo", "/branch other", "/undo", "/checkout main")


def check_hooks(registry: Registry, plugin: str) -> list[Check]:
    """Check the hooks of a plugin. A hook that fails is left out, so no rule is tried after one that failed."""
    checks: list[Check] = []
    for rule, holds in _rules(registry, plugin):
        failed = next((check.rule for check in checks if check.seen and not check.passed), "")
        checks.append(Check(rule, after=failed) if failed else try_rule(rule, holds))
    return checks


def _rules(registry: Registry, plugin: str) -> Iterator[tuple[str, Callable[[], str | Finding]]]:
    """Yield each rule with a function that tries it and returns the failure, if any."""
    hooks = registry.plugin(plugin).hooks
    if "seqshell_settings" in hooks:
        yield "each of its settings has a help text", partial(_helps, registry, plugin)
    if {f"seqshell_{name}" for name in CALLED}.intersection(hooks):
        for task in TASKS:
            rule = f"its hooks work in a small conversation with a model for {task}"
            yield rule, partial(_converses, registry, plugin, Task(task))
    if "seqshell_training" in hooks:
        yield (
            "its hook seqshell_training works in a small training, and does not change the weights",
            partial(_trains, registry, plugin),
        )


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
        if problems := _problems(registry, plugin):
            return Finding(problems[0].message, line)
    shell.end()
    return Finding()


def _trains(registry: Registry, plugin: str) -> str:
    from seqshell.testing.tiny_training import tiny_training

    try:
        weights = tiny_training(registry, lambda: bool(_problems(registry, plugin)))
    except Exception as error:  # what it changes in the run can break any part of the training
        return f"the training fails with it: {reason_of(error)}"
    if problems := _problems(registry, plugin):
        return problems[0].message
    for name, expected in tiny_training(load_registry(Policy(no_plugins=True, strict=True))).items():
        if seen := difference(name, weights[name], expected, limit=0):
            return f"the weights are others than without it: {seen}"
    return ""


def _problems(registry: Registry, plugin: str) -> list[PluginError]:
    return [problem for problem in registry.problems if problem.plugin == plugin]
