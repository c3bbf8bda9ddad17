"""Many lines at once, translated in batches of similar length, told in their order. Nothing of the session moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import Event, Progress, Translation

if TYPE_CHECKING:
    from seqshell.core.sampling import Hypothesis
    from seqshell.session import Session
    from seqshell.session.generation import Plan
    from seqshell.session.tasks import Wishes
    from seqshell.session.timeline import Source

WINDOW = 2048  # lines that are sorted by length together, and held until they can be told in their order
PAUSE = 16  # lines between two events of progress


@dataclass(frozen=True)
class Failed(Event):
    """A line that could not be translated or labelled; item: its number, from 1."""

    item: int
    reason: str


def translate_lines(
    session: Session, lines: Iterable[str], wishes: Wishes, prefix: str = ""
) -> Iterator[Progress | Translation | Failed]:
    """A Translation or Failed for each line, in their order, blank ones included, with Progress in between.

    wishes: as for `tasks.translate`. Ends early, between two steps of the model, when the session is interrupted. UsageError for wishes
    that cannot be had, before the first line; a fault of the model or of a sampler ends it with a PluginError.
    """
    plan = session.plan_translation(
        wishes.get("max_tokens"), prefix, wishes.get("unknown"), wishes.get("stop"), nbest=wishes.get("nbest") or 1
    )
    total = len(lines) if isinstance(lines, Sized) else 0
    rest = enumerate(lines, 1)
    done = 0
    try:
        while window := list(islice(rest, WINDOW)):
            for event in _window(session, window, plan, wishes.get("unknown")):
                yield Progress(done + event, total, description="translating") if isinstance(event, int) else event
            if session.live.interrupted:
                return
            done += len(window)
            yield Progress(done, total, description="translating")
    finally:
        session.live.interrupted = False


def _window(
    session: Session, window: list[tuple[int, str]], plan: Plan, unknown: str
) -> Iterator[int | Translation | Failed]:
    """The results for numbered lines; now and then the number of lines that are done."""
    from seqshell.core.sampling import Draw, Request
    from seqshell.decoding.batched import answers
    from seqshell.session.generation import Interrupted, Interruptible

    ready: dict[int, Translation | Failed] = {}
    waiting: list[tuple[int, Source]] = []
    for item, line in window:
        try:
            source = session.read_source(line, unknown, plan.prefix)
        except (UsageError, VocabularyError) as error:
            ready[item] = Failed(item, error.message)
            continue
        if source is None:
            ready[item] = Translation("", 0, "eos", 0.0, 0, 0, session.branch, source=line, item=item)
        else:
            waiting.append((item, source))
    request = Request(
        plan.stop,
        plan.samplers,
        Draw(session.seed),
        plan.num_best,
        plan.prefix,
        session.model.tokenizer,
        plan.excluded,
        keeps_states=False,
    )
    told = window[0][0]
    decoder, unk = Interruptible(session.live), session.model.tokenizer.unk
    found = answers(decoder, [source.ids for _, source in waiting], plan.strategy, request)
    while True:
        while told in ready:
            yield ready.pop(told)
            told += 1
        try:
            number, best = next(found)
            item, source = waiting[number]
            if session.replaces_unknown and any(
                unk in each.ids for each in best
            ):  # what it looked at is in its states: find it again with them
                ((_, best),) = answers(decoder, [source.ids], plan.strategy, replace(request, keeps_states=True))
        except (StopIteration, Interrupted):
            return
        ready[item] = _result(session, source, best, plan, item)
        done = told - window[0][0] + len(ready)
        if done % PAUSE == 0:
            yield done


def _result(session: Session, source: Source, best: tuple[Hypothesis, ...], plan: Plan, item: int) -> Translation:
    from seqshell.session.tasks.translation import Unknown, as_candidates

    unknown = Unknown(session.model, source, session.replaces_unknown)
    start = None
    if session.replaces_unknown and any(found.ids[:1] == (session.model.tokenizer.unk,) for found in best):
        start = session.live.reader.begin(source.ids)[1]
    candidates = as_candidates(session.live, best, unknown, start)
    first = best[0]
    size = len(first.ids)
    stop = "length" if size == plan.stop.max_tokens else "eos"
    told = () if plan.strategy.streams else candidates
    return Translation(
        candidates[0].text,
        size,
        stop,
        first.log_prob,
        0,
        size,
        session.branch,
        source=source.text,
        candidates=told,
        item=item,
    )
