"""`seqshell config`: every setting with the origin of its value; and the config file, which it opens and checks."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from seqshell.cli.options import settings_of_options
from seqshell.cli.plain_text import print_diagnostic
from seqshell.cli.progress import print_json
from seqshell.cli.result_output import print_result
from seqshell.cli.unknown import add_set_argument
from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.core.events import Notice, Table
from seqshell.core.named_files import reason
from seqshell.core.setting_origins import BUILT_IN, COMMAND_LINE

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

EXAMPLES = """\
examples:
  seqshell config
  seqshell config show -m german-english --set max_tokens=40
  seqshell config path
  EDITOR=nano seqshell config edit"""
ENVIRONMENT = "environment"
# Environment variables that change what seqshell does.
VARIABLES = (
    "SEQSHELL_HOME",
    "SEQSHELL_PLUGINS",
    "SEQSHELL_STRICT_PLUGINS",
    "SEQSHELL_SLOW_SCAN",
    "SEQSHELL_DEBUG",
)


def add_config_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell config`."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "action",
        nargs="?",
        default="show",
        choices=["show", "path", "edit"],
        help="show the settings (default); path: where the config file is; edit: open it in $VISUAL or $EDITOR, and "
        "check it afterwards",
    )
    parser.add_argument("-m", dest="model", metavar="NAME|PATH", help="show: with this model; default: shakespeare")
    parser.add_argument("--preset", metavar="NAME", help="show: with this preset")
    add_set_argument(parser, "show: with this setting")


def config_command(arguments: Namespace) -> int:
    """Run the action and return the exit code; that of edit is 1 if the file has a mistake. Raises SeqshellError."""
    if arguments.action == "show":
        return _show(arguments)
    if arguments.model or arguments.preset or arguments.settings:
        raise UsageError("-m, --preset and --set are for config show")
    if arguments.action == "edit":
        return _edit()
    path = paths.config_file()
    print_json({"path": str(path), "exists": path.is_file()}) if arguments.json else print_result(str(path), sys.stdout)
    return 0


def _show(arguments: Namespace) -> int:
    shell = _shell(arguments)
    tables = {
        "settings": [(entry.name, entry.value, entry.origin) for entry in shell.settings.table()],
        "start": [*_options(arguments, shell), *_environment()],
    }
    if arguments.json:
        listed = {
            key: [{"name": name, "value": value, "from": origin} for name, value, origin in rows]
            for key, rows in tables.items()
        }
        print_json({"file": str(paths.config_file()), **listed})
    else:
        from seqshell.shell.commands.settings import shown

        for key, rows in tables.items():
            cells = tuple((name, shown(value), origin) for name, value, origin in rows)
            print_result(Table((key, "value", "from"), cells), sys.stdout)
    for text in _notices(shell):
        print_diagnostic(sys.stderr, text)
    return 0


def _shell(arguments: Namespace) -> Shell:
    """A shell as these options start it."""
    from seqshell.shell.startup import Options, build_shell

    options = Options(
        model=arguments.model,
        settings=settings_of_options(arguments.settings),
        preset=arguments.preset,
        no_plugins=arguments.no_plugins,
        plugins=tuple(arguments.plugins),
        device=arguments.device or "auto",
    )
    return build_shell(options)


def _options(arguments: Namespace, shell: Shell) -> Iterator[tuple[str, Any, str]]:
    """The options that choose something else than a setting."""
    yield "-m", shell.session.model.name, COMMAND_LINE if arguments.model else BUILT_IN
    yield "--preset", arguments.preset, COMMAND_LINE if arguments.preset else BUILT_IN
    yield "--device", shell.device, COMMAND_LINE if arguments.device else BUILT_IN


def _environment() -> Iterator[tuple[str, Any, str]]:
    for name in VARIABLES:
        value = os.environ.get(name)
        default = str(paths.home()) if name == "SEQSHELL_HOME" else None
        yield name, default if value is None else value, BUILT_IN if value is None else ENVIRONMENT


def _edit() -> int:
    """Open the config file in the user's editor and check it. Returns 1 if it has a mistake."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    path = paths.config_file()
    try:
        words = shlex.split(editor)
    except ValueError as error:
        raise UsageError(f"cannot read VISUAL or EDITOR, {editor!r}: {str(error).lower()}") from None
    if not words:
        raise UsageError(f"no editor: set VISUAL or EDITOR to one, or edit {path}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot create the folder {path.parent}: {reason(error)}") from None
    try:
        code = subprocess.run([*words, str(path)], check=False).returncode
    except OSError as error:
        raise UsageError(f"cannot start the editor {words[0]}: {reason(error)}") from None
    if code:
        how = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
        raise UsageError(f"the editor {words[0]} {how}; the config file was not checked")
    problems = check()
    for problem in problems:
        print_diagnostic(sys.stderr, problem)
    return 1 if problems else 0


def check() -> tuple[str, ...]:
    """What is wrong with the config file, one line for each mistake."""
    from seqshell.shell.startup import Options, build_shell

    path = paths.config_file()
    notices = _notices(build_shell(Options()))
    return tuple(text for text in notices if text.startswith(f"{path.name}:") or str(path) in text)


def _notices(shell: Shell) -> list[str]:
    """What the start of a shell has to say."""
    return [notice.text for notice in shell.take_notices() if isinstance(notice, Notice)]
