"""What a plugin can offer besides an Architecture: lazy targets, settings with ranges, and commands.

Imports no numpy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from seqshell.core.errors import PluginError, UsageError, reason_of
from seqshell.core.events import Event
from seqshell.core.names import did_you_mean
from seqshell.core.setting_types import NAMES, described, hints_of, parse, scalars
from seqshell.core.tasks import Task
from seqshell.core.text_output import quoted

T = TypeVar("T")

# The parts of a sampler chain in their usual order. "penalty": changes the logits of single tokens. "truncation":
# excludes unlikely tokens. "temperature": flattens or sharpens the distribution of the others. "last": needs the final
# probabilities.
SAMPLER_STAGES = ("penalty", "truncation", "temperature", "last")


def stage_of(sampler: type[Any]) -> str:
    """The stage that a sampler's class declares; "truncation" for one that declares none."""
    return str(getattr(sampler, "stage", "truncation"))


@dataclass(frozen=True)
class Lazy:
    """A sampler, strategy, tokenizer, command or importer that is imported when it is first used.

    target: "package.module:Name".
    """

    name: str
    target: str


@dataclass(frozen=True)
class Setting:
    """One setting of a config, sampler or strategy, with its valid values.

    kind: its type; str for a type that is no class, such as tuple[int, ...], which `hint` has.
    low, high: the limits, both valid; None: no limit. neutral: the value that changes nothing. choices: the valid
    texts.
    """

    name: str
    kind: type
    default: Any
    low: float | None = None
    high: float | None = None
    neutral: Any = None
    choices: tuple[str, ...] = ()
    help: str = ""
    hint: Any = None

    @property
    def range(self) -> str:
        """The valid values as text: "0 to 100", "at least 0", "tanh, relu or sigmoid"; empty if all are valid."""
        if self.choices:
            return one_of(self.choices)
        if self.kind is bool:
            return "on or off"
        if self.low is not None and self.high is not None:
            return f"{_written(self.low)} to {_written(self.high)}"
        if self.low is not None:
            return f"at least {_written(self.low)}"
        return f"at most {_written(self.high)}" if self.high is not None else ""

    @property
    def valid(self) -> str:
        """What is valid, in words: its range, or its type, with the range of each item."""
        kind, limits = described(self.full_type), self.range
        if self.full_type in NAMES or not limits:
            return limits or kind
        return f"{kind} ({limits})"

    @property
    def values(self) -> tuple[str, ...]:
        """The valid values, if they can be listed."""
        return self.choices or (("on", "off") if self.kind is bool else ())

    def parse(self, value: Any) -> Any:
        """Convert what the user wrote, or a value from TOML or JSON, to this setting's type.

        UsageError if it is invalid.
        """
        try:
            parsed = parse(self.full_type, value, lambda kind, table: build(kind, table, what=self.name))
        except (ValueError, TypeError, OverflowError):
            raise UsageError(f"{self.name} must be {self.valid}, not {quoted(value)}") from None
        if not all(map(self._is_valid, scalars(parsed))):
            each = "each item of " if isinstance(parsed, list | tuple) else ""
            raise UsageError(f"{each}{self.name} must be {self.range}, not {quoted(value)}")
        return parsed

    @property
    def full_type(self) -> Any:
        """The annotation of its field, or its kind."""
        return self.kind if self.hint is None else self.hint

    def _is_valid(self, value: Any) -> bool:
        """Whether a number is within the limits, and a text one of the choices."""
        if value is None or isinstance(value, bool):
            return True
        if isinstance(value, int | float):  # written so that NaN is outside
            return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)
        return not self.choices or value in self.choices


def one_of(choices: Sequence[str]) -> str:
    """The choices as text: "tanh, relu or sigmoid"."""
    return " or ".join(filter(None, (", ".join(choices[:-1]), choices[-1])))


def _written(limit: float) -> str:
    """A limit for people: 0.5, 100, 1,000,000."""
    return f"{limit:,.0f}" if float(limit).is_integer() else f"{limit:g}"


def setting(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    neutral: Any = None,
    choices: Iterable[str] = (),
    help: str = "",
) -> Any:
    """A dataclass field that is a setting: `k: int = seqshell.setting(40, low=0, neutral=0, help="...")`.

    default: must be a valid value. For the other arguments see Setting.
    """
    extra = {"low": low, "high": high, "neutral": neutral, "choices": tuple(choices), "help": help}
    return field(default=default, metadata={"seqshell": extra})


def settings_of(offered: type[Any]) -> tuple[Setting, ...]:
    """The settings of a dataclass, in the order of its fields.

    A plain field has no limits; one without a default has the default None. PluginError for an annotation that names
    what its module does not have, such as something imported for type checkers only.
    """
    try:
        hints = hints_of(offered)  # type: ignore[arg-type]  # each class has a hash
    except Exception as error:
        reason = reason_of(error)
        raise PluginError(f"the annotations of {offered.__name__} cannot be read when it runs: {reason}") from error
    found = []
    for item in dataclasses.fields(offered):
        default = None if item.default is dataclasses.MISSING else item.default
        if item.default_factory is not dataclasses.MISSING:
            default = item.default_factory()
        hint = hints.get(item.name, str)
        kind = hint if isinstance(hint, type) else str
        found.append(Setting(item.name, kind, default, **item.metadata.get("seqshell", {}), hint=hint))
    return tuple(found)


