"""What is inspected without changing the session: the next token, the score of a text, gradients and attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seqshell.core import attention_labels
from seqshell.core.events.base import Event, Rows, rows_of
from seqshell.core.text_output import columns, probability


@dataclass(frozen=True)
class Likely:
    """A token that may come next: its log-probability before and after the chain (-inf: the chain excludes it)."""

    id: int
    text: str
    log_prob: float
    chain_log_prob: float


@dataclass(frozen=True)
class Top(Event):
    """The most likely next tokens, best first."""

    tokens: tuple[Likely, ...]

    def as_json(self) -> Mapping[str, Any]:
        """The tokens under "top"."""
        return {
            "top": [
                {"id": token.id, "text": token.text, "logprob": token.log_prob, "chain_logprob": token.chain_log_prob}
                for token in self.tokens
            ]
        }

    def as_rows(self) -> Rows:
        """One row for each token."""
        return rows_of(self.as_json()["top"])

    def as_text(self) -> str:
        """A table of the probabilities."""
        rows = [
            (repr(token.text), probability(token.log_prob), probability(token.chain_log_prob)) for token in self.tokens
        ]
        return "\n".join(columns([("token", "model", "chain"), *rows]))


@dataclass(frozen=True)
class Scored:
    """A token of a scored text: log-probability in nats, rank from 0, and the most likely tokens in its place."""

    text: str
    log_prob: float
    rank: int
    most_likely: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Score(Event):
    """The log-probability of a text after what the session has read, which does not change. nats: mean surprisal of a
    token.
    """

    tokens: tuple[Scored, ...]
    log_prob: float
    nats: float
    bits_per_char: float
    perplexity: float

    def as_json(self) -> Mapping[str, Any]:
        """The measures, then the tokens."""
        measures = {"logprob": self.log_prob, "nats": self.nats}
        measures |= {"bits_per_char": self.bits_per_char, "perplexity": self.perplexity}
        tokens = [{"text": token.text, "logprob": token.log_prob, "rank": token.rank} for token in self.tokens]
        return {**measures, "tokens": tokens}

    def as_rows(self) -> Rows:
        """One row for each token."""
        return rows_of(self.as_json()["tokens"])

    def as_text(self) -> str:
        """A table of the tokens, with ranks from 1, and the measures in a line."""
        rows = [
            (
                repr(token.text),
                probability(token.log_prob),
                f"{-token.log_prob:.3f}",
                token.rank + 1,
                " ".join(f"{text!r} {probability(log_prob)}" for text, log_prob in token.most_likely),
            )
            for token in self.tokens
        ]
        measures = (
            f"{-self.log_prob:.3f} nats, {self.nats:.4f} a token, {self.bits_per_char:.4f} bits a character, "
            f"perplexity {self.perplexity:.3f}"
        )
        return "\n".join([*columns([("token", "probability", "nats", "rank", "most likely"), *rows]), measures])


@dataclass(frozen=True)
class Reach(Event):
    """How much each of the last tokens affected the one after them.

    tokens: (text, norm of the gradient of log_prob), oldest first.

    answer: the token that came, or the label, and log_prob its log-probability. half_life: the number of tokens over
    which the norms halve; None if they do not fall.
    """

    tokens: tuple[tuple[str, float], ...]
    answer: str
    log_prob: float
    half_life: float | None

    def as_json(self) -> Mapping[str, Any]:
        """The answer, and the norms with their distance."""
        size = len(self.tokens)
        reach = [{"back": size - index, "text": text, "norm": norm} for index, (text, norm) in enumerate(self.tokens)]
        return {"token": self.answer, "logprob": self.log_prob, "half_life": self.half_life, "reach": reach}

    def as_rows(self) -> Rows:
        """One row for each token."""
        return rows_of(self.as_json()["reach"])

    def as_text(self) -> str:
        """A table of the norms, and a summary in a line."""
        size = len(self.tokens)
        rows = [(size - index, repr(text), float(f"{norm:.4g}")) for index, (text, norm) in enumerate(self.tokens)]
        decay = "no half-life: the norms do not fall"
        if self.half_life is not None:
            decay = f"half-life {self.half_life:.4g} tokens"
        summary = f"of {self.answer!r}, log p {self.log_prob:.4f}; {decay}"
        return "\n".join([*columns([("back", "token", "|d log p / d embedding|"), *rows]), summary])


@dataclass(frozen=True)
class Attention(Event):
    """How much each token of a translation attends to each token of its source: weights [T, S]; each row sums to 1."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: Any = field(repr=False, compare=False)

    def as_json(self) -> Mapping[str, Any]:
        """alignment: for each token of the target, the index of the token of the source with the largest weight."""
        weights = [[float(weight) for weight in row] for row in self.weights]
        return {
            "source": list(attention_labels.names(self.source)),
            "target": list(attention_labels.names(self.target)),
            "weights": weights,
            "alignment": list(attention_labels.alignment(weights)),
        }

    def as_rows(self) -> Rows:
        """The source, then one row for each token of the target."""
        labels = attention_labels.labels(self.target)
        weights = ([float(weight) for weight in row] for row in self.weights)
        rows = [(label, *row) for label, row in zip(labels, weights, strict=True)]
        return [("", *attention_labels.labels(self.source)), *rows]

    def as_text(self) -> str:
        """A table of the weights, one row for each token of the target."""
        rows = [
            [name, *(f"{float(weight):.3f}" for weight in row)]
            for name, row in zip(attention_labels.labels(self.target), self.weights, strict=True)
        ]
        return "\n".join(columns([["", *attention_labels.labels(self.source)], *rows]))
