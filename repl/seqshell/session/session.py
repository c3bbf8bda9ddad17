"""A model with its state and its history. Knows nothing of terminals, commands or plugins."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.core.events import Branch, Moved, Score, Text, Top
from seqshell.core.model import Model
from seqshell.core.sampling import Request, Sampler, Strategy
from seqshell.core.sealed import Sealed
from seqshell.core.state import State
from seqshell.core.tasks import task_spec
from seqshell.core.text_output import counted
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.decoding.syntax import parse_strategy
from seqshell.host import resolve
from seqshell.session import inspection, restoring, saving
from seqshell.session.answer_options import AnswerOptions
from seqshell.session.answers import Answer, Answers
from seqshell.session.cursor import Cursor
from seqshell.session.forwarding import Forwarded, Settable
from seqshell.session.given import StateRecord
from seqshell.session.guard import ThreadGuard, guarded
from seqshell.session.inspect_methods import InspectMethods
from seqshell.session.intervening import intervene
from seqshell.session.interventions import Change, Intervention, Interventions
from seqshell.session.mark import Mark
from seqshell.session.navigation import Navigator
from seqshell.session.notes import Notes
from seqshell.session.reading import Reading
from seqshell.session.snapshot import Snapshot
from seqshell.session.task_methods import TaskMethods
from seqshell.session.tasks.behaviour import TaskBehaviour

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page
    from seqshell.session.page import TokenColours

MB = 1_000_000
Kinds = Mapping[str, type[Any]] | None  # samplers or strategies by name
Stops = str | Sequence[str]
Chosen = Strategy | str | None
Variants = int | Sequence[Mapping[str, Any]]  # how many candidates, or their settings


@guarded("interrupt", "held_still")
class Session(TaskMethods, InspectMethods, Sealed):
    """One model with its state: it reads, answers, and can go back to any position.

    samplers, strategies: those that settings may name. models: opens one for a strategy, by name. seed: 0 to 2**64 - 1.
    snapshot_mb: for snapshots. Its methods raise a UsageError for wrong types, and while another thread is in one.

    It forwards to its parts, each of which uses only those before it: a Cursor (the current snapshot), a Navigator
    (undo, branches, draws), Answers (strategy, sampler chain) and `behaviour`, the TaskBehaviour of the model's task.
    """

    def __init__(
        self,
        model: Model,
        *,
        samplers: Kinds = None,
        strategies: Kinds = None,
        models: Callable[[str], Model] = Request.open,
        seed: int = 0,
        snapshot_mb: float = 256,
    ) -> None:
        spec = task_spec(model.task)
        kind: type[TaskBehaviour] = resolve(spec.behaviour)
        samplers, strategies = samplers or {}, strategies or {}
        own: dict[str, Any] = {Greedy.name: Greedy, Sample.name: Sample}
        strategy = parse_strategy(spec.strategy, own if spec.strategy not in strategies else strategies)
        self.model = model = kind.prepared(model)
        self._cursor = cursor = Cursor(model, kind.checked_decoder(model), snapshot_mb * MB)
        self._navigator = navigator = Navigator(cursor, kind.stands_alone, seed)
        self._answers = Answers(cursor, navigator, samplers, strategies, strategy, models)
        self.behaviour = kind(cursor, navigator, self._answers)
        self.guard = ThreadGuard()
        self._seal()

    def __repr__(self) -> str:
        number = counted(self._cursor.timeline.num_tokens)
        return f"<Session of {self.model.name}: {self.branch} at position {self.position:,}, {number} in all branches>"

    # Where it is, and its options

    here = Forwarded[Snapshot]("_cursor", "The current snapshot.")
    position = Forwarded[int]("_cursor", "The number of tokens that the state has read.")
    branch = Forwarded[str]("_navigator", "The name of the current branch.")
    seed = Forwarded[int]("_navigator", "The random seed.")
    retry = Forwarded[int]("_navigator", "The draw of this seed in use: 0, or a number that regenerate chose.")
    line = Forwarded[str]("_navigator", "What the user typed to begin this turn.")
    state = Forwarded[State]("_cursor", "A copy of the state: leaves [1, ...], in NamedTuples of the architecture.")
    notes = Forwarded[Notes]("_cursor", "What plugins noted: JSON values by name, which follow undo and branches.")
    interventions = Forwarded[Interventions]("_cursor", "The interventions that are active here.")
    unread = Forwarded[Reading | None]("behaviour", "The text of this turn that an interrupt left in part unread.")
    chain = Settable[tuple[Sampler, ...]](
        "_answers", "The samplers, in order. A change drops what they remember and keeps the state."
    )
    strategy = Settable[Strategy]("_answers", "The strategy of answers that are not given one.")
    excluded = Settable[frozenset[int]]("_answers", "The ids that are never drawn; at first PAD, BOS and UNK.")
    draws_unknown = Settable[bool]("_answers", "True if UNK, for text that the vocabulary lacks, may be drawn.")
    replaces_unknown = Settable[bool]("_answers", "True if the source word that was attended to most replaces UNK.")

    @property
    def snapshot_mb(self) -> float:
        """Memory for snapshots, in MB."""
        return self._cursor.store.budget / MB

    @snapshot_mb.setter
    def snapshot_mb(self, budget: float) -> None:
        if not isinstance(budget, int | float) or not budget >= 0:
            raise TypeError(f"snapshot_mb must be a number of at least 0, not {budget!r:.40}")
        self._cursor.store.budget = budget * MB

    def set_seed(self, seed: int) -> None:
        """Draw with another seed from now on; the state is kept."""
        self._navigator.set_seed(seed)

    # Reading and generating

    def begin_turn(self, line: str = "") -> None:
        """Make what is committed until the next call one turn. line: what the user typed."""
        self._navigator.begin_turn(line)
        self.behaviour.unread = None

    def mark(self) -> Mark:
        """Where the session is, with its branches and how it answers, for `return_to`."""
        return Mark(self._navigator.place(), self.chain, self.strategy, self.excluded, self.replaces_unknown)

    def return_to(self, mark: Mark) -> None:
        """Be again as at the mark; what was read since then is in no branch."""
        if self._cursor.here is not mark.place.here:
            self.behaviour.unread = None
        self._navigator.return_to(mark.place)
        self.chain, self.strategy, self.excluded = mark.chain, mark.strategy, mark.excluded
        self.replaces_unknown = mark.replaces_unknown

    def held_still(self, why: str, *, notes: bool = False) -> AbstractContextManager[None]:
        """A context in which a change of the session raises a UsageError. notes: those can still be changed."""
        return self._cursor.held_still(why, notes=notes)

    def interrupt(self) -> None:
        """Stop what is running at the next token. Safe in a signal handler and from another thread."""
        self._cursor.interrupted = True

    def feed(self, text: str, unknown: str = "error") -> int:
        """Read a text without answering; returns the number of tokens. unknown: as for `TaskBehaviour.encode`."""
        self.behaviour.require_feeding()
        return self._navigator.feed(self.behaviour.encode(text, unknown))

    def feed_ids(self, ids: Sequence[int]) -> int:
        """Read tokens; returns how many were read: fewer after an interrupt."""
        self.behaviour.require_feeding()
        return self._navigator.feed(ids)

    def generate(
        self, max_tokens: int | None = None, *, stop: Stops = (), strategy: Chosen = None, **settings: Any
    ) -> Answer:
        """Answer from the current state: yields each Token after it is committed, then Finished.

        stop: texts that end the answer and are not kept. settings: of samplers, for this call (`temperature=0.8`).
        Closing the iterator leaves the session at the last token.
        """
        return self.behaviour.generate(AnswerOptions.of(max_tokens, stop, strategy, settings))

    def respond(self, text: str, max_tokens: int | None = None, *, unknown: str = "error", **options: Any) -> Answer:
        """Feed a text, then generate. options: as in `generate`; they are checked before anything is read."""
        stop, strategy = options.pop("stop", ()), options.pop("strategy", None)
        chosen = AnswerOptions.of(max_tokens, stop, strategy, options)
        return self.behaviour.generate(chosen, text, unknown)

    def regenerate(
        self, which: Variants = 1, max_tokens: int | None = None, *, stop: Stops = (), strategy: Chosen = None
    ) -> Answer:
        """Generate the last answer again: a number of candidates, or one for each mapping of settings.

        Each is a branch (main.2, main.3, ...), named in Finished; the first becomes the current one. The candidates of
        a search are its best answers. The options are those of the last answer where none is given here. UsageError if
        there is no answer yet.
        """
        return self.behaviour.regenerate(which, AnswerOptions.of(max_tokens, stop, strategy))

    def reset(self) -> Moved:
        """Go to the initial state; undo reverts it."""
        return self.reseed("")

    def reseed(self, text: str, unknown: str = "error") -> Moved:
        """Forget everything, then feed a text; undo reverts it."""
        if text:
            self.behaviour.require_feeding()
        return self._navigator.reseed(self.behaviour.encode(text, unknown))

    def set_state(self, state: State | StateRecord) -> Moved:
        """Continue from a state, as `state` or `seqshell.load_state` gives it. UsageError if it does not fit."""
        return self._navigator.give(self.behaviour.given(state))

    def intervene(self, interventions: Sequence[Intervention]) -> Change | None:
        """Make these the interventions that are active from here on, in one turn; None if they are already.

        What is new begins here: a clamp writes its value to the state, a steering is added. What is left out ends, and
        the state stays as it is. UsageError if the model cannot go on with them; nothing has changed then.
        """
        return intervene(self._cursor, self._navigator, interventions)

    # Back and forth

    def undo(self, turns: int = 1) -> Moved:
        """Go back to before the last turns. UsageError if there are fewer."""
        return self._navigator.undo(turns)

    def undo_tokens(self, number: int = 1) -> Moved:
        """Go back by a number of tokens."""
        return self._navigator.undo_tokens(number)

    def rewind(self, position: int) -> Moved:
        """Go back to a position: 0 to the current one, or -N for N tokens back."""
        return self._navigator.rewind(position)

    def rewind_to(self, text: str) -> Moved:
        """Go back to just after the last occurrence of a text, or of values. UsageError if there is none."""
        return self._navigator.rewind(self.behaviour.rewind_target(text))

    def redo(self, turns: int = 1) -> Moved:
        """Restore what the last undos or rewinds removed. UsageError if something was read since then."""
        return self._navigator.redo(turns)

    def branch_off(self, name: str | None = None) -> Moved:
        """Start a branch at the current position and switch to it; without a name it is called main.2, main.3, ..."""
        return self._navigator.branch_off(name)

    def checkout(self, name: str) -> Moved:
        """Switch to another branch, where it was left."""
        return self._navigator.checkout(name)

    def drop(self, name: str) -> None:
        """Remove a branch other than the current one."""
        self._navigator.drop(name)

    def branches(self) -> tuple[Branch, ...]:
        """All branches, parents before children."""
        return self._navigator.listed()

    def candidates(self) -> tuple[str, ...]:
        """The branches created by regenerate at this point, with the current one. UsageError if there is no other."""
        return tuple(branch.name for branch in self._navigator.branches.candidates())

    # Looking and saving: the state is kept

    def text(self, branch: str | None = None) -> Text:
        """The text of a branch, with the spans that the user wrote."""
        return inspection.text_of(self._cursor, self._navigator.node(branch), self.behaviour.drops_separator)

    @property
    def tail(self) -> str:
        """The last two lines of the text."""
        return self.behaviour.tail()

    def ids(self, branch: str | None = None) -> list[int]:
        """The tokens of a branch."""
        return self._cursor.timeline.ids_to(self._navigator.node(branch))

    def token_texts(self) -> list[str]:
        """The text of each token of this branch; a character of several tokens belongs to the last of them."""
        return inspection.texts_to(self._cursor, self.here.node)

    def ancestor(self, tokens: int) -> Snapshot:
        """The snapshot a number of tokens back."""
        return self._cursor.snapshot(self._cursor.timeline.ancestor(self.here.node, self.position - tokens))

    def top(self, k: int = 10) -> Top:
        """The k most likely next tokens, for the model and after the chain. UsageError if it predicts none here."""
        self.behaviour.require_next_token()
        return inspection.top(self._cursor, self.chain, self.behaviour.excluded_tokens(), self._navigator.draw, k)

    def score(self, text: str, unknown: str = "error") -> Score:
        """The log-probability of a text if it came next. UsageError as for `top`."""
        return self.behaviour.scoring(text, unknown).whole()

    def describe(self) -> Mapping[str, Any]:
        """The position, the state's size and norms, and the snapshots in use, as text."""
        return {**inspection.describe(self._cursor, self.branch), "seed": self.seed, "retry": self.retry}

    def as_page(self, *, settings: Sequence[Any] = (), colours: TokenColours | None = None) -> Page:
        """The session with its branches, as `seqshell.pictures` writes it. settings: rows to show, with their names."""
        from seqshell.session.page import session_page

        return session_page(self._cursor, self._navigator, self.behaviour.drops_separator, settings, colours)

    def _repr_html_(self) -> str:
        """What notebooks show: the whole session."""
        from seqshell.core.pictures.html import fragment

        return fragment(self.as_page())

    def save(self, path: str | Path, settings: Mapping[str, Any] | None = None) -> None:
        """Write the whole session, to go back to any of its tokens. settings: JSON values, for `saved_model`."""
        saving.write(Path(path), self._cursor, self._navigator, self._answers, settings)

    @classmethod
    def restore(
        cls, path: str | Path, model: Model, *, report: Callable[[str], None] | None = None, **options: Any
    ) -> Session:
        """Read a saved session. options: as for Session. CheckpointError if it is damaged or of another model.

        report: called for each sampler or strategy that is not available and is left out; default, a RuntimeWarning.
        """
        session = cls(model, **options)
        problems = restoring.read(Path(path), session._cursor, session._navigator, session._answers)
        for problem in problems:
            warnings.warn(problem, RuntimeWarning, stacklevel=2) if report is None else report(problem)
        return session

    @staticmethod
    def saved_model(path: str | Path) -> saving.SavedModel:
        """The model that a saved session needs. CheckpointError if the file is not a session."""
        return saving.saved_model(Path(path))
