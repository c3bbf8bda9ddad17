"""The words of /state: its actions, and the completion of states and units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from seqshell.models.summary import about_file

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.shell.shell import Shell

MAX_INDICES = 500  # completions of one index


@dataclass(frozen=True)
class Action:
    """What follows an action, and what it does. arguments: the kind of each argument, for completion."""

    usage: str
    about: str
    arguments: tuple[str, ...] = ()


ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "save": Action("NAME|PATH", "save this state as a file"),
        "list": Action("", "show the saved states"),
        "drop": Action("NAME", "delete a saved state", ("saved",)),
        "load": Action("STATE|PATH", "continue from a state", ("state",)),
        "diff": Action("A B", "compare two states", ("state", "state")),
        "mix": Action("A B [WEIGHT] [PART]", "continue from (1-W) A + W B", ("state", "state", "unit", "unit")),
        "set": Action("UNIT VALUE", "write one number or a layer", ("unit",)),
        "add": Action("UNIT VALUE", "add to one number or a layer", ("unit",)),
    }
)


def state_words(shell: Shell, text: str) -> Mapping[str, str]:
    """What the last word of /state's arguments may be: actions, then states or units."""
    *before, word = text.split(" ") if text else [""]
    before = [each for each in before if each]
    if not before:
        return {name: action.about for name, action in ACTIONS.items()}
    action = ACTIONS.get(before[0])
    kinds = action.arguments[len(before) - 1 :] if action else ()
    if not kinds:
        return {}
    if kinds[0] == "unit":
        return dict(unit_words(shell.session, word))
    return dict(_states(shell.session, only_saved=kinds[0] == "saved"))


def _states(session: Session, *, only_saved: bool) -> Iterator[tuple[str, str]]:
    """The states that the session can continue from, or all that are saved."""
    from seqshell.inspect import addresses, saved_states

    saved = saved_states.saved_names().items()
    if only_saved:
        yield from ((name, about_file(path)) for name, path in saved)
        return
    yield from addresses.RESERVED.items()
    yield from ((branch.name, f"branch at {branch.position:,}") for branch in session.branches())
    fits = session.model.fingerprint
    yield from ((name, about_file(path)) for name, path in saved if saved_states.fingerprint_of(path) == fits)


def unit_words(session: Session, word: str) -> Iterator[tuple[str, str]]:
    """The leaves with their ranges; after a bracket or a comma, the next index."""
    from seqshell.inspect.addresses import describe_leaves, unit_text

    state: Any = session.state
    leaf, bracket, indices = word.partition("[")
    described = describe_leaves(state)
    if not bracket or leaf not in described:
        yield from described.items()
        return
    from seqshell.session.state_record import shapes

    shape = next(shape for name, shape, _ in shapes(state) if name == leaf)
    written = indices.split(",")[:-1]
    if len(written) >= len(shape) or not all(each.isdigit() for each in written):
        return
    for index in islice(range(shape[len(written)]), MAX_INDICES):
        yield unit_text(leaf, (*written, index)), ""
