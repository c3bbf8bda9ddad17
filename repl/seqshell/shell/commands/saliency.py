"""/reach: how far back a model remembers, by the gradient of its prediction for each token that it has read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Notice, Reach
from seqshell.core.events.reach import PartReach
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.state import State, as_array, leaves
from seqshell.core.tasks import Task
from seqshell.core.text_output import quoted
from seqshell.inspect.half_lives import half_life
from seqshell.shell.commands.arguments import whole_number, words
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.shell.shell import Shell

DEFAULT_TOKENS, MAX_TOKENS = 20, 1000  # tokens back


@command(
    "reach",
    usage="[-o FILE] [--layers] [N|FROM TO]",
    options={**TABLE_OPTION, "--layers": "add the gradients of each part of the state, by distance"},
    tasks={Task.GENERATE, Task.CLASSIFY},
    purpose="looking",
)
def reach(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show how far back the model remembers: the effect of each of the last N tokens; the state does not change.

    The bars are |d log p(last token) / d embedding| of the N tokens before it, by one backward pass through the torch
    module. The half-life is the number of tokens over which they halve, fitted to their logarithms. For a classifier,
    they are the gradients of its answer with respect to the last N tokens of the text.

    FROM and TO are positions, as in /reach @5 @20: the effect of the 5th token, and those after it, on the 20th.
    --layers adds |d log p / d state| of each layer and leaf, for the state in which each of the tokens was read.

        >>> /feed ROMEO: What
        >>> /reach 5
        >>> /reach --layers @2 @9
    """
    session, given = shell.session, words(arguments, reach, 0, 2)
    if not session.model.causal:
        raise UsageError(
            f"{session.model.name} reads texts in both directions, so no token is further back than another"
        )
    start, end = _window(session, given)
    if session.model.path is None:
        raise UsageError(
            f"{session.model.name} has no file, from which /reach reads the torch module for the gradients"
        )
    if session.interventions:
        raise UsageError(
            "/reach computes gradients of the torch module, which has no interventions; /interventions clear ends them"
        )
    _refuse_whole_numbers(session)
    by_layer = bool(arguments.options.get("--layers"))
    yield from to_file(shell, arguments, lambda: _reach(shell, start, end, by_layer=by_layer))


def _reach(shell: Shell, start: int, end: int, *, by_layer: bool) -> Iterator[Event]:
    """The work. start, end: the positions before the first token that counts, and after the last."""
    session = shell.session
    if "torch" not in sys.modules:
        yield Notice("loading torch for the gradients")
    from seqshell.training.language import saliency
    from seqshell.training.torch_module import torch_module

    is_label = bool(session.model.labels)
    state, ids, texts = _state_at(session, start), session.ids()[start:end], session.token_texts()[start:end]
    read, target = (ids, None) if is_label else (ids[:-1], ids[-1])
    module, architecture = torch_module(session.model, shell.registry), session.model.architecture
    parts: dict[str, list[float]] = {}
    if by_layer:
        log_prob, norms, parts = saliency.state_gradients(module, architecture, read, target, state)
    else:
        log_prob, norms = saliency.gradients(module, architecture, read, target, state)
    yield Reach(
        tuple(zip(texts, norms, strict=False)),
        _label(session, end) if is_label else texts[-1],
        log_prob,
        half_life(norms),
        str(shell.settings.get("unit")),
        tuple(PartReach(name, tuple(each), half_life(each)) for name, each in parts.items()),
    )


def _window(session: Session, given: tuple[str, ...]) -> tuple[int, int]:
    """The positions before the first token that counts, and after the last; for a language model, of the token that
    is predicted. UsageError if the session has not read enough, and for positions that it has not.
    """
    is_label = bool(session.model.labels)
    if len(given) == 2:
        first, last = (_position(session, word) for word in given)
        if not first < last + is_label or last - first > MAX_TOKENS:
            raise UsageError(
                f"TO must be {'at least FROM' if is_label else 'after FROM'}, and at most {MAX_TOKENS:,} tokens",
                code="position",
            )
        return first - 1, last
    if given and given[0].startswith("@"):
        raise UsageError(f"{given[0][:40]} needs a second position: /reach FROM TO", code="position")
    number = whole_number(given[0] if given else str(DEFAULT_TOKENS), "the number of tokens", 1, MAX_TOKENS)
    if session.position < 2 - is_label:
        what = "a text" if is_label else "two tokens, the first of which may affect the second,"
        raise UsageError(f"{session.model.name} has not read {what} yet", code="no_answer")
    return max(0, session.position - number - (not is_label)), session.position


def _position(session: Session, word: str) -> int:
    """The position of an address such as @120. UsageError gives the range."""
    digits = word.removeprefix("@")
    if not digits.isdecimal() or not word.startswith("@") or not 1 <= int(digits[:18]) <= session.position:
        raise UsageError(
            f"{quoted(word)} is outside {session.branch}, which has tokens from @1 to @{session.position}"
            if session.position
            else f"{session.branch} has no tokens yet",
            code="position",
        )
    return int(digits)


def _state_at(session: Session, position: int) -> State:
    return session.ancestor(session.position - position).state


def _label(session: Session, position: int) -> str:
    """What a classifier says at a position."""
    if position == session.position:
        return session.label().answer
    outputs = session.ancestor(session.position - position).outputs
    assert outputs is not None  # `ancestor` returns whole snapshots
    return session.model.labels[int(outputs[0].argmax())]


def _refuse_whole_numbers(session: Session) -> None:
    """Raise UsageError, before torch is loaded, for a state without gradients, such as the last tokens of an n-gram
    model.
    """
    kept = list(map(as_array, leaves(session.here.state)))
    if kept and not any(leaf.dtype.kind in "fc" for leaf in kept):
        number = sum(leaf[0].size for leaf in kept)
        raise UsageError(
            f"{session.model.name} has no gradients: its state holds whole numbers ({number}), "
            "such as the last tokens, and it remembers nothing else",
            code="no_gradient",
        )
