"""The state as an object: /state and what it can do with states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.events import Event, Notice, Table
from seqshell.core.names import check_name, unknown_name
from seqshell.core.plugin_api import Arguments, command
from seqshell.shell.commands.moves import moved_to
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file, written
from seqshell.shell.commands.state_words import ACTIONS, state_words

STALE = "the model cannot compute its outputs from its state alone: the edit shows from the next token on"

if TYPE_CHECKING:
    from seqshell.session.given import StateRecord
    from seqshell.shell.shell import Shell


@command(
    "state",
    usage="[-o FILE] [ACTION ...]",
    options={**TABLE_OPTION, "--force": "with save: replace a file of another run"},
    complete=state_words,
    purpose="looking",
)
def state(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the size of the state and its norm by layer, the position, the branch and the snapshots. Nothing changes.

    With an action, do something with states; load, mix, set and add are turns, which /undo undoes, and the text begins
    anew:

        save NAME|PATH           save this state as a file
        list                     show the saved states
        drop NAME                delete a saved state
        load STATE|PATH          continue from a state
        diff A B                 compare two states
        mix A B [WEIGHT] [PART]  continue from (1-W) A + W B
        set UNIT VALUE           write one number or a layer
        add UNIT VALUE           add to one number or a layer

    A STATE is here, zero (the initial state), a branch, a position (@120, main.2@120) or the name of a saved state. A
    UNIT is a leaf with indices from 0: cell[1,147] is one number, cell[1] a layer, cell all of it. A leaf without a
    name has its number, as in 0[3]. A PART is a unit, the WEIGHT is 0.5 unless you give it.

        >>> /feed ROMEO:
        >>> /state save romeo
        >>> /feed JULIET:
        >>> /state diff romeo here
        >>> /state load romeo
        >>> /continue 20
        >>> /undo 2
    """
    if not arguments.words:
        yield from to_file(shell, arguments, lambda: [Table(("", ""), tuple(shell.session.describe().items()))])
        return
    name, *_ = arguments.words
    if name not in RUN:
        raise unknown_name("action", name, RUN)
    given = Arguments(arguments.text.strip().removeprefix(name).strip(), arguments.options)
    if "--force" in given.options and name != "save":
        raise UsageError(f"/state {name} has no option --force")
    yield from to_file(shell, given, lambda: RUN[name](shell, given))


def _words(arguments: Arguments, action: str, least: int, most: int) -> tuple[str, ...]:
    """The words after an action. UsageError with its usage."""
    if least <= len(arguments.words) <= most:
        return arguments.words
    wrong = f"unexpected {arguments.words[most]!r}" if len(arguments.words) > most else "missing argument"
    raise UsageError(f"{wrong}; usage: /state {action} {ACTIONS[action].usage}".rstrip())


