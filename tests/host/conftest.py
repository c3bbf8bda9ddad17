"""Fixtures of the host's tests: a folder into which plugins are installed."""

from __future__ import annotations

import sys

import pytest

from seqshell.host import Policy, build_registry, builtin

SAMPLER = """
import dataclasses, seqshell

@dataclasses.dataclass(frozen=True)
class {name}:
    name = "{name}"
    def __call__(self, logits, context):
        return logits

@seqshell.hookimpl
def seqshell_samplers():
    yield {name}
"""
HOOK = "import seqshell\n@seqshell.hookimpl\ndef {hook}({arguments}):\n    {body}\n"


class Site:
    """A folder on the import path into which distributions with plugins are installed."""

    def __init__(self, folder):
        self.folder = folder

    def install(self, name, source, *, distribution=None, entry=None, version="1.2"):
        """Install a module `name` with the entry point `entry` in a distribution; both are named `name` by default."""
        (self.folder / f"{name}.py").write_text(source)
        title = distribution or name
        info = self.folder / f"{title.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {title}\nVersion: {version}\n")
        points = f"[console_scripts]\nx = {name}\n\n[seqshell]\n# a comment\n{entry or name} = {name}\n[other]\ny = z\n"
        (info / "entry_points.txt").write_text(points)

    def registry(self, **policy):
        """The host and the installed plugins, without the built-in ones. policy: the fields of the Policy."""
        return build_registry([builtin], Policy(**policy), folders=[str(self.folder)])

    @staticmethod
    def sampler(name):
        """The source of a plugin that offers a sampler `name`."""
        return SAMPLER.format(name=name)

    @staticmethod
    def hook(name, body, arguments=""):
        """The source of a plugin that implements a hook."""
        return HOOK.format(hook=name, arguments=arguments, body=body)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A Site. Afterwards, the modules that were imported from it are removed from sys.modules."""
    for name in ("SEQSHELL_PLUGINS", "SEQSHELL_STRICT_PLUGINS", "SEQSHELL_SLOW_SCAN"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def states():
    """Return a function: the state of each plugin by name, without the host itself."""
    return lambda registry: {info.name: info.state for info in registry.plugins if info.name != "seqshell"}