def build(offered: type[T], values: Mapping[str, Any], *, what: str = "", main: str = "") -> T:
    """offered(**values), each value converted and checked. UsageError names the setting.

    what: the name of the thing in messages; by default its `name`, or the name of its class. main: the setting that
    users call by the name of the thing, as temperature is that of its sampler.
    """
    name = what or getattr(offered, "name", offered.__name__)
    known = {item.name: item for item in settings_of(offered)}
    for key in values:
        if key not in known:
            meant = did_you_mean(key, known, f"it has {', '.join(known) or 'none'}")
            raise UsageError(f"{name} has no setting {quoted(key)}; {meant}")
    called = {key: name if key == main else f"{name}: {key}" for key in values}
    parsed = {key: replace(known[key], name=called[key]).parse(value) for key, value in values.items()}
    try:
        return offered(**parsed)
    except UsageError as error:
        raise UsageError(f"{name}: {error.message}") from None
    except (ValueError, TypeError) as error:
        raise UsageError(f"{name}: {error}") from None


@dataclass(frozen=True)
class Arguments:
    """What the user wrote after a command's name.

    text: everything after the options and one space, verbatim. words: the text, split at white space.
    options: the values of the given options, by flag; True for a switch. quoted: True if the text was written as one
    JSON string.
    file: the name of the file that the text was read from, "-" for stdin; for commands that answer it line by line.
    """

    text: str = ""
    options: Mapping[str, str | bool] = field(default_factory=dict)
    quoted: bool = False
    file: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.text.split())


# The first argument is the Shell, whose class is above this module: .session, .settings, .registry and .open(name) are
# public.
Run = Callable[[Any, Arguments], Iterator[Event]]
Complete = Callable[[Any, str], Iterable[str]]


@dataclass(frozen=True)
class Option:
    """An option of a command. `-o FILE` has the flag "-o" and takes a FILE; `--errors` takes nothing.

    takes: what its value is called in the help; empty: the option is a switch. Tab completes the names of files for
        FILE, and those of models for MODEL.
    choices: its valid values, which Tab offers; any other is refused before the command runs. Empty: any text.
    complete: complete(shell, text) returns the values that Tab offers, as that of a Command does.
    """

    flag: str
    takes: str = ""
    help: str = ""
    choices: tuple[str, ...] = ()
    complete: Complete | None = None


@dataclass(frozen=True)
class Command:
    """A command, which the user calls as `/NAME`. `@seqshell.command` makes one.

    run: run(shell, arguments) yields events; its docstring is the help, whose first line says what happens to the
        state. `shell` offers: session, the seqshell.Session of the current model (UsageError if none is open); task,
        that of the model, or None; settings, where get(name) is the value of `/set NAME`; registry, where lookup(kind,
        name) is what plugins offer; shell.open(name), which opens a model, makes it current and returns its session;
        and handle(line), the events of another line. Nothing else of it is public.
    tasks: the tasks of the current model that the command works for; empty: all.
    complete: complete(shell, text) returns the words that may replace the last word of `text`, or a mapping from each
        to its description. `text` is what was typed after the name up to the cursor; its last word is empty after a
        space. Words that do not begin with it are left out. It is called when the user presses Tab, so it must be fast
        and change nothing; if it raises, nothing is completed and `/plugins --errors` shows why.
    free_text: the arguments are the user's own text, so options must precede it, or follow a word, or a text in quotes.
    hidden: True if /help and completion do not list it.
    """

    name: str
    run: Run
    usage: str = ""
    aliases: tuple[str, ...] = ()
    tasks: frozenset[Task] = frozenset()
    options: tuple[Option, ...] = ()
    complete: Complete | None = None
    free_text: bool = False
    purpose: str = ""  # the heading under which /help lists it
    hidden: bool = False

    @property
    def help(self) -> str:
        return (self.run.__doc__ or "").strip()


def command(
    name: str,
    *,
    usage: str = "",
    aliases: Iterable[str] = (),
    tasks: Iterable[Task] = (),
    options: Mapping[str, str] | Iterable[Option] = (),
    complete: Complete | None = None,
    free_text: bool = False,
    purpose: str = "",
    hidden: bool = False,
) -> Callable[[Run], Command]:
    """Decorate `run(shell, arguments) -> Iterator[Event]` as a Command.

    options: Option objects, or their help by flag: {"-o FILE": "write to a file", "--errors": "show tracebacks"}. An
    Option may have choices, or complete its values.
    For the other arguments see Command.
    """
    listed = (
        tuple(Option(key.partition(" ")[0], key.partition(" ")[2], text) for key, text in options.items())
        if isinstance(options, Mapping)
        else tuple(options)
    )

    def make(run: Run) -> Command:
        return Command(name, run, usage, tuple(aliases), frozenset(tasks), listed, complete, free_text, purpose, hidden)

    return make
