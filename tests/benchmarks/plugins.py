"""The cost of installed packages at the start and for each token, as ratios.

    python tests/benchmarks/plugins.py [RUNS]

first token   launch until the first generated character of the shipped model arrives
prompt        launch until the characters of the prompt arrive; the plugins are loaded after it
              both: with 300 further distributions installed, five of them plugins, over none of them; at most 1.20
token         an answer of a tiny model in the shell, over the same shell without the code for `seqshell_token`: with
              five plugins that do not implement this hook, and with one more that does. The difference between two
              equal runs is the noise.

Each plugin is a module that imports numpy and offers an architecture, a sampler and a command, like the tutorial's.
Processes and answers take turns; medians of RUNS (7) processes, and of fifteen times as many answers.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from startup import FIRST_TOKEN, compare, in_turn, until_output, until_prompt

import seqshell
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.shell import shell as shell_module
from seqshell.testing.tiny_language_model import tiny_model

DISTRIBUTIONS, PLUGINS = 300, 5
TOKENS = 2_000  # of an answer: some hundredths of a second, so that other load affects all alike
ANSWERS = 15  # per run: a start takes about as long as these
AT_MOST = 1.20
PLUGIN = '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import seqshell

@dataclass(frozen=True)
class Config:
    vocab_size: int
    hidden_size: int = seqshell.setting(64, low=1, help="units")

@dataclass(frozen=True)
class Sharpen:
    """Raise the probabilities to a power."""
    name: ClassVar[str] = "sharpen_{number}"
    power: float = seqshell.setting(1.0, low=0.1, neutral=1.0, help="1 changes nothing")
    def __call__(self, logits, context):
        return np.asarray(logits * self.power)

@seqshell.command("count_{number}")
def count(shell, arguments):
    """Show the number of tokens; the state is kept."""
    yield seqshell.Notice(str(shell.session.position))

@seqshell.hookimpl
def seqshell_architectures():
    model = "plugin_{number}.model:Network"
    yield seqshell.Architecture("network_{number}", seqshell.Task.GENERATE, config=Config, model=model)
@seqshell.hookimpl
def seqshell_samplers():
    yield Sharpen
@seqshell.hookimpl
def seqshell_commands():
    yield count
'''


def install(folder: Path) -> None:
    """Write distributions as pip does: a package, and a .dist-info with metadata and, in two of three, entry points."""
    for number in range(DISTRIBUTIONS):
        is_plugin = number % (DISTRIBUTIONS // PLUGINS) == 0
        name = f"plugin_{number}" if is_plugin else f"package_{number}"
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(
            PLUGIN.replace("{number}", str(number)) if is_plugin else "", encoding="utf-8"
        )
        information = folder / f"{name}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n\n" + "About it.\n" * 300, encoding="utf-8"
        )
        (information / "RECORD").write_text(f"{name}/__init__.py,,\n" * 50, encoding="utf-8")
        if is_plugin or number % 3:
            group = "seqshell" if is_plugin else "console_scripts"
            (information / "entry_points.txt").write_text(f"[{group}]\n{name} = {name}\n", encoding="utf-8")


def starts(runs: int, folder: Path) -> None:
    """Print the cost of many distributions at the start."""
    (folder / "home").mkdir()
    (folder / "none").mkdir()
    (folder / "many").mkdir()
    install(folder / "many")
    # Installed libraries have their bytecode; allow these to write theirs.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"SEQSHELL_HOME": str(folder / "home"), "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}

    def measures(measure: Callable[..., float], words: list[str]) -> Iterator[tuple[str, Callable[[], float]]]:
        for place in ("none", "many"):
            yield (
                place,
                lambda place=place: measure(
                    ["-m", "seqshell", *words], {**environment, "PYTHONPATH": str(folder / place)}
                ),
            )

    for name, measure, words in (("first token", until_output, FIRST_TOKEN), ("prompt", until_prompt, [])):
        taken = in_turn(runs, *measures(measure, words))
        compare(name, taken["many"], "with none", taken["none"], AT_MOST)


def without_hook() -> type[shell_module.Shell]:
    """The shell class without the code that passes tokens to plugins."""
    source = inspect.getsource(shell_module)
    cut, blocks = re.subn(r"\n( +)if listened and .*(\n\1 .*)+", "", source)
    if blocks != 1:
        raise SystemExit("this benchmark does not recognise how the shell passes tokens to plugins")
    module = ModuleType("seqshell.shell_without_hook")
    sys.modules[module.__name__] = module  # dataclasses look up their module there
    exec(compile(cut, module.__name__, "exec"), module.__dict__)
    made: type[shell_module.Shell] = module.__dict__["Shell"]
    return made


def tokens(runs: int) -> None:
    """Print the cost of the token hook for an answer."""

    def plugin(number: int) -> ModuleType:
        module = ModuleType(f"plugin_{number}")
        sys.modules[module.__name__] = module
        exec(PLUGIN.replace("{number}", str(number)), module.__dict__)
        return module

    def listens(session: Any, token: Any) -> None:
        pass

    listening = ModuleType("listening")
    listening.__dict__["seqshell_token"] = seqshell.hookimpl(listens)
    plugins = [plugin(number) for number in range(PLUGINS)]
    contenders: dict[str, Callable[[], float]] = {}
    for name, kind, modules in (
        ("without", without_hook(), plugins),
        ("without again", without_hook(), plugins),
        ("no listener", shell_module.Shell, plugins),
        ("one listener", shell_module.Shell, [*plugins, listening]),
    ):
        registry = load_registry(Policy(no_plugins=True, strict=True), modules=modules)
        contenders[name] = lambda kind=kind, registry=registry: answer(kind(registry))
    taken = in_turn(runs * ANSWERS, *contenders.items())
    for name in list(contenders)[1:]:
        nanoseconds = (taken[name] - taken["without"]) / TOKENS * 1e9
        print(
            f"token, {name}: ratio {taken[name] / taken['without']:.3f} "
            f"({nanoseconds:+.0f} ns of {taken['without'] / TOKENS * 1e9:.0f} per token)"
        )


def answer(shell: shell_module.Shell) -> float:
    """The processor seconds of one answer."""
    shell.workspace.add(tiny_model())
    start = time.process_time()
    for _ in shell.handle(f"/continue {TOKENS}"):
        pass
    return time.process_time() - start


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        starts(runs, Path(folder))
    tokens(runs)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
