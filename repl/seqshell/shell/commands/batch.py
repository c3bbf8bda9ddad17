"""What the commands of tasks share: the model that answers, and one answer for each line of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import CheckpointError
from seqshell.core.events import Data, Event, Label, Notice, Tags, Translation
from seqshell.core.events.base import rows_of
from seqshell.core.tasks import Task, task_spec
from seqshell.core.text_output import counted, unknown_note
from seqshell.core.view_files import write_text
from seqshell.session.tasks.translate_lines import Failed

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.shell.shell import Shell


def model_for(shell: Shell, task: Task, name: str) -> str:
    """Return the name of the open model that answers.

    It is the one of -m (name), else the current one if it has the task, else the task's default model, which is opened
    in the background.

    Raises CheckpointError if it cannot be opened, and UsageError if it has another task.
    """
    if not name and shell.workspace.current is not None and shell.task == task:
        return shell.workspace.current
    try:
        return shell.workspace.open_in_background(name or task_spec(task).default_model, task)
    except CheckpointError as error:
        raise error if name else CheckpointError(error.message, hint=f"/{task} -m MODEL uses another one") from None


def open_session(shell: Shell, task: Task, text: str) -> Session | None:
    """The session of the model that would answer the arguments in `text`, if it is open: for completion."""
    _, option, after = text.partition("-m ")
    given = after.split(maxsplit=1)[0] if option and after.strip() else ""
    current = shell.workspace.current if shell.task == task else None
    session = shell.workspace.sessions.get(given or current or task_spec(task).default_model)
    return session if session is not None and session.model.task == task else None


@dataclass(frozen=True)
class LineFormat:
    """How the answers of a task, Translation, Label or Tags, are written and counted.

    done: the verb of the summary. empty: makes the answer to a line that failed from its text and number.
    as_line, as_json, as_row: an answer in a file; a row has the same names for all. note: an addition to the summary.
    """

    task: Task
    done: str
    empty: Callable[[str, int], Any]
    as_line: Callable[[Any], str]
    as_json: Callable[[Any], dict[str, Any]]
    as_row: Callable[[Any], dict[str, Any]]
    note: Callable[[list[Any]], str] = lambda answers: ""


def lines_of(text: str) -> list[str]:
    """The lines of a file, blank ones included."""
    return text.removesuffix("\n").split("\n") if text else []


def answer_lines(
    shell: Shell, form: LineFormat, sources: list[str], events: Iterable[Event], file: str
) -> Iterator[Event]:
    """One answer for each line. If it is stopped, the answers so far are still written.

    events: answers, Failed and Progress. file: where to write; the answers are yielded if it is empty.
    """
    answers: list[Any] = []
    num_failed = 0

    def unknown() -> list[str]:
        return list(dict.fromkeys(part for answer in answers for part in answer.unknown))

    def summary() -> Notice:
        if file:
            rows = rows_of([*map(form.as_row, answers)])
            write_text(file, "".join(map(form.as_line, answers)), {"lines": [*map(form.as_json, answers)]}, rows)
        failed = f", {num_failed:,} failed" if num_failed else ""
        rest = f", {len(sources) - len(answers):,} not processed" if len(answers) < len(sources) else ""
        number = len(answers) - num_failed
        text = f"{counted(number, 'line')} {form.done}{form.note(answers)}{failed}{rest}"
        text += f" · {unknown_note(unknown())}" if unknown() else ""
        return Notice(text + (f" · written to {file}" if file else ""))

    try:
        for event in events:
            if isinstance(event, Failed):
                num_failed += 1
                yield Notice(f"line {event.item}: {event.reason}", "warning")
                event = form.empty(sources[event.item - 1], event.item)
            if isinstance(event, Translation | Label | Tags):
                answers.append(event)
                if not file:
                    yield event
            elif file or len(answers) < len(sources):  # progress; the last line ends it by itself
                yield event
    except (GeneratorExit, KeyboardInterrupt):  # no event can be yielded any more
        shell.notices.append(summary())
        raise
    yield summary()
    fields = {"lines": len(answers), "failed": num_failed, **({"unknown": unknown()} if unknown() else {})}
    yield Data({**fields, **({"file": file} if file else {})}, op=form.task.value)
