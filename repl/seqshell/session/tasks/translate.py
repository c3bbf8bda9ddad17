"""How a session translates: each text begins at a new root of the timeline, so that undo, branch and the rest need to know nothing of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from seqshell.core.errors import SeqshellError, UsageError, VocabularyError
from seqshell.core.events import Attention, Score, Translation
from seqshell.core.model import Task
from seqshell.core.sampling import Draw, Strategy
from seqshell.core.state import attention_of
from seqshell.core.tokenizers import EOS
from seqshell.session import inspection
from seqshell.session.answers import Answer, Answering
from seqshell.session.generation import End, Plan
from seqshell.session.tasks.translation import attention
from seqshell.session.timeline import Source
from seqshell.session.word_alignment import words_of

MOST_SOURCE_TOKENS = 4000  # attention looks at all of them for every token of the answer, and its state holds them all


class Translating(Answering):
    """Answers to texts of another language."""

    @property
    def has_attention(self) -> bool:
        """Whether the model looks back at its source: what `attention` shows and what `replaces_unknown` goes by."""
        return attention_of(self.here.state) is not None

    def translate(
        self,
        text: str,
        max_tokens: int | None = None,
        *,
        prefix: str = "",
        unknown: str = "error",
        stop: str | Sequence[str] = (),
        strategy: Strategy | str | None = None,
        nbest: int = 1,
        **settings: Any,
    ) -> Answer:
        """Translate a text: a Token for each token, as soon as the strategy is sure of it, then Translation. What was before is left behind.

        A text that is empty or blank is answered by an empty Translation, and nothing has moved. prefix: how the answer begins. nbest: so
        many candidates, which a strategy must search for. The others are as in `generate` and `feed`. UsageError or VocabularyError
        when the text cannot be translated; nothing has changed then.
        """
        plan = self.plan_translation(max_tokens, prefix, unknown, stop, strategy, nbest, **settings)
        source = self.read_source(text, unknown, plan.prefix)
        self._forget_interrupt()
        if source is None:
            return iter([Translation("", 0, "eos", 0.0, self.position, self.position, self.branch, source=text)])
        return self._translated(plan, source)

    def plan_translation(
        self,
        max_tokens: int | None = None,
        prefix: str = "",
        unknown: str = "error",
        stop: str | Sequence[str] = (),
        strategy: Strategy | str | None = None,
        nbest: int = 1,
        **settings: Any,
    ) -> Plan:
        """How texts would be translated. Errors as `translate`, but for what is wrong with a text."""
        if self.model.task is not Task.TRANSLATE:
            raise UsageError(f"{self.model.name} does not translate; /models tells which models do")
        plan = self._plan(max_tokens, stop, strategy, settings)
        if nbest < 1:
            raise UsageError("ask for at least one candidate")
        if nbest > 1 and plan.strategy.streams:
            raise UsageError(
                f"{plan.strategy.name} makes one answer; to choose among the {nbest} best, use a search: /strategy beam"
            )
        return replace(plan, num_best=nbest, prefix=self._forced(prefix, unknown, plan.stop.max_tokens))

    def read_source(self, text: str, unknown: str = "error", prefix: tuple[int, ...] = ()) -> Source | None:
        """A text as the model reads it, line breaks as spaces; None when it is blank. UsageError when it is too long, VocabularyError when
        it is not known."""
        words = " ".join(text.split())
        ids = self._encoded(words, unknown, self.model.source_tokenizer) if words else []
        if len(ids) >= MOST_SOURCE_TOKENS:
            raise UsageError(
                f"the text has {len(ids):,} tokens; at most {MOST_SOURCE_TOKENS - 1:,} are translated at once, for the memory and the time "
                "of attention grow with them: translate it in parts"
            )
        return Source(text, (*ids, EOS), prefix) if ids else None

    def attention(self) -> Attention:
        """How much each token of the last translation on this branch looked at each token of its source.

        UsageError when there is none, or the model has no attention.
        """
        return attention(self.live)

    def score_translation(self, source: str, target: str, unknown: str = "error") -> Score:
        """How likely a text is as the translation of another, its end (a last token without text) included; the state is not moved."""
        self.plan_translation()
        read = self.read_source(source, unknown)
        ids = self._encoded(" ".join(target.split()), unknown)
        if read is None or not ids:
            raise UsageError("there is nothing to score in an empty text")
        outputs, state = self.live.reader.begin(read.ids)
        return inspection.score_after(self.live, outputs[0], state, [*ids, EOS])

    # Inside

    def _translated(self, plan: Plan, source: Source) -> Answer:
        """A new root, whose turn the answer belongs to. Where a fault leaves nothing of the answer, nothing has moved."""
        before, retry = self.here, self._retry
        self._is_answered = True
        self._take_turn(answers=True)
        try:
            root = self.live.root(before.node, self._turn, Draw(self._seed, 0), source)
        except BaseException:
            self.live.here = before
            raise
        self._stand(root, 0)
        try:
            yield from self._events(plan, self._turn, None, source, End())
        except SeqshellError:
            if self.here is root:
                self._stand(before, retry)
            raise

    def _forced(self, prefix: str, unknown: str, most: int) -> tuple[int, ...]:
        """The ids of the beginning of an answer of at most so many tokens."""
        tokenizer, prefix = self.model.tokenizer, " ".join(prefix.split())
        ids = self._encoded(prefix, unknown)
        if tokenizer.unk in ids and unknown != "skip":
            word = words_of(prefix, ids, tokenizer)[ids.index(tokenizer.unk)]
            raise VocabularyError(
                f"{self.model.name} does not know {word!r}, so an answer cannot begin with it", text=prefix
            )
        if len(ids) >= most:
            raise UsageError(f"an answer of {most} tokens cannot begin with {len(ids)}; raise max_tokens")
        return tuple(token for token in ids if token != tokenizer.unk)

    def _undrawn(self) -> frozenset[int]:
        return (
            self.excluded - {self.model.tokenizer.unk}
            if self.replaces_unknown and self.has_attention
            else self.excluded
        )

    def _must_go_on(self) -> None:
        super()._must_go_on()
        if self.model.task is Task.TRANSLATE:
            raise UsageError(
                f"{self.model.name} translates whole texts and reads no other; write one, or /translate it"
            )

    def _must_tell_tokens(self) -> None:
        super()._must_tell_tokens()
        if self.model.task is Task.TRANSLATE and self.live.timeline.source(self.here.node) is None:
            raise UsageError(
                "nothing was translated here yet, so nothing can come next; translate a text first", code="no_answer"
            )
