"""What each verb writes for the lines of a batch: a text of one line and the fields of an object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from seqshell.bulk.job import VERBS
from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import Label, Scores, Tags, TracedText, Translation
from seqshell.core.tasks import task_spec
from seqshell.core.units import in_unit
from seqshell.session.tasks.translate_lines import Failed

if TYPE_CHECKING:
    from seqshell.bulk.job import Job
    from seqshell.core.events import Event
    from seqshell.shell.shell import Shell

TASK_VERBS = ("translate", "classify", "tag", "forecast")  # only models of one task do this
Answer: TypeAlias = "tuple[str, Mapping[str, Any]] | Failed"


def checked(shell: Shell, job: Job) -> None:
    """UsageError if the model cannot do the job, or if an option does not fit."""
    from seqshell.inspect.trace_choice import parse_choice

    model, wanted = shell.session.model, task_spec(VERBS[job.verb])
    if job.verb in TASK_VERBS and model.task != wanted.name:
        raise UsageError(f"{model.name} is {task_spec(model.task).noun}; bulk {job.verb} needs {wanted.noun}")
    if job.verb == "score":
        if model.source_tokenizer is not None:
            raise UsageError(f"{model.name} is {task_spec(model.task).noun}; bulk score needs {wanted.noun}")
        shell.session.behaviour.require_next_token()
    if job.verb == "trace" and not model.causal:
        raise UsageError(f"{model.name} reads whole texts and has no state", code="no_state")
    if job.what:
        parse_choice(job.what, "")


def translate(shell: Shell, job: Job, texts: Sequence[str]) -> Iterator[Answer]:
    """The translation, as /translate @FILE writes it."""
    return _of_lines(shell.session.behaviour.translate_lines(texts, shell.settings.values()))


def classify(shell: Shell, job: Job, texts: Sequence[str]) -> Iterator[Answer]:
    """The label, a tab and its probability, as /classify @FILE writes them."""
    return _of_lines(shell.session.behaviour.classify_lines(texts, shell.settings.values()))


def tag(shell: Shell, job: Job, texts: Sequence[str]) -> Iterator[Answer]:
    """Each word, a slash and its tag, as /tag @FILE writes them."""
    return _of_lines(shell.session.behaviour.tag_lines(texts, shell.settings.values()))


def _of_lines(events: Iterable[Event]) -> Iterator[Answer]:
    for event in events:
        if isinstance(event, Failed):
            yield event
        elif isinstance(event, Translation | Label | Tags):
            yield event.as_line(), {name: value for name, value in event.as_json().items() if name != "item"}


def score(shell: Shell, job: Job, texts: Sequence[str]) -> Iterator[Answer]:
    """The sum of the surprisals and, after a tab, the number of tokens; in an object, each token, as `seqshell score`.

    Each line is read from the initial state.
    """
    from seqshell.inspect.score_parts import Scorer, sentences_of

    session, unknown = shell.session, str(shell.settings.get("unknown"))
    sentences, faults = [], dict[int, Failed]()
    for place, text in enumerate(texts):
        try:
            sentences += sentences_of(session, [text], unknown, "")
        except (UsageError, VocabularyError) as error:
            faults[place] = Failed(0, error.message)
    scorer = Scorer(session, sentences)
    parts = tuple(part for step in scorer.steps() for part in step)
    scores = iter(Scores(parts, scorer.totals(), empty=scorer.empty).as_json()["sentences"])
    for place, text in enumerate(texts):
        if place in faults:
            yield faults[place]
            continue
        fields = {"input": text, **next(scores)}
        del fields["sentence_id"]
        total = in_unit(-fields["logprob"], job.unit)
        size = len(fields["tokens"])
        yield f"{total + 0.0:.6f}\t{size}" if size else "", fields


def forecast(shell: Shell, job: Job, texts: Sequence[str]) -> Iterator[Answer]:
    """The next values of the series that a line has, as its values: separated by spaces, and steps by semicolons if
    the series has several columns.
    """
    from seqshell.session import Session

    model, steps = shell.session.model, shell.settings.values().get("horizon")
    assert model.series is not None  # `checked` has seen to it
    has_columns = len(model.series.columns) > 1
    for text in texts:
        if not text.strip():
            yield "", {"input": text, "values": []}
            continue
        try:
            session = Session(model)  # with values of its own, so that those of other lines are forgotten
            session.observe(text.replace(";", "\n") if has_columns else text)
            found = session.forecast(steps)
        except (UsageError, VocabularyError) as error:
            yield Failed(0, error.message)
            continue
        fields = {name: value for name, value in found.as_json().items() if name not in ("pos", "branch")}
        yield ("; " if has_columns else " ").join(found.rows()), {"input": text, **fields}


def trace(shell: Shell, job: Job, texts: Sequence[str]) -> Iterator[Answer]:
    """The tokens with their surprisals, and the arrays of --what, [T, ...] each, as an object.

    Each line is read from the initial state.
    """
    from seqshell.inspect.trace_choice import parse_choice
    from seqshell.inspect.trace_work import traced_tokens
    from seqshell.inspect.tracing import trace as traced

    session, unknown = shell.session, str(shell.settings.get("unknown"))
    for text in texts:
        try:
            ids = session.behaviour.encode(text, unknown) if text else []
        except (UsageError, VocabularyError) as error:
            yield Failed(0, error.message)
            continue
        if not ids:
            yield "", {"input": text, "tokens": []}
            continue
        found = traced(session, ids)
        tokens = TracedText("", tuple(traced_tokens(session, found))).as_json()["tokens"]
        arrays = parse_choice(job.what, "").arrays(found, session.here.state) if job.what else {}
        yield "", {"input": text, "tokens": tokens, **({"arrays": arrays} if arrays else {})}


FUNCTIONS: Mapping[str, Callable[[Any, Any, Sequence[str]], Iterable[Answer]]] = {
    "translate": translate,
    "classify": classify,
    "tag": tag,
    "score": score,
    "forecast": forecast,
    "trace": trace,
}
