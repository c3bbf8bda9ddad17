"""The options of the command line, and the shell's Options that they give."""

from __future__ import annotations

import os
from argparse import SUPPRESS, Action, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from seqshell.cli.unknown import add_set_argument
from seqshell.core.errors import UsageError
from seqshell.core.exit_codes import MEANINGS
from seqshell.core.precisions import PRECISIONS

if TYPE_CHECKING:
    from seqshell.shell.startup import Options

SUMMARY = "A shell for sequence models: a live recurrent model in the terminal, with undo, rewind and branches."
COMMANDS = """\
subcommands (the first argument; each has its own --help):
  train RECIPE|NAME|FILE   train a model from a recipe, or directly from text.txt, pairs.tsv, or two files a.de a.en
  evaluate MODEL DATA      evaluate a model on a text, translations, labelled texts or a series
  score FILE               the surprisal of each token or word, as a table, or of pairs of sentences
  compare MODEL|RECIPE...  compare language models on the same text; recipes are trained first
  trace FILE -o FILE       write the state, the gates and the surprisal after each token of a text
  bulk VERB FILE... -o OUT translate, classify, score, forecast or trace each line, in many processes
  models                   list the models; --check reads all files
  show NAME|FILE           a model's card, figures, origin, size and hash
  pull URL|hf:OWNER/REPO   download a model, of .safetensors alone
  cp NAME|FILE NEW         copy a model
  rm NAME                  remove a model of yours
  runs [show|plot|rm NAME] trainings with their figures, one of them, their loss curves
  recipes [show NAME]      list the recipes, or print one
  import FILE              convert weights from another program to a checkpoint
  export MODEL --to FORM   write a model as plain PyTorch or as an ONNX graph
  average MODEL... -o OUT  average the weights of models of one kind
  plugins [list]           list the plugins with their status
  plugins new NAME         create a plugin
  plugins check NAME|PATH  check a plugin
  config [show|path|edit]  show every setting and where its value comes from, or edit the config file
  completion SHELL         print the script with which bash, zsh or fish completes all this
  paths                    show where your models, sessions and settings are

exit codes:  """ + ", ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items())
VALUED = ("-p", "--seed", "--device", "--color")  # common options with a value; --json takes one after =


class Prompt(str):
    """The text of a --prompt: one message, whatever its lines begin with; `-` stands for all of stdin."""