def _save(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    from seqshell.inspect import addresses, saved_states

    word, session, own_files = arguments.text, shell.session, shell.workspace.own_files
    if not word:
        _words(arguments, "save", 1, 1)
    if not paths.is_path(word):
        check_name(word)
        if word in addresses.RESERVED:
            raise UsageError(f"{word} is {addresses.RESERVED[word]}; save it under another name")
        if word in [branch.name for branch in session.branches()]:
            raise UsageError(f"{word} is a branch; save the state under another name")
    path = paths.output_path(word, "states")
    if path.is_file():
        from seqshell.models.file import KINDS, read_header

        kind = read_header(path)["kind"]
        if kind != "state":
            raise CheckpointError(f"{path} is {KINDS[kind][0]}, and a state cannot replace it; choose another name")
        if path.resolve() not in own_files and not arguments.options.get("--force"):
            raise CheckpointError(f"{path} is a state of another run; /state --force save {word} replaces it")
    saved_states.save_state(path, session)
    own_files.add(path.resolve())
    yield from written(shell, path, note=f"saved to {path} · /state load {word} continues from it")


def _list(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    from seqshell.inspect.saved_states import listed

    _words(arguments, "list", 0, 0)
    rows = tuple((each.name, each.model, each.position, " ".join(each.text.split())[-40:]) for each in listed())
    yield Table(("name", "model", "position", "text"), rows, "saved states", ("text", "position"))


def _drop(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    from seqshell.inspect.saved_states import drop

    (name,) = _words(arguments, "drop", 1, 1)
    drop(name)
    if shell.interactive:
        yield Notice(f"{name} deleted")


def _load(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    from seqshell.inspect.addresses import find_state

    if not arguments.text:
        _words(arguments, "load", 1, 1)
    yield from _continued(shell, find_state(shell.session, arguments.text))


def _diff(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    from seqshell.inspect.addresses import find_state
    from seqshell.inspect.differences import difference

    one, other = (find_state(shell.session, word) for word in _words(arguments, "diff", 2, 2))
    yield replace(difference(shell.session, one, other), unit=str(shell.settings.get("unit")))


def _mix(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    from seqshell.inspect import editing
    from seqshell.inspect.addresses import find_state, parse_unit

    first, second, *rest = _words(arguments, "mix", 2, 4)
    one, other = (find_state(shell.session, word) for word in (first, second))
    weight, unit = 0.5, None
    if rest and (number := _weight(rest[0])) is not None:
        weight = number
        del rest[0]
    if rest:
        unit = parse_unit(rest.pop(0), one.state)
    if rest:
        raise UsageError(f"unexpected {rest[0]!r}; usage: /state mix {ACTIONS['mix'].usage}")
    mixed = editing.mixed(one.state, other.state, weight, unit)
    part = f" of {unit}" if unit else ""
    name = f"{one.given.name} mixed with {weight:g}{part} of {other.given.name}"
    record = other if weight == 1 and unit is None else one
    yield from _continued(shell, _edited(shell, record, mixed, name))
    if unit is None and weight not in (0, 1) and (kept := editing.kept_leaves(one.state, other.state)):
        yield Notice(f"whole numbers are not mixed: {', '.join(kept)} {'are' if len(kept) > 1 else 'is'} of the first")


def _weight(word: str) -> float | None:
    """A weight; None if the word is no number. UsageError if it is not finite."""
    try:
        weight = float(word)
    except ValueError:
        return None
    if not -1e6 <= weight <= 1e6:
        raise UsageError(f"the weight must be a finite number, such as 0.5, not {word[:40]}")
    return weight


def _set(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    yield from _write(shell, arguments, "set")


def _add(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    yield from _write(shell, arguments, "add")


def _write(shell: Shell, arguments: Arguments, action: str) -> Iterator[Event]:
    from seqshell.inspect import editing
    from seqshell.inspect.addresses import find_state, parse_unit

    address, value = _words(arguments, action, 2, 2)
    here = find_state(shell.session, "here")
    unit = parse_unit(address, here.state)
    edit = editing.written if action == "set" else editing.added
    changed, sign = edit(here.state, unit, value), "=" if action == "set" else "+="
    yield from _continued(shell, _edited(shell, here, changed, f"{here.given.name} with {unit} {sign} {value}"))


def _edited(shell: Shell, record: StateRecord, changed: object, name: str) -> StateRecord:
    from seqshell.session.state_record import changed as with_state

    return with_state(shell.session.behaviour.cursor, record, changed, name)


def _continued(shell: Shell, record: StateRecord) -> Iterator[Event]:
    """Continue from a state, and say so."""
    session = shell.session
    yield moved_to(session, session.set_state(record))
    here = [each.name for each in session.interventions]
    if lost := [each for each in record.given.interventions if each not in here]:
        verb = "are" if len(lost) > 1 else "is"
        yield Notice(f"this state was reached with {', '.join(lost)}, which {verb} not active here: /clamp, /steer")
    if record.is_stale:
        yield Notice(STALE)


RUN: Mapping[str, Callable[[Shell, Arguments], Iterator[Event]]] = {
    "save": _save,
    "list": _list,
    "drop": _drop,
    "load": _load,
    "diff": _diff,
    "mix": _mix,
    "set": _set,
    "add": _add,
}
