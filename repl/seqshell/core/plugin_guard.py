"""The one guard through which seqshell calls into plugins. Whatever comes out of a plugin is an error that names it.

    with guard: ...                        a call
    for event in guard.each(events): ...   a generator of the plugin, each step and its end

Two kinds of exceptions pass unchanged: what the host itself raises to stop (Ctrl-C, a signal, an interrupted search),
and a SeqshellError, which has a message for the user already. GeneratorExit, SystemExit, CancelledError and a
KeyboardInterrupt that nobody typed are errors of the plugin, as any other exception is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, TypeVar

from seqshell.core.code_places import place_of_function, place_of_raise
from seqshell.core.errors import PluginError, SeqshellError, reason_of, trace_of
from seqshell.core.signal_handlers import SignalHandlers, stops_host
from seqshell.core.text_output import brief

T = TypeVar("T")
OWNER = "__seqshell_plugin__"  # the attribute of a plugin's module that holds its Owner
IMPORTING: dict[str, Owner] = {}  # the modules that are being imported, whose code runs before they have an Owner
_END = object()


@dataclass(frozen=True)
class Owner:
    """The plugin that code belongs to. is_plugin: False if no plugin is known, and `name` is that of the module."""

    name: str = ""
    distribution: str = ""
    builtin: bool = False
    is_plugin: bool = True

    @property
    def title(self) -> str:
        """How messages refer to it: "the plugin NAME (DISTRIBUTION)"."""
        return f"the plugin {brief(self.name)}{f' ({self.distribution})' if self.distribution else ''}"

    @property
    def suffix(self) -> str:
        """What follows the name of something that it offers: " of the plugin NAME (DISTRIBUTION)", or nothing."""
        return "" if self.builtin or not self.name else f" of {self.title if self.is_plugin else self.name}"


def owner_of(kind: Any) -> Owner:
    """The plugin that a class or function comes from, by its module."""
    return owner_of_module(str(getattr(kind, "__module__", None) or ""))


def owner_of_module(module: str) -> Owner:
    """The plugin that a module belongs to."""
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        found = getattr(sys.modules.get(".".join(parts[:end])), "__dict__", {}).get(OWNER)
        if isinstance(found, Owner):
            return found
    if parts[0] in IMPORTING:
        return IMPORTING[parts[0]]
    return Owner(parts[0], is_plugin=False)


def culprit(error: BaseException) -> Owner | None:
    """The third-party plugin in whose code an exception was raised, or None.

    That is the owner of the last code of seqshell or of a plugin that the traceback names, or that of its cause, as of
    the RuntimeError that Python makes of a StopIteration.
    """
    found: Owner | None = None
    trace = error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module != SignalHandlers.__module__:  # the handler of Ctrl-C, which interrupts any code
            owner = owner_of_module(module)
            found = owner if owner.is_plugin else found
        trace = trace.tb_next
    if found is not None and not found.builtin:
        return found
    return culprit(error.__cause__) if error.__cause__ is not None else None


def owner_in(frame: FrameType | None) -> Owner | None:
    """The third-party plugin whose code runs in a frame, or in one that it was called from; None if there is none."""
    while frame is not None:
        owner = owner_of_module(str(frame.f_globals.get("__name__", "")))
        if owner.is_plugin and not owner.builtin:
            return owner
        frame = frame.f_back
    return None


class WrongReturn(TypeError):
    """A function of a plugin returned what it must not. by: the function, or the class that lacks a method."""

    def __init__(self, message: str, by: Any) -> None:
        super().__init__(message)
        self.by = by


def reason_and_place(error: BaseException, plugin: str = "") -> str:
    """What a plugin raised, and where, in one line: "ValueError: too small (mine.py, line 30)". Never raises.

    The place is the last line of a third-party plugin that the exception passed; plugin: its name, "" for any.
    """
    if isinstance(error, WrongReturn):
        reason, place = str(error), place_of_function(error.by)
    else:
        reason, place = reason_of(error), _place(error, plugin)
    return f"{reason} ({place})" if place else reason


def _place(error: BaseException | None, plugin: str) -> str:
    def is_meant(module: str) -> bool:
        owner = owner_of_module(module)
        return owner.is_plugin and not owner.builtin and plugin in ("", owner.name)

    while error is not None:
        if place := place_of_raise(error.__traceback__, is_meant):
            return place
        error = error.__cause__
    return ""


class Guard:
    """Calls into one plugin. An exception becomes a PluginError: "WHAT DOING: REASON (FILE, line N)".

    what: what is called, as in "the sampler top_k of mine". doing: what it was doing, "failed" or "failed in update".
    hint: what the user can do. passes_errors: False if a SeqshellError is the plugin's fault too. raises: the error
    instead of a PluginError, where a damaged file is as likely a cause.
    """

    __slots__ = ("_doing", "_hint", "_owner", "_passes_errors", "_raises", "_what")

    def __init__(
        self,
        what: str,
        owner: Owner,
        doing: str = "failed",
        *,
        hint: str = "",
        passes_errors: bool = True,
        raises: Callable[[str], SeqshellError] | None = None,
    ) -> None:
        self._what = what
        self._owner = owner
        self._doing = doing
        self._hint = hint
        self._passes_errors = passes_errors
        self._raises = raises

    @property
    def owner(self) -> Owner:
        """The plugin that is called."""
        return self._owner

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.blame(error)

    def blame(self, error: BaseException) -> None:
        """Raise the error that names the plugin for what came out of a call, unless that passes unchanged.

        For calls that are too short for a `with`: `except BaseException as error: guard.blame(error); raise`.
        """
        if stops_host(error) or (self._passes_errors and isinstance(error, SeqshellError)):
            return
        raise self.error(f"{self._doing}: {reason_and_place(error, self._owner.name)}", error) from error

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """The result of a call."""
        with self:
            return function(*arguments)

    def error(self, fault: str, error: BaseException | None = None, *, by: Any = None) -> SeqshellError:
        """The error that names the plugin. fault: the end of the message, as in "returned NaN".

        error: what the plugin raised. by: the plugin's function that returned what it must not, or its
        generator that yielded it, to name the line.
        """
        if by is not None and (place := place_of_function(by)):
            fault += f" ({place})"
        if self._raises is not None:
            return self._raises(f"{self._what} {fault}")
        details = trace_of(error) if error is not None else ""
        return PluginError(
            f"{self._what} {fault}",
            plugin=self._owner.name,
            distribution=self._owner.distribution,
            details=details,
            hint=self._hint,
        )

    def each(self, items: Iterable[T]) -> Generator[T, None, None]:
        """The items of a plugin's generator. It is closed when the caller stops reading."""
        with self:
            steps = iter(items)
        try:
            while True:
                try:
                    item: Any = next(steps, _END)
                except BaseException as error:
                    self.blame(error)
                    raise
                if item is _END:
                    return
                yield item
        finally:
            with self:
                if close := getattr(steps, "close", None):
                    close()