def extract_lines(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split the arguments into the lines of -c and the texts of --prompt, which may begin with anything, and the rest.

    A text of --prompt is a Prompt.
    """
    lines: list[str] = []
    rest: list[str] = []
    left = iter(args)
    for arg in left:
        flag = next((flag for flag in ("-c", "--prompt=") if arg.startswith(flag)), arg)
        if arg == "--":
            rest += [arg, *left]
        elif flag not in ("-c", "--prompt", "--prompt="):
            rest.append(arg)
        else:
            is_separate = arg in ("-c", "--prompt")
            text = next(left, None) if is_separate else arg.removeprefix(flag)
            if text is None:
                needed = "a line: -c 'ROMEO:'" if flag == "-c" else "a text, or - for stdin"
                raise UsageError(f"{arg} needs {needed}")
            lines.append(text if flag == "-c" else Prompt(text))
    return lines, rest


class _Help(RawDescriptionHelpFormatter):
    """Help as wide as the terminal. argparse would import shutil at every start to find the width."""

    def __init__(self, prog: str) -> None:
        try:
            columns = os.get_terminal_size(1).columns
        except OSError:  # stdout is not a terminal
            columns = 100
        super().__init__(prog, width=min(columns, 100) - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Keep the lines of a text; a line that is too long continues below its last column."""
        import re
        import textwrap

        def wrapped(line: str) -> str:
            column = max((found.end() for found in re.finditer(r"\S {2,}", line)), default=0)
            return textwrap.fill(line, width, subsequent_indent=" " * column, break_long_words=False)

        return "\n".join(map(wrapped, text.splitlines()))


class Parser(ArgumentParser):
    """Reports bad usage as a UsageError in one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message.partition(chr(10))[0]}; {self.prog} --help lists the options")


def parse(parser: ArgumentParser, args: Sequence[str]) -> Namespace:
    """Parse the arguments; options may be anywhere among them. Raises UsageError, in one line, for bad usage."""
    cut = args.index("--") if "--" in args else len(args)
    # --json takes no separate value: the next argument is a script.
    given = [*("--json=lines" if arg == "--json" else arg for arg in args[:cut]), *args[cut:]]
    arguments, unknown = parser.parse_known_args(given)
    if unknown:  # perhaps words after an option that belong to a list before it
        arguments, unknown = parser.parse_known_intermixed_args(given)
    if unknown:
        from seqshell.cli.suggestions import unknown_option

        option = unknown[0]
        raise unknown_option(option, given[given.index(option) + 1 :], options_of(parser), parser.prog)
    return arguments


def options_of(parser: ArgumentParser) -> list[str]:
    """The options of a parser: -m, --seed, ..."""
    return [option for action in parser._actions for option in action.option_strings]


def first_argument(args: Sequence[str]) -> int | None:
    """Return the index of the first argument apart from common options; None if there is none."""
    index = 0
    while index < len(args):
        arg = args[index]
        if arg in VALUED:
            index += 2
        elif arg in ("--no-plugins", "--json") or arg.startswith(
            ("--json=", "-p", *(f"{option}=" for option in VALUED))
        ):
            index += 1
        else:
            return index
    return None


def common_options() -> ArgumentParser:
    """The options of the shell and of every subcommand."""
    parser = Parser(add_help=False, allow_abbrev=False, formatter_class=_Help)
    group = parser.add_argument_group("common options, also for subcommands")
    group.add_argument(
        "-p",
        action="append",
        default=[],
        dest="plugins",
        metavar="MODULE|PATH",
        help="load this plugin: a module, or a file, a package or the folder of a distribution; may be repeated",
    )
    group.add_argument("--no-plugins", action="store_true", help="load only the built-in plugins")
    group.add_argument("--seed", type=_seed, default=None, metavar="N", help="the random seed")
    group.add_argument("--device", default=None, choices=("auto", "cpu", "cuda", "mps"), help="device for training")
    group.add_argument("--color", default="auto", choices=("auto", "always", "never"), help="colour the output")
    group.add_argument(
        "--json",
        default="",
        choices=("lines", "stream"),
        metavar="",
        help="print JSON Lines; --json=stream also prints each token",
    )
    return parser


def _seed(arg: str) -> int:
    if not (arg.isascii() and arg.isdigit() and int(arg) < 2**64):
        raise ArgumentTypeError(f"must be a whole number from 0 to {2**64 - 1:,}, not {arg!r}")
    return int(arg)


def add_model_argument(parser: ArgumentParser, what: str) -> None:
    """Add -m, which may be repeated. what: its help."""
    parser.add_argument("-m", action="append", dest="models", metavar="NAME|PATH", help=what)


def chosen_model(arguments: Namespace) -> str | None:
    """The model of -m: A+B for several; None without the option."""
    return None if arguments.models is None else "+".join(arguments.models)


def shell_parser() -> ArgumentParser:
    """The options of `seqshell` without a subcommand. `extract_lines` has removed each -c and --prompt before."""
    parser = Parser(
        "seqshell",
        description=SUMMARY,
        epilog=COMMANDS,
        parents=[common_options()],
        allow_abbrev=False,
        formatter_class=_Help,
    )
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help="file of lines to run; - is stdin")
    add_model_argument(parser, "model to open; default: shakespeare; several are an ensemble, as is NAME+NAME")
    parser.add_argument(
        "--weights",
        choices=PRECISIONS,
        metavar="PRECISION",
        help="of the model's weights: float32, or bf16 or int8, which are faster and less exact",
    )
    parser.add_argument("-c", action=_HelpOnly, metavar="LINE", help="run this line; may be repeated")
    parser.add_argument(
        "--prompt",
        action=_HelpOnly,
        metavar="TEXT|-",
        help="send this text as one message, whatever its lines begin with; - is stdin; may be repeated",
    )
    parser.add_argument("-i", dest="interactive", action="store_true", help="continue at the prompt after the script")
    parser.add_argument("--messages", action="store_true", help="treat every line as a message: no commands, no blocks")
    parser.add_argument("--echo", action="store_true", help="print each line before its results")
    add_set_argument(parser, "change a setting, as /set NAME VALUE does")
    parser.add_argument("--preset", metavar="NAME", help="choose tokens as this preset does, before --set")
    parser.add_argument("--restore", metavar="NAME|PATH", help="start with a saved session")
    parser.add_argument(
        "-C",
        "--continue",
        dest="restore",
        action="store_const",
        const="last",
        help="continue the last session: --restore last",
    )
    parser.add_argument(
        "--on-error", default="stop", choices=("stop", "continue"), help="what to do after a line that fails"
    )
    parser.add_argument(
        "--version", action="store_true", help="print the version; with --verbose also those of its libraries"
    )
    parser.add_argument("--verbose", action="store_true", help=SUPPRESS)
    return parser


def subcommand_parser(name: str, summary: str) -> ArgumentParser:
    """A parser with the common options. The subcommand adds its own."""
    return Parser(
        f"seqshell {name}", description=summary, parents=[common_options()], allow_abbrev=False, formatter_class=_Help
    )


class _HelpOnly(Action):
    """Shows -c and --prompt in --help. `extract_lines` removes them before argparse sees it."""

    def __call__(self, *_: object) -> None:
        raise AssertionError


def settings_of_options(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The (name, value) of each --set. Raises UsageError for one without NAME=VALUE."""
    settings = []
    for arg in given:
        name, equals, value = arg.partition("=")
        if not equals:
            raise UsageError(f"--set needs NAME=VALUE, not {arg!r}; write --set {arg}=VALUE")
        settings.append((name.strip(), value))
    return tuple(settings)


def build_options(arguments: Namespace, lines: Sequence[str], *, interactive: bool) -> Options:
    """Return the shell's options. Raises UsageError for a --set without NAME=VALUE."""
    from seqshell.shell.startup import Options

    return Options(
        model=chosen_model(arguments),
        weights=arguments.weights,
        lines=tuple(lines),
        scripts=tuple(arguments.scripts),
        interactive=interactive,
        messages=arguments.messages,
        json=arguments.json,
        echo=arguments.echo,
        settings=settings_of_options(arguments.settings),
        preset=arguments.preset,
        seed=arguments.seed,
        restore=arguments.restore,
        on_error=arguments.on_error,
        no_plugins=arguments.no_plugins,
        plugins=tuple(arguments.plugins),
        device=arguments.device or "auto",
        color=arguments.color,
        go_on=arguments.interactive,
    )
