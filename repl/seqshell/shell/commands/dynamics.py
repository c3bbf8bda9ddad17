"""How the state moves: /spectrum and /gates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import Event
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.text_output import quoted
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file
from seqshell.shell.commands.slow_work import slowly
from seqshell.shell.commands.unknown import unknown_events

if TYPE_CHECKING:
    from seqshell.core.state import State
    from seqshell.session import Session
    from seqshell.shell.shell import Shell


@command(
    "spectrum",
    usage="[-o FILE] [--last] [TOKEN]",
    options={**TABLE_OPTION, "--last": "of the last step: from the state before the last token"},
    free_text=True,
    purpose="looking",
)
def spectrum(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the eigenvalues of d state'/d state for the next step, and their time constants; the state does not change.

    An eigenvalue within the unit circle shrinks what it carries: to 1/e within its time constant, -1 / ln |eigenvalue|
    tokens. The next step reads TOKEN, by default the likeliest one. A model that predicts no next token is shown at its
    last step, as with --last.

    The derivatives are differences of steps of the decoder, so this works for every model. Of a state of more than
    1,024 numbers, the leading eigenvalues are shown. Whole numbers, and what grows, are left out.

        >>> /feed ROMEO:
        >>> /spectrum
    """
    yield from to_file(shell, arguments, lambda: _spectrum(shell, arguments))


def _spectrum(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    session = shell.session
    position, state, token = _step(session, arguments.text, is_last=bool(arguments.options.get("--last")))
    from seqshell.inspect.jacobian import StepFunction
    from seqshell.inspect.spectra import SpectrumSearch
    from seqshell.session.inspection import token_name

    cursor = session.behaviour.cursor
    session.behaviour.navigator.forget_interrupt()
    search = SpectrumSearch(StepFunction(cursor, state, token))
    yield from slowly(shell, search.steps(), lambda: search.done, search.total, "differentiating", "step")
    yield search.spectrum(token_name(cursor, token), position)


def _step(session: Session, text: str, *, is_last: bool) -> tuple[int, State, int]:
    """The position and the state before a step, and the token that it reads. UsageError if there is none."""
    model, behaviour = session.model, session.behaviour
    if not model.causal:
        raise UsageError(f"{model.name} reads whole texts and has no state", code="no_state")
    predicts = not model.labels and model.series is None
    if is_last or (not text and not predicts):
        if text:
            raise UsageError(f"--last is of the token that was read, so {quoted(text)} cannot follow it")
        if not session.position:
            raise UsageError(f"{model.name} has not read anything here yet, so it has no last step", code="no_answer")
        return session.position - 1, session.ancestor(1).state, session.ids()[-1]
    if text:
        ids = behaviour.encode(text)
        if len(ids) != 1:
            raise UsageError(f"{quoted(text)} is {len(ids)} tokens of {model.name}, and a step reads one", code="token")
        return session.position, session.here.state, ids[0]
    behaviour.require_next_token()
    if session.behaviour.cursor.is_new:
        raise UsageError(
            f"{model.name} has not read anything yet, so no token is likelier than another; "
            "feed a text, or name a token: /spectrum TOKEN",
            code="no_answer",
        )
    excluded = behaviour.excluded_tokens()
    likeliest = next(each.id for each in session.top(len(excluded) + 1).tokens if each.id not in excluded)
    return session.position, session.here.state, likeliest


@command("gates", usage="[-o FILE] [TEXT|@FILE]", options=TABLE_OPTION, free_text=True, purpose="looking")
def gates(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show how a model uses its gates on a text, by default that of this branch; the state does not change.

    For each layer and unit: at which share of the tokens a gate is left-saturated, below 0.1, or right-saturated, above
    0.9 (Karpathy et al. 2015). The half-life of a unit is ln 0.5 / ln m tokens, for the mean m of its forget or update
    gate. A TEXT is read from the state here.

    The gates are what the decoder's trace has besides the state, if it has values from 0 to 1.

        >>> ROMEO:
        >>> /gates
        >>> /gates "O Romeo, Romeo!"
    """
    yield from to_file(shell, arguments, lambda: _gates(shell, arguments.text))


def _gates(shell: Shell, text: str) -> Iterator[Event]:
    from seqshell.inspect.gates import GateUse
    from seqshell.inspect.tracing import branch_text

    session = shell.session
    if text:
        ids, record = session.behaviour.encode(text, str(shell.settings.get("unknown"))), None
    else:
        ids, record = branch_text(session)
    use = GateUse(session, ids, record)
    yield from slowly(shell, use.steps(), lambda: use.done, len(ids), "reading")
    yield use.gates()
    yield from unknown_events(session.behaviour.unknown(text)) if text else ()
