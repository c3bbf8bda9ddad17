"""Every exit code is described where users look for it."""

from seqshell.cli.options import COMMANDS
from seqshell.core.exit_codes import BAD_USAGE, MEANINGS, NO_MODEL, OK


def test_the_help_of_the_program_lists_every_exit_code():
    assert [MEANINGS[str(code)] for code in (OK, BAD_USAGE, NO_MODEL)] == [
        "all lines succeeded",
        "bad usage",
        "model missing or invalid",
    ]
    assert COMMANDS.endswith(", ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items()))
