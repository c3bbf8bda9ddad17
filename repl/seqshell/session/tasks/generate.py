"""GENERATE: a message is fed to the current state, and the model continues it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from seqshell.core.events import Event, Moved
from seqshell.session.answer_options import AnswerOptions
from seqshell.session.answers import Answer
from seqshell.session.forks import fork
from seqshell.session.tasks.behaviour import TaskBehaviour
from seqshell.session.tasks.refusals import SettingValues
from seqshell.session.unknown_words import noted


class GenerateBehaviour(TaskBehaviour):
    """A language model: it reads text, continues it, and can always continue further."""

    does = "generates text"
    advice = "write a text"
    drops_separator = False

    def answer(self, text: str, settings: SettingValues) -> Iterator[Event]:
        """Feed the message and generate `max_tokens`; yields a Token for each, then Finished.

        settings: newline (none, before or after: where a newline is added to the message), unknown (error or skip: what
        to do with unknown characters), max_tokens, stop. If VocabularyError is raised, nothing has changed.
        """
        newline = settings["newline"]
        message = ("\n" if newline == "before" else "") + text + ("\n" if newline == "after" else "")

        def answered() -> Iterator[Event]:
            return noted(self.continue_answer(settings), self.unknown(message))

        yield from self.read(self.encode(message, settings["unknown"]), answered)

    def continue_answer(self, settings: SettingValues, number: int | None = None) -> Answer:
        """Generate `number` tokens (None: max_tokens) from the current state, or fewer if `stop` occurs."""
        defaults = AnswerOptions.of(settings.get("max_tokens"), settings["stop"])
        yield from self.generate(AnswerOptions(number), defaults=defaults)

    def require_feeding(self) -> None:
        """A language model can always read."""

    def require_generating(self) -> None:
        """A language model can always generate."""

    def require_next_token(self) -> None:
        """A language model always predicts the next token."""

    def last_answer(self) -> tuple[int, int]:
        """The node before the last answer on this branch, and its turn."""
        return self.answers.last_answer()

    def take(self, position: int, token: int, settings: SettingValues) -> Iterator[Event]:
        """Read the token on a new branch, or at the end of the text on this one; gives Moved."""
        was, navigator = self.cursor.position, self.navigator
        if position < was:
            moved = fork(navigator, position, [token])
        else:
            navigator.feed_whole([token])
            moved = Moved(self.cursor.position, was, navigator.branch, undo_path="/undo removes it again")
        return iter([replace(moved, tail=self.tail())])
