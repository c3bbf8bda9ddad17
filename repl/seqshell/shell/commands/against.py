"""Comparing two continuations, or what two models think of a text: /against."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.events import Against, ColouredText, Data, Event, Notice
from seqshell.core.events.against import AgainstStep
from seqshell.core.limits import MAX_TOKENS
from seqshell.core.plugin_api import Arguments, Option, command
from seqshell.core.tasks import Task
from seqshell.core.text_output import fixed
from seqshell.core.units import UNITS, in_both, in_unit
from seqshell.session.reading import slow_progress
from seqshell.shell.commands import models
from seqshell.shell.commands.arguments import whole_number
from seqshell.shell.commands.output_files import PICTURE_OPTION, to_file
from seqshell.shell.commands.stage_words import stage_words

if TYPE_CHECKING:
    from seqshell.inspect.against import Side
    from seqshell.session.generation import GenerationPlan
    from seqshell.shell.shell import Shell


def other_names(shell: Shell, text: str) -> Mapping[str, str]:
    """The names of the models and of the branches, before the text."""
    if " " in text.lstrip():
        return {}
    return {**models.loadable_names(shell, text), **{branch.name: "branch" for branch in shell.session.branches()}}


def chain_words(shell: Shell, text: str) -> Mapping[str, str]:
    """What may complete the stages after --chain."""
    return stage_words(shell, text.rpartition("--chain")[2].lstrip(' "'))


@command(
    "against",
    usage="[-o FILE] [--unit nats|bits] MODEL|BRANCH|POS [N|TEXT] | --chain STAGES [N]",
    options=(
        Option("-o", "FILE", PICTURE_OPTION["-o FILE"]),
        Option("--unit", "nats|bits", "instead of /set unit", UNITS),
        Option(
            "--chain", "STAGES", 'compare with this sampler chain, such as "top_k=1 temperature=0.5"', (), chain_words
        ),
    ),
    tasks={Task.GENERATE},
    complete=other_names,
    free_text=True,
    purpose="looking",
)
def against(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Continue this text twice in lock-step, with the same random numbers, and compare; the state does not change.

    The other side is a branch or a position (@120, main.2@120), another model that reads the same text, or this one
    with another sampler chain. N is the number of tokens (max_tokens). Each row has both texts, a star where they
    differ, and the divergence of what could come next, also as a bar. With a TEXT, both score it, coloured by which is
    less surprised.

        >>> ROMEO:
        >>> /against --chain "top_k=1" 20
    """
    session, options = shell.session, arguments.options
    unit = str(options.get("--unit") or shell.settings.get("unit"))
    word, _, rest = arguments.text.partition(" ")
    chain = str(options.get("--chain", ""))
    if not word and not chain:
        raise UsageError(f"missing argument; usage: /against {against.usage}")
    number, text = _number_or_text(arguments.text if chain else rest, int(shell.settings.get("max_tokens")))
    if chain and text:
        raise UsageError(
            f"unexpected {text[:40]!r} after --chain; it takes a number of tokens",
            hint=f"usage: /against {against.usage}",
        )
    plan = _plan(shell, number)

    def work() -> Iterator[Event]:
        one, other = _sides(shell, plan, word, chain)
        session.behaviour.navigator.forget_interrupt()
        yield from _scored(shell, one, other, text, unit) if text else _continued(shell, one, other, plan, unit)
        if one.is_as(other):
            yield Notice(f"{one.name} and {other.name} are the same; name another branch, a model, or --chain STAGES")

    yield from to_file(shell, arguments, work)


def _sides(shell: Shell, plan: GenerationPlan, word: str, chain: str) -> tuple[Side, Side]:
    """What continues here, and the other side."""
    from seqshell.inspect.against import Side

    session = shell.session
    if chain:
        from seqshell.decoding.syntax import parse_chain

        one = Side.of(session, plan, "this chain")
        return one, one.with_samplers(parse_chain(chain, shell.registry.samplers), chain)
    if "@" in word or word in [branch.name for branch in session.branches()]:
        return Side.of(session, plan, session.branch), Side.of(session, plan, word, word)
    return _with_model(shell, plan, word)


