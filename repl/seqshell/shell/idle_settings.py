"""Settings that have no effect: on the task of the current model, or with its strategy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import UsageError
from seqshell.core.model import Model
from seqshell.core.tasks import TASKS, TaskSpec, task_spec
from seqshell.shell.setting_specs import SHELL_SETTINGS, is_for_task

if TYPE_CHECKING:
    from seqshell.session import Session


def _that_use(specs: Iterable[TaskSpec]) -> str:
    *first, last = (spec.plural for spec in specs)
    return " and ".join(filter(None, (", ".join(first), last)))


def only_for_drawing(name: str, model: Model) -> UsageError:
    """The error for a field of a sampler or strategy, if the model draws no tokens."""
    users = _that_use(spec for spec in TASKS.values() if spec.draws)
    return UsageError(f"{name} is for {users}; {model.name} is {task_spec(model.task).noun}", code="wrong_task")


def without_effect(name: str, model: Model) -> str:
    """What to tell the user about a setting of the shell that the model does not use; empty if it uses it."""
    if name not in SHELL_SETTINGS or is_for_task(name, model.task):
        return ""
    users = _that_use(spec for spec in TASKS.values() if is_for_task(name, spec.name))
    return f"{name} has no effect on {model.name}, which is {task_spec(model.task).noun}; it is for {users}"


def unused_samplers(session: Session, available: Mapping[str, type[Any]], names: Iterable[str] = ()) -> str:
    """What to tell the user about samplers that the strategy leaves out because it does not sample; else empty.

    available: the registry's samplers by name. names: of the only samplers to look at; empty: all of the chain.
    """
    from seqshell.decoding.chain import is_about_chance
    from seqshell.decoding.syntax import format_chain, known_name

    if getattr(session.strategy, "draws", True):
        return ""
    only = set(names)
    unused = [
        sampler
        for sampler in session.chain
        if is_about_chance(sampler) and (not only or known_name(sampler, available) in only)
    ]
    shown = f"{session.strategy.name} does not sample, so {format_chain(unused, available)} has no effect"
    return f"{shown}; /strategy sample does" if unused else ""
