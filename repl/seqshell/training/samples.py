"""What a model that is being trained answers to its first example."""

from __future__ import annotations

from seqshell.core.plugin_guard import reason_and_place
from seqshell.host import Registry
from seqshell.training.run import Run


def sample(run: Run, registry: Registry) -> str:
    """The model's answer to its first example. What goes wrong there does not end the training."""
    run.average.eval()
    try:
        return run.objective.sample(run.average, registry)
    except Exception as error:
        return f"no sample: {reason_and_place(error)}"
