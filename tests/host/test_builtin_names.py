"""The host names no built-in plugin: what it knows of them comes through the hooks."""

import ast
from pathlib import Path

import pytest

import seqshell
from seqshell.core.plugin_api import SAMPLER_STAGES
from seqshell.host import Policy
from seqshell.host.builtin import load_registry

ROOT = Path(seqshell.__file__).parent

# Cells are the layers' own; the contract opens real checkpoints; the templates of `plugins new` need defaults that exist.
EXCEPT = ("layers", "testing", "cli/plugins_new.py")


def names():
    """The samplers, architectures and importers of the built-in plugins, and the plugins' own names.

    Without the words that also name a kind of offer or a stage of the chain.
    """
    registry = load_registry(Policy(no_plugins=True))
    plugins = {info.name for info in registry.plugins} - {"seqshell"}
    offered = {
        name
        for kind in ("sampler", "architecture", "importer")
        for name in registry.offers(kind)
        if registry.owner(kind, name) in plugins
    }
    return (plugins | offered) - {"samplers", *SAMPLER_STAGES}


def texts(tree):
    """The string constants of a module, without its docstrings."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped
    }


NAMES = names()


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(ROOT.rglob("*.py")) if not path.relative_to(ROOT).as_posix().startswith(EXCEPT)],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_module_of_the_host_names_a_built_in_plugin_sampler_or_architecture(path):
    assert not texts(ast.parse(path.read_text("utf-8"))) & NAMES
