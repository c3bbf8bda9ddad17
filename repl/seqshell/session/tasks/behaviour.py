"""What a session does with messages: the part of a session that depends on the task of its model."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from seqshell.core.decoder import Decoder
from seqshell.core.errors import SeqshellError, UsageError, VocabularyError
from seqshell.core.events import Event
from seqshell.core.model import Model
from seqshell.core.state import State
from seqshell.core.tokenizers import Tokenizer
from seqshell.models.task_parts.parts import Contents, parts_of
from seqshell.session import inspection
from seqshell.session.answer_options import NO_OPTIONS, AnswerOptions
from seqshell.session.answers import Answer, Answers
from seqshell.session.checked_decoder import CheckedDecoder
from seqshell.session.cursor import Cursor
from seqshell.session.generation import End, GenerationPlan, answer
from seqshell.session.given import StateRecord
from seqshell.session.navigation import Navigator
from seqshell.session.reading import Reading
from seqshell.session.state_record import changed, record_at
from seqshell.session.tasks.refusals import Refusals, SettingValues
from seqshell.session.timeline import Timeline
from seqshell.session.unknown_words import noted, unknown_parts


class TaskBehaviour(Refusals):
    """The behaviour of a session for one task. Subclasses override what they can do; the rest raises a UsageError.

    drops_separator: the text of a session begins with its first word, not with the separator before it.
    allows_impossible, output_noun: see CheckedDecoder. labels_texts: a text has a label, which the prompt shows while
    it is typed.
    """

    drops_separator: ClassVar[bool] = True
    labels_texts: ClassVar[bool] = False
    allows_impossible: ClassVar[bool] = True
    output_noun: ClassVar[str] = "logits"

    def __init__(self, cursor: Cursor, navigator: Navigator, answers: Answers) -> None:
        self.model = cursor.model
        self.cursor = cursor
        self.navigator = navigator
        self.answers = answers
        self.unread: Reading | None = None  # the text of this turn that an interrupt left in part unread

    @property
    def has_read(self) -> bool:
        """True if the session has read or generated anything, even if that was undone."""
        return any(token >= 0 for token in self.cursor.timeline.ids)

    # Known before the session starts

    @classmethod
    def prepared(cls, model: Model) -> Model:
        """The model as one session uses it."""
        return model

    @classmethod
    def decoder(cls, model: Model) -> Decoder:
        """The model's decoder as the session uses it: it reads token ids."""
        return model.decoder

    @classmethod
    def checked_decoder(cls, model: Model) -> CheckedDecoder:
        """The same, with outputs that are checked by the rules of the task."""
        contents = Contents(model.tokenizer, model.source_tokenizer, model.labels, model.series)
        shape, _ = parts_of(model.task).output_shape(contents)
        return CheckedDecoder(model, cls.decoder(model), shape, cls.allows_impossible, cls.output_noun)

    @staticmethod
    def stands_alone(timeline: Timeline, node: int) -> bool:
        """True if the text up to the node does not continue what was before its root."""
        return False

    # A message and its answer

    def answer(self, text: str, settings: SettingValues) -> Iterator[Event]:
        """Answer one message of the user, taken verbatim."""
        self.refuse("answer messages")

    def continue_answer(self, settings: SettingValues, number: int | None = None) -> Iterator[Event]:
        """Continue without a message, by `number` tokens or steps; None: as the settings say."""
        self.refuse("continue an answer")

    def record(self, node: int, name: str) -> StateRecord:
        """The state at a node. name: what to call it."""
        return record_at(self.cursor, node, name)

    def given(self, state: State | StateRecord) -> StateRecord:
        """A state that the user gives. UsageError if it does not fit the model."""
        if isinstance(state, StateRecord):
            return state
        return changed(self.cursor, self.record(self.cursor.here.node, "here"), state, "a given state")

    # Reading and generating

    def encode(self, text: str, unknown: str = "error", tokenizer: Tokenizer | None = None) -> list[int]:
        """The ids of a text. VocabularyError names unknown characters; unknown="skip" leaves them out."""
        tokenizer = tokenizer or self.model.tokenizer
        try:
            return tokenizer.encode(text)
        except VocabularyError as error:
            if unknown != "skip" or not error.positions:
                named = error.message.replace("the model", self.model.name, 1)
                raise VocabularyError(named, text=error.text, positions=error.positions, hint=error.hint) from None
            left_out = set(error.positions)
            return tokenizer.encode("".join(character for index, character in enumerate(text) if index not in left_out))

    def read(
        self, ids: list[int], then: Callable[[], Iterator[Event]] = lambda: iter(()), *, anew: bool = False
    ) -> Iterator[Event]:
        """Read ids, with Progress if that takes long, then yield the events of `then`.

        An interrupt leaves the rest to be read later: see Reading. anew: forget what was read before.
        """
        return self.read_rest(Reading(self.cursor, self.navigator, ids, self.size, then, anew=anew))

    def read_rest(self, reading: Reading) -> Generator[Event, None, None]:
        """Read what is left of a text, then yield the events that follow it."""
        self.unread = reading
        try:
            yield from reading.steps()
        except SeqshellError:
            self.unread = None
            raise
        if reading.is_done:
            self.unread = None
            yield from reading.then()

    def read_whole(
        self, text: str, unknown: str, then: Callable[[int], Iterator[Event]], *, anew: bool = False
    ) -> Iterator[Event]:
        """Read a text as in `read`. then: is called with the number of its tokens."""
        ids = self.encode(text, unknown)
        return self.read(ids, lambda: then(len(ids)), anew=anew)

    def reseed(self, text: str, unknown: str) -> Iterator[Event]:
        """Forget everything, then read a text as in `read`; yields Moved at the end."""
        self.require_feeding()
        was = self.cursor.position

        def moved(_: int) -> Iterator[Event]:
            yield replace(self.navigator.restarted(was), tail=self.tail())

        return self.read_whole(text, unknown, moved, anew=True)

    def tail(self) -> str:
        """The end of the text here, to show after moving."""
        return inspection.last_lines(self.cursor, self.cursor.here.node, self.drops_separator)

    def size(self, ids: Sequence[int]) -> tuple[str, str]:
        """The size of a text, as "6,976", and what is counted."""
        return f"{len(self.cursor.token_text.text(ids)):,}", "characters"

    def unknown(self, text: str, tokenizer: Tokenizer | None = None) -> tuple[str, ...]:
        """The different parts of an input that the model cannot read, in their order."""
        return unknown_parts(text, tokenizer or self.model.source_tokenizer or self.model.tokenizer)

    def require_feeding(self) -> None:
        """UsageError unless the session can read a text without answering."""
        self.refuse("read a text without answering it")

    def require_generating(self) -> None:
        """UsageError unless the session can generate from its current state."""
        self.refuse("generate text")

    def require_next_token(self) -> None:
        """UsageError unless the outputs here are logits for the next token."""
        self.refuse("predict the next token")

    def scoring(self, text: str, unknown: str = "error") -> inspection.Scoring:
        """The log-probability of a text if it came next. UsageError as for `require_next_token`."""
        self.require_next_token()
        self.navigator.forget_interrupt()
        return inspection.Scoring.here(self.cursor, self.encode(text, unknown))

    def plan(self, options: AnswerOptions, defaults: AnswerOptions = NO_OPTIONS) -> GenerationPlan:
        """How to generate an answer with these options and, where one is missing, the defaults.

        UsageError if one of them is invalid.
        """
        return self.answers.plan(options, defaults, self.excluded_tokens())

    def excluded_tokens(self) -> frozenset[int]:
        """The ids that are not drawn in the next answer."""
        return self.answers.excluded

    def last_answer(self) -> tuple[int, int]:
        """The node before the answer that regenerate replaces, and the answer's turn. UsageError if there is none."""
        self.refuse("regenerate an answer")

    def generate(
        self,
        options: AnswerOptions,
        message: str | None = None,
        unknown: str = "error",
        *,
        defaults: AnswerOptions = NO_OPTIONS,
    ) -> Answer:
        """Answer from the current state.

        message: a text to read first, once the options are known to be valid. unknown: as for `encode`.
        """
        self.require_generating()
        plan = self.plan(options, defaults)
        self.navigator.forget_interrupt()
        if message is None:
            return self.answers.generate(plan)
        self.navigator.feed(self.encode(message, unknown))
        return noted(self.answers.generate(plan), self.unknown(message))

    def regenerate(
        self,
        which: int | Sequence[Mapping[str, Any]],
        options: AnswerOptions = NO_OPTIONS,
        *,
        defaults: AnswerOptions = NO_OPTIONS,
    ) -> Answer:
        """Generate candidates for the last answer: a number of them, or one for each mapping of settings.

        options: they replace those that the last answer was given.
        """
        variants = [{}] * which if isinstance(which, int) else which
        if not variants:
            raise UsageError("the number of candidates must be at least 1")
        point, turn = self.last_answer()
        options = options.over(self.cursor.timeline.options_after(point, self.cursor.here.node))
        plans = [self.plan(AnswerOptions(settings=settings).over(options), defaults) for settings in variants]
        of_one_search = isinstance(which, int) and not plans[0].strategy.streams
        return self.answers.candidates(plans, point, turn, self.candidate, of_one_search=of_one_search)

    def candidate(self, plan: GenerationPlan, turn: int, number: int | None, end: End) -> Answer:
        """Generate one candidate from the current position, in the turn of the answer that it replaces."""
        return answer(self.cursor, plan, turn, self.navigator.draw, self.navigator.branch, number, end)

    def take(self, position: int, token: int, settings: SettingValues) -> Iterator[Event]:
        """Put a token in the place of the one after `position` tokens, on a branch. settings: as for `answer`."""
        self.refuse("go on from a token")

    def rewind_target(self, text: str) -> int:
        """The position just after the last occurrence of a text. UsageError if there is none."""
        return inspection.find_last(self.cursor, text)
