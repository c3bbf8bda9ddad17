"""Broken plugins: with each of them, the shell still starts, answers, translates and quits, and names the plugin.

`pytest -rP tests/plugins/test_broken_plugins.py` prints the results as a table at the end.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass

import pytest

from seqshell.cli import listing
from seqshell.cli.progress import print_json
from seqshell.cli.result_output import print_result
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

# Every broken plugin also offers this sampler, which must not be registered if the plugin is not loaded.
VALID_SAMPLER = """
import dataclasses, os, sys, time
import seqshell

@dataclasses.dataclass(frozen=True)
class Valid:
    name = "valid"
    def __call__(self, logits, context):
        return logits

@seqshell.hookimpl
def seqshell_samplers():
    yield Valid
"""
COMMAND = """
@seqshell.command("faulty")
def faulty(shell, arguments):
    {body}
@seqshell.hookimpl
def seqshell_commands():
    yield faulty
"""
SAMPLER = """
@dataclasses.dataclass(frozen=True)
class Faulty:
    name = "faulty"
    def __call__(self, logits, context):
        {body}
@seqshell.hookimpl
def seqshell_samplers():
    yield Faulty
"""
STRATEGY = """
@dataclasses.dataclass(frozen=True)
class Faulty:
    name = "faulty"
    streams = True
    def search(self, decoder, start, request):
        {body}
@seqshell.hookimpl
def seqshell_strategies():
    yield Faulty
