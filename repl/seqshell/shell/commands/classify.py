"""/classify, for a text or each line of a file, with an explanation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.events import Event, Label, Notice
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.tasks import Task
from seqshell.core.view_files import text_place, view_place, write_view
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.batch import LineFormat, answer_lines, lines_of, model_for
from seqshell.shell.commands.output_files import PICTURE_OPTION, origin

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.shell.shell import Shell


@command(
    "classify",
    usage="[-m MODEL] TEXT|@FILE",
    options={
        "-m MODEL": "the model to use",
        "--explain": "show which tokens push towards the label, and which against it",
        **PICTURE_OPTION,
    },
    free_text=True,
    purpose="tasks",
)
def classify(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Classify a text, or each line of a file; the state of the current model does not change, unless it classifies.

    The model is the current one if it classifies, else the one of -m, else sentiment. It stays open in the background;
    /load makes it current. Without a TEXT, classify what the current model has read so far, for example after /rewind.
    /classify @FILE -o FILE gives one line for each line of a file, blank ones included; of a table such as FILE.csv it
    reads the column of texts, as in training.

    --explain colours each token: blue pushes towards the label, orange against it, and a stronger colour pushes more.
    It measures how the log-odds ln(p/(1-p)) of the label change when the token is read or, for a model that reads
    whole texts, compared with the text without it. With it, -o FILE.csv and .tsv have a row for each token.

        >>> /classify what a wonderful film
        >>> /classify --explain what a wonderful film
        >>> /classify -o label.json what a wonderful film
    """
    file, explain = str(arguments.options.get("-o", "")), bool(arguments.options.get("--explain"))
    word = str(arguments.options.get("-m", ""))
    is_here = (
        not arguments.text
        and not arguments.quoted
        and not word
        and shell.task is not None
        and shell.session.behaviour.labels_texts
        and shell.session.position > 0
    )
    if not arguments.text.strip() and not arguments.file and not is_here:
        words(arguments, classify, 1)
    if file:
        text_place(file) if arguments.file else view_place(file)
    name = model_for(shell, Task.CLASSIFY, word)
    session, values = shell.answer_with(name)
    if arguments.file:
        sources = _texts_of(session, arguments.file, arguments.text)
        yield from _lines(shell, session, sources, values, explain, file)
        return
    found = (
        session.label(explain=explain)
        if is_here
        else session.classify(arguments.text, explain=explain, unknown=values["unknown"])
    )
    if shell.interactive and name != shell.workspace.current:
        yield Notice(f"{session.model.name}:", "label")
    if file:
        text = found.as_text() + "\n" if found.moved else _as_line(found)
        path = write_view(file, found, text, {"lines": [_as_json(found)]}, about=origin(shell))
        if shell.interactive:
            shell.notices.append(Notice(f"written to {path}"))
    yield found


def _lines(
    shell: Shell, session: Session, sources: list[str], values: Mapping[str, Any], explain: bool, file: str
) -> Iterator[Event]:
    """One label for each text."""

    def empty(source: str, item: int) -> Label:
        return Label(source, "", (), branch=session.branch, item=item)

    form = LineFormat(Task.CLASSIFY, "labelled", empty, _as_line, _as_json, _as_row, _cut)
    found = session.behaviour.classify_lines(sources, values, explain)
    yield from answer_lines(shell, form, sources, found, file)


def _texts_of(session: Session, file: str, text: str) -> list[str]:
    """The lines of a file, or the texts of a table."""
    from seqshell.core.tables.reading import is_table_name, parse_table

    if not is_table_name(file):
        return lines_of(text)
    from seqshell.training.data.table_tasks import text_column
    from seqshell.training.provenance import provenance

    recorded = str(provenance(session.model, "data").get("text_column", ""))
    try:
        table = parse_table(file, text, wanted=(recorded,))
        place = table.place(text_column(table, recorded), "")
    except RecipeError as error:
        raise UsageError(error.message) from None
    return [" ".join(cell.split()) for cell in table.cells(place)]


def _cut(found: list[Label]) -> str:
    """How many texts were too long for the model."""
    number = sum(label.left_out is not None for label in found)
    return f", {number:,} of them truncated" if number else ""


def _as_line(event: Label) -> str:
    """An answer in FILE.txt: label, tab, probability; an empty line for a blank text."""
    return event.as_line() + "\n"


def _as_row(event: Label) -> dict[str, Any]:
    """An answer in a table."""
    label, probability = event.probs[0] if event.probs else ("", None)
    return {"text": event.text, "label": label, "probability": probability}


def _as_json(event: Label) -> dict[str, Any]:
    """An answer in FILE.json."""
    why = {"explain": [{"text": token, "moved": moved} for token, moved in event.moved]} if event.moved else {}
    answer = {"text": event.text, "label": event.answer, "probs": dict(event.probs)}
    return {**answer, **event.unknown_as_json(), **why}
