"""FORECAST: a message is numbers, which are appended to the series, and the answer is how it may go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import Event, Notice
from seqshell.core.json_values import unquoted
from seqshell.core.text_files import read_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqshell.session import Session
    from seqshell.session.tasks import Wishes


def answer(session: Session, text: str, wishes: Wishes) -> Iterator[Event]:
    """Observe the values of the message, or those of the file that @FILE names, then forecast `horizon` steps: yields what `told` does.

    wishes: horizon. Nothing has changed when UsageError or VocabularyError is raised.
    """
    steps = session.check_steps(wishes.get("horizon"))
    if text.lstrip().startswith("@"):
        observe_file(session, text.strip()[1:])
    elif text.strip():
        session.observe(text)
    else:
        raise UsageError("a blank line holds no values; /forecast forecasts without any")
    yield from told(session, steps)


def go_on(session: Session, wishes: Wishes, number: int | None = None) -> Iterator[Event]:
    """Forecast `number` steps (None: horizon) from what was observed."""
    yield from told(session, wishes.get("horizon") if number is None else number)


def told(session: Session, steps: int) -> Iterator[Event]:
    """The forecast of so many steps, and once in a session a remark where the model knows too little for a good one."""
    yield session.forecast(steps)
    if remark := session.take_window_remark():
        yield Notice(remark)


def observe_file(session: Session, name: str, read_stdin: Callable[[], str] | None = None) -> int:
    """Observe the values of a file: rows of numbers, or a table whose first line names its columns. Returns the number of rows.

    UsageError and VocabularyError name the file, the line and the column.
    """
    name = unquoted(name) or name
    text = read_file(name, read_stdin)
    if not text.strip():
        raise UsageError(f"{name} is empty: it holds no values")
    try:
        return session.observe(text)
    except VocabularyError as error:
        raise VocabularyError(
            f"{name}: {error.message}", text=error.text, positions=error.positions, hint=error.hint
        ) from None
    except UsageError as error:
        raise UsageError(f"{name}: {error.message}", hint=error.hint) from None
