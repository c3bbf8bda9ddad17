"""The command line: the shell itself, its subcommands and their exit codes. Imports what a subcommand needs when it runs."""

from __future__ import annotations

import os
import sys
from argparse import SUPPRESS, Action, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

from seqshell.errors import CheckpointError, PluginError, RecipeError, UsageError

if TYPE_CHECKING:
    from seqshell.host import Registry
    from seqshell.starting import Options

SUMMARY = "A shell for sequence models: a live recurrent model in the terminal, with undo, rewind and branches."
COMMANDS = """\
subcommands, as the first word (each has its own --help):
  train RECIPE|NAME|FILE   train a model; seqshell train mytext.txt needs no recipe
  evaluate MODEL DATA      measure a model on a text
  models                   the models there are
  recipes [show NAME]      the recipes there are
  plugins list             the plugins, and what became of each

exit codes: 0 every line succeeded, 1 a line failed, 2 bad usage, 3 no model, 4 /expect did not hold, n /quit n"""
VALUED = ("-p", "--seed", "--device", "--color")  # common options that take a value; --json may, after =


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    # One row at a time is too little work to share: OpenBLAS's threads would only wait for one another. numpy reads this when it is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed, and the first file to be opened would take its place
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # it is for the rest of the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        index = _subcommand(words)
        if index is None:
            return _shell(words)
        name, rest = words[index], [*words[:index], *words[index + 1 :]]
        return SUBCOMMANDS[name].run(_parse(_subparser(name), rest))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _failed(error)


def _failed(error: Exception) -> int:
    """Tell what ended the program in one line, and what exit code it means."""
    from seqshell.faults import fault_of, is_debugging
    from seqshell.plain_text import tell

    fault = fault_of(error)
    tell(sys.stderr, fault.line)
    if fault.details and is_debugging():
        tell(sys.stderr, fault.details)
    if isinstance(error, UsageError | RecipeError):
        return 2
    return 3 if isinstance(error, CheckpointError | PluginError) else 1


# The shell itself


def _shell(words: list[str]) -> int:
    """`seqshell` without a subcommand: scripts, the terminal, or the one and then the other."""
    lines, rest = _said(words)
    arguments = _parse(_shell_parser(), rest)
    if arguments.version:
        from seqshell.listing import versions

        sys.stdout.write(versions(arguments.verbose))
        return 0
    is_terminal = _is_terminal(sys.stdin) and _is_terminal(sys.stdout)
    if arguments.interactive and not is_terminal:
        raise UsageError("-i needs a terminal: stdin and stdout must both be one")
    is_script = bool(lines or arguments.scripts or arguments.messages or arguments.json or not is_terminal)
    options = _options(arguments, lines, interactive=not is_script)
    if is_script:
        from seqshell import script

        code, shell = script.run(options)
        if shell is None or not arguments.interactive:
            return code
        from seqshell import terminal

        return terminal.run(options, shell)
    from seqshell import terminal

    return terminal.run(options)


def _options(arguments: Namespace, lines: Sequence[str], *, interactive: bool) -> Options:
    from seqshell.starting import Options

    settings = []
    for word in arguments.settings:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--set needs NAME=VALUE, not {word!r}")
        settings.append((name.strip(), value))
    return Options(
        model=arguments.model,
        lines=tuple(lines),
        scripts=tuple(arguments.scripts),
        interactive=interactive,
        messages=arguments.messages,
        json=arguments.json,
        echo=arguments.echo,
        settings=tuple(settings),
        seed=arguments.seed,
        restore=arguments.restore,
        on_error=arguments.on_error,
        no_plugins=arguments.no_plugins,
        plugins=tuple(arguments.plugins),
        device=arguments.device or "auto",
        color=arguments.color,
        go_on=arguments.interactive,
    )


def _is_terminal(stream: object) -> bool:
    try:
        return stream is not None and bool(stream.isatty())  # type: ignore[attr-defined]  # a text stream, or None where it is closed
    except ValueError:  # closed
        return False


def _said(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The lines of each -c, whatever they begin with, and the other words."""
    lines: list[str] = []
    rest: list[str] = []
    left = iter(words)
    for word in left:
        if word == "--":
            rest += [word, *left]
        elif word == "-c":
            line = next(left, None)
            if line is None:
                raise UsageError("-c needs a line: -c 'ROMEO:'")
            lines.append(line)
        elif word.startswith("-c"):
            lines.append(word[2:])
        else:
            rest.append(word)
    return lines, rest


# Parsing


class _Help(RawDescriptionHelpFormatter):
    """As wide as the terminal. argparse asks for a formatter at every start and would import shutil to find the width."""

    def __init__(self, prog: str) -> None:
        try:
            columns = os.get_terminal_size(1).columns
        except OSError:  # stdout is no terminal
            columns = 100
        super().__init__(prog, width=min(columns, 100) - 2)


class _Parser(ArgumentParser):
    """Tells bad usage as an error of ours, in one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message.partition(chr(10))[0]}; {self.prog} --help shows what can be given")


def _parse(parser: ArgumentParser, words: Sequence[str]) -> Namespace:
    cut = words.index("--") if "--" in words else len(words)
    # --json takes no word of its own: the next one is a script.
    return parser.parse_args([*("--json=lines" if word == "--json" else word for word in words[:cut]), *words[cut:]])


