"""The result of evaluating a model, the same type for every task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Evaluation:
    """values: the object that `seqshell evaluate --json` prints.

    answers: the translation of each pair or the label of each text.
    """

    values: dict[str, Any]
    answers: tuple[str, ...] = ()
