"""Broken plugins: with each of them, the shell still starts, answers, translates and quits, and names the plugin.

`pytest -rP -k table tests/plugins/test_zoo.py` runs nothing but the table of what ran before it; with the whole file it
is complete.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass

import pytest

from seqshell.cli import listing
from seqshell.core.errors import SeqshellError
from seqshell.core.events import Finished, Notice, Quit, Text
from seqshell.core.sanitize import safe
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.shell.shell import Shell
from seqshell.testing import tiny_checkpoint, tiny_translation_checkpoint

ACTIONS = ("start", "list", "use", "translate", "quit")
OFFERS = ("architectures", "samplers", "strategies", "tokenizers", "commands", "importers", "checkpoints")
EVENTS = {
    "session_started": "session",
    "session_ended": "session, reason",
    "model_loaded": "session",
    "token": "session, token",
}
HOOK = "@seqshell.hookimpl\ndef seqshell_{hook}({arguments}):\n    {body}\n"

# What every broken plugin also registers, to see whether anything of it remains.
COMPANY = """
import dataclasses, os, sys, time
import seqshell

@dataclasses.dataclass(frozen=True)
class Stray:
    name = "stray"
    def __call__(self, logits, context):
        return logits

@seqshell.hookimpl
def seqshell_samplers():
    yield Stray
"""
COMMAND = """
@seqshell.command("growl")
def growl(shell, arguments):
    {body}
@seqshell.hookimpl
def seqshell_commands():
    yield growl
"""
SAMPLER = """
@dataclasses.dataclass(frozen=True)
class Bite:
    name = "bite"
    def __call__(self, logits, context):
        {body}
@seqshell.hookimpl
def seqshell_samplers():
    yield Bite
"""
STRATEGY = """
@dataclasses.dataclass(frozen=True)
class Pounce:
    name = "pounce"
    streams = True
    def search(self, decoder, start, request):
        {body}
@seqshell.hookimpl
def seqshell_strategies():
    yield Pounce