"""


@dataclass(frozen=True)
class BrokenPlugin:
    """A broken plugin. message: a pattern of the expected message; lines: the input that triggers the fault."""

    source: str
    message: str
    is_loaded: bool = False  # it is loaded and listed in spite of its fault
    lines: tuple[str, ...] = ()
    target: str = "broken"  # of its entry point
    entry_point: str = "broken"
    twin: str = ""  # if not empty, the entry point of a second distribution with the same source


def hook(name, body, arguments=""):
    return HOOK.format(hook=name, arguments=arguments, body=body)


BROKEN_PLUGINS = {
    "raises on import": BrokenPlugin("raise RuntimeError('no')", "the import failed: RuntimeError: no"),
    "calls sys.exit on import": BrokenPlugin("import sys; sys.exit(3)", "it called sys.exit"),
    "does not parse": BrokenPlugin("def", "SyntaxError"),
    "contains a null byte": BrokenPlugin("\0", "null bytes"),
    "imports a missing module": BrokenPlugin("import no_such_thing", "No module named 'no_such_thing'"),
    "imports a missing name": BrokenPlugin("from seqshell import Dreams", "cannot import name 'Dreams'"),
    "has a missing module": BrokenPlugin("", "No module named 'gone'", target="gone.away"),
    "has a missing attribute": BrokenPlugin("", "has no attribute 'plugin'", target="broken:plugin"),
    "has a bad entry point": BrokenPlugin("", "is not of the form package.module:Name", target="broken; rm"),
    "has an argument too many": BrokenPlugin(
        hook("commands", "return []", "shell"),
        "invalid hooks: seqshell_commands has no argument 'shell'; it has no arguments",
    ),
    "has an argument with another name": BrokenPlugin(
        hook("training", "return []", "run, evnt"),
        "seqshell_training has no argument 'evnt'; its arguments can be run, event, settings",
    ),
    "has an unknown hook": BrokenPlugin(hook("smaplers", "return []"), "no hook is called seqshell_smaplers"),
    "needs API 2": BrokenPlugin("seqshell_api = '2'", "written for the plugin API 2, .* install seqshell>=2.0"),
    "offers None": BrokenPlugin(hook("commands", "yield None"), "its name must consist of letters"),
    "offers one name twice": BrokenPlugin(
        hook("commands", "return [seqshell.Lazy('a', 'b:c')] * 2"), "offers the command a twice"
    ),
    "never stops offering": BrokenPlugin(
        hook("commands", "while True: yield seqshell.Lazy('a', 'b:c')"), "more than 10,000 offers"
    ),
    "recurses": BrokenPlugin("def f(): f()\nf()", "RecursionError"),
    "raises an exception whose message fails": BrokenPlugin(
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E", "the import failed: E"
    ),
    "has the name of a built-in sampler": BrokenPlugin(
        "Valid = dataclasses.make_dataclass("
        "'Valid', [], namespace={'name': 'top_k', '__call__': Valid.__call__}, frozen=True)",
        "offers the sampler top_k, which is also built in",
        is_loaded=True,
    ),
    "has the name of a built-in command": BrokenPlugin(
        COMMAND.replace('"faulty"', '"undo"').format(body="yield seqshell.Text('mine')"),
        "offers the command undo, which is also built in",
        is_loaded=True,
    ),
    "has the entry point name of a built-in plugin": BrokenPlugin(
        "raise OSError('no')", "OSError: no", entry_point="recurrent"
    ),
    "has the entry point name of another plugin": BrokenPlugin(
        "",
        "the sampler 'valid': choose seqshell-broken.broken/valid or seqshell-twin.broken/valid",
        is_loaded=True,
        lines=("/sampler valid",),
        twin="broken",
    ),
    "offers a command of another plugin": BrokenPlugin(
        COMMAND.format(body="yield"),
        "several plugins offer /faulty: use /broken/faulty or /other/faulty",
        is_loaded=True,
        lines=("/faulty",),
        twin="other",
    ),
    "prints escape codes": BrokenPlugin(
        "print('\\x1b[2J\\x1b]0;owned\\x07'); sys.stderr.write('\\x9bA')", "printed while it was loaded", is_loaded=True
    ),
    "raises an exception with escape codes in its name": BrokenPlugin(
        "raise type('\\x1b[2J', (Exception,), {})('\\x1b[2J')", "the import failed"
    ),
    "has a hook wrapper": BrokenPlugin(
        "@seqshell.hookimpl(wrapper=True)\ndef seqshell_token():\n    yield", "is a hook wrapper"
    ),
    **{
        f"raises in {name}": BrokenPlugin(hook(name, "raise OSError('disk')"), f"seqshell_{name} failed: OSError: disk")
        for name in OFFERS
    },
    **{
        f"exits in {name}": BrokenPlugin(hook(name, "sys.exit()"), f"seqshell_{name} failed: it called sys.exit")
        for name in OFFERS
    },
    **{
        f"returns garbage from {name}": BrokenPlugin(
            hook(name, "return [object()]"), f"seqshell_{name} has an invalid offer"
        )
        for name in OFFERS
    },
    **{
        f"raises in {name}": BrokenPlugin(hook(name, "raise OSError('disk')", args), f"seqshell_{name} failed: OSError")
        for name, args in EVENTS.items()
    },
    **{
        f"exits in {name}": BrokenPlugin(hook(name, "sys.exit()", args), f"seqshell_{name} failed: it called")
        for name, args in EVENTS.items()
    },
    **{
        f"a command that {what}": BrokenPlugin(
            COMMAND.format(body=body),
            f"/faulty of the plugin broken .* failed: {message}",
            is_loaded=True,
            lines=("/faulty",),
        )
        for what, body, message in [
            ("raises", "raise OSError('disk')", "OSError: disk"),
            ("exits", "yield sys.exit(5)", "it called sys.exit"),
            ("returns nothing", "pass", "TypeError"),
            ("yields garbage", "yield 'text'", "TypeError: it yields a str"),
            (
                "yields an invalid Text",
                "yield seqshell.Text(3)",
                "TypeError: the text of a Text must be a str, not int",
            ),
            (
                "yields an invalid Table",
                "yield seqshell.Table(('a',), (3,))",
                "TypeError: the columns and each row",
            ),
        ]
    },
    **{
        f"a sampler that {what}": BrokenPlugin(
            SAMPLER.format(body=body),
            f"the sampler faulty .*{message}",
            is_loaded=True,
            lines=("/sampler faulty", "abc"),
        )
        for what, body, message in [
            ("raises", "raise OSError('disk')", "OSError: disk"),
            ("exits", "sys.exit()", "it called sys.exit"),
            ("returns nothing", "return None", "NoneType"),
            ("excludes every token", "return logits - float('inf')", "left no token"),
        ]
    },
    **{
        f"a strategy that {what}": BrokenPlugin(
            STRATEGY.format(body=body),
            f"the strategy faulty .*{message}",
            is_loaded=True,
            lines=("/strategy faulty", "abc"),
        )
        for what, body, message in [
            ("raises", "raise OSError('disk')", "OSError: disk"),
            ("exits", "yield sys.exit()", "it called sys.exit"),
        ]
    },
    "declares an unknown stage": BrokenPlugin(
        SAMPLER.format(body="return logits").replace('"faulty"', '"faulty"\n    stage = "first"'),
        "declares the stage 'first'; expected one of penalty, truncation, temperature, last",
    ),
    "a command that cannot be imported": BrokenPlugin(
        hook("commands", "yield seqshell.Lazy('faulty', 'nowhere:faulty')"),
        "nowhere:faulty cannot be imported",
        is_loaded=True,
        lines=("/faulty",),
    ),
}


@pytest.fixture(scope="module")
def table():
    """Plugin -> action -> result."""
    return {}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the import path for the plugin; SEQSHELL_HOME has two models."""
    home, site = tmp_path / "home", tmp_path / "site"
    (home / "models").mkdir(parents=True)
    site.mkdir()
    tiny_checkpoint(home / "models" / "letters.safetensors", defaults={"max_tokens": 6})
    tiny_translation_checkpoint(home / "models" / "words.safetensors")
    monkeypatch.setenv("SEQSHELL_HOME", str(home))
    monkeypatch.syspath_prepend(site)
    yield site
    for name in ("broken", "twin"):
        sys.modules.pop(name, None)