def _number_or_text(rest: str, default: int) -> tuple[int, str]:
    """The number of tokens, or a text."""
    if not rest.strip():
        return default, ""
    if rest.strip().lstrip("-").isdigit():
        return whole_number(rest, "the number of tokens", 1, MAX_TOKENS), ""
    return default, rest


def _plan(shell: Shell, number: int) -> GenerationPlan:
    from seqshell.session.answer_options import AnswerOptions

    return shell.session.behaviour.plan(AnswerOptions(number))


def _with_model(shell: Shell, plan: GenerationPlan, name: str) -> tuple[Side, Side]:
    """This model and another one, which has read the text here."""
    from seqshell.inspect.against import Side
    from seqshell.shell.opening import start_session

    session = shell.session
    try:
        opened = shell.workspace.open_in_background(name, Task.GENERATE)
    except CheckpointError as error:
        branches = ", ".join(branch.name for branch in session.branches())
        separator = "" if error.message.endswith("?") else ";"
        raise CheckpointError(f"{error.message}{separator} the branches are {branches}", hint=error.hint) from None
    model = shell.workspace.sessions[opened].model
    one = Side.of(session, plan, session.model.name)
    same = model.fingerprint, model.weights
    if same == (
        session.model.fingerprint,
        session.model.weights,
    ):  # bit for bit what this one has read, interventions included
        return one, replace(one, name=opened)
    if session.behaviour.cursor.timeline.given(session.here.node) is not None:
        raise UsageError(f"the text here begins with a state of {session.model.name}, which {opened} does not have")
    other = start_session(model, shell.registry, seed=session.seed)
    other.feed(session.text().text, str(shell.settings.get("unknown")))
    return one, Side.of(other, plan, opened)


def _continued(shell: Shell, one: Side, other: Side, plan: GenerationPlan, unit: str) -> Iterator[Event]:
    from seqshell.inspect.against import lock_step

    session = shell.session
    steps: list[AgainstStep] = []

    def work() -> Iterator[None]:
        for step in lock_step(one, other, plan, session.behaviour.navigator.draw, session.position):
            if session.behaviour.cursor.interrupted:
                return
            steps.append(step)
            yield

    try:
        yield from slow_progress(work(), lambda: len(steps), plan.stop.max_tokens, "comparing")
    except GeneratorExit:
        shell.notices.append(Notice("interrupted before the texts were compared"))
        raise
    if not steps:
        raise UsageError("nothing to compare: one side ends at once", code="no_answer")
    yield Against(one.name, other.name, tuple(steps), unit)


def _scored(shell: Shell, one: Side, other: Side, text: str, unit: str) -> Iterator[Event]:
    from seqshell.inspect.against import scored_by_both

    session, unknown = shell.session, str(shell.settings.get("unknown"))
    ids = tuple(side.session.behaviour.encode(text, unknown) for side in (one, other))
    parts: list[tuple[bytes, float, float]] = []

    def work() -> Iterator[None]:
        for part in scored_by_both(one, other, (ids[0], ids[1])):
            if session.behaviour.cursor.interrupted:
                return
            parts.append(part)
            yield

    yield from slow_progress(work(), lambda: len(parts), len(ids[0]), "scoring")
    if session.behaviour.cursor.interrupted:
        raise UsageError("interrupted before the text was scored", code="interrupt")
    values = [in_unit(second - first, unit) for _, first, second in parts]
    sums = math.fsum(first for _, first, _ in parts), math.fsum(second for _, _, second in parts)
    whole = [fixed(in_unit(total, unit)) for total in sums]
    title = f"{one.name} {whole[0]} {unit}, {other.name} {whole[1]} {unit}; positive: {one.name} is less surprised"
    size = max(map(abs, values), default=1.0) or 1.0
    pieces = tuple(piece for piece, _, _ in parts)
    texts = tuple(piece.decode("utf-8", "replace") for piece in pieces)
    yield ColouredText(texts, tuple(values), -size, size, title, unit, pieces)
    yield Data({**in_both("surprisal_a", sums[0]), **in_both("surprisal_b", sums[1])})
