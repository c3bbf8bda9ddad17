"""Tables of scores: of sentences by token or word, and of pairs; to a file or a pipe as they are scored."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from io import TextIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from seqshell.core.atomic_write import replacing
from seqshell.core.errors import UsageError
from seqshell.core.events import Data, Event, Notice, PairScores, Scores
from seqshell.core.events.scores import SCORE_COLUMNS, ScoredPair, ScoredPart
from seqshell.core.text_output import counted
from seqshell.core.view_files import TABLES, as_table, view_place, write_view
from seqshell.inspect.intervals import wilson
from seqshell.inspect.score_parts import Scorer, Sentence, num_tokens, pairs_of, scored_pairs, sentences_of
from seqshell.inspect.score_parts import side_of_space as side
from seqshell.session.reading import slow_progress
from seqshell.shell.commands.batch import lines_of
from seqshell.shell.commands.output_files import written
from seqshell.shell.commands.unknown import unknown_events

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

MAX_NAMED = 5  # empty lines that a note names


@dataclass(frozen=True)
class Request:
    """What the user asked for. file: of -o. space: the side that --space gives, or "". unit: nats or bits."""

    lines: bool = False
    pairs: bool = False
    by: str = "token"
    space: str = ""
    unit: str = "nats"
    file: str = ""

    @classmethod
    def of(cls, options: Mapping[str, str | bool], unit: str) -> Request:
        """The request with these options. UsageError for options that contradict each other, and for an ending."""
        by, space, file = (str(options.get(flag, "")) for flag in ("--by", "--space", "-o"))
        lines, pairs = "--lines" in options, "--pairs" in options
        if pairs and (lines or by or space):
            other = "--lines" if lines else "--by" if by else "--space"
            raise UsageError(f"--pairs compares whole sentences, each from a fresh state; leave out {other}")
        if space and by != "word":
            raise UsageError("--space says which word has the white space; it needs --by word")
        if file:
            view_place(file)
        return cls(lines, pairs, by or "token", space, unit, file)

    def in_unit(self, unit: str) -> Request:
        """The same in another unit."""
        return replace(self, unit=unit)


def table_events(
    shell: Shell, request: Request, text: str, file: str, out: TextIO | None = None
) -> Generator[Event, None, None]:
    """The events of a request for a text. file: its name, if it was read from one. out: takes the rows as TSV."""
    session = shell.session
    if session.model.source_tokenizer is not None:
        raise UsageError(
            f"{session.model.name} is a translation model, which scores SOURCE => TARGET; tables of sentences and "
            "pairs need a language model",
            code="wrong_task",
        )
    session.behaviour.require_next_token()
    unknown = str(shell.settings.get("unknown"))
    if request.pairs:
        yield from _pair_events(shell, request, text, file, unknown, out)
        return
    space = side(session.model.tokenizer, session.model.name, request.space) if request.by == "word" else ""
    texts = lines_of(text) if request.lines else [text]
    sentences = sentences_of(session, texts, unknown, file, are_lines=request.lines)
    if not num_tokens(sentences):
        raise UsageError("cannot score an empty text")
    scorer = Scorer(session, sentences, request.by, space, request.lines)
    yield from _scored(shell, request, scorer, out)
    yield from map(Notice, _notes(request, scorer))
    if unknown == "skip" or session.model.tokenizer.unk is not None:
        lacking = dict.fromkeys(part for line in texts for part in session.behaviour.unknown(line))
        yield from unknown_events(tuple(lacking))


def _notes(request: Request, scorer: Scorer) -> Iterator[str]:
    """What the columns mean, and which lines are empty."""
    side = f"; a word includes the white space {scorer.space} it" if scorer.space else ""
    yield f"surprisal and entropy in {request.unit}{side}"
    if scorer.empty and request.lines:
        shown = ", ".join(map(str, scorer.empty[:MAX_NAMED])) + (", ..." if len(scorer.empty) > MAX_NAMED else "")
        several = len(scorer.empty) > 1
        yield f"line{'s' * several} {shown} {'are' if several else 'is'} empty: no tokens, so no rows"


def _scored(shell: Shell, request: Request, scorer: Scorer, out: TextIO | None) -> Iterator[Event]:
    """Score, and write the rows as they come, or yield all of them in one event."""
    delimiter = TABLES.get(Path(request.file).suffix.lower(), "") if request.file else "\t" if out else ""
    if not delimiter:
        yield from _collected(shell, request, scorer)
        return
    stop: BaseException | None = None
    with replacing(request.file) if request.file else nullcontext(out) as file:
        rows = Rows(file, delimiter)
        rows.write([SCORE_COLUMNS])
        try:
            yield from _progress(scorer, scorer.sentences, rows.parts(scorer.steps(), request.unit))
        except (GeneratorExit, KeyboardInterrupt) as error:  # no event can be yielded any more
            stop = error
    done = _summary(request, scorer)
    if stop is not None:
        shell.notices.append(Notice(done))
        raise stop
    how = {"by": request.by, **({"space": scorer.space} if scorer.space else {}), "unit": request.unit}
    yield Notice(done)
    yield Data({**how, **scorer.totals().as_json(), **({"file": request.file} if request.file else {})})


def _collected(shell: Shell, request: Request, scorer: Scorer) -> Iterator[Event]:
    parts: list[ScoredPart] = []
    try:
        yield from _progress(scorer, scorer.sentences, map(parts.extend, scorer.steps()))
    except GeneratorExit:
        shell.notices.append(Notice(_summary(request, scorer)))
        raise
    found = Scores(tuple(parts), scorer.totals(), request.by, scorer.space, request.unit, scorer.empty)
    if scorer.num_scored < len(scorer.sentences):
        shell.notices.append(Notice(_summary(request, scorer)))
    yield from _shown(shell, request, found)


def _shown(shell: Shell, request: Request, found: Event) -> Iterator[Event]:
    """The event or, with -o, its JSON alone."""
    if not request.file:
        yield found
        return
    yield from written(shell, write_view(request.file, found), found.as_json())


def _summary(request: Request, scorer: Scorer) -> str:
    size = len(scorer.sentences)
    totals = scorer.totals().as_text(request.unit, size if scorer.num_scored < size else None)
    return totals + (f" · written to {request.file}" if request.file else "")


def _progress(scorer: Scorer, sentences: Iterable[Sentence], steps: Iterable[object]) -> Iterator[Event]:
    return slow_progress(steps, lambda: scorer.num_read, num_tokens(sentences), "scoring")


class Rows:
    """Writes rows to a file or a stream, which each complete part reaches at once."""

    def __init__(self, file: Any, delimiter: str) -> None:
        self._file = file
        self._is_text = isinstance(file, TextIOBase)
        self._delimiter = delimiter

    def write(self, rows: Iterable[Iterable[Any]]) -> None:
        """Write rows in the dialect of RFC 4180 with newlines; numbers as in JSON."""
        text = as_table([tuple(row) for row in rows], self._delimiter)
        self._file.write(text if self._is_text else text.encode("utf-8", "replace"))
        self._file.flush()

    def parts(self, steps: Iterable[list[ScoredPart]], unit: str) -> Iterator[None]:
        """Write the parts of each step."""
        for parts in steps:
            if parts:
                self.write(part.as_row(unit) for part in parts)
            yield


def _pair_events(
    shell: Shell, request: Request, text: str, file: str, unknown: str, out: TextIO | None
) -> Iterator[Event]:
    session = shell.session
    pairs, names, notes = pairs_of(file or "the text", text)
    sentences = sentences_of(session, [sentence for pair in pairs for sentence in pair], unknown, names)
    for sentence, name in zip(sentences, names, strict=True):
        if not len(sentence.ids):
            raise UsageError(f"{name}: the vocabulary has no part of this sentence")
    found: list[ScoredPair] = []
    read = 0

    def steps() -> Iterator[None]:
        nonlocal read
        for step in scored_pairs(session, sentences):
            if isinstance(step, int):
                read += step
            else:
                found.append(step)
            yield

    try:
        yield from slow_progress(steps(), lambda: read, num_tokens(sentences), "scoring")
    except (GeneratorExit, KeyboardInterrupt):
        shell.notices.append(Notice(f"stopped: {len(found):,} of {counted(len(pairs), 'pair')} scored"))
        raise
    if len(found) < len(pairs):
        raise UsageError(f"interrupted: {len(found):,} of {counted(len(pairs), 'pair')} scored", code="interrupt")
    num_first = sum(pair.difference > 0 for pair in found)
    scores = PairScores(tuple(found), wilson(num_first, len(found)), request.unit)
    if out is not None and not request.file:
        Rows(out, "\t").write(scores.as_rows())
        yield Notice(scores.summary())
        return
    yield from map(Notice, notes)
    yield from _shown(shell, request, scores)
    if request.file:
        yield Notice(scores.summary())