def install(site, plugin, monkeypatch):
    """Install the plugin as seqshell-broken 0.7, and its twin, if any, as seqshell-twin 0.7."""
    installed = [
        ("broken", f"{plugin.entry_point} = {plugin.target}"),
        *([("twin", f"{plugin.twin} = twin")] if plugin.twin else []),
    ]
    for module, point in installed:
        (site / f"{module}.py").write_text(
            plugin.source if plugin.message.startswith("the import") else VALID_SAMPLER + plugin.source
        )
        info = site / f"seqshell_{module}-0.7.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: seqshell-{module}\nVersion: 0.7\n")
        (info / "entry_points.txt").write_text(f"[seqshell]\n{point}\n")
    monkeypatch.setenv("SEQSHELL_PLUGINS", ",".join(f"seqshell-{module}" for module, _ in installed))


def answers(shell, *lines):
    """The answers to the lines, and the notices."""
    events = [event for line in lines for event in shell.handle(line)]
    finished = [event.answer for event in events if isinstance(event, Finished)]
    return finished, [event.text for event in events if isinstance(event, Notice)]


@pytest.fixture
def expected(site):
    """The models' answers without plugins."""
    shell = Shell(load_registry(Policy(no_plugins=True)))
    shell.open("letters")
    return answers(shell, "abc", "/undo", "abc", "/translate -m words i love you")[0]


