"""Labelling: /classify, for a text or for a file line by line, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from seqshell.commands.files import text_place, write_text
from seqshell.commands.words import words
from seqshell.errors import CheckpointError
from seqshell.events import Data, Event, Label, Notice
from seqshell.models import Task
from seqshell.offers import Arguments, command
from seqshell.results import labels

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.shell import Shell
    from seqshell.tasks import Wishes

DEFAULT_MODEL = "sentiment"


@command(
    "classify",
    usage="[-m MODEL] TEXT|@FILE",
    options={
        "-m MODEL": "the model that labels",
        "--explain": "colour each token by how it moved the belief",
        "-o FILE": "write labels and probabilities to FILE (.txt, or .json)",
    },
    free_text=True,
    purpose="tasks",
)
def classify(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Label a text, or a file line by line; the state of the current model is kept, unless it is the one that labels.

    The current model labels if it can, else the one of -m, else sentiment, which stays open in the background; /load makes
    it the current one. Without a TEXT it labels what the current model has read so far: after a /rewind, for example.
    @FILE gives one line for each line, blank ones included.

    --explain: by how much each token moved ln(p/(1-p)) of the answer; by reading on, or, of a model that reads a text as a
    whole, by leaving the token out. What is left out of a long text is told.

        >>> /classify what a wonderful film
        >>> /classify --explain what a wonderful film
        >>> /classify @letters.txt -o labels.txt
    """
    file, explain = str(arguments.options.get("-o", "")), bool(arguments.options.get("--explain"))
    word = str(arguments.options.get("-m", ""))
    is_here = not arguments.text and not arguments.quoted and not word and shell.task == Task.CLASSIFY and shell.session.position > 0
    if not arguments.text.strip() and not arguments.file and not is_here:
        words(arguments, classify, 1)
    if file:
        text_place(file)
    name = _classifier(shell, word)
    session = shell.answer_with(name)
    wishes: Wishes = shell.settings if name == shell.current else shell.settings.beside(session)
    if arguments.file:
        yield from _lines(shell, session, arguments.text, wishes, explain, file)
        return
    found = session.label(explain=explain) if is_here else session.classify(arguments.text, explain=explain, unknown=wishes.get("unknown"))
    if shell.interactive and name != shell.current:
        yield Notice(f"{session.model.name}:", "label")
    if file:
        path = write_text(file, _as_line(found), {"lines": [_as_json(found)]})
        if shell.interactive:
            shell.notices.append(Notice(f"written to {path}"))
    yield found


def _classifier(shell: Shell, word: str) -> str:
    """What the open model is called that is to label; CheckpointError and UsageError when the one that is meant cannot."""
    if not word and shell.current is not None and shell.task == Task.CLASSIFY:
        return shell.current
    try:
        return shell.open_beside(word or DEFAULT_MODEL, Task.CLASSIFY)
    except CheckpointError as error:
        raise error if word else CheckpointError(error.message, hint="/classify -m MODEL takes another") from None


def _lines(shell: Shell, session: Session, text: str, wishes: Wishes, explain: bool, file: str) -> Iterator[Event]:
    """One answer for each line; what is done is written even when it is broken off."""
    from seqshell.tasks.labels import classify_lines, explain_lines
    from seqshell.tasks.lines import Failed

    sources = text.removesuffix("\n").split("\n") if text else []
    done: list[Label] = []
    num_failed = 0

    def told() -> Notice:
        if file:
            write_text(file, "".join(map(_as_line, done)), {"lines": [*map(_as_json, done)]})
        missing = f", {num_failed:,} could not be" if num_failed else ""
        rest = f", {len(sources) - len(done):,} not reached" if len(done) < len(sources) else ""
        num_cut = sum(label.left_out is not None for label in done)
        cut = f", {num_cut:,} of them too long and cut" if num_cut else ""
        number = len(done) - num_failed
        return Notice(f"{number:,} line{'' if number == 1 else 's'} labelled{cut}{missing}{rest}" + (f" · written to {file}" if file else ""))

    try:
        for event in (explain_lines if explain else classify_lines)(session, sources, wishes):
            if isinstance(event, Failed):
                num_failed += 1
                yield Notice(f"line {event.item}: {event.reason}", "warning")
                event = Label(sources[event.item - 1], "", (), branch=session.branch, item=event.item)
            if isinstance(event, Label):
                done.append(event)
                if not file:
                    yield event
            elif file or len(done) < len(sources):  # progress, of which the lines themselves tell the last
                yield event
    except (GeneratorExit, KeyboardInterrupt):  # nothing can be yielded any more
        shell.notices.append(told())
        raise
    yield told()
    shell.op = Task.CLASSIFY.value
    yield Data({"lines": len(done), "failed": num_failed, **({"file": file} if file else {})})


def _as_line(event: Label) -> str:
    """The answer as -o FILE.txt has it: its label, a tab and its probability; an empty line for a blank text."""
    return "".join(labels(event)[:1]) + "\n"


def _as_json(event: Label) -> dict[str, Any]:
    """An answer as -o FILE.json has it."""
    why = {"explain": [{"text": token, "moved": moved} for token, moved in event.moved]} if event.moved else {}
    return {"text": event.text, "label": event.answer, "probs": dict(event.probs), **why}
