"""A live model and its hidden state, in time. Knows nothing of terminals, commands or plugins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqshell.core.errors import UsageError
from seqshell.core.events import Moved, Score, Text, Top
from seqshell.core.model import Model
from seqshell.core.sampling import Draw, Strategy
from seqshell.session import inspection, saving
from seqshell.session.answers import Answer
from seqshell.session.tasks.classify import Classifying
from seqshell.session.tasks.forecast import Forecasting
from seqshell.session.tasks.translate import Translating
from seqshell.session.tasks.value_decoder import with_values

MB = 1_000_000


class Session(Translating, Classifying, Forecasting):
    """One model, live: it reads, answers, and goes back to any moment.

    samplers, strategies: what the words of settings mean. snapshot_mb: memory for the snapshots that going back lands on.
    seed: of the counted draws, 0 to 2**64 - 1.
    """

    def __init__(
        self,
        model: Model,
        *,
        samplers: Mapping[str, type[Any]] | None = None,
        strategies: Mapping[str, type[Any]] | None = None,
        seed: int = 0,
        snapshot_mb: float = 256,
    ) -> None:
        super().__init__(with_values(model), samplers or {}, strategies or {}, seed, snapshot_mb * MB)

    @property
    def snapshot_mb(self) -> float:
        """MB for the snapshots that going back lands on."""
        return self.live.store.budget / MB

    @snapshot_mb.setter
    def snapshot_mb(self, budget: float) -> None:
        self.live.store.budget = budget * MB

    # Reading and answering

    def feed(self, text: str, unknown: str = "error") -> int:
        """Read a text without answering; returns the number of tokens. unknown="skip" leaves out characters that the model does not know.

        VocabularyError names such characters otherwise. After an error nothing has changed.
        """
        self._must_go_on()
        return self.feed_ids(self._encoded(text, unknown))

    def feed_ids(self, ids: Sequence[int]) -> int:
        """Read tokens; returns how many (fewer than there are after an interrupt)."""
        size = self.model.tokenizer.size
        if ids and not 0 <= min(ids) <= max(ids) < size:
            raise UsageError(f"ids of this vocabulary are 0 to {size - 1}")
        self._must_be_causal()
        self._must_go_on()
        self._forget_interrupt()
        self._take_turn(answers=False)
        return self.live.feed(list(ids), self._turn, self._draw)

    def generate(
        self,
        max_tokens: int | None = None,
        *,
        stop: str | Sequence[str] = (),
        strategy: Strategy | str | None = None,
        **settings: Any,
    ) -> Answer:
        """Answer from the live state: a Token for each token, committed before it is told, then Finished.

        stop: texts at which the answer ends; they are neither told nor kept. settings: values of samplers for this call alone
        (`temperature=0.8`). Closing the iterator leaves the session at the last token told. UsageError for what cannot be used.
        """
        self._must_go_on()
        plan = self._plan(max_tokens, stop, strategy, settings)
        self._forget_interrupt()
        return self._answer(plan)

    def respond(
        self,
        text: str,
        max_tokens: int | None = None,
        *,
        unknown: str = "error",
        stop: str | Sequence[str] = (),
        strategy: Strategy | str | None = None,
        **settings: Any,
    ) -> Answer:
        """Feed a text, then generate."""
        self._must_go_on()
        plan = self._plan(max_tokens, stop, strategy, settings)
        self.feed(text, unknown)
        return self._answer(plan)

    def reset(self) -> Moved:
        """Back to the initial state; undo takes it back."""
        return self.reseed("")

    def reseed(self, text: str, unknown: str = "error") -> Moved:
        """Forget, then feed a text; undo takes it back. After an error nothing has changed."""
        if text:
            self._must_go_on()
        ids, before, was = self._encoded(text, unknown), self.here, self.position
        if was or ids or self.live.timeline.source(before.node):
            self._is_answered = True
            self._take_turn(answers=False)
            try:
                self.live.root(before.node, self._turn, Draw(self._seed, 0))
                self.live.feed(ids, self._turn, Draw(self._seed, 0))
            except BaseException:
                self.live.here = before
                raise
            self._stand(self.here, 0)
        return self._moved(was, was, "/undo brings them again" if was else "")

    # Looking

    def text(self, branch: str | None = None) -> Text:
        """The text of a branch as it is now, with the spans that the user wrote."""
        return inspection.text_of(self.live, self._node(branch))

    def ids(self, branch: str | None = None) -> list[int]:
        """The tokens of a branch."""
        return self.live.timeline.ids_to(self._node(branch))

    def top(self, k: int = 10) -> Top:
        """The k likeliest next tokens, for the model and after the chain; UsageError before the first translation."""
        self._must_tell_tokens()
        return inspection.top(self.live, self._chain, self._undrawn(), self._draw, k)

    def score(self, text: str, unknown: str = "error") -> Score:
        """How likely a text would be if it came next; the state is not moved. UsageError before the first translation."""
        self._must_tell_tokens()
        return inspection.score(self.live, self._encoded(text, unknown))

    def describe(self) -> Mapping[str, Any]:
        """The state's size and norms, where it stands and the snapshots in use, in words."""
        return {**inspection.describe(self.live, self.branch), "seed": self._seed, "retry": self._retry}

    # Files

    def save(self, path: str | Path) -> None:
        """Write the whole session: every token, the branches, what could be redone, and snapshots to go back to."""
        self._keep_place()
        whole = saving.Saved(self.live, self._branches, self._chain, self.strategy, self._seed, self._retry, self._turn)
        saving.write(Path(path), whole, self._samplers, self._strategies)

    @classmethod
    def restore(
        cls,
        path: str | Path,
        model: Model,
        *,
        samplers: Mapping[str, type[Any]] | None = None,
        strategies: Mapping[str, type[Any]] | None = None,
        snapshot_mb: float = 256,
    ) -> Session:
        """The session that was saved; its next tokens are those that would have come.

        CheckpointError for a file that is damaged, or that was saved with another model.
        """
        session = cls(model, samplers=samplers, strategies=strategies, snapshot_mb=snapshot_mb)
        saved = saving.read(Path(path), session.live, session._samplers, session._strategies)
        session._branches, session._chain, session.strategy = saved.branches, saved.chain, saved.strategy
        session._seed, session._retry, session._turn = saved.seed, saved.retry, saved.turn
        session._is_answered = True
        return session

    @staticmethod
    def saved_model(path: str | Path) -> saving.SavedModel:
        """The model that a saved session needs. CheckpointError when the file is none."""
        return saving.saved_model(Path(path))

    # Inside

    def _node(self, branch: str | None) -> int:
        self._keep_place()
        return self._branches[branch].node if branch else self.here.node
