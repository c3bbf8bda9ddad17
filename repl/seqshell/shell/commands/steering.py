"""Interventions: /clamp, /lesion, /steer, /interventions and /sweep."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import ActiveInterventions, Event, Notice
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.text_output import cell, quoted
from seqshell.shell.commands.arguments import whole_number, words
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file
from seqshell.shell.commands.state import STALE
from seqshell.shell.commands.state_words import unit_words
from seqshell.shell.commands.unknown import unknown_events

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.session.interventions import Clamp, Interventions
    from seqshell.shell.shell import Shell

_TEXTS = re.compile(r'\s*(?:([+-])("(?:[^"\\]|\\.)*")|(\S+))')


def clamp_words(shell: Shell, text: str) -> Mapping[str, str]:
    """The units of the state, as the first argument."""
    return dict(unit_words(shell.session, text)) if " " not in text and "=" not in text else {}


@command("clamp", usage="UNIT=VALUE", complete=clamp_words, purpose="looking")
def clamp(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Keep a unit of the state at a value, here and after every token that follows; earlier positions stay as they are.

    A UNIT is one number, cell[1,147], a layer, cell[1], or a whole leaf. The clamp belongs to the place where it began:
    /undo removes it, /rewind to before it leaves it behind, branches, /regen, searches and saved sessions keep it, and
    a new text after /reset begins with it. /interventions shows what is active.

        >>> ROMEO:
        >>> /clamp hidden[1,147]=2
        >>> /continue 20
        >>> /undo 2
    """
    unit, sign, value = arguments.text.partition("=")
    if not sign or not unit.strip() or not value.strip():
        raise UsageError(f"write a unit and its value; usage: /clamp {clamp.usage}")
    from seqshell.inspect.steering import clamp as clamp_of

    yield from _clamped(shell, clamp_of(shell.session, unit.strip(), value.strip()), "clamped")


@command("lesion", usage="UNIT", complete=clamp_words, purpose="looking")
def lesion(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Keep a unit of the state at 0, here and after every token that follows, as /clamp UNIT=0 does.

    >>> ROMEO:
    >>> /lesion hidden[1]
    >>> /continue 20
    >>> /interventions clear
    """
    (unit,) = words(arguments, lesion, 1, 1)
    from seqshell.inspect.steering import clamp as clamp_of

    yield from _clamped(shell, clamp_of(shell.session, unit, "0"), "lesioned")


def _clamped(shell: Shell, found: Clamp, done: str) -> Iterator[Event]:
    from seqshell.inspect.steering import value_of

    session, was = shell.session, value_of(shell.session, found)
    before = "" if was is None else f" (was {cell(str(was) if isinstance(was, complex) else was, '.4g')})"
    what = found.name if done == "clamped" else found.unit
    yield from _intervened(session, (*session.interventions, found), f"{done} {what}{before}")


def _modes(shell: Shell, text: str) -> Mapping[str, str]:
    """When to add the difference."""
    return {"once": "add it here; the default", "every": "add it here and after every token that follows"}


@command("steer", usage='+"TEXT" -"TEXT" [STRENGTH] [once|every]', complete=_modes, purpose="looking")
def steer(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Add to the state: the state after one text minus that after another, times the strength (1 unless you give it).

    once, the default, adds it here; every adds it here and after every token that follows, which soon becomes much.
    Both texts are read from the initial state. /undo removes it.

        >>> ROMEO:
        >>> /steer +"love" -"hate" 2
        >>> /continue 20
        >>> /steer +"love" -"hate" 0.1 every
    """
    texts: dict[str, str] = {}
    rest: list[str] = []
    for sign, text, word in _TEXTS.findall(arguments.text):
        if sign and sign not in texts:
            texts[sign] = json.loads(text, strict=False) if _is_json(text) else text[1:-1]
        else:
            rest.append(word or sign + text)
    if len(texts) < 2 or len(rest) > 2:
        raise UsageError(f"write two texts in quotes; usage: /steer {steer.usage}")
    mode = rest.pop() if rest and rest[-1] in ("once", "every") else "once"
    strength = _strength(rest.pop(0)) if rest else 1.0
    if rest:
        raise UsageError(f"unexpected {quoted(rest[0])}; usage: /steer {steer.usage}")
    from seqshell.inspect.steering import steering

    session = shell.session
    unknown = str(shell.settings.get("unknown"))
    found = steering(session, texts["+"], texts["-"], strength, once=mode == "once", unknown=unknown)
    done = f"steered {found.name}"
    yield from _intervened(session, (*session.interventions, found), done, once=found.once)
    yield from unknown_events([part for text in texts.values() for part in session.behaviour.unknown(text)])


def _is_json(text: str) -> bool:
    try:
        json.loads(text, strict=False)
    except ValueError:
        return False
    return True


def _strength(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise UsageError(f"the strength must be a number, not {quoted(word)}", code="value") from None


def _clear_words(shell: Shell, text: str) -> Mapping[str, str]:
    return {} if " " in text else {"clear": "end all of them, or the one of a number"}


@command("interventions", usage="[clear [N]]", complete=_clear_words, purpose="looking")
def interventions(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the interventions that are active here; with clear, end all of them, or the N-th; the state stays as it is.

    The model then goes on freely. Ending them is a turn, which /undo undoes.

        >>> ROMEO:
        >>> /clamp hidden[1,147]=2
        >>> /interventions
        >>> /interventions clear 1
    """
    session, found = shell.session, words(arguments, interventions, 0, 2)
    active = session.interventions
    if not found:
        yield _active(session)
        return
    if found[0] != "clear":
        raise UsageError(f"unexpected {quoted(found[0])}; usage: /interventions {interventions.usage}")
    if not active:
        raise UsageError("no interventions are active here; /clamp, /lesion and /steer begin some", code="intervention")
    if len(found) == 1:
        yield from _intervened(session, (), "interventions ended")
        return
    number = whole_number(found[1], "the number of the intervention", 1, len(active))
    yield from _intervened(session, active[: number - 1] + active[number:], f"ended {active[number - 1].name}")


def _intervened(session: Session, wanted: Interventions, done: str, *, once: bool = False) -> Iterator[Event]:
    change = session.intervene(wanted)
    yield replace(_active(session, done), once=once)
    if change is not None and change.is_stale:
        yield Notice(STALE)


def _active(session: Session, done: str = "") -> ActiveInterventions:
    names = tuple(each.name for each in session.interventions)
    return ActiveInterventions(names, session.position, session.branch, done)


@command("sweep", usage="[-o FILE] UNIT LOW..HIGH", options=TABLE_OPTION, complete=clamp_words, purpose="looking")
def sweep(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show what the next token and the most likely text become if a unit keeps other values; the state does not change.

    Nine values from LOW to HIGH, each held as /clamp holds it. JS is how far the distribution of the next token moves
    from the one here, 0 to 0.69 nats, or 1 bit: /set unit.

        >>> ROMEO:
        >>> /sweep hidden[1,147] -2..2
    """
    unit, span = words(arguments, sweep, 2, 2)
    low, dots, high = span.partition("..")
    if not (low and dots and high):
        raise UsageError(f"write the range as LOW..HIGH, not {quoted(span)}", hint=f"/sweep {unit} -1..1", code="value")
    from seqshell.inspect.steering import sweep as swept

    measure = str(shell.settings.get("unit"))
    yield from to_file(shell, arguments, lambda: [replace(swept(shell.session, unit, low, high), measure=measure)])
