"""Tables of a tagger's metrics: beside the baseline, and by tag or by type of entity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqshell.core.events import Table
from seqshell.training.tagging.baseline import NAME, TITLE

TITLES = {
    "accuracy": "accuracy",
    "unknown_accuracy": "of unknown words",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
}


def metrics_table(name: str, values: Mapping[str, Any]) -> Table:
    """The metrics of the model and of the baseline."""
    rows = {name: values, TITLE: values["baselines"][NAME]}
    known = [key for key in TITLES if key in values]
    cells = ((title, *(percent(metrics[key]) for key in known)) for title, metrics in rows.items())
    return Table(("", *(TITLES[key] for key in known)), tuple(cells))


def types_table(by_type: Sequence[Mapping[str, Any]]) -> Table:
    """The metrics of `entity_metrics`, one row for each type."""
    rows = (
        (item["type"], item["entities"], *(percent(item[key]) for key in ("precision", "recall", "f1")))
        for item in by_type
    )
    return Table(("type", "entities", "precision", "recall", "F1"), tuple(rows))


def tags_table(by_tag: Sequence[Mapping[str, Any]]) -> Table:
    """The metrics of `label_metrics`, one row for each tag."""
    rows = (
        (item["label"], item["items"], *(percent(item[key]) for key in ("precision", "recall", "f1")))
        for item in by_tag
    )
    return Table(("tag", "words", "precision", "recall", "F1"), tuple(rows))


def percent(share: float | None) -> str:
    """A share in percent; a dash for none."""
    return "-" if share is None else f"{100 * share:.2f} %"
