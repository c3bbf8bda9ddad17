"""/tag, for a text or each line of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqshell.core.events import Event, Notice, Tags
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.tasks import Task
from seqshell.core.view_files import text_place, view_place, write_text, write_view
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.batch import LineFormat, answer_lines, lines_of, model_for
from seqshell.shell.commands.output_files import PICTURE_OPTION, origin

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.shell.shell import Shell

COLUMN_ENDINGS = (".conll", ".iob2", ".bio")


@command(
    "tag",
    usage="[-m MODEL] TEXT|@FILE",
    options={"-m MODEL": "the model to use", **PICTURE_OPTION},
    free_text=True,
    purpose="tasks",
)
def tag(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Tag the words of a text, or of each line of a file; the current model keeps its state, unless it is a tagger.

    The model is the current one if it tags, else the one of -m, else python-tags. It stays open in the background;
    /load makes it current. Words are divided by spaces, and a punctuation mark is a word of its own. In a terminal, the
    words have the colours of their tags; elsewhere each is followed by a slash and its tag.

    /tag @FILE -o FILE gives one line for each line of a file. With -o FILE.conll, each word and its tag are in a line
    of their own, with a blank line after each text, as training reads them.

        >>> /tag for name in sorted(names): print(name)
        >>> /tag -o tags.conll return self.total / len(values)
    """
    file, word = str(arguments.options.get("-o", "")), str(arguments.options.get("-m", ""))
    if not arguments.text.strip() and not arguments.file:
        words(arguments, tag, 1)
    if file:
        text_place(file) if arguments.file or _has_columns(file) else view_place(file)
    name = model_for(shell, Task.TAG, word)
    session, values = shell.answer_with(name)
    if arguments.file:
        yield from _lines(shell, session, lines_of(arguments.text), values, file)
        return
    found = session.tag(arguments.text)
    if shell.interactive and name != shell.workspace.current:
        yield Notice(f"{session.model.name}:", "label")
    if file:
        text, about = _as_text(found, file), origin(shell)
        as_json = {"lines": [_as_json(found)]}
        path = write_text(file, text, {}) if _has_columns(file) else write_view(file, found, text, as_json, about=about)
        if shell.interactive:
            shell.notices.append(Notice(f"written to {path}"))
    yield found


def _lines(shell: Shell, session: Session, sources: list[str], values: Mapping[str, Any], file: str) -> Iterator[Event]:
    """The tags of each line."""

    def empty(source: str, item: int) -> Tags:
        return Tags(source, (), session.model.labels, branch=session.branch, item=item)

    form = LineFormat(Task.TAG, "tagged", empty, lambda event: _as_text(event, file), _as_json, _as_row)
    yield from answer_lines(shell, form, sources, session.behaviour.tag_lines(sources, values), file)


def _as_text(event: Tags, file: str) -> str:
    """An answer in a file of text."""
    return event.as_columns() if _has_columns(file) else event.as_line() + "\n"


def _has_columns(file: str) -> bool:
    """Whether the name of a file asks for the format of training data."""
    return file.lower().endswith(COLUMN_ENDINGS)


def _as_row(event: Tags) -> dict[str, Any]:
    """An answer in a table."""
    return {"text": event.text, "tags": " ".join(word.tag for word in event.words)}


def _as_json(event: Tags) -> dict[str, Any]:
    """An answer in FILE.json."""
    return {name: value for name, value in event.as_json().items() if name != "item"}
