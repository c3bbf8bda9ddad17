"""A plugin's torch module, whose calls are watched: what it raises, and what it returns, is blamed on it at once.

Otherwise the error would name the loss that cannot use the outputs, or a later call that cannot use the state.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any

from seqshell.core.model import Architecture
from seqshell.models.module_checks import check_methods, check_outputs, check_pair, check_state
from seqshell.models.task_parts.parts import parts_of
from seqshell.training.chunked_loss import has_halves

Check = Callable[[Any, Any, tuple[Any, ...]], Any]  # what a method returned, the method, its arguments; returns it
STATES = ("initial_state", "encode", "observe")  # methods that return a state


def checked_module(
    module: Any, architecture: Architecture, config: Any, guard: AbstractContextManager[None] | None = None
) -> Any:
    """The module, which now belongs to a subclass of its class whose methods check what they return.

    guard: surrounds each call. WrongReturn if a method is missing.
    """
    guard = guard or nullcontext()
    parts = parts_of(architecture.task)
    outputs, kind = parts.module_outputs(config), type(module)
    is_per_step = architecture.causal or parts.is_per_token

    def check_forward(found: Any, method: Any, given: tuple[Any, ...]) -> Any:
        shape = given[0].shape
        pair = check_pair(found, method, given[1], shape[0])
        check_outputs(pair[0], (shape[0], shape[1] if is_per_step else 1, *outputs), method)
        return pair

    def check_first(found: Any, method: Any, given: tuple[Any, ...]) -> Any:
        size = given[0] if given else 1  # of the batch, or what it reads
        return check_state(found, method, size if isinstance(size, int) else size.shape[0])

    def check_hidden(found: Any, method: Any, given: tuple[Any, ...]) -> Any:
        return check_pair(found, method, given[1], given[0].shape[0], "the hidden states")

    def check_logits(found: Any, method: Any, given: tuple[Any, ...]) -> Any:
        check_outputs(found, (*given[0].shape[:-1], *outputs), method)
        return found

    def watched(method: Any, check: Check, calls: Any) -> Callable[..., Any]:
        @wraps(method)
        def call(self: Any, *given: Any) -> Any:
            with guard:
                return check(method(self, *given), calls, given)

        return call

    with guard:
        check_methods(module, parts.module_methods, architecture.task)
    checks: dict[str, Check] = dict.fromkeys(STATES, check_first)
    checks["count"] = lambda found, method, given: found
    if has_halves(module):
        checks |= {"hidden_states": check_hidden, "logits": check_logits}
    methods = {
        name: watched(method, check, method) for name, check in checks.items() if (method := getattr(kind, name, 0))
    }
    methods["__call__"] = watched(kind.__call__, check_forward, kind.forward)  # which calls forward
    module.__class__ = type(kind.__name__, (kind,), {"__module__": kind.__module__, "__doc__": kind.__doc__, **methods})
    return module
