"""What a session does with messages, for each task: a TaskBehaviour, imported when a session with that task starts."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqshell.session.tasks.behaviour import TaskBehaviour

_BEHAVIOURS = MappingProxyType(
    {
        "generate": "seqshell.session.tasks.generate:GenerateBehaviour",
        "translate": "seqshell.session.tasks.translate:TranslateBehaviour",
        "classify": "seqshell.session.tasks.classify:ClassifyBehaviour",
        "forecast": "seqshell.session.tasks.forecast:ForecastBehaviour",
    }
)


def behaviour_for(task: str) -> type[TaskBehaviour]:
    """The class of a task's behaviour."""
    module, _, name = _BEHAVIOURS[task].partition(":")
    found: Any = getattr(import_module(module), name)
    return found  # type: ignore[no-any-return]  # named by a string
