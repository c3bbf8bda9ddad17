"""/reach: how far back a model remembers, by the gradient of its prediction for each token that it has read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Notice, Reach
from seqshell.core.model import Task
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.state import as_array, leaves
from seqshell.shell.commands.arguments import whole_number, words
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.shell.shell import Shell

DEFAULT_TOKENS, MAX_TOKENS = 20, 1000  # tokens back


@command("reach", usage="[-o FILE] [N]", options=TABLE_OPTION, tasks={Task.GENERATE, Task.CLASSIFY}, purpose="looking")
def reach(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show how far back the model remembers: the effect of each of the last N tokens; the state does not change.

    The bars are |d log p(last token) / d embedding| of the N tokens before it, by one backward pass through the torch
    module. The half-life is the number of tokens over which they halve, fitted to their logarithms. For a classifier,
    they are the gradients of its answer with respect to the last N tokens of the text.

        >>> /feed ROMEO:
        >>> /reach 5
    """
    (word,) = words(arguments, reach, 0, 1) or (str(DEFAULT_TOKENS),)
    number = whole_number(word, "the number of tokens", 1, MAX_TOKENS)
    session = shell.session
    if not session.model.causal:
        raise UsageError(
            f"{session.model.name} reads texts in both directions, so no token is further back than another"
        )
    is_label = bool(session.model.labels)
    texts, ids = _last_tokens(session, number)
    if session.model.path is None:
        raise UsageError(
            f"{session.model.name} has no file, from which /reach reads the torch module for the gradients"
        )
    if session.interventions:
        raise UsageError(
            "/reach computes gradients of the torch module, which has no interventions; /interventions clear ends them"
        )
    _refuse_whole_numbers(session)
    if "torch" not in sys.modules:
        yield Notice("loading torch for the gradients")
    from seqshell.training.language.saliency import gradients, half_life
    from seqshell.training.torch_module import torch_module

    state = session.ancestor(len(texts)).state
    read, target = (ids, None) if is_label else (ids[:-1], ids[-1])
    log_prob, norms = gradients(
        torch_module(session.model, shell.registry), session.model.architecture, read, target, state
    )
    said = session.label().answer if is_label else texts[-1]
    unit = str(shell.settings.get("unit"))
    found = Reach(tuple(zip(texts, norms, strict=False)), said, log_prob, half_life(norms), unit)
    yield from to_file(shell, arguments, [found])


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


def _last_tokens(session: Session, number: int) -> tuple[list[str], list[int]]:
    """The texts and ids of the last `number` tokens; for a language model, of the token after them too.

    Raises UsageError if the session has not read enough.
    """
    is_label = bool(session.model.labels)
    if session.position < 2 - is_label:
        what = "a text" if is_label else "two tokens, the first of which may affect the second,"
        raise UsageError(f"{session.model.name} has not read {what} yet", code="no_answer")
    length = min(session.position, number + (not is_label))
    return session.token_texts()[-length:], session.ids()[-length:]
