"""A checkpoint of a tagger: one tokenizer, and the tags by number."""

from __future__ import annotations

from seqshell.core.tasks import Task
from seqshell.models.task_parts.classify import ClassifyParts


class TagParts(ClassifyParts):
    """A tokenizer and at least two tags, which are the labels of tokens."""

    task = Task.TAG
    is_per_token = True
