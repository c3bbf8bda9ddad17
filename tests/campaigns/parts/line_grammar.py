"""Lines for the shell, drawn from the commands, options and settings that the registry has, and then spoiled."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from tests.campaigns.parts import hostile_text
from tests.campaigns.parts.hostile_text import FILES, NUMBERS, WORDS

from seqshell.core.plugin_api import Command, settings_of
from seqshell.host import Registry
from seqshell.shell.setting_specs import SHELL_SETTINGS

Draw = Callable[[random.Random], str]
# Commands that take long or end the conversation, drawn less often.
RARE = {"train": 0.02, "lesson": 0.02, "quit": 0.1, "tour": 0.3}
EXAMPLES = (
    "abc",
    "/undo",
    "/redo",
    "/regen 2",
    "/continue 5",
    "/branch",
    "/undo 2t",
    "/rewind 2",
    "/reset",
    "/translate i love you",
)


class LineGrammar:
    """Draws lines. A command that a plugin offers is drawn without a word about it here."""

    def __init__(self, registry: Registry) -> None:
        self._commands = registry.commands
        stages = {**registry.samplers, **registry.strategies}
        self._settings = [*SHELL_SETTINGS, *stages]
        self._settings += [f"{name}.{each.name}" for name, kind in stages.items() for each in settings_of(kind)]
        self._choices = [choice for each in SHELL_SETTINGS.values() for choice in each.choices]
        self._strategies = list(registry.strategies)
        self._kinds: dict[str, Draw] = {
            "FILE": lambda draws: draws.choice(FILES),
            "PATH": lambda draws: draws.choice(FILES),
            "RECIPE": lambda draws: draws.choice(FILES),
            "MODEL": self._name,
            "NAME": self._name,
            "COMMAND": lambda draws: draws.choice(list(self._commands)),
            "TEXT": hostile_text.text,
            "STAGE": self._assignment,
            "VALUE": self._value,
            "KEY=VALUE": self._assignment,
            "NAME=VALUE": self._assignment,
            "NAME=V1,V2,...": self._assignment,
        }
        for number in ("N", "Nt", "-N", "K", "POS", "CODE"):
            self._kinds[number] = lambda draws: draws.choice(NUMBERS)

    def line(self, draws: random.Random) -> str:
        """A line: ordinary, a command of the grammar, a command with hostile arguments, or anything."""
        kind = draws.random()
        if kind < 0.25:
            return draws.choice(EXAMPLES)
        if kind < 0.65:
            line = self._command(draws)
            return hostile_text.spoiled(draws, line) if draws.random() < 0.3 else line
        if kind < 0.85:
            name = self._drawn(draws).name
            return f"/{name} " + " ".join(hostile_text.text(draws) for _ in range(draws.randint(1, 3)))
        if kind < 0.9:
            return f'"""{draws.choice(("", chr(10)))}{hostile_text.text(draws)}{draws.choice(("", chr(10)))}"""'
        return hostile_text.text(draws) if kind < 0.98 else ""

    def _command(self, draws: random.Random) -> str:
        command = self._drawn(draws)
        words = [f"/{draws.choice((command.name, *command.aliases))}"]
        for option in command.options:
            if draws.random() < 0.3 or (command.name == "train" and option.flag == "--dry-run"):
                words += [option.flag, *([self._argument(draws, option.takes)] if option.takes else [])]
        for word in re.findall(r"\[[^]]*\]|\S+", command.usage):
            if not word.startswith("[") or (draws.random() < 0.5 and not word.startswith("[-")):
                words += [self._argument(draws, part) for part in word.strip("[]").split()]
        return " ".join(filter(None, words))

    def _drawn(self, draws: random.Random) -> Command:
        names = list(self._commands)
        while draws.random() > RARE.get((found := self._commands[draws.choice(names)]).name, 1):
            pass
        return found

    def _argument(self, draws: random.Random, placeholder: str) -> str:
        kind = draws.choice(placeholder.split("|"))
        prefix = "@" if kind.startswith("@") else ""
        draw = self._kinds.get(kind.removeprefix("@"))
        return kind if draw is None else prefix + draw(draws)

    def _name(self, draws: random.Random) -> str:
        return draws.choice((*WORDS, *self._settings, *self._strategies))

    def _value(self, draws: random.Random) -> str:
        return draws.choice((draws.choice(NUMBERS), draws.choice(self._choices), hostile_text.text(draws)))

    def _assignment(self, draws: random.Random) -> str:
        values = ",".join(self._value(draws) for _ in range(draws.choice((1, 1, 1, 2, 3))))
        sign, equals = draws.choice(("", "", "+", "-")), draws.choice(("=", "=", "=", ""))
        return f"{sign}{draws.choice(self._settings)}{equals}{values}"