def _subcommand(words: Sequence[str]) -> int | None:
    """Where the subcommand stands: the first word, but for options that every subcommand has."""
    index = 0
    while index < len(words):
        word = words[index]
        if word in SUBCOMMANDS:
            return index
        if word in VALUED:
            index += 2
        elif word in ("--no-plugins", "--json") or word.startswith(("--json=", "-p", *(f"{option}=" for option in VALUED))):
            index += 1
        else:
            return None
    return None


def _common() -> ArgumentParser:
    """The options that are taken everywhere."""
    parser = _Parser(add_help=False, allow_abbrev=False, formatter_class=_Help)
    group = parser.add_argument_group("options that every subcommand has, too")
    group.add_argument("-p", action="append", default=[], dest="plugins", metavar="MODULE|PATH", help="load this plugin")
    group.add_argument("--no-plugins", action="store_true", help="only the built-in plugins")
    group.add_argument("--seed", type=_seed, default=None, metavar="N", help="the random seed")
    group.add_argument("--device", default=None, choices=("auto", "cpu", "cuda", "mps"), help="where to compute in training")
    group.add_argument("--color", default="auto", choices=("auto", "always", "never"))
    group.add_argument("--json", default="", choices=("lines", "stream"), metavar="", help="JSON Lines on stdout; --json=stream: tokens, too")
    return parser


def _seed(word: str) -> int:
    number = int(word)
    if not 0 <= number < 2**64:
        raise ValueError
    return number


_seed.__name__ = "seed"  # argparse names the type in its error


def _shell_parser() -> ArgumentParser:
    parser = _Parser("seqshell", description=SUMMARY, epilog=COMMANDS, parents=[_common()], allow_abbrev=False, formatter_class=_Help)
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help="run the lines of a file; - is stdin")
    parser.add_argument("-m", dest="model", metavar="NAME|PATH", help="the model; default: shakespeare")
    parser.add_argument("-c", action=_Documented, metavar="LINE", help="run this line; may be given several times")
    parser.add_argument("-i", dest="interactive", action="store_true", help="go on at the prompt afterwards")
    parser.add_argument("--messages", action="store_true", help="every line is a message: no commands, no blocks")
    parser.add_argument("--echo", action="store_true", help="print each line before its results")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="NAME=VALUE", help="as /set NAME VALUE")
    parser.add_argument("--restore", metavar="NAME|PATH", help="begin with a saved session")
    parser.add_argument("--on-error", default="stop", choices=("stop", "continue"), help="whether a line that fails ends the script")
    parser.add_argument("--version", action="store_true", help="print the version; with --verbose also what it runs on")
    parser.add_argument("--verbose", action="store_true", help=SUPPRESS)
    return parser


class _Documented(Action):
    """-c is taken out before argparse sees it; this stands for it in --help."""

    def __call__(self, *_: object) -> None:
        raise AssertionError


# Subcommands


@dataclass(frozen=True)
class Subcommand:
    """summary: one line. add: puts its own options on a parser. run: does it, and returns the exit code."""

    summary: str
    add: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]


def _subparser(name: str) -> ArgumentParser:
    parser = _Parser(f"seqshell {name}", description=SUBCOMMANDS[name].summary, parents=[_common()], allow_abbrev=False, formatter_class=_Help)
    SUBCOMMANDS[name].add(parser)
    return parser


def _add_train(parser: ArgumentParser) -> None:
    from seqshell.training.cli import add_train_arguments

    add_train_arguments(parser)


def _train(arguments: Namespace) -> int:
    from seqshell.training.cli import train_command

    return train_command(arguments)


def _add_evaluate(parser: ArgumentParser) -> None:
    from seqshell.training.cli import add_evaluate_arguments

    add_evaluate_arguments(parser)


def _evaluate(arguments: Namespace) -> int:
    from seqshell.training.cli import evaluate_command

    return evaluate_command(arguments)


def _add_recipes(parser: ArgumentParser) -> None:
    from seqshell.training.cli import add_recipes_arguments

    add_recipes_arguments(parser)


def _recipes(arguments: Namespace) -> int:
    from seqshell.training.cli import recipes_command

    return recipes_command(arguments)


def _add_nothing(parser: ArgumentParser) -> None:
    pass


def _models(arguments: Namespace) -> int:
    from seqshell.listing import models

    sys.stdout.write(models(_with_plugins(arguments), as_json=bool(arguments.json)))
    return 0


def _add_plugins(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=["list"], help="what became of each plugin, whatever is broken")


def _plugins(arguments: Namespace) -> int:
    from seqshell.listing import plugins

    sys.stdout.write(plugins(_with_plugins(arguments), as_json=bool(arguments.json)))
    return 0


def _with_plugins(arguments: Namespace) -> Registry:
    """The registry of what the command line allows. A plugin that fails does not end a listing, however strict the wish."""
    import dataclasses

    from seqshell.host import Policy
    from seqshell.opening import load_registry

    policy = Policy.read(no_plugins=arguments.no_plugins, extra=arguments.plugins)
    return load_registry(dataclasses.replace(policy, strict=False))


SUBCOMMANDS: Mapping[str, Subcommand] = MappingProxyType(
    {
        "train": Subcommand("Train a model from a recipe or a text file.", _add_train, _train),
        "evaluate": Subcommand("Measure a model on a text.", _add_evaluate, _evaluate),
        "models": Subcommand("List the models there are.", _add_nothing, _models),
        "recipes": Subcommand("List the recipes, or print one.", _add_recipes, _recipes),
        "plugins": Subcommand("List the plugins.", _add_plugins, _plugins),
    }
)
