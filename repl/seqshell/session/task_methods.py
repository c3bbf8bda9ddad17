"""The methods of a session that belong to one task."""

from __future__ import annotations

from typing import Any

from seqshell.core.events import Attention, Forecast, Label, Score, Tags
from seqshell.session.answers import Answer
from seqshell.session.guard import guarded
from seqshell.session.tasks.behaviour import TaskBehaviour


@guarded()
class TaskMethods:
    """What one task does: for a model of another task, each method raises a UsageError."""

    behaviour: TaskBehaviour

    def translate(self, text: str, max_tokens: int | None = None, **options: Any) -> Answer:
        """Translate a text: yields Tokens, then Translation. options: prefix, unknown, nbest, and as in `generate`."""
        return self.behaviour.translate(text, max_tokens, **options)

    def score_translation(self, source: str, target: str, unknown: str = "error") -> Score:
        """The log-probability of a text, its end included, as the translation of another."""
        return self.behaviour.score_translation(source, target, unknown)

    def attention(self) -> Attention:
        """How much each token of the last translation attended to each token of its source."""
        return self.behaviour.attention()

    def classify(self, text: str, *, explain: bool = False, unknown: str = "error") -> Label:
        """The labels of a text with their probabilities. explain: add by how much each token moved the log-odds."""
        return self.behaviour.classify(text, explain=explain, unknown=unknown)

    def label(self, text: str | None = None, *, explain: bool = False) -> Label:
        """The labels of what was read so far; the state is kept. text: shown in the event."""
        return self.behaviour.label(text, explain=explain)

    def tag(self, text: str) -> Tags:
        """The words of a text with their tags."""
        return self.behaviour.tag(text)

    def observe(self, values: Any) -> int:
        """Read values, oldest first: a text, or numbers [M] or [M, F]; returns the number of rows."""
        return self.behaviour.observe(values)

    def forecast(self, steps: int | None = None) -> Forecast:
        """The next `steps` rows, by default as many as the model gives at once; the state is kept."""
        return self.behaviour.forecast(steps)
