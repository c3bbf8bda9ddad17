"""What a command line with an unknown first word or option seems to mean. Imported only for such a command line."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.core.named_files import named_path, shown_name
from seqshell.core.names import nearest
from seqshell.shell.foreign_words import OPTIONS, SETTINGS, SUBCOMMANDS, as_setting, filled

RECIPE_KEYS = {"lr": "learning_rate", "batch": "batch_size", "num_epochs": "epochs"}


def check_first_word(args: Sequence[str], names: Iterable[str]) -> None:
    """Raise UsageError if the first argument is no file but resembles a subcommand. names: of the subcommands."""
    word, *rest = args
    if named_path(word).exists() or word in paths.list_checkpoints():
        return
    if line := _meant(word, rest, names):
        raise UsageError(f"there is no subcommand or script {word!r}; use seqshell {line}", code="no_script")


def _meant(word: str, rest: list[str], names: Iterable[str]) -> str:
    """The arguments that a command line means; empty if it cannot be guessed."""
    if word in SUBCOMMANDS:
        given = [arg for arg in rest if not arg.startswith("-")]
        if "{TEXT}" in SUBCOMMANDS[word]:
            given = [" ".join(given)] if given else []
        return filled(SUBCOMMANDS[word], *map(shlex.quote, given)).strip()
    if word in _shell_commands():
        return f"-c {shlex.quote(' '.join([f'/{word}', *rest]))}"
    near = nearest(word, names)
    return shlex.join([near, *rest]) if near else ""


def _shell_commands() -> set[str]:
    """The names of the built-in commands, aliases included."""
    from seqshell.host.builtin import COMMANDS

    entries = " ".join(COMMANDS.values()).split()
    return {name for entry in entries for name in entry.partition("=")[2].split(",")}


def no_script(names: Sequence[str], missing: str) -> UsageError:
    """The error for scripts, one of which does not exist: a model's name, or words that are meant as a line."""
    models = paths.list_checkpoints()
    near = missing if missing in models else nearest(missing, models)
    text = missing if any(named_path(name).exists() for name in names) else " ".join(names)
    line = f"-c {shlex.quote(text) if text != missing else repr(text)} to send a line"
    if near == missing:
        hint = f"use -m {missing} to open a model, {line}"
    else:
        hint = f"did you mean -m {near}? Use {line}" if near else f"use {line}; seqshell --help lists the subcommands"
    return UsageError(f"no script {shown_name(missing)!r}; {hint}", code="no_script")


def unknown_option(option: str, following: Sequence[str], known: Iterable[str], program: str) -> UsageError:
    """The error for an option that a program does not have. following: the arguments after it. known: its options."""
    flag, equals, value = option.partition("=")
    given = [value] if equals else [arg for arg in following[:2] if not arg.startswith("-")]
    line = _option_meant(flag, given, program) if flag.startswith("-") else ""
    near = "" if line else nearest(flag, [name for name in known if name.startswith("--")])
    listed = f"{program} --help lists the options"
    hint = f"use {line}" if line else f"did you mean {near}?" if near else listed
    return UsageError(f"unrecognized arguments: {option}; {hint}")


def _option_meant(flag: str, given: list[str], program: str) -> str:
    """The arguments that an option means; empty if it cannot be guessed."""
    name = as_setting(flag.lstrip("-"))
    if program == "seqshell":
        return _shell_option(flag, name, given)
    from seqshell.training.recipes.settings import TABLES

    key = RECIPE_KEYS.get(name, name)
    table = next((table for table, kind in TABLES.items() if key in kind.__dataclass_fields__), "")
    return (
        filled(f"--set {table}.{key}={{VALUE}}", *given[:1]) if table and program.endswith(("train", "compare")) else ""
    )


def _shell_option(flag: str, name: str, given: list[str]) -> str:
    if flag in OPTIONS:
        return filled(OPTIONS[flag], *map(shlex.quote, given))
    from seqshell.host import Policy
    from seqshell.host.builtin import load_registry
    from seqshell.shell.setting_specs import SHELL_SETTINGS

    known = SETTINGS.get(name, f"/{name} {{}}" if name in _shell_commands() else name)
    if known.startswith("/"):
        return f"-c {shlex.quote(filled(known, *given[:1]).strip())}"
    is_setting = known in SHELL_SETTINGS or known.partition(".")[0] in load_registry(Policy(no_plugins=True)).samplers
    return filled(f"--set {known}={{VALUE}}", *map(shlex.quote, given[:1])) if is_setting else ""
