"""TRANSLATE: a message is a text to translate, whatever was before it.

Each translation begins at a new root of the timeline, so that undo, branches and the rest work as for any text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from seqshell.core.errors import SeqshellError, UsageError, VocabularyError
from seqshell.core.events import Attention, Event, Score, Translation
from seqshell.core.sampling import Strategy
from seqshell.core.state import attention_of
from seqshell.core.tokenizers import EOS
from seqshell.core.turns import turns_of, with_turns
from seqshell.session import inspection
from seqshell.session.answer_options import NO_OPTIONS, AnswerOptions
from seqshell.session.answers import Answer
from seqshell.session.forks import branch_at
from seqshell.session.generation import End, GenerationPlan, answer
from seqshell.session.given import TranslationSource
from seqshell.session.tasks.behaviour import TaskBehaviour
from seqshell.session.tasks.refusals import SettingValues
from seqshell.session.tasks.source_attention import source_attention
from seqshell.session.tasks.translation_events import translation_events
from seqshell.session.timeline import Timeline
from seqshell.session.unknown_words import UnknownWords, noted
from seqshell.session.word_alignment import words_of

MAX_SOURCE_TOKENS = 4000  # attention looks at all of them for every token of the answer, and its state holds them all


class TranslateBehaviour(TaskBehaviour):
    """A model that translates whole texts."""

    does = "translates whole texts"
    advice = "write a text, or use /translate"

    @staticmethod
    def stands_alone(timeline: Timeline, node: int) -> bool:
        """Every translation does."""
        return timeline.source(node) is not None

    def answer(self, text: str, settings: SettingValues) -> Iterator[Event]:
        """Translate the message; yields a Token for each token, then Translation.

        settings: max_tokens, stop, unknown (error or skip: what to do with unknown characters), nbest (number of
        candidates), turns (the number of earlier messages and answers to read with it). If VocabularyError is raised,
        or the message is blank, nothing has changed.
        """
        unknown = settings["unknown"]
        if text.strip() and (number := settings.get("turns") or 0):
            text = with_turns(self._turns(), text, number)
        plan = self._plan_translation(NO_OPTIONS, "", unknown, settings.get("nbest") or 1, _defaults(settings))
        yield from self._answered(plan, text, unknown)

    def continue_answer(self, settings: SettingValues, number: int | None = None) -> Iterator[Event]:
        """A translation is complete."""
        raise UsageError(f"{self.model.name} {self.does} and cannot continue an answer; /regen translates again")

    def take(self, position: int, token: int, settings: SettingValues) -> Iterator[Event]:
        """Translate the source here again, on a new branch: the answer begins with the tokens before and this one.

        Everything else is as the answer here was asked for. Yields events as `translate`; UsageError if the answer
        cannot be longer, or if it began in a state that was given.
        """
        cursor, timeline, here = self.cursor, self.cursor.timeline, self.cursor.here.node
        root, source = timeline.root(here), timeline.source(here)
        if source is None or timeline.given(here) is not None:
            raise UsageError(
                "the words before this state are not known, so no answer can begin with them",
                hint="/translate --prefix WORDS TEXT begins with words that you write",
            )
        options = timeline.options_after(root, here)
        plan = self._plan_answers(options, settings.get("nbest") or 1, _defaults(settings))
        ids = _checked_prefix((*timeline.ids_to(here)[:position], token), plan.stop.max_tokens)
        cursor.require_free()
        self.navigator.forget_interrupt()
        source = replace(source, prefix=ids)
        return self._on_branch(position, self._for_source(replace(plan, prefix=ids), source), source)

    @property
    def has_attention(self) -> bool:
        """True if the model attends to its source: required by `attention` and for replacing unknown words."""
        return attention_of(self.cursor.here.state) is not None

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
        """Translate a text, whatever was before it: yields each Token as soon as it is final, then Translation.

        prefix: how the answer must begin. nbest: number of candidates, which needs a search. Other options: as in
        `feed` and `generate` of Session. A blank text has an empty translation and moves nothing. UsageError or
        VocabularyError if the text or an option is invalid; nothing has changed then.
        """
        options = AnswerOptions.of(max_tokens, stop, strategy, settings)
        return self._answered(self._plan_translation(options, prefix, unknown, nbest), text, unknown)

    def _answered(self, plan: GenerationPlan, text: str, unknown: str) -> Answer:
        source = self._source(text, unknown, plan.prefix)
        self.navigator.forget_interrupt()
        if source is None:
            position, branch = self.cursor.position, self.navigator.branch
            return iter([Translation("", 0, "eos", 0.0, position, position, branch, source=text)])
        return noted(self._translated(self._for_source(plan, source), source), self.unknown(text))

    def translate_lines(
        self,
        lines: Iterable[str],
        settings: SettingValues,
        prefix: str = "",
        strategy: Strategy | None = None,
    ) -> Iterator[Event]:
        """Translate lines, settings as for `answer`; the session does not move. See translate_lines."""
        from seqshell.session.tasks.translate_lines import translate_lines

        unknown, options = settings["unknown"], AnswerOptions.of(None, (), strategy, {})
        plan = self._plan_translation(options, prefix, unknown, settings.get("nbest") or 1, _defaults(settings))
        return translate_lines(self, lines, plan, lambda line: self._source(line, unknown, plan.prefix))

    def attention(self) -> Attention:
        """How much each token of the last translation attended to each token of its source.

        UsageError if there is none.
        """
        return source_attention(self.cursor)

    def score_translation(self, source: str, target: str, unknown: str = "error") -> Score:
        """The log-probability of a text as the translation of another, including its end, a last token without text."""
        read = self._source(source, unknown, ())
        ids = self.encode(" ".join(target.split()), unknown)
        if read is None or not ids:
            raise UsageError("cannot score an empty text")
        outputs, state = self.cursor.decoder.begin(read.ids)
        return inspection.Scoring(self.cursor, outputs[0], state, [*ids, EOS]).whole()

    # What generating asks for

    def require_next_token(self) -> None:
        """There is one within a translation only."""
        if self.cursor.timeline.source(self.cursor.here.node) is None:
            raise UsageError(
                "no translation here yet, so there is no next token; translate a text first", code="no_answer"
            )

    def plan(self, options: AnswerOptions, defaults: AnswerOptions = NO_OPTIONS) -> GenerationPlan:
        """As in the base class, with the prefix of the translation here, for its source."""
        plan = super().plan(options, defaults)
        source = self.cursor.timeline.source(self.cursor.here.node)
        return plan if source is None else self._for_source(replace(plan, prefix=source.prefix), source)

    def excluded_tokens(self) -> frozenset[int]:
        """UNK may be drawn if a source word replaces it."""
        if self.answers.replaces_unknown and self.has_attention:
            return self.answers.excluded - {self.model.tokenizer.unk}
        return self.answers.excluded

    def last_answer(self) -> tuple[int, int]:
        """The root of the translation here, and its turn."""
        timeline = self.cursor.timeline
        root = timeline.root(self.cursor.here.node)
        return (root, timeline.turn[timeline.run_of(root)]) if root in timeline.sources else self.answers.last_answer()

    def candidate(self, plan: GenerationPlan, turn: int, number: int | None, end: End) -> Answer:
        """Translate the source here, in the turn of the answer that it replaces."""
        events = answer(self.cursor, plan, turn, self.navigator.draw, self.navigator.branch, number, end)
        source = self.cursor.timeline.source(self.cursor.here.node)
        assert source is not None  # last_answer has found one
        shows_best = number is None  # candidates of one search are answers of their own
        return translation_events(
            self.cursor, events, source, self.answers.replaces_unknown, end if shows_best else End()
        )

    # Inside

    def _turns(self) -> tuple[str, ...]:
        """The messages and answers up to here that the model has read or written, oldest first."""
        here = self.cursor.here.node
        source = self.cursor.timeline.source(here)
        if source is None:
            return ()
        return (*turns_of(source.text), inspection.text_of(self.cursor, here, self.drops_separator).text)

    def _plan_translation(
        self, options: AnswerOptions, prefix: str, unknown: str, nbest: int, defaults: AnswerOptions = NO_OPTIONS
    ) -> GenerationPlan:
        plan = self._plan_answers(options, nbest, defaults)
        return replace(plan, prefix=self._prefix(prefix, unknown, plan.stop.max_tokens))

    def _plan_answers(self, options: AnswerOptions, nbest: int, defaults: AnswerOptions) -> GenerationPlan:
        """How to find the best answers of a source, whatever they begin with."""
        plan = super().plan(options, defaults)
        if nbest < 1:
            raise UsageError("the number of candidates must be at least 1")
        if nbest > 1 and plan.strategy.streams:
            raise UsageError(
                f"{plan.strategy.name} generates one answer; for the {nbest} best, use a search such as /strategy beam"
            )
        return replace(plan, num_best=nbest)

    def _for_source(self, plan: GenerationPlan, source: TranslationSource) -> GenerationPlan:
        """The plan, copying the unknown words of the source if they replace UNK."""
        return replace(plan, copying=UnknownWords(self.model, source, self.answers.replaces_unknown).copying)

    def _prefix(self, prefix: str, unknown: str, max_tokens: int) -> tuple[int, ...]:
        """The ids that an answer of at most max_tokens must begin with."""
        tokenizer, prefix = self.model.tokenizer, " ".join(prefix.split())
        ids = self.encode(prefix, unknown)
        if tokenizer.unk in ids and unknown != "skip":
            word = words_of(prefix, ids, tokenizer)[ids.index(tokenizer.unk)]
            name = self.model.name
            raise VocabularyError(f"{name}'s vocabulary has no {word!r}, so no answer can begin with it", text=prefix)
        return tuple(token for token in _checked_prefix(ids, max_tokens) if token != tokenizer.unk)

    def _source(self, text: str, unknown: str, prefix: tuple[int, ...]) -> TranslationSource | None:
        """A text as the model reads it, white space as single spaces; None if it is blank.

        UsageError if it is too long, VocabularyError if it has unknown characters.
        """
        words = " ".join(text.split())
        ids = self.encode(words, unknown, self.model.source_tokenizer) if words else []
        if len(ids) >= MAX_SOURCE_TOKENS:
            raise UsageError(
                f"the text has {len(ids):,} tokens; the memory and time of attention grow with them, so the limit is "
                f"{MAX_SOURCE_TOKENS - 1:,}: translate it in parts"
            )
        return TranslationSource(text, (*ids, EOS), prefix) if ids else None

    def _on_branch(self, position: int, plan: GenerationPlan, source: TranslationSource) -> Answer:
        """The same as `_translated`, on a branch that leaves the current one at a position."""
        cursor, navigator = self.cursor, self.navigator
        place = navigator.place()
        navigator.switch(navigator.branches.add(branch_at(navigator, position)), cursor.here, navigator.retry)
        try:
            yield from self._translated(plan, source)
        except SeqshellError:
            if cursor.here is place.here:
                navigator.return_to(place)
            raise

    def _translated(self, plan: GenerationPlan, source: TranslationSource) -> Answer:
        """Translate from a new root, in its turn. If a fault leaves no token of the answer, nothing has moved."""
        cursor, navigator = self.cursor, self.navigator
        before, retry = cursor.here, navigator.retry
        navigator.restart(start=source)
        root = cursor.here
        try:
            yield from self.candidate(plan, navigator.turn, None, End())
        except SeqshellError:
            if cursor.here is root:
                navigator.go_to(before, retry)
            raise


def _checked_prefix(ids: Sequence[int], max_tokens: int) -> tuple[int, ...]:
    """The ids. UsageError if no answer of at most max_tokens can begin with them."""
    if len(ids) >= max_tokens:
        raise UsageError(f"the prefix has {len(ids)} tokens, the answer at most {max_tokens}; raise max_tokens")
    return tuple(ids)


def _defaults(settings: SettingValues) -> AnswerOptions:
    return AnswerOptions.of(settings.get("max_tokens"), settings.get("stop") or ())
