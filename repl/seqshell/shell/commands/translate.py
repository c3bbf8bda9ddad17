"""/translate, for a text or each line of a file, and /attention, the attention weights of the last translation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Notice, Translation
from seqshell.core.events.base import rows_of
from seqshell.core.plugin_api import Arguments, Option, build, command, settings_of
from seqshell.core.sampling import Strategy
from seqshell.core.tasks import Task
from seqshell.core.view_files import text_place, write_text
from seqshell.models.summary import direction
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.batch import LineFormat, answer_lines, lines_of, model_for, open_session
from seqshell.shell.commands.output_files import PICTURE_OPTION, to_file

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.shell.shell import Shell


def prefix_words(shell: Shell, text: str) -> Iterable[str]:
    """The words, or beginnings of words, of the target vocabulary that begin with the last word of the text."""
    session, word = open_session(shell, Task.TRANSLATE, text), re.split(r"\s", text)[-1]
    if session is None or not word:
        return ()
    tokenizer = session.model.tokenizer
    pieces = (tokenizer.piece(token).decode("utf-8", "ignore") for token in range(tokenizer.size))
    return (piece[1:] for piece in pieces if piece.startswith(f" {word}"))


@command(
    "translate",
    usage="[-m MODEL] TEXT|@FILE",
    options=(
        Option("-m", "MODEL", "the model to use"),
        Option("--prefix", "TEXT", "the first words of the answer", complete=prefix_words),
        Option("--with", "WORDS", "words that the answer contains: couch, or couch,big dog", complete=prefix_words),
        Option("-o", "FILE", "write the translation to FILE (.txt, .json, .csv, .tsv)"),
    ),
    free_text=True,
    purpose="tasks",
)
def translate(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Translate a text, or each line of a file; the state of the current model does not change, unless it translates.

    The model is the current one if it translates, else the one of -m, else english-french. It stays open in the
    background; /load makes it current. A text of several lines is one text. /translate @FILE -o FILE gives one line for
    each line of a file, blank ones included; a line that fails becomes empty, with a warning.

        >>> /translate i love you
        >>> /translate --prefix je i love you
        >>> /translate --with adore i love you
        >>> /translate -o french.txt i love you
    """
    if not arguments.text.strip() and not arguments.file:
        words(arguments, translate, 1)
    file = str(arguments.options.get("-o", ""))
    if file:
        text_place(file)
    name = model_for(shell, Task.TRANSLATE, str(arguments.options.get("-m", "")))
    session, values = shell.answer_with(name)
    prefix = str(arguments.options.get("--prefix", ""))
    strategy = _requiring(session.strategy, str(arguments.options.get("--with", "")))
    if arguments.file:
        yield from _lines(shell, session, arguments.text, values, prefix, strategy, file)
    else:
        yield from _text(shell, session, arguments.text, values, prefix, strategy, file)


def _requiring(strategy: Strategy, words: str) -> Strategy | None:
    """The strategy, requiring these words too; None without words. UsageError if it cannot require any."""
    if not words:
        return None
    if "require" not in [item.name for item in settings_of(type(strategy))]:
        raise UsageError(f"{strategy.name} cannot require words; /strategy beam can")
    fields: dict[str, Any] = {item.name: getattr(strategy, item.name) for item in settings_of(type(strategy))}
    fields["require"] = ",".join(filter(None, (fields["require"], words)))
    return build(type(strategy), fields, what=strategy.name)


def _text(
    shell: Shell,
    session: Session,
    text: str,
    values: Mapping[str, Any],
    prefix: str,
    strategy: Strategy | None,
    file: str,
) -> Iterator[Event]:
    """One translation. The label of a model in the background comes just before its answer."""
    label = (
        f"{direction(session.model.name, session.model.header)}:"
        if shell.interactive and shell.answering != shell.workspace.current
        else ""
    )
    length, unknown, stop = (values[name] for name in ("max_tokens", "unknown", "stop"))
    nbest = values["nbest"] or 1
    options: dict[str, Any] = {"prefix": prefix, "unknown": unknown, "stop": stop, "strategy": strategy, "nbest": nbest}
    for event in session.translate(text, length, **options):
        if label:
            yield Notice(label, "label")
            label = ""
        if isinstance(event, Translation) and file:
            path = write_text(file, _as_line(event), {"lines": [_as_json(event)]}, rows_of([_as_row(event)]))
            if shell.interactive:
                shell.notices.append(Notice(f"written to {path}"))
        yield event


def _lines(
    shell: Shell,
    session: Session,
    text: str,
    values: Mapping[str, Any],
    prefix: str,
    strategy: Strategy | None,
    file: str,
) -> Iterator[Event]:
    """One translation for each line of a text."""

    def empty(source: str, item: int) -> Translation:
        return Translation("", 0, "error", 0.0, 0, 0, session.branch, source=source, item=item)

    form = LineFormat(Task.TRANSLATE, "translated", empty, _as_line, _as_json, _as_row)
    sources = lines_of(text)
    yield from answer_lines(
        shell, form, sources, session.behaviour.translate_lines(sources, values, prefix, strategy), file
    )


def _as_line(event: Translation) -> str:
    """A translation in FILE.txt."""
    return event.as_line() + "\n"


def _as_row(event: Translation) -> dict[str, Any]:
    """A translation in a table."""
    return {"source": event.source, "text": event.answer}


def _as_json(event: Translation) -> dict[str, Any]:
    """A translation in FILE.json."""
    best = [{"text": item.text, "score": item.score, "logprob": item.log_prob} for item in event.candidates]
    return {
        "source": event.source,
        "text": event.answer,
        "logprob": event.log_prob,
        "stop": event.stop,
        **({"nbest": best} if best else {}),
        **event.unknown_as_json(),
    }


def translating_session(shell: Shell) -> Session:
    """The session of the last translation, else the current one. UsageError if it does not translate."""
    workspace = shell.workspace
    name = workspace.translated if workspace.translated in workspace.sessions else workspace.current
    session = workspace.sessions[name] if name is not None else shell.session
    if session.model.source_tokenizer is None:
        raise UsageError("nothing has been translated yet; use /translate TEXT first", code="no_answer")
    return session


@command(
    "attention",
    usage="[-o FILE]",
    options=PICTURE_OPTION,
    purpose="tasks",
)
def attention(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the attention weights of the last translation as a heat map; the state does not change.

    Columns are the source, rows the translation. A + marks a token that continues a word.

        >>> /translate i love you
        >>> /attention
        >>> /attention -o weights.json
    """
    words(arguments, attention, 0, 0)
    yield from to_file(shell, arguments, lambda: [translating_session(shell).attention()])
