"""The option --set, and what subcommands that read a text do with what the vocabulary lacks: --set unknown=skip."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager

from seqshell.core.errors import VocabularyError

UNKNOWN = "a setting, such as unknown=skip, which leaves out what the vocabulary lacks"


def add_set_argument(
    parser: ArgumentParser, help: str = UNKNOWN, *, metavar: str = "NAME=VALUE", dest: str = "settings"
) -> None:
    """Add the option --set, which may be repeated."""
    parser.add_argument("--set", action="append", default=[], metavar=metavar, dest=dest, help=help)


def add_overrides_argument(parser: ArgumentParser, help: str) -> None:
    """Add --set for the keys of recipes."""
    add_set_argument(parser, help, metavar="KEY=VALUE", dest="overrides")


@contextmanager
def hints_of_subcommands() -> Iterator[None]:
    """A VocabularyError suggests --set in place of /set."""
    try:
        yield
    except VocabularyError as error:
        hint = error.hint.replace("/set unknown skip", "--set unknown=skip")
        raise VocabularyError(error.message, text=error.text, positions=error.positions, hint=hint) from None
