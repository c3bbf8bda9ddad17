"""The host names no built-in plugin: it knows them only through the hooks."""

import ast
from pathlib import Path

import pytest

import seqshell
from seqshell.core.plugin_api import SAMPLER_STAGES
from seqshell.host import Policy
from seqshell.host.builtin import load_registry

ROOT = Path(seqshell.__file__).parent

# The layers contain the cells, which exporting writes as code, the contract opens real checkpoints, and `plugins new`
# needs defaults that exist. The foreign words stand for names that people know from other programs. /tree has a setting
# called top_p.
EXCEPT = (
    *("layers", "exporting", "testing", "cli/plugin_templates.py", "shell/foreign_words.py"),
    *("core/events/token_tree.py", "shell/commands/choosing.py"),
)


def names():
    """The samplers, architectures and importers of the built-in plugins, and the plugins' own names.

    Without those that are also the name of a kind of offer, of a stage of the chain or of a format of files.
    """
    registry = load_registry(Policy(no_plugins=True))
    plugins = {info.name for info in registry.plugins} - {"seqshell"}
    offered = {
        name
        for kind in ("sampler", "architecture", "importer")
        for name in registry.offers(kind)
        if registry.owner(kind, name) in plugins
    }
    return (plugins | offered) - {"samplers", "importers", "keras", "onnx", *SAMPLER_STAGES}


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
