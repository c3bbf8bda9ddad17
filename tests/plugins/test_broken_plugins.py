"""Broken plugins: with each of them, the shell still starts, answers, translates and quits, and names the plugin.

`pytest -rP tests/plugins/test_broken_plugins.py` prints the results as a table at the end.
"""

import os
import re
import subprocess
import sys

import pytest
from tests.plugins.broken_plugins import ACTIONS, BROKEN_PLUGINS, EVENTS, OFFERS, SEPARATE_PROCESS

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
