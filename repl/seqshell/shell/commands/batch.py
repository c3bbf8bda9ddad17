"""What the commands that answer share: which open model is meant, and one answer for each line of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import CheckpointError
from seqshell.core.events import Data, Event, Label, Notice, Translation
from seqshell.core.model import Task
from seqshell.core.tasks import task_spec
from seqshell.core.text_output import counted
from seqshell.session.tasks.translate_lines import Failed
from seqshell.shell.commands.output_files import write_text

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


def model_for(shell: Shell, task: Task, name: str) -> str:
    """Return the name of the open model that is to answer the task's command: the one of -m (name), else the current one if it has the task,
    else the task's default model, which is opened in the background.

    Raises CheckpointError if it cannot be opened, and UsageError if it has another task.
    """
    if not name and shell.workspace.current is not None and shell.task == task:
        return shell.workspace.current
    try:
        return shell.workspace.open_in_background(name or task_spec(task).default_model, task)
    except CheckpointError as error:
        raise error if name else CheckpointError(error.message, hint=f"/{task} -m MODEL takes another") from None


@dataclass(frozen=True)
class Telling:
    """How the answers of a task are told, Translation or Label. done: the verb. empty: the answer for a line that failed, from its text and number.

    as_line, as_json: an answer in a file. remark: what else is said of all of them.
    """

    task: Task
    done: str
    empty: Callable[[str, int], Any]
    as_line: Callable[[Any], str]
    as_json: Callable[[Any], dict[str, Any]]
    remark: Callable[[list[Any]], str] = lambda answers: ""


def lines_of(text: str) -> list[str]:
    """The lines of a file, blank ones included."""
    return text.removesuffix("\n").split("\n") if text else []


def answer_lines(
    shell: Shell, telling: Telling, sources: list[str], events: Iterable[Event], file: str
) -> Iterator[Event]:
    """One answer for each line; what is done is written even when it is broken off. events: answers, Failed and Progress; file: "" tells them."""
    answers: list[Any] = []
    num_failed = 0

    def told() -> Notice:
        if file:
            write_text(file, "".join(map(telling.as_line, answers)), {"lines": [*map(telling.as_json, answers)]})
        missing = f", {num_failed:,} could not be" if num_failed else ""
        rest = f", {len(sources) - len(answers):,} not reached" if len(answers) < len(sources) else ""
        number = len(answers) - num_failed
        said = f"{counted(number, 'line')} {telling.done}{telling.remark(answers)}{missing}{rest}"
        return Notice(said + (f" · written to {file}" if file else ""))

    try:
        for event in events:
            if isinstance(event, Failed):
                num_failed += 1
                yield Notice(f"line {event.item}: {event.reason}", "warning")
                event = telling.empty(sources[event.item - 1], event.item)
            if isinstance(event, Translation | Label):
                answers.append(event)
                if not file:
                    yield event
            elif file or len(answers) < len(sources):  # progress, of which the lines themselves tell the last
                yield event
    except (GeneratorExit, KeyboardInterrupt):  # nothing can be yielded any more
        shell.notices.append(told())
        raise
    yield told()
    yield Data({"lines": len(answers), "failed": num_failed, **({"file": file} if file else {})}, op=telling.task.value)
