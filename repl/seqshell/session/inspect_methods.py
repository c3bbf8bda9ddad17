"""The methods of a session that look into the model. The mathematics is in `seqshell.inspect`, above this package."""

from __future__ import annotations

from seqshell.core.trace import Trace
from seqshell.host import resolve
from seqshell.session.guard import guarded


@guarded()
class InspectMethods:
    """What `seqshell.inspect` finds out, each module of which is imported when it is first used. The state is kept."""

    def trace(self, text: str, unknown: str = "error") -> Trace:
        """The state, the outputs and the surprisal after each token of a text, read from the state here.

        unknown: as for `TaskBehaviour.encode`. UsageError for a model that has no state.
        """
        found: Trace = resolve("seqshell.inspect.tracing:trace_text")(self, text, unknown)
        return found
