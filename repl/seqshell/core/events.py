"""What happens while a line is answered. The terminal draws events and scripts print them as text or JSON: frozen, without behaviour.

Texts in events come from models, files and plugins and are not safe to print: the output door cleans them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True)
class Token(Event):
    """A token that was committed to the live state. `text` may be empty while a UTF-8 character or a stop text is incomplete.

    outputs: the logits [V] that it was drawn from, before the sampler chain; log-probability, rank and entropy
        are computed from them by whoever wants to show them.
    """

    text: str
    id: int = -1
    position: int = -1
    outputs: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Finished(Event):
    """The end of an answer of GENERATE. Positions [start, end) hold its tokens; log_prob is the model's, in nats, before the chain.

    answer: the whole text. stop: length, eos, stop, interrupt or error. candidate is counted from 1 when there are several.
    settings: those that held for this answer alone, e.g. temperature=0.5.
    """

    text: ClassVar[str] = ""  # all is told: the joined texts of the events of an answer are the answer
    answer: str
    num_tokens: int
    stop: str
    log_prob: float
    start: int
    end: int
    branch: str = "main"
    candidate: int | None = None
    settings: str = ""


@dataclass(frozen=True)
class Candidate:
    """One of the best translations of a text. score: what the strategy ranks by; log_prob: the model's, in nats."""

    text: str
    score: float
    log_prob: float


@dataclass(frozen=True)
class Translation(Finished):
    """The end of an answer of TRANSLATE. Tokens of a strategy that streams are told before it, as Token events.

    source: the text that was translated. candidates: what a search found, as many as were asked for, best first; the first is the answer.
    item: the number of the line, from 1, when a file is translated.
    """

    source: str = ""
    candidates: tuple[Candidate, ...] = ()
    item: int | None = None


@dataclass(frozen=True)
class Label(Event):
    """The answer of CLASSIFY: the likeliest label of a text, and the probability of each, the likeliest first; they sum to 1.

    moved: where the reader asked why, each token of the text and by how much it moved the log-odds of the answer.
    item: the number of the line, from 1, when a file is classified. left_out: where the text was cut, how many of its tokens were not read
    and how many that were stand before them.
    """

    text: str
    answer: str
    probs: tuple[tuple[str, float], ...]
    moved: tuple[tuple[str, float], ...] = ()
    start: int = 0
    end: int = 0
    branch: str = "main"
    item: int | None = None
    left_out: tuple[int, int] | None = None


@dataclass(frozen=True)
class Forecast(Event):
    """The answer of FORECAST: values [N, F] of the next steps as numbers of the data, and an interval around them [N, F], None without one.

    columns: the names of the F series. history [M, F]: what was observed last, oldest first. interval: the quantiles that low and high are.
    low and high are NaN where the model does not know them.
    """

    columns: tuple[str, ...]
    history: Any = field(repr=False, compare=False)
    values: Any = field(repr=False, compare=False)
    low: Any = field(default=None, repr=False, compare=False)
    high: Any = field(default=None, repr=False, compare=False)
    position: int = 0
    branch: str = "main"
    interval: tuple[float, ...] = ()


@dataclass(frozen=True)
class Attention(Event):
    """How much each token of a translation looked at each token of its source: weights [T, S], rows of target sum to 1."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: Any = field(repr=False, compare=False)


@dataclass(frozen=True)
class Moved(Event):
    """The session moved in time. removed: tokens taken back (negative: brought again). undo_path: how to return.

    tail: the last two lines of the text as it is now. Commands read them to tell them; a session moved from Python does not, and has
    them as `session.tail`.
    """

    position: int
    was: int
    branch: str
    tail: str = ""
    removed: int = 0
    undo_path: str = ""


@dataclass(frozen=True)
class Notice(Event):
    """A dim remark beside the result; scripts write it to stderr. level: info, warning, or label: what stands before an answer, on its line."""

    text: str
    level: str = "info"


@dataclass(frozen=True)
class Text(Event):
    """Text that a command was asked for. spans: [start, end) ranges of it that are the user's own (drawn bold)."""

    text: str
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Table(Event):
    """Rows under column names; cells are str, int, float, bool or None."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    title: str = ""


@dataclass(frozen=True)
class Picture(Event):
    """An array [rows, columns] to be drawn as a heat map, with labels {"rows": [...], "columns": [...]}."""

    array: Any = field(repr=False, compare=False)
    labels: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Data(Event):
    """Fields of the line's JSON result that no other event has. Nothing to draw. op: replaces the line's op in the result."""

    values: Mapping[str, Any]
    op: str = ""


@dataclass(frozen=True)
class Likely:
    """A token that may come next: log-probabilities of the model, and after the chain (-inf: the chain excludes it)."""

    id: int
    text: str
    log_prob: float
    chain_log_prob: float


@dataclass(frozen=True)
class Top(Event):
    """The likeliest next tokens, best first."""

    tokens: tuple[Likely, ...]


@dataclass(frozen=True)
class Scored:
    """A token of a text that was scored: log-probability in nats, rank from 0, and the likeliest ones in its place."""

    text: str
    log_prob: float
    rank: int
    likeliest: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Score(Event):
    """A text's log-probability given the live state, which it does not move."""

    tokens: tuple[Scored, ...]
    log_prob: float
    nats: float  # mean surprisal of a token
    bits_per_char: float
    perplexity: float


@dataclass(frozen=True)
class Reach(Event):
    """How much each of the last tokens mattered to what came after them: (text, norm of the gradient of log_prob), oldest first.

    answer: the token that came, or the label, and log_prob how likely it was. half_life: tokens over which the norms halve; None where
    they do not fall.
    """

    tokens: tuple[tuple[str, float], ...]
    answer: str
    log_prob: float
    half_life: float | None


@dataclass(frozen=True)
class Branch:
    """A branch: where it stands, its first words after it left its parent, and the parent's name and the position where it left."""

    name: str
    position: int
    current: bool
    text: str = ""
    parent: str | None = None
    fork: int = 0


@dataclass(frozen=True)
class Branches(Event):
    """The branches of a session, parents before children."""

    branches: tuple[Branch, ...]


@dataclass(frozen=True)
class SettingChanged(Event):
    """/set gave a setting another value."""

    name: str
    value: Any
    was: Any


@dataclass(frozen=True)
class Progress(Event):
    """How far long work has come: `done` of `total` (0: unknown), with what to show beside the bar."""

    done: int
    total: int
    text: str = ""
    description: str = ""


@dataclass(frozen=True)
class ModelOpened(Event):
    """A model became the current one; title and about are the lines that greet the user."""

    name: str
    title: str
    about: str = ""


@dataclass(frozen=True)
class Steps(Event):
    """A script to be taken line by line: the terminal shows its comments as prose and puts each other line into the prompt.

    name: what the user called it, e.g. /tour. lines: as they stand in the file, comments and blocks included.
    """

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Quit(Event):
    """The user wants to leave."""

    code: int = 0


@dataclass(frozen=True)
class LineStarted(Event):
    """A line starts. Lines that it runs, as /source does, start and finish in between.

    op: its name in JSON: the task of a message, the full name of a command with its slash, or empty if no model is open.
    number: counts the lines of the shell from 1. text: the line as it was sent. task: the task of the current model.
    """

    op: str
    number: int
    text: str = ""
    task: str = ""


@dataclass(frozen=True)
class LineFinished(Event):
    """The line that started last ends. changed: whether it moved the current session. failed: an error follows."""

    changed: bool
    failed: bool = False