@pytest.mark.parametrize("name", BROKEN_PLUGINS)
def test_the_shell_survives_and_names_the_broken_plugin(name, site, expected, table, monkeypatch, capsys):
    plugin, row = BROKEN_PLUGINS[name], table.setdefault(name, {})
    install(site, plugin, monkeypatch)

    registry = load_registry()
    shell = Shell(registry)
    shell.open("letters")
    row["start"] = "ok"

    events = [*shell.handle("/plugins"), *shell.handle("/plugins --errors")]
    assert any(isinstance(event, Text) for event in events)
    for result in (listing.plugins(registry), *listing.plugin_messages(registry)):
        print_result(result, sys.stdout)
    print_json(listing.plugins_as_json(registry))
    assert "\x1b" not in capsys.readouterr().out
    row["list"] = "ok"

    reported = []
    for line in plugin.lines:
        try:
            answers(shell, line)
        except SeqshellError as error:
            reported.append(error.message)
    assert bool(reported) == bool(plugin.lines)
    if plugin.lines:
        answers(shell, "/strategy sample", "/sampler none", "/reset")
    found, notices = answers(shell, "abc", "/undo", "abc")
    row["use"] = "ok"
    translated, more = answers(shell, "/translate -m words i love you")
    assert found + translated == expected
    row["translate"] = "ok"
    assert [event.code for event in shell.handle("/quit") if isinstance(event, Quit)] == [0]
    shell.end()
    row["quit"] = "ok"

    reported += [*(problem.message for problem in registry.problems), *registry.warnings, *notices, *more]
    named = [text for text in reported if "seqshell-broken" in text or plugin.twin]
    assert any(re.search(plugin.message, text) for text in named), reported
    row["message"] = safe(re.sub(r" \(seqshell-broken( 0\.7)?\)", "", named[0]))
    (info,) = [info for info in registry.plugins if info.distribution == "seqshell-broken"]
    assert info.state == ("loaded" if plugin.is_loaded else "failed")
    registered = [
        f"{kind} {offer}"
        for kind in OFFERS[:-1]
        for offer in registry.offers(kind)
        if registry.owner(kind, offer) == info.name
    ]
    assert bool(registered) == plugin.is_loaded, registered
    assert not any(registry.listens(f"seqshell_{event}") for event in EVENTS)
    row["offers"] = ", ".join(registered) or "none"


# Plugins that may end the process or leave traces run in a separate process. All of these lines succeed.
SEPARATE_PROCESS = {
    "calls sys.exit on import": BROKEN_PLUGINS["calls sys.exit on import"],
    "prints escape codes": BROKEN_PLUGINS["prints escape codes"],
    "takes a second to import": BrokenPlugin(
        "time.sleep(1.2)", r"the plugin broken \(seqshell-broken\) takes more than a second to import"
    ),
    "prints escape codes when it is used": BrokenPlugin(
        COMMAND.format(body="print('\\x1b[2J')\n    yield seqshell.Text('g')"), r"\^\[\[2J", lines=("/faulty",)
    ),
}


@pytest.mark.parametrize("name", SEPARATE_PROCESS)
def test_the_program_survives_a_broken_plugin(name, site, expected, table, monkeypatch):
    plugin = SEPARATE_PROCESS[name]
    install(site, plugin, monkeypatch)
    lines = ("/plugins", *plugin.lines, "abc", "/translate -m words i love you", "/quit")
    environment = {**os.environ, "PYTHONPATH": str(site), "OPENBLAS_NUM_THREADS": "1"}
    arguments = [argument for line in lines for argument in ("-c", line)]
    done = subprocess.run(
        [sys.executable, "-m", "seqshell", "-m", "letters", *arguments], capture_output=True, text=True, env=environment
    )

    assert (done.returncode, done.stdout.splitlines()[-2:]) == (0, [expected[0], expected[-1]])
    named = [line for line in done.stderr.splitlines() if re.search(plugin.message, line)]
    assert named, done.stderr
    assert not re.search("[\x1b\x07\x9b]", done.stdout + done.stderr)
    table[f"{name} (program)"] = {
        **dict.fromkeys(ACTIONS, "ok"),
        "message": named[0].removeprefix("seqshell: "),
        "offers": "-",
    }


def test_the_results_are_printed_as_a_table(table):
    """Printed with -s or -rP."""
    columns = (*ACTIONS, "offers", "message")
    rows = [
        ("plugin", *columns),
        *((name, *(row.get(column, "failed") for column in columns)) for name, row in table.items()),
    ]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    for row in rows:
        print("  ".join([*(text.ljust(width) for text, width in zip(row[:-1], widths, strict=True)), row[-1][:100]]))
    assert all(row.get(action) == "ok" for row in table.values() for action in ACTIONS)