def as_fault(error: BaseException) -> SeqshellError | None:
    """The PluginError for what came out of a plugin's code; None for the host's own errors, and for what stops it.

    The last resort: for calls that no Guard watches. What would end the program is an error, too.
    """
    owner = culprit(error)
    if isinstance(error, SeqshellError) or stops_host(error) or (isinstance(error, Exception) and owner is None):
        return None
    title = owner.title if owner else "a plugin"
    return Guard(title, owner or Owner()).error(f"failed: {reason_and_place(error)}", error)


def stopped_plugin(stop: KeyboardInterrupt, running: Guard | None = None) -> PluginError | None:
    """The error that names the third-party plugin whose code Ctrl-C had to stop; None if it was seqshell's own code.

    running: the guard of a plugin's command. It is named for its plugin's code, and for what seqshell did for it.
    """
    owner = culprit(stop)
    guard = (
        running
        if running is not None and owner in (None, running.owner)
        else Guard(owner.title, owner)
        if owner
        else None
    )
    if guard is None:
        return None
    place = _place(stop, guard.owner.name)
    error = guard.error(f"was stopped by Ctrl-C{f' ({place})' if place else ''}", stop)
    return error if isinstance(error, PluginError) else None


def faults_named(items: Iterator[T]) -> Iterator[T]:
    """The items. What a plugin's code raises is an error that names the plugin, wherever the host calls it."""
    while True:
        try:
            item: Any = next(items, _END)
        except BaseException as error:
            if (fault := as_fault(error)) is None:
                raise
            raise fault from error
        if item is _END:
            return
        yield item
