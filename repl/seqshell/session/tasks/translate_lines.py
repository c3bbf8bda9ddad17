"""Translating many lines: in batches of similar length, emitted in their order. The session does not move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import islice

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import Event, Progress, Translation
from seqshell.core.sampling import Draw, Hypothesis, Request
from seqshell.decoding.batched import answers
from seqshell.session.cores import num_threads
from seqshell.session.generation import GenerationPlan, Interrupted, InterruptibleDecoder
from seqshell.session.given import TranslationSource
from seqshell.session.tasks.behaviour import TaskBehaviour
from seqshell.session.tasks.translation_events import as_candidates
from seqshell.session.unknown_words import UnknownWords

WINDOW = 2048  # lines that are sorted by length together, and held until they can be emitted in their order
PROGRESS_LINES = 16  # lines between two Progress events

ReadSource = Callable[[str], TranslationSource | None]


@dataclass(frozen=True)
class Failed(Event):
    """A line that could not be translated or labelled; item: its number, from 1."""

    item: int
    reason: str


def translate_lines(
    behaviour: TaskBehaviour, lines: Iterable[str], plan: GenerationPlan, read_source: ReadSource
) -> Iterator[Progress | Translation | Failed]:
    """A Translation or Failed for each line, in their order, blank ones included, with Progress in between.

    Ends early, between two model calls, if the session is interrupted. A fault of the model or of a sampler ends it
    with a PluginError.
    """
    total = len(lines) if isinstance(lines, Sized) else 0
    rest = enumerate(lines, 1)
    done = 0
    cursor = behaviour.cursor
    try:
        while window := list(islice(rest, WINDOW)):
            for event in _window(behaviour, window, plan, read_source):
                yield Progress(done + event, total, description="translating") if isinstance(event, int) else event
            if cursor.interrupted:
                return
            done += len(window)
            yield Progress(done, total, description="translating")
    finally:
        cursor.interrupted = False


def _window(
    behaviour: TaskBehaviour, window: list[tuple[int, str]], plan: GenerationPlan, read_source: ReadSource
) -> Iterator[int | Translation | Failed]:
    """The results for numbered lines; every PROGRESS_LINES, the number of lines that are done."""
    cursor, branch = behaviour.cursor, behaviour.navigator.branch
    ready: dict[int, Translation | Failed] = {}
    waiting: list[tuple[int, TranslationSource]] = []
    for item, line in window:
        try:
            source = read_source(line)
        except (UsageError, VocabularyError) as error:
            ready[item] = Failed(item, error.message)
            continue
        if source is None:
            ready[item] = Translation("", 0, "eos", 0.0, 0, 0, branch, source=line, item=item)
        else:
            waiting.append((item, source))
    draw, tokenizer = Draw(behaviour.navigator.seed), cursor.model.tokenizer
    request = Request(
        plan.stop,
        plan.samplers,
        draw,
        plan.num_best,
        plan.prefix,
        tokenizer,
        plan.excluded,
        keeps_states=False,
        open=plan.open,
    )
    next_item = window[0][0]
    decoder, replaces = InterruptibleDecoder(cursor), behaviour.answers.replaces_unknown
    threads = num_threads(cursor.model, plan.strategy, *plan.samplers)
    ids = [source.ids for _, source in waiting]
    with closing(answers(decoder, ids, plan.strategy, request, num_threads=threads)) as found, suppress(Interrupted):
        while True:
            while next_item in ready:
                yield ready.pop(next_item)
                next_item += 1
            if (answer := next(found, None)) is None:
                return
            number, best = answer
            item, source = waiting[number]
            copying = UnknownWords(cursor.model, source, replaces).copying
            if copying is not None or (replaces and any(tokenizer.unk in each.ids for each in best)):
                # What the model attended to is in its states: search again and keep them.
                alone = replace(request, keeps_states=True, copying=copying)
                ((_, best),) = answers(decoder, [source.ids], plan.strategy, alone)
            ready[item] = _result(behaviour, source, best, plan, item)
            done = next_item - window[0][0] + len(ready)
            if done % PROGRESS_LINES == 0:
                yield done


def _result(
    behaviour: TaskBehaviour, source: TranslationSource, best: tuple[Hypothesis, ...], plan: GenerationPlan, item: int
) -> Translation:
    cursor, replaces = behaviour.cursor, behaviour.answers.replaces_unknown
    start = None
    if replaces and any(found.ids[:1] == (cursor.model.tokenizer.unk,) for found in best):
        start = cursor.decoder.begin(source.ids)[1]
    candidates = as_candidates(cursor, best, UnknownWords(cursor.model, source, replaces), start)
    size, log_prob, branch = len(best[0].ids), best[0].log_prob, behaviour.navigator.branch
    stop = best[0].stop or ("length" if size == plan.stop.max_tokens else "eos")
    shown = () if plan.strategy.streams else candidates
    return Translation(
        candidates[0].text,
        size,
        stop,
        log_prob,
        0,
        size,
        branch,
        source=source.text,
        candidates=shown,
        item=item,
        unknown=behaviour.unknown(source.text),
    )