"""


@dataclass(frozen=True)
class Animal:
    """A broken plugin. said: the expected message; stays: it is loaded and listed; lines: trigger the fault."""

    source: str
    said: str
    stays: bool = False
    lines: tuple[str, ...] = ()
    entry: str = ""  # the target of its entry point; the module itself otherwise
    name: str = ""  # of its entry point; `animal` otherwise
    twin: str = ""  # the entry point of a second distribution with the same source


def hook(name, body, arguments=""):
    return HOOK.format(hook=name, arguments=arguments, body=body)


ZOO = {
    "raises on import": Animal("raise RuntimeError('no')", "the import failed: RuntimeError: no"),
    "calls sys.exit on import": Animal("import sys; sys.exit(3)", "it called sys.exit"),
    "does not parse": Animal("def", "SyntaxError"),
    "is no text": Animal("\0", "null bytes"),
    "imports a missing module": Animal("import no_such_thing", "No module named 'no_such_thing'"),
    "imports a missing name": Animal("from seqshell import Dreams", "cannot import name 'Dreams'"),
    "has a missing module": Animal("", "No module named 'gone'", entry="gone.away"),
    "has a missing attribute": Animal("", "has no attribute 'plugin'", entry="animal:plugin"),
    "has a bad entry point": Animal("", "is not of the form package.module:Name", entry="animal; rm"),
    "has a wrong signature": Animal(hook("commands", "return []", "shell"), "invalid hooks"),
    "has an unknown hook": Animal(hook("smaplers", "return []"), "no hook is called seqshell_smaplers"),
    "wants API 2": Animal("seqshell_api = '2'", "written for the plugin API 2, .* install seqshell>=2.0"),
    "offers no names": Animal(hook("commands", "yield None"), "its name must consist of letters"),
    "offers one name twice": Animal(
        hook("commands", "return [seqshell.Lazy('a', 'b:c')] * 2"), "offers the command a twice"
    ),
    "never stops offering": Animal(
        hook("commands", "while True: yield seqshell.Lazy('a', 'b:c')"), "more than 10,000 offers"
    ),
    "recurses": Animal("def f(): f()\nf()", "RecursionError"),
    "raises what cannot be shown": Animal(
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E", "the import failed: E"
    ),
    "has the name of a built-in sampler": Animal(
        "Stray = dataclasses.make_dataclass("
        "'Stray', [], namespace={'name': 'top_k', '__call__': Stray.__call__}, frozen=True)",
        "offers the sampler top_k, which is also built in",
        stays=True,
    ),
    "has the name of a built-in command": Animal(
        COMMAND.replace('"growl"', '"undo"').format(body="yield seqshell.Text('mine')"),
        "offers the command undo, which is also built in",
        stays=True,
    ),
    "has the entry point of a built-in plugin": Animal("raise OSError('no')", "OSError: no", name="recurrent"),
    "has another's entry point": Animal(
        "",
        "the sampler 'stray': choose zoo-animal.animal/stray or zoo-twin.animal/stray",
        stays=True,
        lines=("/sampler stray",),
        twin="animal",
    ),
    "offers what another offers": Animal(
        COMMAND.format(body="yield"),
        "several plugins offer /growl: use /animal/growl or /zoo/growl",
        stays=True,
        lines=("/growl",),
        twin="zoo",
    ),
    "prints escape codes": Animal(
        "print('\\x1b[2J\\x1b]0;owned\\x07'); sys.stderr.write('\\x9bA')", "printed while it was loaded", stays=True
    ),
    "raises in an exception's name": Animal(
        "raise type('\\x1b[2J', (Exception,), {})('\\x1b[2J')", "the import failed"
    ),
    "wraps the others": Animal(
        "@seqshell.hookimpl(wrapper=True)\ndef seqshell_token():\n    yield", "is a hook wrapper"
    ),
    **{
        f"raises in {name}": Animal(hook(name, "raise OSError('disk')"), f"seqshell_{name} failed: OSError: disk")
        for name in OFFERS
    },
    **{
        f"exits in {name}": Animal(hook(name, "sys.exit()"), f"seqshell_{name} failed: it called sys.exit")
        for name in OFFERS
    },
    **{
        f"returns garbage from {name}": Animal(hook(name, "return [object()]"), f"seqshell_{name} has an invalid offer")
        for name in OFFERS
    },
    **{
        f"raises in {name}": Animal(hook(name, "raise OSError('disk')", args), f"seqshell_{name} failed: OSError")
        for name, args in EVENTS.items()
    },
    **{
        f"exits in {name}": Animal(hook(name, "sys.exit()", args), f"seqshell_{name} failed: it called")
        for name, args in EVENTS.items()
    },
    **{
        f"a command that {what}": Animal(
            COMMAND.format(body=body), f"/growl of the plugin animal .* failed: {said}", stays=True, lines=("/growl",)
        )
        for what, body, said in [
            ("raises", "raise OSError('disk')", "OSError: disk"),
            ("exits", "yield sys.exit(5)", "it called sys.exit"),
            ("returns nothing", "pass", "TypeError"),
            ("yields garbage", "yield 'text'", "TypeError: it yields a str"),
            (
                "yields a text that is none",
                "yield seqshell.Text(3)",
                "TypeError: the text of a Text must be a str, not int",
            ),
            (
                "yields a table that is none",
                "yield seqshell.Table(('a',), (3,))",
                "TypeError: the columns and each row",
            ),
        ]
    },
    **{
        f"a sampler that {what}": Animal(
            SAMPLER.format(body=body), f"the sampler bite .*{said}", stays=True, lines=("/sampler bite", "abc")
        )
        for what, body, said in [
            ("raises", "raise OSError('disk')", "OSError: disk"),
            ("exits", "sys.exit()", "it called sys.exit"),
            ("returns nothing", "return None", "NoneType"),
            ("leaves nothing", "return logits - float('inf')", "left no token"),
        ]
    },
    **{
        f"a strategy that {what}": Animal(
            STRATEGY.format(body=body), f"the strategy pounce .*{said}", stays=True, lines=("/strategy pounce", "abc")
        )
        for what, body, said in [
            ("raises", "raise OSError('disk')", "OSError: disk"),
            ("exits", "yield sys.exit()", "it called sys.exit"),
        ]
    },
    "declares an unknown stage": Animal(
        SAMPLER.format(body="return logits").replace('"bite"', '"bite"\n    stage = "first"'),
        "declares the stage 'first'; expected one of penalty, truncation, temperature, last",
    ),
    "a command that cannot be imported": Animal(
        hook("commands", "yield seqshell.Lazy('growl', 'nowhere:growl')"),
        "nowhere:growl cannot be imported",
        stays=True,
        lines=("/growl",),
    ),
}


@pytest.fixture(scope="module")
def table():
    """Plugin -> action -> result."""
    return {}


@pytest.fixture
def cage(tmp_path, monkeypatch):
    """A folder for seqshell's files with two models, and a folder on the import path for the plugin."""
    home, site = tmp_path / "home", tmp_path / "site"
    (home / "models").mkdir(parents=True)
    site.mkdir()
    tiny_checkpoint(home / "models" / "letters.safetensors", defaults={"max_tokens": 6})
    tiny_translation_checkpoint(home / "models" / "words.safetensors")
    monkeypatch.setenv("SEQSHELL_HOME", str(home))
    monkeypatch.syspath_prepend(site)
    yield site
    for name in ("animal", "twin"):
        sys.modules.pop(name, None)


def let_in(site, animal, monkeypatch):
    """Install the plugin as zoo-animal 0.7, and a second one as zoo-twin."""
    installed = [
        ("animal", f"{animal.name or 'animal'} = {animal.entry or 'animal'}"),
        *([("twin", f"{animal.twin} = twin")] if animal.twin else []),
    ]
    for module, point in installed:
        (site / f"{module}.py").write_text(
            animal.source if animal.said.startswith("the import") else COMPANY + animal.source
        )
        info = site / f"zoo_{module}-0.7.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: zoo-{module}\nVersion: 0.7\n")
        (info / "entry_points.txt").write_text(f"[seqshell]\n{point}\n")
    monkeypatch.setenv("SEQSHELL_PLUGINS", ",".join(f"zoo-{module}" for module, _ in installed))


