"""/help: one screen by purpose, a command in full, the keys."""

from __future__ import annotations

import pytest

import seqshell
from seqshell import Task
from seqshell.core.events import Text
from seqshell.core.plugin_api import Lazy
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.shell.commands.help import PURPOSES
from seqshell.shell.shell import Shell
from seqshell.testing import shell_for


class Poems:
    """A plugin with a command of its own, one that is hidden, and one that cannot be imported."""

    __name__ = "poems"

    @seqshell.hookimpl
    def seqshell_commands(self):
        @seqshell.command(
            "poem", usage="[LINES] THEME", tasks={Task.GENERATE}, options={"-r": "let it rhyme"}, aliases=("verse",)
        )
        def poem(shell, arguments):
            """Write a poem; the state moves on over it.

            It takes its time.

                >>> /poem 4 love
            """
            yield Text("")

        @seqshell.command("secret", hidden=True)
        def secret(shell, arguments):
            """Say nothing; the state is kept."""
            yield Text("")

        yield poem
        yield secret
        yield Lazy("broken", "nowhere.at_all:command")


@pytest.fixture
def shell():
    return Shell(load_registry(Policy(plugins=()), modules=[Poems()]))


def text_of(shell, line):
    (event,) = shell.handle(line)
    return event.text


def test_help_fits_a_window_of_24_rows_with_the_prompt_and_60_columns(shell):
    lines = text_of(shell, "/help").split("\n")

    assert len(lines) <= 22
    assert max(map(len, lines)) < 60
    assert lines[-1] == "/set surprisal on colours each token by how unlikely it was"


def test_help_lists_every_command_once_by_purpose(shell):
    text = text_of(shell, "/?")
    names = [
        name
        for name in shell.registry.commands
        if name != "broken" and shell.registry.commands[name].name == name and name != "secret"
    ]

    assert [line.split()[0] for line in text.split("\n") if line and line[0].islower()] == list(PURPOSES)
    for name in names:
        assert f" /{name} " in text.replace("\n", " ") + " ", name
    assert "/exit" not in text
    assert "/secret" not in text
    assert "/broken" not in text


def test_commands_of_plugins_are_listed_under_plugins(shell):
    under = text_of(shell, "/help").split("\nplugins ")[1].split("\n\n")[0]

    assert " ".join(under.split()) == "/plugins /samplers /strategies /architectures /poem"


def test_help_of_a_command_has_usage_effect_example_and_owner(shell):
    assert text_of(shell, "/help poem") == (
        "/poem [LINES] THEME\n\nWrite a poem; the state moves on over it.\n\nIt takes its time.\n\n"
        "  -r  let it rhyme\n\n"
        "  >>> /poem 4 love\n\nalso /verse · from poems"
    )


def test_help_of_options_is_wrapped_below_its_column(shell):
    lines = text_of(shell, "/help train").split("\n")
    first = lines.index("  --freeze PART,...  leave parts of the model as they are,")

    assert lines[first : first + 3] == [
        "  --freeze PART,...  leave parts of the model as they are,",
        "                     such as embedding,0",
        "  --tune WHAT        with --from: train only the state, for",
    ]


def test_help_of_an_option_lists_its_choices():
    option = seqshell.Option("--by", "UNIT", "what is counted", choices=("words", "lines"))
    count = seqshell.command("count", options=[option])(lambda shell, arguments: iter(()))
    plugin = type("Plugin", (), {"seqshell_commands": staticmethod(seqshell.hookimpl(lambda: [count]))})

    assert "  --by UNIT  what is counted; words or lines" in text_of(shell_for(plugins=[plugin]), "/help count")


def test_help_finds_a_command_by_alias_and_with_its_slash(shell):
    assert text_of(shell, "/help exit") == text_of(shell, "/help /quit") == text_of(shell, "/help quit")
    assert text_of(shell, "/help c").startswith("/continue [N]\n\nGenerate N more tokens")


def test_help_keys_fits_into_sixty_columns(shell):
    text = text_of(shell, "/help keys")

    assert max(map(len, text.split("\n"))) < 60
    for key in ("Ctrl-C", "Alt-G", "Ctrl-X Ctrl-E", "F4"):
        assert key in text
