"""What to do with each line: the same for all workers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seqshell.core.tasks import Task

# The verbs, and the task whose default model is used without -m.
VERBS: Mapping[str, Task] = {
    "translate": Task.TRANSLATE,
    "classify": Task.CLASSIFY,
    "tag": Task.TAG,
    "score": Task.GENERATE,
    "forecast": Task.FORECAST,
    "trace": Task.GENERATE,
}


@dataclass(frozen=True)
class Job:
    """What bulk work does, as JSON can hold it.

    settings: (name, value) of each --set. strategy: in the syntax of /strategy; "": that of the model. json: write
    objects. unit: of surprisals, nats or bits. what: the arrays of a trace, divided by commas; "": none.
    """

    verb: str
    model: str
    settings: tuple[tuple[str, str], ...] = ()
    strategy: str = ""
    json: bool = False
    unit: str = "nats"
    what: str = ""
    seed: int = 0
    no_plugins: bool = False
    plugins: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Its fields."""
        return dataclasses.asdict(self)

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Job:
        """The job with these fields."""
        settings = tuple((str(name), str(value)) for name, value in values["settings"])
        return cls(**{**values, "settings": settings, "plugins": tuple(values["plugins"])})