def answers(shell, *lines):
    """The answers to the lines, and the notices."""
    events = [event for line in lines for event in shell.handle(line)]
    return [event.answer for event in events if isinstance(event, Finished)], [
        event.text for event in events if isinstance(event, Notice)
    ]


@pytest.fixture
def expected(cage):
    """The models' answers without plugins."""
    shell = Shell(load_registry(Policy(no_plugins=True)))
    shell.open("letters")
    return answers(shell, "abc", "/undo", "abc", "/translate -m words i love you")[0]


@pytest.mark.parametrize("name", ZOO)
def test_the_shell_survives_and_names_the_broken_plugin(name, cage, expected, table, monkeypatch):
    animal, row = ZOO[name], table.setdefault(name, {})
    let_in(cage, animal, monkeypatch)

    registry = load_registry()
    shell = Shell(registry)
    shell.open("letters")
    row["start"] = "alive"

    events = [*shell.handle("/plugins"), *shell.handle("/plugins --errors")]
    assert any(isinstance(event, Text) for event in events)
    assert "\x1b" not in listing.plugins(registry) + listing.plugins(registry, as_json=True)
    row["list"] = "alive"

    told = []
    for line in animal.lines:
        try:
            answers(shell, line)
        except SeqshellError as error:
            told.append(error.message)
    assert bool(told) == bool(animal.lines)
    if animal.lines:
        answers(shell, "/strategy sample", "/sampler none", "/reset")
    found, notices = answers(shell, "abc", "/undo", "abc")
    row["use"] = "alive"
    translated, more = answers(shell, "/translate -m words i love you")
    assert found + translated == expected
    row["translate"] = "alive"
    assert [event.code for event in shell.handle("/quit") if isinstance(event, Quit)] == [0]
    shell.end()
    row["quit"] = "alive"

    told += [*(problem.message for problem in registry.problems), *registry.warnings, *notices, *more]
    named = [text for text in told if "zoo-animal" in text or animal.twin]
    assert any(re.search(animal.said, text) for text in named), told
    row["named"] = safe(re.sub(r" \(zoo-animal( 0\.7)?\)", "", named[0]))
    (info,) = [info for info in registry.plugins if info.distribution == "zoo-animal"]
    assert info.state == ("loaded" if animal.stays else "failed")
    left = [
        f"{kind} {offer}"
        for kind in OFFERS[:-1]
        for offer in registry.offers(kind)
        if registry.owner(kind, offer) == info.name
    ]
    assert bool(left) == animal.stays, left
    assert not any(registry.listens(f"seqshell_{event}") for event in EVENTS)
    row["left"] = ", ".join(left) or "nothing"


# Plugins that may end a process or leave traces run in a process of their own. All of these lines succeed.
OUTSIDE = {
    "calls sys.exit on import": ZOO["calls sys.exit on import"],
    "prints escape codes": ZOO["prints escape codes"],
    "takes a second to import": Animal(
        "time.sleep(1.2)", r"the plugin animal \(zoo-animal\) takes more than a second to import"
    ),
    "prints escape codes when it is used": Animal(
        COMMAND.format(body="print('\\x1b[2J')\n    yield seqshell.Text('g')"), r"\^\[\[2J", lines=("/growl",)
    ),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_the_program_survives_in_its_own_process(name, cage, expected, table, monkeypatch):
    animal = OUTSIDE[name]
    let_in(cage, animal, monkeypatch)
    lines = ("/plugins", *animal.lines, "abc", "/translate -m words i love you", "/quit")
    environment = {**os.environ, "PYTHONPATH": str(cage), "OPENBLAS_NUM_THREADS": "1"}
    words = [word for line in lines for word in ("-c", line)]
    done = subprocess.run(
        [sys.executable, "-m", "seqshell", "-m", "letters", *words], capture_output=True, text=True, env=environment
    )

    assert (done.returncode, done.stdout.splitlines()[-2:]) == (0, [expected[0], expected[-1]])
    named = [line for line in done.stderr.splitlines() if re.search(animal.said, line)]
    assert named, done.stderr
    assert not re.search("[\x1b\x07\x9b]", done.stdout + done.stderr)
    table[f"{name} (program)"] = {
        **dict.fromkeys(ACTIONS, "alive"),
        "named": named[0].removeprefix("seqshell: "),
        "left": "-",
    }


def test_the_results_are_printed_as_a_table(table):
    """Printed with -s or -rP."""
    columns = (*ACTIONS, "left", "named")
    rows = [
        ("animal", *columns),
        *((name, *(row.get(column, "dead") for column in columns)) for name, row in table.items()),
    ]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    for row in rows:
        print("  ".join([*(text.ljust(width) for text, width in zip(row[:-1], widths, strict=True)), row[-1][:100]]))
    assert all(row.get(action) == "alive" for row in table.values() for action in ACTIONS)
