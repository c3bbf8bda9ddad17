"""What is inspected without changing the session: the next token, the score of a text, gradients and attention."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seqshell.core import attention_labels
from seqshell.core.events.base import Event, Rows
from seqshell.core.text_output import Fixed, columns, fixed, probability, short
from seqshell.core.units import in_both, in_unit

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page


@dataclass(frozen=True)
class Likely:
    """A token that may come next: its log-probability before and after the chain (-inf: the chain excludes it), and the
    bytes that it adds.
    """

    id: int
    text: str
    log_prob: float
    chain_log_prob: float
    piece: bytes = b""


@dataclass(frozen=True)
class Top(Event):
    """The most likely next tokens, best first."""

    tokens: tuple[Likely, ...]

    def as_json(self) -> Mapping[str, Any]:
        """The tokens under "top"."""
        probs = [{"logprob": each.log_prob, "chain_logprob": each.chain_log_prob} for each in self.tokens]
        rows = zip(self.tokens, probs, strict=True)
        return {
            "top": [{"id": each.id, "text": each.text, **logs, "bytes": list(each.piece)} for each, logs in rows],
        }

    def as_rows(self) -> Rows:
        """One row for each token."""
        rows = ((each.id, each.text, each.log_prob, each.chain_log_prob) for each in self.tokens)
        return [("id", "text", "logprob", "chain_logprob"), *rows]

    def as_text(self) -> str:
        """A table of the probabilities."""
        rows = [
            (repr(token.text), probability(token.log_prob), probability(token.chain_log_prob)) for token in self.tokens
        ]
        return "\n".join(columns([("token", "model", "chain"), *rows]))

    def as_page(self) -> Page:
        """A bar for each token, with its probability after the chain beside it."""
        from seqshell.core.pictures.page import Bars, Page

        shares = tuple(math.exp(token.log_prob) for token in self.tokens)
        notes = tuple(f"with sampler {probability(token.chain_log_prob)}" for token in self.tokens)
        return Page((Bars(tuple(repr(token.text) for token in self.tokens), shares, "probability", "", notes),))


@dataclass(frozen=True)
class Scored:
    """A token of a scored text: log-probability in nats, rank from 0, and the most likely tokens in its place.

    id, piece: of the token, and the bytes that it adds. entropy: of what could come there, in nats.
    """

    text: str
    log_prob: float
    rank: int
    most_likely: tuple[tuple[str, float], ...] = ()
    id: int = -1
    piece: bytes = b""
    entropy: float = math.nan

    def as_json(self) -> Mapping[str, Any]:
        """Its fields, with surprisal and entropy in both units."""
        measures = {**in_both("surprisal", -self.log_prob), **in_both("entropy", self.entropy)}
        token = {"id": self.id, "bytes": list(self.piece)} if self.id >= 0 else {}
        return {"text": self.text, "logprob": self.log_prob, "rank": self.rank, **token, **measures}


@dataclass(frozen=True)
class Score(Event):
    """The log-probability of a text after what the session has read, which does not change. nats: mean surprisal of a
    token. unit: that people see, nats or bits.
    """

    tokens: tuple[Scored, ...]
    log_prob: float
    nats: float
    bits_per_char: float
    perplexity: float
    unit: str = "nats"

    def as_json(self) -> Mapping[str, Any]:
        """The measures, then the tokens."""
        measures = {"logprob": self.log_prob, "nats": self.nats, "bits_per_char": self.bits_per_char}
        measures |= {"perplexity": self.perplexity, "bits": in_unit(self.nats, "bits")}
        surprisals = in_both("surprisal", -self.log_prob)
        return {**measures, **surprisals, "tokens": [token.as_json() for token in self.tokens]}

    def as_rows(self) -> Rows:
        """One row for each token of the one sentence, in the unit."""
        rows = (
            (1, number, token.text, in_unit(-token.log_prob, self.unit), in_unit(token.entropy, self.unit))
            for number, token in enumerate(self.tokens, 1)
        )
        return [("sentence_id", "token_id", "token", "surprisal", "entropy"), *rows]

    def as_text(self) -> str:
        """A table of the tokens, with ranks from 1, and the measures in a line."""
        rows = [
            (
                repr(token.text),
                probability(token.log_prob),
                Fixed(in_unit(-token.log_prob, self.unit)),
                token.rank + 1,
                " ".join(f"{text!r} {probability(log_prob)}" for text, log_prob in token.most_likely),
            )
            for token in self.tokens
        ]
        return "\n".join(
            [*columns([("token", "probability", "surprisal", "rank", "most likely"), *rows]), self.summary()]
        )

    def as_page(self) -> Page:
        """The text, coloured by surprisal, and the measures."""
        from seqshell.core.pictures.page import Note, Page, Passage, Piece, surprisal_scale

        values = [in_unit(-token.log_prob, self.unit) for token in self.tokens]
        pieces = tuple(
            Piece(token.text, value, _instead(token)) for token, value in zip(self.tokens, values, strict=True)
        )
        return Page((Passage(pieces, surprisal_scale(values, self.unit)), Note(self.summary())))

    def summary(self) -> str:
        """The measures in a line."""
        whole, mean = (fixed(in_unit(nats, self.unit)) for nats in (-self.log_prob, self.nats))
        bits = f"{fixed(self.bits_per_char)} bits a character"
        return f"{whole} {self.unit}, {mean} a token, {bits}, perplexity {short(self.perplexity)}"


def _instead(token: Scored) -> str:
    """The rank of a token from 1, and what is more likely in its place."""
    likely = " ".join(f"{text!r} {probability(log_prob)}" for text, log_prob in token.most_likely)
    return f"rank {token.rank + 1}" + (f" · most likely: {likely}" if likely else "")


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
            [name, *(Fixed(weight) for weight in row)]
            for name, row in zip(attention_labels.labels(self.target), self.weights, strict=True)
        ]
        return "\n".join(columns([["", *attention_labels.labels(self.source)], *rows]))

    def as_page(self) -> Page:
        """A heat map: columns are the source, rows the translation."""
        from seqshell.core.pictures.page import HeatMap, Page, Scale

        rows, names = attention_labels.labels(self.target), attention_labels.labels(self.source)
        weights = [[float(weight) for weight in row] for row in self.weights]
        return Page((HeatMap(rows, names, weights, Scale(0.0, 1.0, "weight")),))
