"""The words of the command line: which are options, which of them every subcommand takes, and what they mean for the shell."""

from __future__ import annotations

import os
from argparse import SUPPRESS, Action, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, NoReturn

from seqshell.core.errors import UsageError

if TYPE_CHECKING:
    from seqshell.shell.startup import Options

SUMMARY = "A shell for sequence models: a live recurrent model in the terminal, with undo, rewind and branches."
COMMANDS = """\
subcommands, as the first word (each has its own --help):
  train RECIPE|NAME|FILE   train a model; seqshell train mytext.txt needs no recipe, nor do train pairs.tsv and train a.de a.en
  evaluate MODEL DATA      measure a model on a text, or on sentences and their translations
  compare MODEL|RECIPE...  one table of language models on the same text; recipes are trained first
  models                   the models there are
  recipes [show NAME]      the recipes there are
  import FILE              make a checkpoint of another program's weights
  plugins list             the plugins, and what became of each; plugins new NAME writes one, plugins check NAME tests one

exit codes: 0 every line succeeded, 1 a line failed, 2 bad usage, 3 no model, 4 /expect did not hold, n /quit n"""
VALUED = ("-p", "--seed", "--device", "--color")  # common options that take a value; --json may, after =


def take_lines(words: Sequence[str]) -> tuple[list[str], list[str]]:
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


class _Help(RawDescriptionHelpFormatter):
    """As wide as the terminal. argparse asks for a formatter at every start and would import shutil to find the width."""

    def __init__(self, prog: str) -> None:
        try:
            columns = os.get_terminal_size(1).columns
        except OSError:  # stdout is no terminal
            columns = 100
        super().__init__(prog, width=min(columns, 100) - 2)


class Parser(ArgumentParser):
    """Tells bad usage as an error of ours, in one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message.partition(chr(10))[0]}; {self.prog} --help shows what can be given")


def parse(parser: ArgumentParser, words: Sequence[str]) -> Namespace:
    """What the words say. UsageError, in one line, when they say nothing."""
    cut = words.index("--") if "--" in words else len(words)
    # --json takes no word of its own: the next one is a script.
    return parser.parse_args([*("--json=lines" if word == "--json" else word for word in words[:cut]), *words[cut:]])


def find_subcommand(words: Sequence[str], names: Container[str]) -> int | None:
    """Where the subcommand stands: the first word, but for options that every subcommand has."""
    index = 0
    while index < len(words):
        word = words[index]
        if word in names:
            return index
        if word in VALUED:
            index += 2
        elif word in ("--no-plugins", "--json") or word.startswith(
            ("--json=", "-p", *(f"{option}=" for option in VALUED))
        ):
            index += 1
        else:
            return None
    return None


def common_options() -> ArgumentParser:
    """The options that are taken everywhere."""
    parser = Parser(add_help=False, allow_abbrev=False, formatter_class=_Help)
    group = parser.add_argument_group("options that every subcommand has, too")
    group.add_argument(
        "-p", action="append", default=[], dest="plugins", metavar="MODULE|PATH", help="load this plugin"
    )
    group.add_argument("--no-plugins", action="store_true", help="only the built-in plugins")
    group.add_argument("--seed", type=_seed, default=None, metavar="N", help="the random seed")
    group.add_argument(
        "--device", default=None, choices=("auto", "cpu", "cuda", "mps"), help="where to compute in training"
    )
    group.add_argument("--color", default="auto", choices=("auto", "always", "never"))
    group.add_argument(
        "--json",
        default="",
        choices=("lines", "stream"),
        metavar="",
        help="JSON Lines on stdout; --json=stream: tokens, too",
    )
    return parser


def _seed(word: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word) < 2**64):
        raise ArgumentTypeError(f"must be a whole number from 0 to {2**64 - 1:,}, not {word!r}")
    return int(word)


def shell_parser() -> ArgumentParser:
    """The options of `seqshell` without a subcommand; `take_lines` has taken out each -c before."""
    parser = Parser(
        "seqshell",
        description=SUMMARY,
        epilog=COMMANDS,
        parents=[common_options()],
        allow_abbrev=False,
        formatter_class=_Help,
    )
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help="run the lines of a file; - is stdin")
    parser.add_argument("-m", dest="model", metavar="NAME|PATH", help="the model; default: shakespeare")
    parser.add_argument("-c", action=_Documented, metavar="LINE", help="run this line; may be given several times")
    parser.add_argument("-i", dest="interactive", action="store_true", help="go on at the prompt afterwards")
    parser.add_argument("--messages", action="store_true", help="every line is a message: no commands, no blocks")
    parser.add_argument("--echo", action="store_true", help="print each line before its results")
    parser.add_argument(
        "--set", action="append", default=[], dest="settings", metavar="NAME=VALUE", help="as /set NAME VALUE"
    )
    parser.add_argument("--restore", metavar="NAME|PATH", help="begin with a saved session")
    parser.add_argument(
        "--on-error", default="stop", choices=("stop", "continue"), help="whether a line that fails ends the script"
    )
    parser.add_argument("--version", action="store_true", help="print the version; with --verbose also what it runs on")
    parser.add_argument("--verbose", action="store_true", help=SUPPRESS)
    return parser


def subcommand_parser(name: str, summary: str) -> ArgumentParser:
    """A parser with the common options, to which a subcommand adds its own."""
    return Parser(
        f"seqshell {name}", description=summary, parents=[common_options()], allow_abbrev=False, formatter_class=_Help
    )


class _Documented(Action):
    """-c is taken out before argparse sees it; this stands for it in --help."""

    def __call__(self, *_: object) -> None:
        raise AssertionError


def options_of(arguments: Namespace, lines: Sequence[str], *, interactive: bool) -> Options:
    """What the shell is to do. UsageError for a --set that is no NAME=VALUE."""
    from seqshell.shell.startup import Options

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
