"""Moving through the history: /undo, /redo, /rewind, /reset and /regen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Notice
from seqshell.core.limits import MAX_TOKENS
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.tasks import Task
from seqshell.shell.commands.arguments import values_of, whole_number, words
from seqshell.shell.commands.mix import turns_since, undone
from seqshell.shell.commands.moves import moved_to
from seqshell.shell.commands.stage_words import sampler_fields
from seqshell.shell.unknown_settings import no_variant

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

MAX_CANDIDATES = 100  # of one /regen


@command("undo", usage="[N|Nt]", purpose="back")
def undo(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Undo the last turn, your line and its answer; the state is again what it was before.

    /undo N undoes N turns, /undo Nt undoes N tokens: /undo 12t. Nothing is lost: /redo restores it, and sending the
    same message again gives the same answer.

        >>> ROMEO:
        >>> /undo
    """
    (word,) = words(arguments, undo, 0, 1) or ("1",)
    workspace = shell.workspace
    number = (
        0 if word.endswith("t") and word[:-1].isdigit() else whole_number(word, "the number of turns", 1, MAX_TOKENS)
    )
    if number and (since := turns_since(workspace)) is not None and number > since:
        yield from undone(shell)
        if number > since + 1:
            yield moved_to(shell.session, shell.session.undo(number - since - 1))
        return
    if workspace.answered not in (None, workspace.current):
        yield Notice(f"the last answer came from {workspace.answered}; this undoes a turn of {workspace.current}")
    if number:
        yield moved_to(shell.session, shell.session.undo(number))
    else:
        yield moved_to(
            shell.session, shell.session.undo_tokens(whole_number(word[:-1], "the number of tokens", 1, MAX_TOKENS))
        )


@command("redo", usage="[N]", purpose="back")
def redo(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Redo what /undo, /rewind or /reset undid, one turn or N; the state moves forward again.

    >>> ROMEO:
    >>> /undo
    >>> /redo
    """
    (word,) = words(arguments, redo, 0, 1) or ("1",)
    yield moved_to(shell.session, shell.session.redo(whole_number(word, "the number of turns", 1, MAX_TOKENS)))


@command("rewind", usage="POS|-N|TEXT", free_text=True, purpose="back")
def rewind(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Go to a token position, N tokens back, or just after the last TEXT; the state becomes the one at that position.

    Put a TEXT that is a number in quotes: /rewind "12". /redo restores what was undone.

        >>> /feed ROMEO: What
        >>> /rewind "ROMEO:"
        >>> /rewind -2
        >>> /rewind 0
    """
    text = arguments.text
    if not text:
        words(arguments, rewind, 1)
    position = None if arguments.quoted else position_in(text)
    yield moved_to(shell.session, shell.session.rewind_to(text) if position is None else shell.session.rewind(position))


def position_in(text: str) -> int | None:
    """The text as a number; None if it is not one."""
    digits = text.strip().removeprefix("-")
    return (
        whole_number(text.strip(), "the position", -MAX_TOKENS * 1000, MAX_TOKENS * 1000)
        if digits.isascii() and digits.isdigit()
        else None
    )


@command("reset", aliases=("clear",), purpose="back")
def reset(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Forget everything that was read; the state is the initial one again. /undo restores it.

    >>> ROMEO:
    >>> /reset
    """
    words(arguments, reset, 0, 0)
    yield moved_to(shell.session, shell.session.reset())


def variant_words(shell: Shell, text: str) -> Mapping[str, str]:
    """The settings of the samplers as NAME=; after it, a value that may follow those written already."""
    fields = {field.name: field for field in sampler_fields(shell)}
    name, sign, _ = text.lstrip().partition("=")
    if not sign:
        return {f"{name}=": field.help for name, field in fields.items()}
    written = text.lstrip()[: max(map(text.lstrip().rfind, "=,")) + 1]
    return {f"{written}{value}": about for value, about in values_of(fields[name]).items()} if name in fields else {}


@command(
    "regen",
    usage="[K|NAME=V1,V2,...]",
    aliases=("retry",),
    complete=variant_words,
    tasks={Task.GENERATE, Task.TRANSLATE},
    purpose="back",
)
def regen(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Generate the last answer again; the state is that of the first candidate, and the old answer stays a branch.

    /regen K makes K candidates; /regen NAME=V1,V2,... makes one candidate per value of a setting. Each is a branch,
    main.2, main.3, ...; /checkout goes to another. With a search such as beam, the K candidates are its K best results.
    What the last answer was asked for alone is kept: after /continue 20 it is 20 tokens.

        >>> ROMEO:
        >>> /regen
        >>> /regen 2
        >>> /regen temperature=0.5,1,1.5
    """
    (word,) = words(arguments, regen, 0, 1) or ("1",)
    if "=" in word and (name := word.partition("=")[0]).partition(".")[0] not in shell.registry.samplers:
        raise no_variant(name, shell.registry.samplers)
    yield from _note_equal(shell, word)
    which = _variants(word) if "=" in word else whole_number(word, "the number of candidates", 1, MAX_CANDIDATES)
    from seqshell.session.answer_options import AnswerOptions  # imports numpy

    defaults = AnswerOptions.of(shell.settings.get("max_tokens"), shell.settings.get("stop"))
    yield from shell.session.behaviour.regenerate(which, defaults=defaults)


def _note_equal(shell: Shell, word: str) -> Iterator[Event]:
    """A notice if the strategy will give each candidate the same answer, because it does not sample."""
    from seqshell.decoding.chain import is_about_chance

    strategy, (name, equals, _) = shell.session.strategy, word.partition("=")
    if getattr(strategy, "draws", True):
        return
    if equals and is_about_chance(shell.registry.samplers[name.partition(".")[0]]):
        yield Notice(f"{strategy.name} does not sample, so {name} has no effect; /strategy sample does")
    elif not equals and strategy.streams:
        yield Notice(f"{strategy.name} gives the same answer again; /strategy sample gives others")


def _variants(word: str) -> list[dict[str, Any]]:
    """The settings of each candidate: `temperature=0.5,1` has two."""
    name, _, listed = word.partition("=")
    values = [value for value in listed.split(",") if value]
    if not values or len(values) > MAX_CANDIDATES:
        raise UsageError(
            f"write 1 to {MAX_CANDIDATES} values after {name}=, separated by commas: /regen temperature=0.5,1,1.5"
        )
    return [{name: value} for value in values]
